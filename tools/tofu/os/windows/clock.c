// SPDX-License-Identifier: MIT
#include "os/clock.h"

#include <windows.h>

// Neither call fails on any Windows that is still alive.
uint64_t clock_now_ns(void)
{
    LARGE_INTEGER frequency;
    LARGE_INTEGER count;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&count);
    uint64_t per_second = (uint64_t)frequency.QuadPart;
    uint64_t ticks = (uint64_t)count.QuadPart;
    // In two parts, so that nothing overflows: the rest is below 2^34 on any clock.
    return ticks / per_second * NS_PER_S + ticks % per_second * NS_PER_S / per_second;
}
