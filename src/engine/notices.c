// SPDX-License-Identifier: MIT
#include "engine/notices.h"

#include "base/assert.h"
#include "os/error.h"
#include "wire/text_headers.h"

// What is not about a channel goes behind all that is there. The present round is looked up once a turn,
// since the waiter writes it all the time; an old one does no harm.
static void choose_round(
    struct tf_reactor *reactor, struct tofu_group *group, struct tofu_message *message)
{
    message->flow = NULL;
    if (message->header.channel == 0) {
        return;
    }
    struct tf_slot *slot = tf_table_slot(reactor->table, message->header.channel);
    TF_ASSERT(slot->channel->group == group);
    TF_ASSERT(slot->channel->closing_notice != NULL);
    message->flow = &slot->channel->closing_notice->own_flow;
    uint32_t share_shift = reactor->settings->share_shift;
    message->due = tf_rounds_due(slot->newest_due, group->outbox_round, share_shift);
    slot->newest_due = message->due;
    uint64_t round = message->due >> share_shift;
    if (round < group->newest_round) {
        group->outbox_is_mixed = true;
    } else {
        group->newest_round = round;
    }
}

void tf_notices_deliver(
    struct tf_reactor *reactor, struct tofu_group *group, struct tofu_message *message)
{
    if (group->is_destroyed) {
        tf_count(&reactor->counters.messages_dropped, message->population == TF_MADE ? 1 : 0);
        tf_pool_put(reactor->pool, message);
        return;
    }
    tf_count(&group->counters.delivered, 1);
    message->next = group->outbox_newest;
    group->outbox_newest = message;
    if (group->outbox_oldest == NULL) {
        group->outbox_oldest = message;
        group->outbox_round = tf_mailbox_round(&group->mailbox);
        tf_list_append(&reactor->outboxes, &group->outbox_link);
    }
    choose_round(reactor, group, message);
}

void tf_notices_left(struct tf_channel_table *table, const struct tofu_message *message)
{
    if (message->flow == &message->own_flow) {
        tf_table_release(table, message->header.channel);
    }
}

static uint8_t returned_opcode(uint8_t opcode)
{
    if (opcode == TOFU_HELLO_REQUEST) {
        return TOFU_HELLO_RESPONSE;
    }
    return opcode == TOFU_WELCOME_REQUEST ? TOFU_WELCOME_RESPONSE : opcode;
}

void tf_notices_return(
    struct tf_reactor *reactor, struct tofu_message *message, enum tofu_status status)
{
    message->header.opcode = returned_opcode(message->header.opcode);
    message->header.origin = TOFU_ENGINE;
    message->header.status = (uint8_t)status;
    if (!message->group->is_destroyed && status != TOFU_OK) {
        tf_count(&reactor->counters.messages_returned, 1);
        tf_count(&message->group->counters.messages_returned, 1);
    }
    tf_notices_deliver(reactor, message->group, message);
}

// "~reason:" + the longest status name + CRLF, and "~detail:" + the system's words + CRLF.
#define CLOSING_TEXT_BYTES (8 + 32 + 2 + 8 + TF_ERROR_TEXT_BYTES_MAX + 2)

struct tofu_message *tf_notices_reserve_closing(struct tf_pool *pool)
{
    struct tofu_message *notice = tf_pool_make_notice(pool);
    if (notice == NULL) {
        return NULL;
    }
    if (!tf_bytes_reserve(&notice->text, pool->allocator, CLOSING_TEXT_BYTES)) {
        tf_pool_put(pool, notice);
        return NULL;
    }
    return notice;
}

void tf_notices_fill_closing(
    struct tf_channel *channel, enum tofu_status reason, const char *detail)
{
    struct tofu_message *notice = channel->closing_notice;
    notice->header = (struct tofu_header){
        .channel = channel->number,
        .opcode = TOFU_SIGNAL,
        .origin = TOFU_ENGINE,
        .status = TOFU_CHANNEL_CLOSED,
        .id = channel->opening_id};
    enum tofu_status status =
        tf_text_append(&notice->text, notice->allocator, TF_TEXT_REASON, tofu_status_name(reason));
    TF_ASSERT(status == TOFU_OK);
    if (detail != NULL && detail[0] != '\0') {
        status = tf_text_append(&notice->text, notice->allocator, TF_TEXT_DETAIL, detail);
        TF_ASSERT(status == TOFU_OK);
    }
    (void)status; // The room was reserved.
}

