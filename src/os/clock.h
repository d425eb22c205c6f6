// SPDX-License-Identifier: MIT
// The monotonic clock: jumps of the wall clock mean nothing to us.
#ifndef TF_OS_CLOCK_H
#define TF_OS_CLOCK_H

#include <stdint.h>

#define TF_MILLISECOND UINT64_C(1000000)
#define TF_SECOND      UINT64_C(1000000000)

/// Returns nanoseconds since some moment before the program started. Threads: any.
uint64_t tf_clock_now(void);

/// Returns `now + timeout`, or UINT64_MAX where that is more than fits.
static inline uint64_t tf_deadline(uint64_t now_ns, uint64_t timeout_ns)
{
    return timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout_ns;
}

#endif
