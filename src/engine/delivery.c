// SPDX-License-Identifier: MIT
#include "engine/transfer.h"

#include "base/assert.h"
#include "engine/group.h"
#include "engine/notices.h"
#include "engine/shutdown.h"
#include "wire/text_headers.h"

// An answer to a ByeRequest that has not left whole answers nothing.
static bool answers_too_early(const struct tf_channel *channel, uint8_t opcode)
{
    return opcode == TOFU_BYE_RESPONSE && !channel->is_bye_request_written;
}

enum tofu_status tf_delivery_check(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tf_wire_header header;
    tf_frame_reader_header(&channel->reader, &header);
    enum tofu_status status = tf_header_check(&header, &reactor->settings->part_limits);
    if (status != TOFU_OK) {
        return status;
    }
    uint8_t opcode = header.header.opcode;
    if (!tf_rules_may_receive(
            (enum tf_side)channel->side, (enum tf_session)channel->session, opcode) ||
        answers_too_early(channel, opcode)) {
        return TOFU_NOT_ALLOWED;
    }
    return TOFU_OK;
}

// A shutdown goes on without budget: a Bye of a header alone costs next to nothing, and there are two of
// them at most on each channel.
static bool is_free(const struct tf_reactor *reactor, const struct tf_wire_header *header)
{
    bool is_bye = tf_opcode_is_bye(header->header.opcode);
    return reactor->is_shutting_down && is_bye && header->text_bytes + header->body_bytes == 0;
}

enum tofu_status tf_delivery_begin(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tf_wire_header header;
    tf_frame_reader_header(&channel->reader, &header);
    struct tofu_message *message = NULL;
    enum tofu_status status =
        tf_pool_get_incoming(reactor->pool, is_free(reactor, &header), &message);
    if (status != TOFU_OK) {
        return status;
    }
    if (message == NULL) {
        TF_ASSERT(reactor->is_shutting_down);
        tf_frame_reader_skip(&channel->reader);
        return TOFU_OK;
    }
    status = tf_frame_reader_begin(&channel->reader, message);
    if (status != TOFU_OK) {
        tf_pool_put(reactor->pool, message);
    }
    return status;
}

// The first message makes the connection a channel: only now it gets a number and a closing notice.
static enum tofu_status become_channel(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tofu_message *notice = tf_notices_reserve_closing(reactor->pool);
    if (notice == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    enum tofu_status status = tf_table_add(
        reactor->table,
        channel,
        channel->group->index,
        TF_ACCEPTING,
        &channel->number,
        &channel->ticket);
    if (status != TOFU_OK) {
        tf_pool_put(reactor->pool, notice);
        return status;
    }
    tf_slot_publish(tf_table_slot(reactor->table, channel->number), channel->ticket);
    channel->closing_notice = notice;
    channel->phase = TF_PHASE_OPEN;
    tf_list_remove(&channel->phase_link);
    tf_uncount(&reactor->counters.half_open);
    tf_count(&reactor->counters.channels_opened, 1);
    tf_log_line(
        reactor->log,
        reactor->now_ns,
        TOFU_LOG_CHANNEL_OPENED,
        "channel %u accepted",
        (unsigned)channel->number);
    return TOFU_OK;
}

// Who the peer is, is told with its HelloRequest; without memory for it the message is still good.
static void note_peer(struct tf_channel *channel, struct tofu_message *message)
{
    struct tofu_peer peer;
    if (!tf_socket_peer(channel->watch.socket, &peer)) {
        return;
    }
    struct tofu_peer *noted = tf_message_make_peer(message);
    if (noted != NULL) {
        *noted = peer;
    }
}

static void move_session(
    struct tf_reactor *reactor, struct tf_channel *channel, const struct tofu_header *header)
{
    uint8_t opcode = header->opcode;
    channel->session = (uint8_t)tf_rules_after_receive((enum tf_session)channel->session, opcode);
    if (opcode != TOFU_HELLO_REQUEST && !tf_opcode_is_regular(opcode)) {
        struct tf_slot *slot = tf_table_slot(reactor->table, channel->number);
        tf_slot_received(slot, channel->ticket, opcode);
    }
    if (opcode == TOFU_BYE_REQUEST) {
        channel->peer_bye_id = header->id;
    }
    if (channel->session == TF_SESSION_ENDED) {
        channel->phase = TF_PHASE_DRAINING;
        tf_reactor_arm(reactor, channel);
    }
}

static void count_received(
    struct tf_reactor *reactor, struct tf_channel *channel, const struct tofu_message *message)
{
    struct tf_slot *slot = tf_table_slot(reactor->table, channel->number);
    tf_count(&slot->counters.messages_received, 1);
    tf_count(&slot->counters.bytes_received, tf_message_wire_bytes(message));
    channel->group->outbox_received++; // For the others it counts when it is handed over.
}

static enum tofu_status answer_at_shutdown(
    struct tf_reactor *reactor, struct tf_channel *channel, uint8_t opcode)
{
    bool engine_answers = reactor->is_shutting_down && opcode == TOFU_BYE_REQUEST;
    return engine_answers ? tf_shutdown_say_bye(reactor, channel) : TOFU_OK;
}

enum tofu_status tf_delivery_finish(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tofu_message *message = tf_frame_reader_take(&channel->reader);
    enum tofu_status status = tf_text_is_valid(&message->text) ? TOFU_OK : TOFU_INVALID_MESSAGE;
    if (status == TOFU_OK && channel->session == TF_SESSION_NEW) {
        channel->opening_id = message->header.id;
        status = become_channel(reactor, channel);
        note_peer(channel, message);
    }
    if (status != TOFU_OK) {
        tf_pool_put(reactor->pool, message);
        return status;
    }
    uint8_t opcode = message->header.opcode;
    move_session(reactor, channel, &message->header);
    message->header.channel = channel->number;
    count_received(reactor, channel, message);
    tf_notices_deliver(reactor, channel->group, message);
    return answer_at_shutdown(reactor, channel, opcode);
}

enum tofu_status tf_delivery_skip(struct tf_reactor *reactor, struct tf_channel *channel)
{
    TF_ASSERT(reactor->is_shutting_down);
    TF_ASSERT(channel->session != TF_SESSION_NEW); // Half-open connections ended when it began.

    struct tf_wire_header header;
    tf_frame_reader_header(&channel->reader, &header);
    (void)tf_frame_reader_reset(&channel->reader);
    tf_count(&reactor->counters.messages_dropped, 1);
    move_session(reactor, channel, &header.header);
    return answer_at_shutdown(reactor, channel, header.header.opcode);
}
