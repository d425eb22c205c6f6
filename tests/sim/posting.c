// SPDX-License-Identifier: MIT
// What an application posts, and what it enters in the books.
#include <stdio.h>
#include <string.h>

#include "sim/flow.h"

#define NOISE_BYTES (2 * TOFU_PART_BYTES_MAX)

// Bodies are cut out of one stretch of noise, which is the same in every world.
static const unsigned char *noise(void)
{
    static uint64_t words[NOISE_BYTES / sizeof(uint64_t)];
    if (words[0] == 0) {
        uint64_t state = 1;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
            words[i] = state ^ state >> 29;
        }
    }
    return (const unsigned char *)words;
}

static void fill(void *memory, size_t size)
{
    if (size > 0) {
        memcpy(memory, noise() + sim_below(NOISE_BYTES - 8 - size), size);
    }
}

// None, the most there may be, or any magnitude up to that, each as often as the others.
static size_t draw_size(size_t size_max)
{
    if (size_max == 0 || sim_chance(300)) {
        return 0;
    }
    if (sim_chance(20)) {
        return size_max;
    }
    uint64_t magnitudes = 1;
    while (size_max >> magnitudes != 0) {
        magnitudes++;
    }
    uint64_t size = UINT64_C(1) << sim_below(magnitudes);
    size = sim_between(size, 2 * size - 1);
    return (size_t)(size < size_max ? size : size_max);
}

void posting_must(enum tofu_status status, const char *what)
{
    if (status != TOFU_OK) {
        sim_fail("%s: %s", what, tofu_status_name(status));
    }
}

static void add_texts(struct application *application, struct tofu_message *message)
{
    static char value[TOFU_PART_BYTES_MAX];
    for (unsigned i = 0; i < 3 && sim_chance(250); i++) {
        char name[16];
        snprintf(name, sizeof name, "name-%u", i);
        size_t size = draw_size(application->flow->text_bytes_max) + 1;
        memset(value, 'a' + (int)sim_below(26), size);
        value[size] = '\0';
        posting_must(tofu_message_append_text(message, name, value), "append_text");
    }
}

static void add_body(struct application *application, struct tofu_message *message)
{
    void *body = NULL;
    size_t size = draw_size(application->flow->body_bytes_max);
    posting_must(tofu_message_resize_body(message, size, &body), "resize_body");
    fill(body, size);
}

// An empty pool is no error; the application tries again some other time.
struct tofu_message *posting_message(struct application *application)
{
    struct tofu_message *message = NULL;
    struct tofu_engine *engine = application->home->engine;
    enum tofu_status status;
    if (!sim_is_blocking() && sim_chance(50)) {
        sim_set_interruptible(true);
        application->is_getting = true;
        status = tofu_engine_get_within(engine, sim_below(100000), &message);
        application->is_getting = false;
        sim_set_interruptible(false);
        status = status == TOFU_TIMED_OUT ? TOFU_OK : status;
    } else {
        enum tofu_strategy strategy = sim_chance(500) ? TOFU_POOL_ONLY : TOFU_ALWAYS;
        status = tofu_engine_get(engine, strategy, &message);
        if (strategy == TOFU_ALWAYS && status == TOFU_OK && message == NULL) {
            sim_fail("no message though TOFU_ALWAYS asked for one");
        }
    }
    posting_must(status, "engine_get");
    if (message == NULL) {
        return NULL;
    }
    const struct tofu_header *header = tofu_message_header(message);
    size_t body_bytes;
    tofu_message_body(message, &body_bytes);
    struct tofu_text_iterator texts = tofu_message_texts(message);
    if (header->channel != 0 || header->opcode != 0 || header->id != 0 || header->origin != 0 ||
        header->status != 0 || header->more != 0 || body_bytes != 0 ||
        tofu_message_user(message) != NULL || tofu_text_next(&texts, NULL, NULL, NULL, NULL)) {
        sim_fail("a message from the pool is not empty");
    }
    add_texts(application, message);
    add_body(application, message);
    return message;
}

void posting_put(struct application *application, struct tofu_message **message)
{
    if (*message != NULL && sim_defect_strikes(FLOW_KEEP_MESSAGE)) {
        *message = NULL;
        return;
    }
    tofu_engine_put(application->home->engine, message);
}

