// SPDX-License-Identifier: MIT
// An event count: threads that wait for a condition which others make true without a lock.
//
// The waiter announces itself, reads the count, looks at the condition, and only then parks on the
// count it read; whoever makes the condition true looks for waiters afterwards. At least one of them
// sees the other, provided that the condition is changed and looked at either under one lock or by
// sequentially consistent operations: then all four steps have one order.
#ifndef TF_ENGINE_EVENT_COUNT_H
#define TF_ENGINE_EVENT_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

#include "os/park.h"

/// Zero is ready to use.
struct tf_event_count {
    _Atomic uint32_t count;
    _Atomic uint32_t waiters;
};

/// Announces a waiter; returns the count to park on. Pair with tf_event_count_leave().
static inline uint32_t tf_event_count_enter(struct tf_event_count *event_count)
{
    atomic_fetch_add(&event_count->waiters, 1);
    return atomic_load(&event_count->count);
}

static inline void tf_event_count_leave(struct tf_event_count *event_count)
{
    atomic_fetch_sub(&event_count->waiters, 1);
}

/// Parks until the count has moved on from `count`, or the deadline; may return early. Returns the
/// count to park on next time.
static inline uint32_t tf_event_count_park(
    struct tf_event_count *event_count, uint32_t count, uint64_t deadline_ns)
{
    tf_park(&event_count->count, count, deadline_ns);
    return atomic_load(&event_count->count);
}

/// Wakes all waiters, after the condition was made true; costs one load when there are none.
static inline void tf_event_count_notify(struct tf_event_count *event_count)
{
    if (atomic_load(&event_count->waiters) != 0) {
        atomic_fetch_add(&event_count->count, 1);
        tf_unpark_all(&event_count->count);
    }
}

#endif
