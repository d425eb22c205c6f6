// SPDX-License-Identifier: MIT
// Posting: the checks of PROTOCOL.md, section 3, in their order, and then one push.
//
// Checks 9 to 12 look at what other threads may change; the I/O thread repeats them in queue order. What
// makes them safe is the order here: add to the slot's load, then look whether the slot is still open.
#include <tofu/group.h>

#include "base/assert.h"
#include "engine/engine.h"
#include "engine/group.h"
#include "engine/ids.h"
#include "engine/notices.h"
#include "os/clock.h"
#include "wire/address.h"

static bool opens_channel(uint8_t opcode)
{
    return opcode == TOFU_HELLO_REQUEST || opcode == TOFU_WELCOME_REQUEST;
}

// Checks 1 to 8: the message alone.
static enum tofu_status check_message(
    const struct tofu_group *group, const struct tofu_message *message)
{
    const struct tf_part_limits *limits = &group->engine->settings.part_limits;
    if (message == NULL) {
        return TOFU_NULL_MESSAGE;
    }
    if (message->engine != group->engine) {
        return TOFU_INVALID_MESSAGE;
    }
    const struct tofu_header *header = &message->header;
    if (header->opcode >= TF_OPCODE_END) {
        return TOFU_INVALID_OP_CODE;
    }
    if (tf_opcode_is_response(header->opcode) && header->id == 0) {
        return TOFU_INVALID_MESSAGE_ID;
    }
    if (header->more != 0 && !tf_opcode_is_regular(header->opcode)) {
        return TOFU_INVALID_MORE_USAGE;
    }
    if ((header->channel == 0) != opens_channel(header->opcode)) {
        return TOFU_INVALID_CHANNEL_NUMBER;
    }
    if (message->text.size > limits->text_bytes_max) {
        return TOFU_INVALID_HEADERS_LEN;
    }
    if (opens_channel(header->opcode) && message->text.size == 0) {
        return TOFU_WRONG_ADDRESS;
    }
    return message->body.size > limits->body_bytes_max ? TOFU_INVALID_BODY_LEN : TOFU_OK;
}

// Nothing can fail any more: the message is the engine's.
static void accept(
    struct tofu_group *group,
    struct tofu_message **message_pointer,
    uint16_t number,
    uint32_t ticket,
    struct tofu_header *accepted_out)
{
    struct tofu_message *message = *message_pointer;
    struct tofu_engine *engine = group->engine;
    *message_pointer = NULL;
    message->header.channel = number;
    message->header.origin = TOFU_APPLICATION;
    message->header.status = TOFU_OK;
    if (message->header.id == 0) {
        message->header.id = tf_next_message_id();
    }
    if (accepted_out != NULL) {
        *accepted_out = message->header;
    }
    tf_notices_replace(&engine->pool, message);
    message->group = group;
    message->ticket = ticket;
    bool must_wake = tf_pool_adopt(&engine->pool, message);
    tf_reactor_post(&engine->reactor, message);
    if (must_wake) {
        tf_reactor_wake(&engine->reactor);
    }
}

