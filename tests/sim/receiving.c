// SPDX-License-Identifier: MIT
// What an application receives: deliveries, returned messages, notices, updates.
#include <string.h>

#include "os/clock.h"
#include "sim/flow.h"

static struct ledger *books(struct application *application)
{
    return &application->flow->ledger;
}

static struct listener *find_listener(struct application *application, uint16_t channel)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        struct listener *listener = &application->listeners[i];
        if (listener->state != LISTENER_NONE && listener->channel == channel) {
            return listener;
        }
    }
    return NULL;
}

// Posted again as it is, or with another body; received messages are as good as fresh ones.
static void answer(
    struct application *application,
    struct side *side,
    struct tofu_message *message,
    uint8_t opcode)
{
    struct tofu_header *header = tofu_message_header(message);
    header->opcode = opcode;
    header->more = 0;
    if (sim_chance(300) && tofu_message_set_body(message, "answer", 6) != TOFU_OK) {
        sim_fail("set_body failed");
    }
    sim_cover(SIM_ANSWERED, 1);
    posting_submit(application, side, message);
}

static void check_clone(struct application *application, const struct tofu_message *message)
{
    struct tofu_message *clone = NULL;
    if (tofu_message_clone(message, &clone) != TOFU_OK) {
        sim_fail("a message could not be cloned");
    }
    if (message_content(clone) != message_content(message)) {
        sim_fail("a clone is not what it was made from");
    }
    posting_put(application, &clone);
}

static void keep_or_put(struct application *application, struct tofu_message *message)
{
    if (sim_chance(50)) {
        check_clone(application, message);
    }
    if (application->flow->phase == FLOW_RUN && !flow_engine_is_ending(application->home) &&
        application->held_count < HELD_MAX && sim_chance(application->flow->hold_rate)) {
        application->held[application->held_count++] = message;
        return;
    }
    posting_put(application, &message);
}

// Whoever answers an answer would never stop, so answers cost actions.
static bool likes_to_answer(struct application *application)
{
    if (application->flow->phase != FLOW_RUN || application->actions_left == 0 ||
        !sim_chance(500)) {
        return false;
    }
    application->actions_left--;
    return true;
}

static void answer_regular(
    struct application *application, struct side *side, struct tofu_message *message)
{
    uint8_t opcode = tofu_message_header(message)->opcode;
    if (opcode == TOFU_RESPONSE || !likes_to_answer(application)) {
        keep_or_put(application, message);
        return;
    }
    answer(application, side, message, opcode == TOFU_REQUEST ? TOFU_RESPONSE : TOFU_SIGNAL);
}

static void react(struct application *application, struct side *side, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    switch ((enum tofu_opcode)header->opcode) {
    case TOFU_REQUEST:
    case TOFU_RESPONSE:
    case TOFU_SIGNAL:
        answer_regular(application, side, message);
        return;
    case TOFU_HELLO_REQUEST:
        if (sim_chance(600)) {
            tofu_message_clear_texts(message);
            answer(application, side, message, TOFU_HELLO_RESPONSE);
            return;
        }
        break;
    case TOFU_HELLO_RESPONSE:
        side->has_hello_answer = true;
        break;
    case TOFU_BYE_REQUEST:
        side->has_heard_bye = true;
        side->heard_bye_id = header->id;
        if (sim_chance(700)) {
            answer(application, side, message, TOFU_BYE_RESPONSE);
            return;
        }
        break;
    case TOFU_BYE_RESPONSE:
        if (!application->home->is_shut_down &&
            (side->has_bye_answer || header->id != side->said_bye_id)) {
            sim_fail("a ByeResponse answers nothing, or with another id");
        }
        side->has_bye_answer = true;
        break;
    case TOFU_BYE_SIGNAL:
    case TOFU_WELCOME_REQUEST:
    case TOFU_WELCOME_RESPONSE:
        sim_fail("opcode %u came from a peer", header->opcode);
    }
    keep_or_put(application, message);
}

