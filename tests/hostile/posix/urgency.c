// SPDX-License-Identifier: MIT
#include "hostile/posix/urgency.h"

#include <sched.h>

bool urgency_raise(void)
{
    const struct sched_param urgent = {.sched_priority = 1};
    return sched_setscheduler(0, SCHED_FIFO, &urgent) == 0;
}

void urgency_drop(void)
{
    const struct sched_param normal = {.sched_priority = 0};
    (void)sched_setscheduler(0, SCHED_OTHER, &normal);
}
