// SPDX-License-Identifier: MIT
// What is counted; how is in count.h.
#ifndef TF_ENGINE_COUNTERS_H
#define TF_ENGINE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include <tofu/stats.h>

#include "engine/count.h"

struct tf_histogram {
    _Atomic uint64_t counts[TOFU_HISTOGRAM_BUCKETS];
};

/// Counts a time in its bucket of tofu_histogram.
static inline void tf_histogram_add(struct tf_histogram *histogram, uint64_t time_ns)
{
    unsigned bucket = 0;
    for (unsigned step = 32; step > 0; step /= 2) {
        if (time_ns >> step != 0) {
            time_ns >>= step;
            bucket += step;
        }
    }
    bucket = bucket < TOFU_HISTOGRAM_BUCKETS ? bucket : TOFU_HISTOGRAM_BUCKETS - 1;
    tf_count(&histogram->counts[bucket], 1);
}

/// An engine's; names as in struct tofu_stats.
struct tf_counters {
    _Atomic uint64_t messages_sent;
    _Atomic uint64_t messages_received;
    _Atomic uint64_t messages_returned;
    _Atomic uint64_t messages_dropped;
    _Atomic uint64_t bytes_sent;
    _Atomic uint64_t bytes_received;
    _Atomic uint64_t connections_accepted;
    _Atomic uint64_t connections_refused;
    _Atomic uint64_t channels_opened;
    _Atomic uint64_t channels_closed;
    _Atomic uint64_t channels_graceful;
    _Atomic uint64_t deadlines_missed;
    _Atomic uint64_t rules_broken;
    _Atomic uint64_t accepts_failed;
    _Atomic uint64_t pool_empty_episodes;
    _Atomic uint64_t turns;
    _Atomic uint64_t half_open; ///< a gauge
    struct tf_histogram queue_dwell;
    struct tf_histogram loop_lag;
};

/// A group's; names as in struct tofu_group_stats.
struct tf_group_counters {
    _Atomic uint64_t messages_sent;
    _Atomic uint64_t messages_received;
    _Atomic uint64_t messages_returned;
    _Atomic uint64_t channels;  ///< a gauge
    _Atomic uint64_t delivered; ///< put into the receive queue by the I/O thread
    _Atomic uint64_t taken;     ///< of those, given out; its writer is the waiter
};

/// A channel's, in its slot; names as in struct tofu_channel_stats.
struct tf_channel_counters {
    _Atomic uint64_t messages_sent;
    _Atomic uint64_t messages_received;
    _Atomic uint64_t bytes_sent;
    _Atomic uint64_t bytes_received;
};

#endif