// The model's own opinion, kept apart from the library's table on purpose. What follows a ByeSignal is
// accepted until the engine has seen that, and then comes back.
bool side_may_post(const struct side *side, uint8_t opcode)
{
    if (side->state != SIDE_OPEN) {
        return false;
    }
    bool has_ended = side->has_answered_bye && (!side->has_said_bye || side->has_bye_answer);
    switch (opcode) {
    case TOFU_REQUEST:
    case TOFU_RESPONSE:
    case TOFU_SIGNAL:
    case TOFU_BYE_REQUEST:
        return !side->has_said_bye && !side->has_answered_bye;
    case TOFU_HELLO_RESPONSE:
        return !side->is_connecting && !side->has_hello_answer && !side->has_said_bye &&
               !side->has_answered_bye;
    case TOFU_BYE_RESPONSE:
        return side->has_heard_bye && !side->has_answered_bye;
    case TOFU_BYE_SIGNAL:
        return !has_ended;
    default:
        return false;
    }
}

static void note_posted(struct side *side, const struct tofu_header *accepted)
{
    uint8_t opcode = accepted->opcode;
    side->said_bye_id = opcode == TOFU_BYE_REQUEST ? accepted->id : side->said_bye_id;
    side->has_hello_answer = side->has_hello_answer || opcode == TOFU_HELLO_RESPONSE;
    side->has_said_bye = side->has_said_bye || opcode == TOFU_BYE_REQUEST;
    side->has_answered_bye = side->has_answered_bye || opcode == TOFU_BYE_RESPONSE;
}

// A refusal is legal if something ended that the application has not heard of yet, or for want of room.
static void check_refusal(
    const struct application *application, enum tofu_status status, uint8_t opcode)
{
    bool is_ending = flow_engine_is_ending(application->home);
    bool is_legal = false;
    if (status == TOFU_QUEUE_FULL || status == TOFU_TIMED_OUT) {
        is_legal = opcode <= TOFU_HELLO_RESPONSE;
        sim_cover(SIM_QUEUE_FULL, status == TOFU_QUEUE_FULL);
    } else if (status == TOFU_INVALID_CHANNEL_NUMBER || status == TOFU_CHANNEL_CLOSED) {
        is_legal = !application->flow->is_gentle;
    } else if (status == TOFU_NOT_ALLOWED || status == TOFU_SHUTDOWN_STARTED) {
        is_legal = is_ending;
    } else if (status == TOFU_NOTIFICATION_FAILED) {
        is_legal = flow_engine_has_failed(application->home);
    }
    if (!is_legal) {
        sim_fail("post of opcode %u answers %s", opcode, tofu_status_name(status));
    }
}

// At once, or with patience; then a timeout must mean that there is no room.
static enum tofu_status post_somehow(
    struct application *application,
    uint64_t patience_ns,
    struct tofu_message **message,
    struct tofu_header *accepted_out)
{
    if (sim_is_blocking() || !sim_chance(100)) {
        return tofu_group_post(application->group, message, accepted_out);
    }
    enum tofu_status status =
        tofu_group_post_within(application->group, message, patience_ns, accepted_out);
    if (status != TOFU_TIMED_OUT) {
        return status;
    }
    status = tofu_group_post(application->group, message, accepted_out);
    if (status == TOFU_OK) {
        sim_fail("post_within timed out, and there is room");
    }
    sim_cover(SIM_PATIENCE_ENDED, 1);
    return status;
}

static void check_refused(
    const struct tofu_message *same,
    const struct tofu_header *before,
    struct tofu_message *message,
    enum tofu_status status)
{
    if ((status == TOFU_OK) != (message == NULL)) {
        sim_fail("post answers %s and has the message all the same", tofu_status_name(status));
    }
    if (message == NULL) {
        return;
    }
    const struct tofu_header *after = tofu_message_header(message);
    if (message != same || after->channel != before->channel || after->id != before->id) {
        sim_fail("a refused message was touched");
    }
}

enum tofu_status posting_post(
    struct application *application,
    uint64_t patience_ns,
    struct tofu_message **message,
    struct tofu_header *accepted_out)
{
    const struct tofu_message *same = *message;
    struct tofu_header before = *tofu_message_header(*message);
    enum tofu_status status = post_somehow(application, patience_ns, message, accepted_out);
    check_refused(same, &before, *message, status);
    if (status != TOFU_OK) {
        return status;
    }

