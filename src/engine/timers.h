// SPDX-License-Identifier: MIT
// Deadlines, earliest first: a pairing heap threaded through its owners.
//
// Nothing is allocated, adding is one comparison, and thousands of pending deadlines cost a turn
// nothing. Timers are lazy: whoever owns one lets it fire too early rather than move it with every
// message, and looks up the true deadline then.
#ifndef TF_ENGINE_TIMERS_H
#define TF_ENGINE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

/// Zero is not set. While it is set, `deadline_ns` is not 0.
struct tf_timer {
    uint64_t deadline_ns;
    struct tf_timer *first_child;
    struct tf_timer *next;     ///< sibling
    struct tf_timer *previous; ///< sibling, or the parent for a first child; NULL for the root
};

/// Zero is empty.
struct tf_timers {
    struct tf_timer *root;
};

static inline bool tf_timer_is_set(const struct tf_timer *timer)
{
    return timer->deadline_ns != 0;
}

/// Sets a timer that is not set. `deadline_ns` is not 0.
void tf_timers_add(struct tf_timers *timers, struct tf_timer *timer, uint64_t deadline_ns);

/// Unsets a timer; does nothing if it is not set.
void tf_timers_remove(struct tf_timers *timers, struct tf_timer *timer);

/// Returns the earliest deadline, or UINT64_MAX.
uint64_t tf_timers_next(const struct tf_timers *timers);

/// Unsets and gives the earliest timer whose deadline has come, or NULL.
struct tf_timer *tf_timers_take_due(struct tf_timers *timers, uint64_t now_ns);

#endif