static void receive_from_peer(struct application *application, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    if (header->status != TOFU_OK || tofu_message_user(message) != NULL) {
        sim_fail("a message from a peer has a status or a user pointer");
    }
    struct side *side = header->opcode == TOFU_HELLO_REQUEST
                            ? ledger_attach(books(application), application, message)
                            : ledger_find(books(application), application, header->channel);
    if (side == NULL) {
        sim_fail("a message came on channel %u, which is not open", header->channel);
    }
    sim_cover(SIM_BYES_CROSSED, side->has_said_bye && side->has_heard_bye);
    side->may_miss_messages = side->may_miss_messages || application->home->is_shut_down;
    application->home->delivered++;
    if (!sim_defect_strikes(FLOW_FORGET_MESSAGE)) {
        ledger_delivered(books(application), side, message);
    }
    if (sim_defect_strikes(FLOW_COUNT_TWICE)) {
        ledger_delivered(books(application), side, message);
    }
    react(application, side, message);
}

static void receive_update(struct application *application, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    uint64_t serial = (uint64_t)(uintptr_t)tofu_message_user(message);
    bool is_bare = header->origin == TOFU_ENGINE;
    if (application->update_count == 0 || application->updates[0] != (is_bare ? 0 : serial)) {
        sim_fail("an update came out of order, or twice");
    }
    if (is_bare && (header->opcode != TOFU_SIGNAL || header->channel != 0 || header->id != 0)) {
        sim_fail("the notice of an update is malformed");
    }
    application->update_count--;
    memmove(
        application->updates,
        application->updates + 1,
        application->update_count * sizeof application->updates[0]);
    posting_put(application, &message);
}

static void receive_welcome(struct application *application, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    struct listener *listener = find_listener(application, header->channel);
    if (listener == NULL || listener->id != header->id) {
        sim_fail("a WelcomeResponse that answers nothing");
    }
    if (header->status != TOFU_OK) {
        // Two may draw the same path: the second is told so.
        listener->has_failed = true;
        application->home->returned++;
        bool is_late = header->status == TOFU_TIMED_OUT && !application->flow->is_gentle;
        bool is_unwatched =
            header->status == TOFU_NOTIFICATION_FAILED &&
            (sim_config()->port_short_rate != 0 || sim_config()->request_fail_rate != 0);
        if (header->status != TOFU_LISTEN_FAILED && header->status != TOFU_CHANNEL_CLOSED &&
            !is_late && !is_unwatched && !flow_engine_is_ending(application->home)) {
            sim_fail("listening failed with %s", tofu_status_name(header->status));
        }
        posting_put(application, &message);
        return;
    }
    const char *address;
    size_t size;
    if (!tofu_message_find_text(message, "~listen_on", &address, &size)) {
        sim_fail("a WelcomeResponse without an address");
    }
    memcpy(listener->address, address, size);
    listener->address[size] = '\0';
    application->home->welcomed++;
    if (listener->state == LISTENER_OPENING) {
        listener->state = LISTENER_OPEN;
    }
    posting_put(application, &message);
}

// NT may stop watching any socket.
static bool is_given_up(const struct tofu_message *notice)
{
    static const char reason[] = "notification_failed";
    const char *text;
    size_t size;
    return sim_config()->request_fail_rate != 0 &&
           tofu_message_find_text(notice, "~reason", &text, &size) && size == sizeof reason - 1 &&
           memcmp(text, reason, size) == 0;
}

static void receive_closing(struct application *application, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    struct listener *listener = find_listener(application, header->channel);
    if (listener != NULL) {
        if (listener->id != header->id) {
            sim_fail("the id of a listener's closing notice is not the WelcomeRequest's");
        }
        bool may_end = listener->state == LISTENER_CLOSING || listener->has_failed ||
                       flow_engine_is_ending(application->home) || is_given_up(message);
        if (!may_end) {
            sim_fail("a listener ended by itself");
        }
        listener->state = LISTENER_NONE;
        return;
    }
    struct side *side = ledger_find(books(application), application, header->channel);
    if (side == NULL) {
        sim_fail("channel %u was closed twice, or never opened", header->channel);
    }
    side->may_miss_messages = side->may_miss_messages || application->home->is_shut_down;
    if (!sim_defect_strikes(FLOW_FORGET_NOTICE)) {
        ledger_closed(books(application), side, message);
    }
    if (application->stream == side) {
        application->stream = NULL;
    }
}

