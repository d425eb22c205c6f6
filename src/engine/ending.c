// SPDX-License-Identifier: MIT
#include "engine/ending.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "engine/group.h"
#include "engine/listen.h"
#include "engine/notices.h"
#include "engine/starvation.h"
#include "os/clock.h"
#include "os/error.h"

/// How long a turn resets abandoned connections, one at least: commands are waiting, perhaps.
#define RESETS_NS (5 * TF_MILLISECOND)

// What only ends a channel has its fate in the closing notice, whoever was first; so has a Bye that the
// engine itself said at shutdown.
static bool is_consumed(const struct tofu_message *message, enum tf_side side)
{
    uint8_t opcode = message->header.opcode;
    bool ends_listener = side == TF_LISTENING && opcode != TOFU_WELCOME_REQUEST;
    return opcode == TOFU_BYE_SIGNAL || ends_listener || message->group == NULL;
}

void tf_ending_return_message(
    struct tf_reactor *reactor, struct tofu_message *message, enum tofu_status status)
{
    struct tf_slot *slot = tf_table_slot(reactor->table, message->header.channel);
    enum tf_side side = tf_slot_state(slot).side;
    tf_slot_unload(slot, 1, tf_message_wire_bytes(message));
    if (is_consumed(message, side)) {
        tf_pool_put(reactor->pool, message);
    } else {
        tf_notices_return(reactor, message, status);
    }
}

static void drop_attempt(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (channel->attempt != NULL) {
        tf_query_close(&channel->attempt->query);
        tf_free(reactor->allocator, channel->attempt, sizeof *channel->attempt);
        channel->attempt = NULL;
    }
}

// From here on events of the socket find nobody.
static void drop_token(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (channel->watch.token != 0) {
        tf_tokens_remove(&reactor->tokens, channel->watch.token);
        channel->watch.token = 0;
    }
}

static void drop_socket(struct tf_reactor *reactor, struct tf_channel *channel, enum tf_ending how)
{
    reactor->poller.ops->forget(&reactor->poller, &channel->watch);
    if (channel->listener != NULL) {
        tf_listener_close(channel->listener);
        tf_free(reactor->allocator, channel->listener, sizeof *channel->listener);
        channel->listener = NULL;
    } else if (channel->watch.socket != TF_SOCKET_NONE && how == TF_ENDING_CLOSE) {
        tf_socket_close(channel->watch.socket);
    } else if (channel->watch.socket != TF_SOCKET_NONE) {
        tf_socket_reset(channel->watch.socket);
    }
    channel->watch.socket = TF_SOCKET_NONE;
    // There is a descriptor again. A backlog of peers that are long gone is worked off as fast as they end,
    // and not as many at a time as there are descriptors, with a rest in between.
    tf_listen_resume(reactor);
}

static void drop_unread(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tofu_message *unfinished = tf_frame_reader_reset(&channel->reader);
    if (unfinished != NULL) {
        tf_pool_put(reactor->pool, unfinished);
    }
    if (reactor->receive_buffer.owner == channel) {
        reactor->receive_buffer.owner = NULL;
    }
}

static void leave_lists(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (channel->phase == TF_PHASE_HALF_OPEN) {
        tf_uncount(&reactor->counters.half_open);
    }
    tf_starvation_leave(reactor, channel);
    tf_list_remove(&channel->ready_link);
    tf_list_remove(&channel->dirty_link);
    tf_list_remove(&channel->phase_link);
    tf_timers_remove(&reactor->timers, &channel->timer);
}

static void free_channel(struct tf_reactor *reactor, struct tf_channel *channel)
{
    tf_list_remove(&channel->group_link);
    tf_list_remove(&channel->phase_link);
    tf_channel_destroy(reactor->allocator, channel);
}

// Its number is free, the world knows. What is left of it is a connection to be reset, at most.
static void retire(struct tf_reactor *reactor, struct tf_channel *channel)
{
    tf_uncount(&channel->group->counters.channels);
    if (channel->watch.socket == TF_SOCKET_NONE) {
        free_channel(reactor, channel);
        return;
    }
    tf_list_remove(&channel->phase_link);
    tf_list_append(&reactor->abandoned, &channel->phase_link);
}

void tf_ending_return_queue(
    struct tf_reactor *reactor, struct tf_channel *channel, enum tofu_status status)
{
    for (struct tofu_message *message = tf_message_queue_take(&channel->writer.queue);
         message != NULL;
         message = tf_message_queue_take(&channel->writer.queue)) {
        tf_ending_return_message(reactor, message, status);
    }
}

static enum tofu_log_id log_id(const struct tf_channel *channel, enum tofu_status reason)
{
    if (reason == TOFU_ALLOCATION_FAILED) {
        return TOFU_LOG_ALLOCATION_FAILED;
    }
    if (reason == TOFU_TIMED_OUT) {
        return TOFU_LOG_DEADLINE_MISSED;
    }
    return channel->number == 0 ? TOFU_LOG_CONNECTION_REFUSED : TOFU_LOG_CHANNEL_CLOSED;
}