static enum tofu_status make_channel(
    struct tofu_group *group, enum tf_side side, struct tf_channel **channel_out)
{
    struct tofu_engine *engine = group->engine;
    struct tf_channel *channel = tf_channel_create(&engine->allocator, group, side);
    if (channel == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    enum tofu_status status = TOFU_ALLOCATION_FAILED;
    channel->closing_notice = tf_notices_reserve_closing(&engine->pool);
    if (channel->closing_notice == NULL) {
        goto destroy_channel;
    }
    status = tf_table_add(
        &engine->table, channel, group->index, side, &channel->number, &channel->ticket);
    if (status != TOFU_OK) {
        goto put_notice;
    }
    *channel_out = channel;
    return TOFU_OK;

put_notice:
    tf_pool_put(&engine->pool, channel->closing_notice);
    channel->closing_notice = NULL;
destroy_channel:
    tf_channel_destroy(&engine->allocator, channel);
    return status;
}

// Nobody has seen it, since its slot is not public; but a shutdown may wait for its number.
static void unmake_channel(struct tofu_engine *engine, struct tf_channel *channel)
{
    tf_slot_close(tf_table_slot(&engine->table, channel->number));
    tf_table_remove(&engine->table, channel->number);
    tf_table_release(&engine->table, channel->number);
    tf_reactor_wake(&engine->reactor);
    tf_pool_put(&engine->pool, channel->closing_notice);
    channel->closing_notice = NULL;
    tf_channel_destroy(&engine->allocator, channel);
}

// A channel gets all it needs here, where its poster can be told that there is no memory. Its slot becomes
// public last: a message that somebody posts to a number before he can know it must neither come
// before what opens the channel nor outlive a channel that is given up here.
static enum tofu_status post_opening(
    struct tofu_group *group,
    struct tofu_message **message_pointer,
    struct tofu_header *accepted_out)
{
    struct tofu_message *message = *message_pointer;
    enum tofu_status status = tf_engine_accepts(group->engine);
    if (status != TOFU_OK) {
        return status;
    }
    enum tf_side side = message->header.opcode == TOFU_HELLO_REQUEST ? TF_CONNECTING : TF_LISTENING;
    if (side == TF_LISTENING) {
        status = tf_message_reserve_address(message);
        if (status != TOFU_OK) {
            return status;
        }
    }
    struct tf_channel *channel = NULL;
    status = make_channel(group, side, &channel);
    if (status != TOFU_OK) {
        return status;
    }
    // Either a shutdown that has begun meanwhile counts this channel, or it is seen here.
    status = tf_engine_accepts(group->engine);
    if (status != TOFU_OK) {
        unmake_channel(group->engine, channel);
        return status;
    }
    struct tf_slot *slot = tf_table_slot(&group->engine->table, channel->number);
    bool is_loaded = tf_slot_load(slot, tf_message_wire_bytes(message), UINT64_MAX, UINT64_MAX);
    TF_ASSERT(is_loaded);
    (void)is_loaded;
    uint16_t number = channel->number;
    uint32_t ticket = channel->ticket;
    // The channel is the I/O thread's from here on.
    accept(group, message_pointer, number, ticket, accepted_out);
    tf_slot_publish(slot, ticket);
    return TOFU_OK;
}

// Checks 9 and 10.
static enum tofu_status check_slot(
    const struct tofu_group *group, struct tf_slot_state state, uint8_t opcode)
{
    if (!state.is_public) {
        return TOFU_INVALID_CHANNEL_NUMBER;
    }
    if (state.group_index != group->index) {
        return TOFU_INVALID_CHANNEL_GROUP;
    }
    bool is_allowed = tf_rules_may_send(state.side, state.session, opcode);
    return is_allowed ? TOFU_OK : TOFU_NOT_ALLOWED;
}

// Check 11. The Byes are exempt: whoever may not send must still be able to leave.
static bool load_slot(
    const struct tofu_group *group, struct tf_slot *slot, const struct tofu_message *message)
{
    const struct tf_settings *settings = &group->engine->settings;
    uint8_t opcode = message->header.opcode;
    bool is_bye =
        opcode == TOFU_BYE_REQUEST || opcode == TOFU_BYE_RESPONSE || opcode == TOFU_BYE_SIGNAL;
    return tf_slot_load(
        slot,
        tf_message_wire_bytes(message),
        is_bye ? UINT64_MAX : settings->send_queue_messages_max,
        is_bye ? UINT64_MAX : settings->send_queue_bytes_max);
}

// Now that the load shows, the slot is open for good, or it is not: says so to the others if this opcode
// moves the session.
static enum tofu_status confirm(
    const struct tofu_group *group, struct tf_slot *slot, uint32_t ticket, uint8_t opcode)
{
    bool moves_session =
        opcode == TOFU_HELLO_RESPONSE || opcode == TOFU_BYE_REQUEST || opcode == TOFU_BYE_RESPONSE;
    if (moves_session && tf_slot_posted(slot, ticket, opcode)) {
        return TOFU_OK;
    }
    struct tf_slot_state state = tf_slot_state(slot);
    if (state.ticket != ticket) {
        return TOFU_INVALID_CHANNEL_NUMBER;
    }
    enum tofu_status status = check_slot(group, state, opcode);
    // A move that failed and would be allowed by now raced with the peer's: whoever posts it may try again.
    return moves_session && status == TOFU_OK ? TOFU_NOT_ALLOWED : status;
}

static enum tofu_status post_on_channel(
    struct tofu_group *group,
    struct tofu_message **message_pointer,
    struct tofu_header *accepted_out)
{
    struct tofu_message *message = *message_pointer;
    struct tofu_engine *engine = group->engine;
    uint16_t number = message->header.channel;
    struct tf_slot *slot = tf_table_slot(&engine->table, number);
    if (slot == NULL) {
        return TOFU_INVALID_CHANNEL_NUMBER;
    }
    struct tf_slot_state state = tf_slot_state(slot);
    enum tofu_status status = check_slot(group, state, message->header.opcode);
    if (status != TOFU_OK) {
        return status;
    }
    if (!load_slot(group, slot, message)) {
        return TOFU_QUEUE_FULL;
    }
    status = tf_engine_accepts(engine);
    if (status == TOFU_OK) {
        status = confirm(group, slot, state.ticket, message->header.opcode);
    }
    if (status != TOFU_OK) {
        // The closing notice of this channel may wait for this load to go.
        tf_slot_unload(slot, 1, tf_message_wire_bytes(message));
        tf_reactor_wake(&engine->reactor);
        return status;
    }
    accept(group, message_pointer, number, state.ticket, accepted_out);
    return TOFU_OK;
}

// What a shutdown's own Byes rule out is refused because of the shutdown, not because of the poster.
static enum tofu_status blame(struct tofu_engine *engine, enum tofu_status status)
{
    if (status != TOFU_NOT_ALLOWED) {
        return status;
    }
    enum tofu_status state = tf_engine_accepts(engine);
    return state == TOFU_OK ? status : state;
}

static enum tofu_status post(
    struct tofu_group *group, struct tofu_message **message, struct tofu_header *accepted_out)
{
    enum tofu_status status = check_message(group, *message);
    if (status != TOFU_OK) {
        return status;
    }
    return opens_channel((*message)->header.opcode)
               ? post_opening(group, message, accepted_out)
               : blame(group->engine, post_on_channel(group, message, accepted_out));
}

enum tofu_status tofu_group_post(
    struct tofu_group *group, struct tofu_message **message, struct tofu_header *accepted_out)
{
    if (tf_engine_is_forked(group->engine)) {
        return TOFU_FORKED;
    }
    if (!tf_gate_enter(&group->gate)) {
        return TOFU_SHUTDOWN_STARTED;
    }
    enum tofu_status status = post(group, message, accepted_out);
    tf_gate_leave(&group->gate);
    return status;
}

// A queue that is full while everything ends will not be worth waiting for.
static enum tofu_status try_again(
    struct tofu_group *group, struct tofu_message **message, struct tofu_header *accepted_out)
{
    if (tf_gate_is_closed(&group->gate)) {
        return TOFU_SHUTDOWN_STARTED;
    }
    enum tofu_status status = tf_engine_accepts(group->engine);
    return status == TOFU_OK ? post(group, message, accepted_out) : status;
}

static enum tofu_status post_when_room(
    struct tofu_group *group,
    struct tofu_message **message,
    uint64_t deadline_ns,
    struct tofu_header *accepted_out)
{
    struct tf_channel_table *table = &group->engine->table;
    // Each slot has waiters of its own: those of a peer that takes nothing cost the others nothing.
    struct tf_event_count *room = &tf_table_slot(table, (*message)->header.channel)->room;
    atomic_fetch_add(&table->waiting_posters, 1);
    uint32_t count = tf_event_count_enter(room);
    enum tofu_status status = TOFU_QUEUE_FULL;
    for (;;) {
        status = try_again(group, message, accepted_out);
        if (status != TOFU_QUEUE_FULL) {
            break;
        }
        if (tf_clock_now() >= deadline_ns) {
            status = TOFU_TIMED_OUT;
            break;
        }
        count = tf_event_count_park(room, count, deadline_ns);
    }
    tf_event_count_leave(room);
    atomic_fetch_sub(&table->waiting_posters, 1);
    return status;
}

enum tofu_status tofu_group_post_within(
    struct tofu_group *group,
    struct tofu_message **message,
    uint64_t timeout_ns,
    struct tofu_header *accepted_out)
{
    if (tf_engine_is_forked(group->engine)) {
        return TOFU_FORKED;
    }
    if (!tf_gate_enter(&group->gate)) {
        return TOFU_SHUTDOWN_STARTED;
    }
    enum tofu_status status = post(group, message, accepted_out);
    if (status == TOFU_QUEUE_FULL) {
        uint64_t deadline_ns = tf_deadline(tf_clock_now(), timeout_ns);
        status = post_when_room(group, message, deadline_ns, accepted_out);
    }
    tf_gate_leave(&group->gate);
    return status;
}
