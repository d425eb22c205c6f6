// SPDX-License-Identifier: MIT
#include "engine/starvation.h"

#include "base/assert.h"
#include "engine/ending.h"
#include "engine/notices.h"
#include "engine/transfer.h"
#include "os/clock.h"

/// How long somebody must starve before an unfinished frame is taken for a slow drip: many honest large
/// messages at once also hold the budget, but they end.
#define PATIENCE_NS TF_SECOND

void tf_starvation_begin(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (!reactor->is_pool_empty) {
        reactor->is_pool_empty = true;
        reactor->pool_empty_episode++;
        tf_count(&reactor->counters.pool_empty_episodes, 1);
        tf_log_line(
            reactor->log,
            reactor->now_ns,
            TOFU_LOG_POOL_EMPTY,
            "reading rests until received messages are put back");
    }
    tf_channel_starve(channel, reactor->now_ns);
    tf_list_append(&reactor->starved, &channel->starved_link);
    if (channel->phase == TF_PHASE_HALF_OPEN) {
        tf_list_remove(&channel->phase_link); // It cannot be evicted meanwhile.
    }
    tf_reactor_touch(reactor, channel);
    tf_notices_pool_empty(reactor, channel->group);
}

void tf_starvation_note_unfinished(struct tf_reactor *reactor, struct tf_channel *channel)
{
    bool was_unfinished = !tf_list_is_empty(&channel->unfinished_link);
    bool is_unfinished = channel->reader.message != NULL;
    tf_list_remove(&channel->unfinished_link);
    if (is_unfinished) {
        tf_list_append(&reactor->unfinished, &channel->unfinished_link);
    }
    reactor->unfinished_count += is_unfinished ? 1 : 0;
    reactor->unfinished_count -= was_unfinished ? 1 : 0;
}

static bool may_feed(struct tf_reactor *reactor)
{
    return tf_pool_has_budget(reactor->pool) || reactor->is_shutting_down;
}

bool tf_starvation_can_end(struct tf_reactor *reactor)
{
    return !tf_list_is_empty(&reactor->starved) && may_feed(reactor);
}

// Each at most once a turn: fixed order and round-robin both let somebody wait for ever.
static void feed_in_order(struct tf_reactor *reactor)
{
    struct tf_list now;
    tf_list_init(&now);
    tf_list_append_all(&now, &reactor->starved);
    while (!tf_list_is_empty(&now) && may_feed(reactor)) {
        struct tf_list *link = tf_list_take_first(&now);
        tf_transfer_resume(reactor, TF_CONTAINER_OF(link, struct tf_channel, starved_link));
    }
    // Who was not reached stays in front of who starved again.
    tf_list_append_all(&now, &reactor->starved);
    tf_list_append_all(&reactor->starved, &now);
}

static uint64_t half_of_budget(const struct tf_reactor *reactor)
{
    uint64_t half = reactor->pool->messages_max / 2;
    return half == 0 ? 1 : half;
}

static void close_longest_waiting(struct tf_reactor *reactor)
{
    struct tf_channel *channel =
        TF_CONTAINER_OF(reactor->unfinished.next, struct tf_channel, unfinished_link);
    tf_ending_begin(
        reactor,
        channel,
        TOFU_TIMED_OUT,
        "an unfinished message held what others waited for",
        TF_ENDING_RESET);
}

uint64_t tf_starvation_deadline(const struct tf_reactor *reactor)
{
    if (tf_list_is_empty(&reactor->starved) ||
        reactor->unfinished_count <= half_of_budget(reactor)) {
        return UINT64_MAX;
    }
    const struct tf_channel *first =
        TF_CONTAINER_OF(reactor->starved.next, struct tf_channel, starved_link);
    return first->starved_since_ns + PATIENCE_NS;
}

void tf_starvation_feed(struct tf_reactor *reactor)
{
    feed_in_order(reactor);
    // Each one that is closed makes room for the next in line, whose own patience counts then.
    while (tf_starvation_deadline(reactor) <= reactor->now_ns) {
        close_longest_waiting(reactor);
        feed_in_order(reactor);
    }

    uint64_t incoming_count = atomic_load(&reactor->pool->incoming_count);
    if (reactor->is_pool_empty && incoming_count <= reactor->pool->messages_max / 2) {
        reactor->is_pool_empty = false;
    }
}
