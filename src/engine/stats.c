// SPDX-License-Identifier: MIT
// The public functions that read counters.
#include <tofu/stats.h>

#include "base/assert.h"
#include "engine/engine.h"
#include "engine/group.h"

static void read_gauges(struct tofu_engine *engine, struct tofu_stats *stats)
{
    struct tf_pool *pool = &engine->pool;
    tf_mutex_lock(&pool->lock);
    stats->messages_idle = pool->idle_count;
    tf_mutex_unlock(&pool->lock);
    stats->messages_alive = atomic_load(&pool->alive_count);
    stats->messages_incoming = atomic_load(&pool->incoming_count);
    stats->channels = atomic_load(&engine->table.channel_count);
    stats->half_open = atomic_load(&engine->reactor.counters.half_open);
    stats->wakeups = atomic_load(&engine->reactor.wakeups);
}

static void histogram_read(struct tf_histogram *histogram, struct tofu_histogram *histogram_out)
{
    for (unsigned i = 0; i < TOFU_HISTOGRAM_BUCKETS; i++) {
        histogram_out->counts[i] =
            atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
    }
}

static void read_counters(struct tf_counters *counters, struct tofu_stats *stats)
{
    stats->messages_sent = atomic_load(&counters->messages_sent);
    stats->messages_received = atomic_load(&counters->messages_received);
    stats->messages_returned = atomic_load(&counters->messages_returned);
    stats->messages_dropped = atomic_load(&counters->messages_dropped);
    stats->bytes_sent = atomic_load(&counters->bytes_sent);
    stats->bytes_received = atomic_load(&counters->bytes_received);
    stats->connections_accepted = atomic_load(&counters->connections_accepted);
    stats->connections_refused = atomic_load(&counters->connections_refused);
    stats->channels_opened = atomic_load(&counters->channels_opened);
    stats->channels_closed = atomic_load(&counters->channels_closed);
    stats->channels_graceful = atomic_load(&counters->channels_graceful);
    stats->deadlines_missed = atomic_load(&counters->deadlines_missed);
    stats->rules_broken = atomic_load(&counters->rules_broken);
    stats->accepts_failed = atomic_load(&counters->accepts_failed);
    stats->pool_empty_episodes = atomic_load(&counters->pool_empty_episodes);
    stats->turns = atomic_load(&counters->turns);
    histogram_read(&counters->queue_dwell, &stats->queue_dwell);
    histogram_read(&counters->loop_lag, &stats->loop_lag);
}

enum tofu_status tofu_engine_stats(
    const struct tofu_engine *const_engine, struct tofu_stats *stats_out)
{
    // Reading takes the gate and the pool's lock, which do not count as changing the engine.
    struct tofu_engine *engine = (struct tofu_engine *)(uintptr_t)const_engine;
    if (tf_engine_is_forked(engine)) {
        return TOFU_FORKED;
    }
    if (stats_out->struct_size != 0 && stats_out->struct_size != sizeof *stats_out) {
        return TOFU_NOT_ALLOWED;
    }
    if (!tf_gate_enter(&engine->gate)) {
        return TOFU_SHUTDOWN_STARTED;
    }
    stats_out->struct_size = sizeof *stats_out;
    read_gauges(engine, stats_out);
    read_counters(&engine->reactor.counters, stats_out);
    tf_gate_leave(&engine->gate);
    return TOFU_OK;
}

enum tofu_status tofu_group_stats(struct tofu_group *group, struct tofu_group_stats *stats_out)
{
    if (tf_engine_is_forked(group->engine)) {
        return TOFU_FORKED;
    }
    if (stats_out->struct_size != 0 && stats_out->struct_size != sizeof *stats_out) {
        return TOFU_NOT_ALLOWED;
    }
    if (!tf_gate_enter(&group->gate)) {
        return TOFU_SHUTDOWN_STARTED;
    }
    struct tf_group_counters *counters = &group->counters;
    stats_out->struct_size = sizeof *stats_out;
    stats_out->messages_sent = atomic_load(&counters->messages_sent);
    stats_out->messages_received = atomic_load(&counters->messages_received);
    stats_out->messages_returned = atomic_load(&counters->messages_returned);
    stats_out->channels = atomic_load(&counters->channels);
    // Both are relaxed counters of different threads: one may be seen ahead of the other.
    uint64_t taken = atomic_load(&counters->taken);
    uint64_t delivered = atomic_load(&counters->delivered);
    stats_out->messages_waiting = delivered > taken ? delivered - taken : 0;
    stats_out->updates_waiting = atomic_load(&group->update_count);
    tf_gate_leave(&group->gate);
    return TOFU_OK;
}

static enum tofu_status read_channel(
    struct tofu_group *group, uint16_t number, struct tofu_channel_stats *stats_out)
{
    struct tf_slot *slot = tf_table_slot(&group->engine->table, number);
    if (slot == NULL) {
        return TOFU_INVALID_CHANNEL_NUMBER;
    }
    struct tf_slot_state state = tf_slot_state(slot);
    if (!state.is_open) {
        return TOFU_INVALID_CHANNEL_NUMBER;
    }
    if (state.group_index != group->index) {
        return TOFU_INVALID_CHANNEL_GROUP;
    }
    struct tofu_channel_stats stats = {.struct_size = sizeof stats};
    stats.messages_sent = atomic_load(&slot->counters.messages_sent);
    stats.messages_received = atomic_load(&slot->counters.messages_received);
    stats.bytes_sent = atomic_load(&slot->counters.bytes_sent);
    stats.bytes_received = atomic_load(&slot->counters.bytes_received);
    tf_slot_read_load(slot, &stats.messages_queued, &stats.bytes_queued);
    *stats_out = stats;
    return TOFU_OK;
}

enum tofu_status tofu_channel_stats(
    struct tofu_group *group, uint16_t channel, struct tofu_channel_stats *stats_out)
{
    if (tf_engine_is_forked(group->engine)) {
        return TOFU_FORKED;
    }
    if (stats_out->struct_size != 0 && stats_out->struct_size != sizeof *stats_out) {
        return TOFU_NOT_ALLOWED;
    }
    if (!tf_gate_enter(&group->gate)) {
        return TOFU_SHUTDOWN_STARTED;
    }
    enum tofu_status status = read_channel(group, channel, stats_out);
    tf_gate_leave(&group->gate);
    return status;
}
