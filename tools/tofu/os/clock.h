// SPDX-License-Identifier: MIT
// Time that only moves forward, to measure with.
#ifndef TOOL_CLOCK_H
#define TOOL_CLOCK_H

#include <stdint.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/// Nanoseconds since some moment in the past.
uint64_t clock_now_ns(void);

#endif
