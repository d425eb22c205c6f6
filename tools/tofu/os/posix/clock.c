// SPDX-License-Identifier: MIT
#include "os/clock.h"

#include <time.h>

uint64_t clock_now_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}
