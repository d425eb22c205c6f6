// SPDX-License-Identifier: MIT
#include "receiver.h"

#include <stdlib.h>

#include "closing.h"
#include "console.h"
#include "listener.h"
#include "os/clock.h"
#include "stats_report.h"

#define CHANNEL_NUMBER_COUNT 65536

enum tofu_status receiver_open(struct receiver *receiver)
{
    receiver->senders = calloc(CHANNEL_NUMBER_COUNT, sizeof(struct incoming *));
    receiver->are_listeners = calloc(CHANNEL_NUMBER_COUNT, sizeof *receiver->are_listeners);
    bool has_memory = receiver->senders != NULL && receiver->are_listeners != NULL;
    return has_memory ? TOFU_OK : TOFU_ALLOCATION_FAILED;
}

static void leave_line(struct receiver *receiver, struct incoming *sender)
{
    if (sender->previous == NULL && receiver->oldest != sender) {
        return;
    }
    *(sender->previous != NULL ? &sender->previous->next : &receiver->oldest) = sender->next;
    *(sender->next != NULL ? &sender->next->previous : &receiver->newest) = sender->previous;
    sender->previous = NULL;
    sender->next = NULL;
}

static void join_line(struct receiver *receiver, struct incoming *sender)
{
    sender->heard_ns = receiver->waited_ns;
    sender->previous = receiver->newest;
    *(receiver->newest != NULL ? &receiver->newest->next : &receiver->oldest) = sender;
    receiver->newest = sender;
}

// The sender's channel is over. What it had not finished is broken.
static void forget(struct receiver *receiver, uint16_t channel, const char *why)
{
    struct incoming **sender = &receiver->senders[channel];
    if (*sender == NULL) {
        return;
    }
    leave_line(receiver, *sender);
    if ((*sender)->state == INCOMING_WRITING) {
        // Whoever is told may look into the folder.
        inbox_drop(receiver->inbox, &(*sender)->file);
        receiver->counts.broken++;
        receiver->audience->on_broken(receiver->audience->context, *sender, why);
    }
    incoming_destroy(receiver->inbox, sender);
}

static void forget_all(struct receiver *receiver, const char *why)
{
    for (uint32_t channel = 0; channel < CHANNEL_NUMBER_COUNT; channel++) {
        forget(receiver, (uint16_t)channel, why);
    }
}

void receiver_close(struct receiver *receiver)
{
    if (receiver->senders != NULL) {
        forget_all(receiver, "the receiver ends");
    }
    free(receiver->senders);
    free(receiver->are_listeners);
    receiver->senders = NULL;
    receiver->are_listeners = NULL;
}

// Ends a channel that cannot go on. The file that may be open is gone at once.
static void abort_channel(struct receiver *receiver, uint16_t channel, const char *why)
{
    forget(receiver, channel, why);
    struct tofu_message *message = NULL;
    if (tofu_engine_get(receiver->engine, TOFU_ALWAYS, &message) != TOFU_OK) {
        return;
    }
    struct tofu_header *header = tofu_message_header(message);
    header->channel = channel;
    header->opcode = TOFU_BYE_SIGNAL;
    // Whatever refuses even this says that the channel has ended already.
    enum tofu_status status = tofu_group_post(receiver->group, &message, NULL);
    (void)status;
    tofu_engine_put(receiver->engine, &message);
}

// Posts an answer. One that has no room belongs to a sender that does not read what it gets, and there
// is nobody else to tell it to.
static void post_answer(struct receiver *receiver, struct tofu_message **message)
{
    uint16_t channel = tofu_message_header(*message)->channel;
    enum tofu_status status = tofu_group_post(receiver->group, message, NULL);
    bool has_ended = status == TOFU_INVALID_CHANNEL_NUMBER || status == TOFU_SHUTDOWN_STARTED;
    if (status != TOFU_OK && !has_ended) {
        complain(
            "channel %u: the answer is refused: %s", (unsigned)channel, tofu_status_name(status));
        abort_channel(receiver, channel, "it does not read its answers");
    }
    tofu_engine_put(receiver->engine, message);
}

