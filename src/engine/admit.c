// SPDX-License-Identifier: MIT
#include "engine/admit.h"

#include "base/assert.h"
#include "engine/connect.h"
#include "engine/ending.h"
#include "engine/listen.h"
#include "engine/notices.h"
#include "engine/transfer.h"

static void open_channel(
    struct tf_reactor *reactor, struct tf_channel *channel, struct tofu_message *message)
{
    channel->opening_id = message->header.id;
    tf_slot_publish(tf_table_slot(reactor->table, channel->number), channel->ticket);
    message->queued_ns = reactor->now_ns;
    tf_message_queue_append(&channel->writer.queue, message);
    tf_reactor_adopt(reactor, channel);
    tf_count(&reactor->counters.channels_opened, 1);
    tf_log_line(
        reactor->log,
        reactor->now_ns,
        TOFU_LOG_CHANNEL_OPENED,
        "channel %u opened",
        (unsigned)channel->number);
    if (atomic_load(&reactor->is_dead)) {
        tf_ending_begin(reactor, channel, TOFU_NOTIFICATION_FAILED, NULL, TF_ENDING_CLOSE);
    } else if (reactor->is_shutting_down || reactor->is_aborting) {
        tf_ending_begin(reactor, channel, TOFU_SHUTDOWN_STARTED, NULL, TF_ENDING_CLOSE);
    } else if (channel->side == TF_LISTENING) {
        tf_listen_start(reactor, channel);
    } else {
        tf_connect_start(reactor, channel);
    }
}

// The fate of a message that only ends something here is the closing notice.
static void consume(
    struct tf_reactor *reactor,
    struct tf_channel *channel,
    struct tofu_message *message,
    enum tofu_status reason)
{
    struct tf_slot *slot = tf_table_slot(reactor->table, channel->number);
    tf_slot_unload(slot, 1, tf_message_wire_bytes(message));
    tf_pool_put(reactor->pool, message);
    enum tf_ending how = reason == TOFU_OK ? TF_ENDING_CLOSE : TF_ENDING_RESET;
    tf_ending_begin(reactor, channel, reason, NULL, how);
}

// The bounds of closing count from here: the ByeRequest is the last thing we have to say.
static void queue_for_sending(
    struct tf_reactor *reactor, struct tf_channel *channel, struct tofu_message *message)
{
    channel->session =
        (uint8_t)tf_rules_after_send((enum tf_session)channel->session, message->header.opcode);
    message->queued_ns = reactor->now_ns;
    tf_message_queue_append(&channel->writer.queue, message);
    if (message->header.opcode == TOFU_BYE_REQUEST || channel->session == TF_SESSION_ENDED) {
        channel->progress_ns = reactor->now_ns;
    }
    if (channel->session == TF_SESSION_ENDED) {
        TF_ASSERT(channel->phase == TF_PHASE_OPEN);
        channel->phase = TF_PHASE_DRAINING;
    }
    if (channel->phase == TF_PHASE_OPEN || channel->phase == TF_PHASE_DRAINING) {
        // A full socket is not written to, which would look, until much of it was taken.
        tf_transfer_look_at_unsent(reactor, channel);
        tf_reactor_arm(reactor, channel);
        tf_reactor_schedule(reactor, channel);
    }
}

// The load of the message keeps its channel in being, ended or not.
static struct tf_channel *find_channel(
    struct tf_reactor *reactor, const struct tofu_message *message)
{
    struct tf_slot *slot = tf_table_slot(reactor->table, message->header.channel);
    TF_ASSERT(tf_slot_state(slot).ticket == message->ticket);
    TF_ASSERT(slot->channel != NULL);

    return slot->channel;
}

void tf_admit(struct tf_reactor *reactor, struct tofu_message *message)
{
    uint8_t opcode = message->header.opcode;
    struct tf_channel *channel = find_channel(reactor, message);
    if (channel->phase == TF_PHASE_CLOSED) {
        tf_ending_return_message(reactor, message, (enum tofu_status)channel->end_status);
        return;
    }
    bool opens = opcode == TOFU_HELLO_REQUEST || opcode == TOFU_WELCOME_REQUEST;
    TF_ASSERT(opens == (channel->phase == TF_PHASE_OPENING));
    if (opens) {
        open_channel(reactor, channel, message);
        return;
    }
    if (!tf_rules_may_send(
            (enum tf_side)channel->side, (enum tf_session)channel->session, opcode)) {
        enum tofu_status status =
            reactor->is_shutting_down ? TOFU_SHUTDOWN_STARTED : TOFU_NOT_ALLOWED;
        tf_ending_return_message(reactor, message, status);
        return;
    }
    if (opcode == TOFU_BYE_SIGNAL) {
        consume(reactor, channel, message, TOFU_CHANNEL_CLOSED);
        return;
    }
    if (channel->side == TF_LISTENING) {
        consume(reactor, channel, message, TOFU_OK);
        return;
    }
    queue_for_sending(reactor, channel, message);
}

void tf_admit_own(
    struct tf_reactor *reactor, struct tf_channel *channel, struct tofu_message *message)
{
    struct tf_slot *slot = tf_table_slot(reactor->table, channel->number);
    TF_ASSERT(message->group == NULL); // Nobody is told what becomes of it.
    message->ticket = channel->ticket;
    message->header.channel = channel->number;
    bool is_loaded = tf_slot_load(slot, tf_message_wire_bytes(message), UINT64_MAX, UINT64_MAX);
    TF_ASSERT(is_loaded);
    (void)is_loaded;
    // If a racing poster announced the same already, its message will find the session moved on.
    tf_slot_posted(slot, channel->ticket, message->header.opcode);
    queue_for_sending(reactor, channel, message);
}