static struct tofu_message *make_group_notice(
    struct tf_pool *pool, struct tofu_group *group, uint32_t kind)
{
    struct tofu_message *notice = tf_pool_make_notice(pool);
    if (notice != NULL) {
        notice->group = group;
        notice->ticket = kind;
    }
    return notice;
}

// Put into the pool it is nobody's any more.
static void discard(struct tf_pool *pool, struct tofu_message *notice)
{
    if (notice != NULL) {
        notice->group = NULL;
        tf_pool_put(pool, notice);
    }
}

void tf_notices_release(struct tf_pool *pool, struct tofu_group *group)
{
    for (uint32_t kind = 0; kind < TF_GROUP_NOTICE_COUNT; kind++) {
        discard(pool, atomic_exchange(&group->notices[kind], NULL));
    }
}

enum tofu_status tf_notices_reserve(struct tf_pool *pool, struct tofu_group *group)
{
    for (uint32_t kind = 0; kind < TF_GROUP_NOTICE_COUNT; kind++) {
        struct tofu_message *notice = make_group_notice(pool, group, kind);
        // A put that raced with the end of the group's former life may have left one here.
        discard(pool, atomic_exchange(&group->notices[kind], notice));
        if (notice == NULL) {
            tf_notices_release(pool, group);
            return TOFU_ALLOCATION_FAILED;
        }
    }
    return TOFU_OK;
}

static bool is_group_notice(const struct tofu_message *message)
{
    return message->population == TF_NOTICE && message->group != NULL;
}

bool tf_notices_come_home(struct tofu_message *message)
{
    if (!is_group_notice(message) || tf_gate_is_closed(&message->group->gate)) {
        return false;
    }
    struct tofu_message *none = NULL;
    tofu_message_reset(message);
    return atomic_compare_exchange_strong(
        &message->group->notices[message->ticket], &none, message);
}

void tf_notices_replace(struct tf_pool *pool, struct tofu_message *message)
{
    if (!is_group_notice(message)) {
        return;
    }
    struct tofu_group *group = message->group;
    struct tofu_message *notice = make_group_notice(pool, group, message->ticket);
    struct tofu_message *none = NULL;
    if (!atomic_compare_exchange_strong(&group->notices[message->ticket], &none, notice)) {
        discard(pool, notice);
    }
}

// Returns false if the application still holds the last one.
static bool tell_group(
    struct tf_reactor *reactor,
    struct tofu_group *group,
    enum tf_group_notice kind,
    struct tofu_header header)
{
    struct tofu_message *notice = atomic_exchange(&group->notices[kind], NULL);
    if (notice == NULL) {
        return false;
    }
    header.opcode = TOFU_SIGNAL;
    header.origin = TOFU_ENGINE;
    notice->header = header;
    tf_notices_deliver(reactor, group, notice);
    return true;
}

void tf_notices_pool_empty(struct tf_reactor *reactor, struct tofu_group *group)
{
    if (group->pool_empty_episode == reactor->pool_empty_episode || group->is_destroyed) {
        return;
    }
    struct tofu_header header = {.status = TOFU_POOL_EMPTY};
    if (tell_group(reactor, group, TF_NOTICE_POOL_EMPTY, header)) {
        group->pool_empty_episode = reactor->pool_empty_episode;
    }
}

bool tf_notices_accept_failed(struct tf_reactor *reactor, struct tf_channel *listener)
{
    struct tofu_header header = {.channel = listener->number, .status = TOFU_ACCEPT_FAILED};
    return tell_group(reactor, listener->group, TF_NOTICE_ACCEPT_FAILED, header);
}

void tf_notices_flush(struct tf_reactor *reactor)
{
    for (struct tf_list *link = tf_list_take_first(&reactor->outboxes); link != NULL;
         link = tf_list_take_first(&reactor->outboxes)) {
        struct tofu_group *group = TF_CONTAINER_OF(link, struct tofu_group, outbox_link);
        struct tofu_message *newest = group->outbox_newest;
        struct tofu_message *oldest = group->outbox_oldest;
        group->outbox_newest = NULL;
        group->outbox_oldest = NULL;
        bool is_mixed = group->outbox_is_mixed;
        group->outbox_is_mixed = false;
        uint64_t received = group->outbox_received;
        group->outbox_received = 0;
        // Whoever has a message in hand finds it counted.
        tf_count(&group->counters.messages_received, received);
        tf_count(&reactor->counters.messages_received, received);
        tf_mailbox_push(&group->mailbox, newest, oldest, is_mixed);
    }
}
