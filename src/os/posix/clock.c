// SPDX-License-Identifier: MIT
// The monotonic clock of POSIX, read without a system call where the system can.
#include "os/clock.h"

#include <time.h>

#include "base/assert.h"

uint64_t tf_clock_now(void)
{
    struct timespec now = {0};
    int result = clock_gettime(CLOCK_MONOTONIC, &now);
    TF_ASSERT(result == 0);
    TF_ASSERT(now.tv_sec >= 0);
    (void)result;

    return (uint64_t)now.tv_sec * TF_SECOND + (uint64_t)now.tv_nsec;
}