// The last Request becomes its own answer, so answering needs no memory.
static void answer_file(
    struct receiver *receiver, struct tofu_message **message, enum refusal refusal)
{
    struct tofu_header header = *tofu_message_header(*message);
    tofu_message_reset(*message);
    *tofu_message_header(*message) =
        (struct tofu_header){.channel = header.channel, .opcode = TOFU_RESPONSE, .id = header.id};
    bool is_kept = refusal == REFUSAL_NONE;
    enum tofu_status status = tofu_message_append_text(
        *message,
        is_kept ? TRANSFER_RESULT : TRANSFER_ERROR,
        is_kept ? TRANSFER_RESULT_OK : refusal_word(refusal));
    if (status != TOFU_OK) {
        abort_channel(receiver, header.channel, "no memory");
        return;
    }
    post_answer(receiver, message);
}

static void note_kept(struct receiver *receiver, const struct incoming *sender)
{
    receiver->counts.files++;
    receiver->counts.bytes += sender->received;
    receiver->is_done = receiver->counts.files >= receiver->plan->once_count;
    receiver->audience->on_kept(receiver->audience->context, sender);
}

static void take_part(
    struct receiver *receiver, struct incoming *sender, struct tofu_message **message)
{
    enum refusal refusal = REFUSAL_NONE;
    bool was_in_line = sender->state == INCOMING_WRITING;
    uint64_t received_before = sender->received;
    enum incoming_step step =
        incoming_take(sender, receiver->inbox, receiver->plan->bytes_max, *message, &refusal);
    // Requests without a body are no progress: they could come for ever.
    bool is_in_line = sender->state == INCOMING_WRITING;
    if (was_in_line && !(is_in_line && sender->received == received_before)) {
        leave_line(receiver, sender);
        was_in_line = false;
    }
    if (is_in_line && !was_in_line) {
        join_line(receiver, sender);
    }
    switch (step) {
    case STEP_MORE:
        break;
    case STEP_KEPT:
        note_kept(receiver, sender);
        answer_file(receiver, message, REFUSAL_NONE);
        break;
    case STEP_REFUSED:
        receiver->counts.refused++;
        receiver->audience->on_refused(receiver->audience->context, sender, refusal);
        answer_file(receiver, message, refusal);
        break;
    case STEP_FORBIDDEN:
        abort_channel(receiver, sender->channel, "it breaks the protocol");
        break;
    }
}

static void take_request(struct receiver *receiver, struct tofu_message **message)
{
    struct tofu_header *header = tofu_message_header(*message);
    struct incoming *sender = receiver->senders[header->channel];
    if (stats_is_asked(*message) && header->id != 0 && header->more == 0) {
        stats_answer(receiver->engine, "receive", *message);
        header->opcode = TOFU_RESPONSE;
        post_answer(receiver, message);
    } else if (sender != NULL) {
        // Without a sender the channel was aborted, and this came before it ended.
        take_part(receiver, sender, message);
    }
}

static void take_hello(struct receiver *receiver, struct tofu_message **message)
{
    struct tofu_header *header = tofu_message_header(*message);
    struct incoming *sender = incoming_create(*message);
    tofu_message_clear_texts(*message);
    header->opcode = TOFU_HELLO_RESPONSE;
    if (sender == NULL ||
        tofu_message_append_text(*message, TRANSFER_ROLE, TRANSFER_ROLE_VALUE) != TOFU_OK) {
        complain("channel %u: no memory", (unsigned)header->channel);
        incoming_destroy(receiver->inbox, &sender);
        abort_channel(receiver, header->channel, "no memory");
        return;
    }
    sender->channel = header->channel;
    receiver->senders[header->channel] = sender;
    post_answer(receiver, message);
}

static void take_message(struct receiver *receiver, struct tofu_message **message)
{
    struct tofu_header *header = tofu_message_header(*message);
    switch ((enum tofu_opcode)header->opcode) {
    case TOFU_REQUEST:
        take_request(receiver, message);
        break;
    case TOFU_HELLO_REQUEST:
        take_hello(receiver, message);
        break;
    case TOFU_BYE_REQUEST:
        header->opcode = TOFU_BYE_RESPONSE;
        post_answer(receiver, message);
        break;
    case TOFU_SIGNAL:
    case TOFU_RESPONSE:
    case TOFU_HELLO_RESPONSE:
    case TOFU_BYE_RESPONSE:
    case TOFU_BYE_SIGNAL:
    case TOFU_WELCOME_REQUEST:
    case TOFU_WELCOME_RESPONSE:
        // Nothing of a file, and nothing that asks for an answer.
        break;
    }
}