static void log_ending(
    struct tf_reactor *reactor,
    const struct tf_channel *channel,
    enum tofu_status reason,
    const char *detail)
{
    tf_log_line(
        reactor->log,
        reactor->now_ns,
        log_id(channel, reason),
        "channel %u ended: %s%s%s",
        (unsigned)channel->number,
        tofu_status_name(reason),
        detail == NULL || detail[0] == '\0' ? "" : ": ",
        detail == NULL ? "" : detail);
}

void tf_ending_begin(
    struct tf_reactor *reactor,
    struct tf_channel *channel,
    enum tofu_status reason,
    const char *detail,
    enum tf_ending how)
{
    TF_ASSERT(channel->phase != TF_PHASE_CLOSED);

    // What a shutdown aborts had no deadline of its own to miss.
    bool is_late = reason == TOFU_TIMED_OUT && !reactor->is_aborting;
    tf_count(&reactor->counters.deadlines_missed, is_late ? 1 : 0);
    log_ending(reactor, channel, reason, detail);
    if (channel->number != 0) {
        // First, because the detail may be the words of a query that goes with the attempt.
        tf_notices_fill_closing(channel, reason, detail);
    }
    drop_attempt(reactor, channel);
    drop_token(reactor, channel);
    // A listener is not worth the trouble, and its address is to be free.
    if (how != TF_ENDING_ABANDON || channel->listener != NULL) {
        drop_socket(reactor, channel, how);
    }
    drop_unread(reactor, channel);
    leave_lists(reactor, channel);
    channel->phase = TF_PHASE_CLOSED;
    if (channel->number == 0) {
        tf_count(&reactor->counters.connections_refused, 1);
        retire(reactor, channel);
        return;
    }

    tf_slot_close(tf_table_slot(reactor->table, channel->number));
    // A graceful end leaves nothing behind; what a racing poster slipped in is told that it is over.
    channel->end_status = (uint8_t)(reason == TOFU_OK ? TOFU_CHANNEL_CLOSED : reason);
    tf_ending_return_queue(reactor, channel, (enum tofu_status)channel->end_status);
    channel->is_graceful = reason == TOFU_OK;
    tf_list_append(&reactor->closed, &channel->phase_link);
}

void tf_ending_begin_error(
    struct tf_reactor *reactor,
    struct tf_channel *channel,
    enum tofu_status reason,
    int error,
    enum tf_ending how)
{
    char detail[TF_ERROR_TEXT_BYTES_MAX];
    tf_error_text(error, detail, sizeof detail);
    tf_ending_begin(reactor, channel, reason, detail, how);
}

void tf_ending_reset(struct tf_reactor *reactor, struct tf_channel *channel)
{
    TF_ASSERT(channel->phase == TF_PHASE_CLOSED);

    if (channel->watch.socket == TF_SOCKET_NONE) {
        return;
    }
    drop_socket(reactor, channel, TF_ENDING_RESET);
    if (channel->closing_notice == NULL) {
        free_channel(reactor, channel);
    }
}

void tf_ending_reset_abandoned(struct tf_reactor *reactor)
{
    if (tf_list_is_empty(&reactor->abandoned)) {
        return;
    }
    uint64_t end_ns = tf_deadline(tf_clock_now(), RESETS_NS);
    do {
        struct tf_list *link = reactor->abandoned.next;
        tf_ending_reset(reactor, TF_CONTAINER_OF(link, struct tf_channel, phase_link));
    } while (!tf_list_is_empty(&reactor->abandoned) && tf_clock_now() < end_ns);
}

bool tf_ending_can_finish(struct tf_reactor *reactor)
{
    for (struct tf_list *link = reactor->closed.next; link != &reactor->closed; link = link->next) {
        struct tf_channel *channel = TF_CONTAINER_OF(link, struct tf_channel, phase_link);
        if (!tf_slot_is_loaded(tf_table_slot(reactor->table, channel->number))) {
            return true;
        }
    }
    return false;
}

void tf_ending_finish(struct tf_reactor *reactor)
{
    struct tf_list *link = reactor->closed.next;
    while (link != &reactor->closed) {
        struct tf_channel *channel = TF_CONTAINER_OF(link, struct tf_channel, phase_link);
        link = link->next;
        // A poster may be between its two looks at the slot: its message comes back first.
        if (tf_slot_is_loaded(tf_table_slot(reactor->table, channel->number))) {
            continue;
        }
        tf_notices_deliver(reactor, channel->group, channel->closing_notice);
        channel->closing_notice = NULL;
        // Counted first: whoever finds the number free finds it counted.
        tf_count(&reactor->counters.channels_closed, 1);
        tf_count(&reactor->counters.channels_graceful, channel->is_graceful ? 1 : 0);
        tf_table_remove(reactor->table, channel->number);
        if (channel->group->is_destroyed) {
            tf_table_release(reactor->table, channel->number); // Nobody takes the notice.
        }
        retire(reactor, channel);
    }
}
