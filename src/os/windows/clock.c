// SPDX-License-Identifier: MIT
// The performance counter: it never goes back, and stands still for nothing but a sleep of the machine.
#include "os/clock.h"

#include <windows.h>

#include "base/assert.h"

// Neither call can fail on a Windows that we run on. Whole seconds are taken apart first, so that no
// product overflows.
uint64_t tf_clock_now(void)
{
    LARGE_INTEGER frequency = {0};
    LARGE_INTEGER counter = {0};
    (void)QueryPerformanceFrequency(&frequency);
    (void)QueryPerformanceCounter(&counter);
    TF_ASSERT(frequency.QuadPart > 0);
    TF_ASSERT(counter.QuadPart >= 0);

    uint64_t ticks_per_second = (uint64_t)frequency.QuadPart;
    uint64_t seconds = (uint64_t)counter.QuadPart / ticks_per_second;
    uint64_t ticks = (uint64_t)counter.QuadPart % ticks_per_second;
    return seconds * TF_SECOND + ticks * TF_SECOND / ticks_per_second;
}
