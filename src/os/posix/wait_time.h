// SPDX-License-Identifier: MIT
// What is left of a wait, in the unit of poll(2) and epoll_wait(2): milliseconds in an int.
#ifndef TF_OS_POSIX_WAIT_TIME_H
#define TF_OS_POSIX_WAIT_TIME_H

#include <limits.h>
#include <stdint.h>

#include "os/clock.h"

/// Returns when a wait ends: 0 if it only looks, UINT64_MAX if never. Those two read no clock.
static inline uint64_t tf_wait_deadline(uint64_t timeout_ns)
{
    if (timeout_ns == 0 || timeout_ns == UINT64_MAX) {
        return timeout_ns;
    }
    return tf_deadline(tf_clock_now(), timeout_ns);
}

/// Returns what is left until a deadline made by tf_wait_deadline().
static inline uint64_t tf_wait_remaining(uint64_t deadline_ns)
{
    if (deadline_ns == 0 || deadline_ns == UINT64_MAX) {
        return deadline_ns;
    }
    uint64_t now_ns = tf_clock_now();
    return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

/// Rounds up, so that no wait is early; cuts what is longer than an int, so that such a wait has to be
/// gone on with; -1 is for ever.
static inline int tf_wait_milliseconds(uint64_t remaining_ns)
{
    if (remaining_ns == UINT64_MAX) {
        return -1;
    }
    uint64_t milliseconds =
        remaining_ns / TF_MILLISECOND + (remaining_ns % TF_MILLISECOND != 0 ? 1 : 0);
    return milliseconds < INT_MAX ? (int)milliseconds : INT_MAX;
}

#endif
