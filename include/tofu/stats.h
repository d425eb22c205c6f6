// SPDX-License-Identifier: MIT
// Seeing inside: counters, gauges and histograms of an engine, a group, a channel. Always on.
//
// Set struct_size before each call: sizeof the struct, or 0 for the layout of version 1. Each number is
// exact at some moment during the call, not all at the same moment. Counters only grow.
#ifndef TOFU_STATS_H
#define TOFU_STATS_H

#include <stddef.h>
#include <stdint.h>

#include <tofu/export.h>
#include <tofu/status.h>

struct tofu_engine;
struct tofu_group;

/// Buckets of a histogram: 2^39 ns are nine minutes.
#define TOFU_HISTOGRAM_BUCKETS 40

/// How often a time was how long: bucket 0 counts 0 and 1 ns, bucket i counts 2^i to 2^(i+1) - 1 ns, the
/// last one also everything longer.
struct tofu_histogram {
    uint64_t counts[TOFU_HISTOGRAM_BUCKETS];
};

struct tofu_stats {
    size_t struct_size;

    uint64_t messages_sent;        ///< accepted, and handed whole to the kernel
    uint64_t messages_received;    ///< delivered to groups, notices not counted
    uint64_t messages_returned;    ///< came back to their group with a status
    uint64_t messages_dropped;     ///< no fate could be told: the group was destroyed, or shutdown
    uint64_t bytes_sent;           ///< given to sockets
    uint64_t bytes_received;       ///< taken from sockets
    uint64_t connections_accepted; ///< by all listeners
    uint64_t connections_refused;  ///< closed before a valid HelloRequest came
    uint64_t channels_opened;      ///< channels that got a number
    uint64_t channels_closed;      ///< channels whose closing notice is out
    uint64_t channels_graceful;    ///< of those, ended by Byes, or listeners closed in order
    uint64_t deadlines_missed;     ///< connections ended because time was up, aborts not counted
    uint64_t rules_broken;         ///< connections ended because the peer broke the protocol
    uint64_t accepts_failed;       ///< times a listener had to rest for want of descriptors
    uint64_t pool_empty_episodes;  ///< times that reading had to rest for want of messages
    uint64_t turns;                ///< rounds of the I/O thread's loop
    uint64_t wakeups;              ///< times that another thread had to wake it

    uint64_t channels;          ///< gauge: channels with a number
    uint64_t half_open;         ///< gauge: accepted connections before their HelloRequest
    uint64_t messages_alive;    ///< gauge: messages made and not yet freed
    uint64_t messages_idle;     ///< gauge: messages in the pool
    uint64_t messages_incoming; ///< gauge: received messages under way or with the application

    /// From the I/O thread's taking a message to its last byte written.
    struct tofu_histogram queue_dwell;
    /// How long one turn kept the next event waiting.
    struct tofu_histogram loop_lag;
};

struct tofu_group_stats {
    size_t struct_size;

    uint64_t messages_sent;     ///< accepted, and handed whole to the kernel
    uint64_t messages_received; ///< delivered to this group, notices not counted
    uint64_t messages_returned; ///< came back with a status
    uint64_t channels;          ///< gauge: channels and half-open connections
    uint64_t messages_waiting;  ///< gauge: in the receive queue, notices counted, updates not
    uint64_t updates_waiting;   ///< gauge: updates in the receive queue
};

struct tofu_channel_stats {
    size_t struct_size;

    uint64_t messages_sent;
    uint64_t messages_received;
    uint64_t bytes_sent;      ///< of whole messages
    uint64_t bytes_received;  ///< of whole messages
    uint64_t messages_queued; ///< gauge: accepted and without a fate
    uint64_t bytes_queued;    ///< gauge: their bytes on the wire
};

TOFU_EXTERN_C_BEGIN

/// Reads what an engine counted.
///
/// Threads: any. Blocks: never; takes the pool's lock.
/// @retval TOFU_NOT_ALLOWED       stats->struct_size is none that this version knows.
/// @retval TOFU_SHUTDOWN_STARTED  the engine is being destroyed.
/// @retval TOFU_FORKED            the engine is the parent process's.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_engine_stats(
    const struct tofu_engine *engine, struct tofu_stats *stats);

/// Reads what a group counted.
///
/// Threads: any. Blocks: never.
/// @retval TOFU_NOT_ALLOWED       stats->struct_size is none that this version knows.
/// @retval TOFU_SHUTDOWN_STARTED  the group is being destroyed.
/// @retval TOFU_FORKED            the engine is the parent process's.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_group_stats(
    struct tofu_group *group, struct tofu_group_stats *stats);

/// Reads what an open channel of the group counted.
///
/// Threads: any. Blocks: never.
/// @retval TOFU_NOT_ALLOWED             stats->struct_size is none that this version knows.
/// @retval TOFU_INVALID_CHANNEL_NUMBER  the channel is unknown or closed.
/// @retval TOFU_INVALID_CHANNEL_GROUP   the channel is another group's.
/// @retval TOFU_SHUTDOWN_STARTED        the group is being destroyed.
/// @retval TOFU_FORKED                  the engine is the parent process's.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_channel_stats(
    struct tofu_group *group, uint16_t channel, struct tofu_channel_stats *stats);

TOFU_EXTERN_C_END

#endif