static void receive_returned(struct application *application, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    application->home->returned++;
    application->home->consumed -= header->opcode == TOFU_BYE_SIGNAL ? 1 : 0;
    struct side *side = ledger_find(books(application), application, header->channel);
    if (header->status == TOFU_OK || side == NULL) {
        sim_fail(
            "opcode %u came back on channel %u with %s",
            header->opcode,
            header->channel,
            tofu_status_name(header->status));
    }
    sim_cover(SIM_RETURNED, 1);
    ledger_returned(books(application), side, message);
}

static void receive_notice(struct application *application, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    if (header->opcode == TOFU_SIGNAL && header->status == TOFU_POOL_EMPTY &&
        header->channel == 0) {
        if (application->pool_empty_notice != NULL) {
            sim_fail("a second pool_empty while the first one is with the application");
        }
        application->pool_empty_notice = message;
        if (sim_chance(500)) {
            posting_put(application, &application->pool_empty_notice);
        }
        return;
    }
    if (header->opcode == TOFU_WELCOME_RESPONSE) {
        receive_welcome(application, message);
        return;
    }
    if (header->opcode == TOFU_SIGNAL && header->status == TOFU_ACCEPT_FAILED) {
        if (find_listener(application, header->channel) == NULL) {
            sim_fail("channel %u does not listen and cannot accept", header->channel);
        }
        posting_put(application, &message);
        return;
    }
    bool is_closing = header->opcode == TOFU_SIGNAL && header->status == TOFU_CHANNEL_CLOSED &&
                      tofu_message_find_text(message, "~reason", NULL, NULL);
    if (is_closing) {
        receive_closing(application, message);
    } else {
        receive_returned(application, message);
    }
    posting_put(application, &message);
}

// Once the engine is shut down and the queue is empty, everything must have been told.
static void receive_end(struct application *application, enum tofu_status status)
{
    bool is_legal =
        (status == TOFU_SHUTDOWN_STARTED && application->home->is_shut_down) ||
        (status == TOFU_NOTIFICATION_FAILED && flow_engine_has_failed(application->home));
    if (!is_legal) {
        sim_fail("group_wait answers %s", tofu_status_name(status));
    }
    for (struct link *link = books(application)->links; link != NULL; link = link->next) {
        for (int i = 0; i < 2; i++) {
            if (link->sides[i].application == application && link->sides[i].state == SIDE_OPEN) {
                sim_fail("channel %u has no closing notice", link->sides[i].channel);
            }
        }
    }
}

bool application_receive(struct application *application, uint64_t timeout_ns)
{
    bool should_answer = application->uses_descriptor && sim_event_is_set(application->descriptor);
    struct tofu_message *message = NULL;
    uint64_t turns = sim_turns();
    sim_set_interruptible(true);
    enum tofu_status status = tofu_group_wait(application->group, timeout_ns, &message);
    sim_set_interruptible(false);
    bool has_answered = message != NULL || status != TOFU_OK;
    // A message may have come between the two looks, or the I/O thread may have been interrupted between
    // the message and the event; never the other way.
    bool is_between = has_answered && (sim_is_interrupting() || sim_turns() != turns);
    if (application->uses_descriptor && timeout_ns == 0 && should_answer != has_answered &&
        !is_between) {
        sim_fail("the descriptor says %d, wait says %d", should_answer, has_answered);
    }
    if (status != TOFU_OK) {
        receive_end(application, status);
        application->has_heard_end = true;
        return false;
    }
    if (message == NULL) {
        return false;
    }
    const struct tofu_header *header = tofu_message_header(message);
    uint64_t who = (uint64_t)(application - application->flow->applications);
    sim_trace("got", header->channel, who << 16 | (uint64_t)header->opcode << 8 | header->status);
    if (header->status == TOFU_RECEIVER_UPDATE) {
        receive_update(application, message);
    } else if (header->origin == TOFU_ENGINE) {
        receive_notice(application, message);
    } else {
        receive_from_peer(application, message);
    }
    return true;
}