static void take_welcome(struct receiver *receiver, struct tofu_message *message)
{
    char address[TOFU_ADDRESS_BYTES_MAX];
    receiver->listeners_answered++;
    if (!listener_take_welcome(message, address)) {
        receiver->has_failed = true;
        return;
    }
    receiver->are_listeners[tofu_message_header(message)->channel] = true;
    receiver->audience->on_listening(receiver->audience->context, address);
}

static void take_closing(struct receiver *receiver, uint16_t channel, const struct closing *closing)
{
    if (receiver->are_listeners[channel] && !receiver->is_stopped) {
        receiver->has_failed = true;
        complain("a listener has ended: %s", closing->why);
    }
    // The number may come back as another channel.
    receiver->are_listeners[channel] = false;
    forget(receiver, channel, closing->why);
}

static void take_notice(struct receiver *receiver, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    struct closing closing;
    if (header->status == TOFU_RECEIVER_UPDATE) {
        receiver->is_stopped = true;
    } else if (header->opcode == TOFU_WELCOME_RESPONSE) {
        take_welcome(receiver, message);
    } else if (closing_read(message, &closing)) {
        take_closing(receiver, header->channel, &closing);
    } else if (header->status == TOFU_ACCEPT_FAILED) {
        complain("a connection could not be accepted; are there descriptors left?");
    }
    // An answer that comes back, or an empty pool, asks nothing of us.
}

// How long to wait: until the sender that was silent longest has been silent for too long.
static uint64_t patience_ns(const struct receiver *receiver)
{
    if (receiver->oldest == NULL) {
        return TOFU_WAIT_FOREVER;
    }
    uint64_t silent_ns = receiver->waited_ns - receiver->oldest->heard_ns;
    return silent_ns < receiver->plan->silence_ns ? receiver->plan->silence_ns - silent_ns : 0;
}

// Serves one message. TOFU_SHUTDOWN_STARTED ends the serving.
TOFU_NODISCARD static enum tofu_status serve_one(struct receiver *receiver)
{
    struct tofu_message *message = NULL;
    uint64_t timeout_ns = patience_ns(receiver);
    uint64_t start_ns = clock_now_ns();
    enum tofu_status status = tofu_group_wait(receiver->group, timeout_ns, &message);
    receiver->waited_ns += clock_now_ns() - start_ns;
    if (status != TOFU_OK) {
        return status;
    }
    if (message == NULL) {
        if (patience_ns(receiver) == 0) {
            abort_channel(receiver, receiver->oldest->channel, "nothing more comes");
        }
        return TOFU_OK;
    }
    if (tofu_message_header(message)->origin == TOFU_ENGINE) {
        take_notice(receiver, message);
    } else if (!receiver->is_stopped) {
        // Later than that the engine says the Byes itself, and files are over.
        take_message(receiver, &message);
    }
    tofu_engine_put(receiver->engine, &message);
    return TOFU_OK;
}

enum tofu_status receiver_listen(struct receiver *receiver, const char *address)
{
    enum tofu_status status = listener_start(receiver->engine, receiver->group, address);
    receiver->listeners_wanted++;
    while (status == TOFU_OK && !receiver->is_stopped && !receiver->has_failed &&
           receiver->listeners_answered < receiver->listeners_wanted) {
        status = serve_one(receiver);
    }
    return status;
}

enum tofu_status receiver_run(struct receiver *receiver)
{
    enum tofu_status status = TOFU_OK;
    while (status == TOFU_OK && !receiver->is_stopped && !receiver->is_done &&
           !receiver->has_failed) {
        status = serve_one(receiver);
    }
    return status;
}

enum tofu_status receiver_shutdown(struct receiver *receiver, uint64_t timeout_ns)
{
    receiver->is_stopped = true;
    forget_all(receiver, "the receiver ends");
    enum tofu_status status = tofu_engine_shutdown(receiver->engine, timeout_ns, NULL);
    if (status != TOFU_OK && status != TOFU_TIMED_OUT) {
        return status;
    }
    // What is left in the receive queue ends with the closing notices of the last channels.
    while (status == TOFU_OK || status == TOFU_TIMED_OUT) {
        status = serve_one(receiver);
    }
    return status == TOFU_SHUTDOWN_STARTED ? TOFU_OK : status;
}