    application->home->accepted++;
    uint64_t who = (uint64_t)(application - application->flow->applications);
    sim_trace("posted", accepted_out->channel, who << 16 | accepted_out->opcode);
    if (accepted_out->id == 0 || (before.id != 0 && before.id != accepted_out->id) ||
        accepted_out->opcode != before.opcode || accepted_out->more != before.more ||
        accepted_out->origin != TOFU_APPLICATION || accepted_out->status != TOFU_OK) {
        sim_fail("the header was not accepted as posted");
    }
    return TOFU_OK;
}

uint64_t posting_tag(struct application *application, struct tofu_message *message)
{
    uint64_t serial = application->flow->ledger.next_serial++;
    tofu_message_set_user(message, (void *)(uintptr_t)serial);
    return serial;
}

static void change_message(struct tofu_message *message)
{
    if (sim_defect_strikes(FLOW_CHANGE_MESSAGE)) {
        posting_must(tofu_message_append_text(message, "changed", "yes"), "append_text");
    }
}

// Where nothing goes wrong the other engine reads on, whatever we do, and so there will be room: then
// patience needs no end.
static uint64_t draw_patience(const struct side *side)
{
    const struct side *other = &side->link->sides[side->is_connecting ? 1 : 0];
    bool is_endless = side->application->flow->is_gentle && other->application != NULL &&
                      other->application->home != side->application->home;
    return is_endless ? TOFU_WAIT_FOREVER : sim_below(100000);
}

void posting_submit(
    struct application *application, struct side *side, struct tofu_message *message)
{
    struct tofu_header *header = tofu_message_header(message);
    header->channel = side->channel;
    uint8_t opcode = header->opcode;
    if (!side_may_post(side, opcode)) {
        posting_put(application, &message);
        return;
    }
    uint64_t serial = posting_tag(application, message);
    uint64_t content = message_content(message);
    change_message(message);
    struct tofu_header accepted;
    enum tofu_status status = posting_post(application, draw_patience(side), &message, &accepted);
    if (status != TOFU_OK) {
        // Blocking may have brought news in between, so what the side is now decides.
        if (side->state == SIDE_OPEN) {
            check_refusal(application, status, opcode);
        }
        posting_put(application, &message);
        return;
    }
    ledger_accepted(&application->flow->ledger, side, &accepted, content, serial);
    note_posted(side, &accepted);
    application->home->consumed += opcode == TOFU_BYE_SIGNAL ? 1 : 0;
}

void posting_bye(struct application *application, struct side *side, uint8_t opcode)
{
    if (!side_may_post(side, opcode)) {
        return;
    }
    struct tofu_message *message = posting_message(application);
    if (message == NULL) {
        return;
    }
    struct tofu_header *header = tofu_message_header(message);
    header->opcode = opcode;
    header->id = opcode == TOFU_BYE_RESPONSE ? side->heard_bye_id : 0;
    posting_submit(application, side, message);
}

static struct side *choose_side(struct application *application)
{
    struct side *chosen = NULL;
    uint64_t seen = 0;
    for (struct link *link = application->flow->ledger.links; link != NULL; link = link->next) {
        for (int i = 0; i < 2; i++) {
            struct side *side = &link->sides[i];
            bool may_post = side->application == application && side_may_post(side, TOFU_REQUEST);
            if (may_post && sim_below(++seen) == 0) {
                chosen = side;
            }
        }
    }
    return chosen;
}

// A part of a stream that has begun, or something new.
void posting_part(struct application *application)
{
    bool goes_on = application->stream != NULL && side_may_post(application->stream, TOFU_REQUEST);
    struct side *side = goes_on ? application->stream : choose_side(application);
    struct tofu_message *message = side == NULL ? NULL : posting_message(application);
    if (message == NULL) {
        return;
    }
    struct tofu_header *header = tofu_message_header(message);
    header->opcode = goes_on || sim_chance(600) ? TOFU_REQUEST : TOFU_SIGNAL;
    header->more = sim_chance(300);
    header->id = goes_on ? application->stream_id : 0;
    if (header->more && !goes_on) {
        header->id = (UINT64_C(1) << 60) + application->flow->ledger.next_serial;
    }
    application->stream = header->more ? side : NULL;
    application->stream_id = header->id;
    posting_submit(application, side, message);
}
