// SPDX-License-Identifier: MIT
#include "echo_client.h"

#include <inttypes.h>
#include <string.h>

#include "os/clock.h"

#define LABEL_NAME "file"

static const char *address_of(const struct echo_run *run, const struct echo_client *client)
{
    return run->plan->addresses->texts[echo_run_address_of(run, client)];
}

void echo_client_connect(struct echo_run *run, struct echo_client *client)
{
    struct tofu_message *message = NULL;
    struct tofu_header accepted;
    enum tofu_status status = tofu_engine_get(run->engine, TOFU_ALWAYS, &message);
    if (status == TOFU_OK) {
        status = tofu_message_connect_to(message, address_of(run, client));
    }
    if (status == TOFU_OK) {
        status = tofu_group_post(run->group, &message, &accepted);
    }
    tofu_engine_put(run->engine, &message);
    if (status != TOFU_OK) {
        echo_run_give_up(run, status);
        return;
    }
    client->channel = accepted.channel;
    client->state = CLIENT_CONNECTING;
    run->by_channel[accepted.channel] = client;
}

// Posts a message without texts and body. A refusal means that the channel ends already, and the
// closing notice will tell.
static void post_plain(struct echo_run *run, struct echo_client *client, enum tofu_opcode opcode)
{
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_engine_get(run->engine, TOFU_ALWAYS, &message);
    if (status != TOFU_OK) {
        echo_run_give_up(run, status);
        return;
    }
    struct tofu_header *header = tofu_message_header(message);
    header->opcode = (uint8_t)opcode;
    header->channel = client->channel;
    status = tofu_group_post(run->group, &message, NULL);
    (void)status;
    tofu_engine_put(run->engine, &message);
}

// The failure is noted. What the client still has on its way is of no interest any more.
static void abort_client(struct echo_run *run, struct echo_client *client)
{
    client->has_failed = true;
    post_plain(run, client, TOFU_BYE_SIGNAL);
}

static uint64_t id_of(const struct echo_client *client, const struct part *part)
{
    return (uint64_t)(client->number + 1) << 32 | (part->stream + 1);
}

TOFU_NODISCARD static enum tofu_status fill(
    const struct echo_run *run,
    const struct echo_client *client,
    const struct part *part,
    struct tofu_message *message)
{
    struct tofu_header *header = tofu_message_header(message);
    header->channel = client->channel;
    header->opcode = TOFU_REQUEST;
    header->id = id_of(client, part);
    header->more = !part->is_last;

    void *body = NULL;
    enum tofu_status status = tofu_message_resize_body(message, part->size, &body);
    if (status != TOFU_OK) {
        return status;
    }
    payload_write(run->plan->payload, part, client->number, body);
    if (run->plan->payload->files == NULL || !part->is_first) {
        return TOFU_OK;
    }
    char label[PART_LABEL_BYTES_MAX];
    part_label(part, label);
    return tofu_message_append_text(message, LABEL_NAME, label);
}

// Returns false if nothing more can be sent for the time being.
static bool send_part(struct echo_run *run, struct echo_client *client)
{
    struct part part = payload_part(run->plan->payload, client->sent);
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_engine_get(run->engine, TOFU_ALWAYS, &message);
    if (status == TOFU_OK) {
        status = fill(run, client, &part, message);
    }
    if (status != TOFU_OK) {
        tofu_engine_put(run->engine, &message);
        echo_run_give_up(run, status);
        return false;
    }
    client->sent_ns[client->sent % run->plan->window] = clock_now_ns();
    status = tofu_group_post(run->group, &message, NULL);
    tofu_engine_put(run->engine, &message);
    if (status == TOFU_OK) {
        client->sent++;
        return true;
    }
    // A full queue has parts on their way, and the next answer brings us here again. A dead channel has
    // its closing notice on the way.
    if (status != TOFU_QUEUE_FULL && status != TOFU_INVALID_CHANNEL_NUMBER) {
        echo_run_note_failure(
            run,
            "client %" PRIu32 ": a part was refused: %s",
            client->number,
            tofu_status_name(status));
        abort_client(run, client);
    }
    return false;
}

void echo_client_go_on(struct echo_run *run, struct echo_client *client)
{
    uint64_t part_count = run->plan->payload->part_count;
    client->state = CLIENT_RUNNING;
    while (client->sent < part_count && client->sent - client->verified < run->plan->window) {
        if (!send_part(run, client)) {
            return;
        }
    }
    if (client->verified == part_count) {
        client->state = CLIENT_ENDING;
        post_plain(run, client, TOFU_BYE_REQUEST);
    }
}

// Returns what is wrong with a Response, or NULL.
static const char *wrong_envelope(
    const struct echo_run *run,
    const struct echo_client *client,
    const struct part *part,
    struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    if (header->id != id_of(client, part)) {
        return "another id";
    }
    if (header->more != (part->is_last ? 0 : 1)) {
        return "another 'more' flag";
    }
    struct tofu_text_iterator texts = tofu_message_texts(message);
    const char *name = NULL;
    const char *value = NULL;
    size_t name_size = 0;
    size_t value_size = 0;
    bool has_text = tofu_text_next(&texts, &name, &name_size, &value, &value_size);
    bool wants_text = run->plan->payload->files != NULL && part->is_first;
    if (has_text != wants_text || tofu_text_next(&texts, NULL, NULL, NULL, NULL)) {
        return "another number of text headers";
    }
    if (!has_text) {
        return NULL;
    }
    char label[PART_LABEL_BYTES_MAX];
    part_label(part, label);
    bool is_name = name_size == strlen(LABEL_NAME) && memcmp(name, LABEL_NAME, name_size) == 0;
    bool is_value = value_size == strlen(label) && memcmp(value, label, value_size) == 0;
    return is_name && is_value ? NULL : "another text header";
}

static bool has_expected_body(
    const struct echo_run *run,
    const struct echo_client *client,
    const struct part *part,
    const struct tofu_message *message)
{
    size_t size = 0;
    const void *body = tofu_message_body(message, &size);
    if (size != part->size) {
        return false;
    }
    payload_write(run->plan->payload, part, client->number, run->expected);
    return size == 0 || memcmp(body, run->expected, size) == 0;
}

static void note_verified(struct echo_run *run, struct echo_client *client, const struct part *part)
{
    struct echo_result *result = &run->results[echo_run_address_of(run, client)];
    uint64_t now_ns = clock_now_ns();
    histogram_add(
        &result->round_trips, now_ns - client->sent_ns[client->verified % run->plan->window]);
    client->verified++;
    result->parts_verified++;
    result->bytes_verified += part->size;
    result->streams_verified += part->is_last;
    result->last_answer_ns = now_ns - run->start_ns;
}

// Answers come in the order of their questions, so the next one is known before it is there.
static void take_answer(
    struct echo_run *run, struct echo_client *client, struct tofu_message *message)
{
    if (client->has_failed) {
        return;
    }
    const char *wrong = "nothing was asked";
    struct part part = {0};
    if (client->verified < client->sent) {
        part = payload_part(run->plan->payload, client->verified);
        wrong = wrong_envelope(run, client, &part, message);
        if (wrong == NULL && !has_expected_body(run, client, &part, message)) {
            wrong = "other bytes";
        }
    }
    if (wrong != NULL) {
        run->mismatch_count++;
        echo_run_note_failure(
            run,
            "client %" PRIu32 ", part %" PRIu64 ": the answer is wrong: %s",
            client->number,
            client->verified,
            wrong);
        abort_client(run, client);
        return;
    }
    note_verified(run, client, &part);
    echo_client_go_on(run, client);
}

static void take_bye(
    struct echo_run *run, struct echo_client *client, struct tofu_message **message)
{
    // When both sides say Bye at once, each answers the other and nothing is wrong.
    if (client->state != CLIENT_ENDING && !client->has_failed) {
        client->has_failed = true;
        echo_run_note_failure(
            run,
            "client %" PRIu32 ": the server said Bye after %" PRIu64 " of %" PRIu64 " parts",
            client->number,
            client->verified,
            run->plan->payload->part_count);
    }
    tofu_message_header(*message)->opcode = TOFU_BYE_RESPONSE;
    // A refusal means that the channel has ended; the closing notice tells why.
    enum tofu_status status = tofu_group_post(run->group, message, NULL);
    (void)status;
}

static void note_ending(
    struct echo_run *run, struct echo_client *client, struct tofu_message *message)
{
    const char *reason = "";
    const char *detail = "";
    size_t reason_size = 0;
    size_t detail_size = 0;
    (void)tofu_message_find_text(message, "~reason", &reason, &reason_size);
    (void)tofu_message_find_text(message, "~detail", &detail, &detail_size);
    const char *graceful = tofu_status_name(TOFU_OK);
    bool is_graceful =
        reason_size == strlen(graceful) && memcmp(reason, graceful, reason_size) == 0;

    run->results[echo_run_address_of(run, client)].ended_gracefully += is_graceful;
    if (client->has_failed || (is_graceful && client->state == CLIENT_ENDING)) {
        return;
    }
    client->has_failed = true;
    bool was_connecting = client->state == CLIENT_CONNECTING;
    run->is_unreachable |= was_connecting;
    echo_run_note_failure(
        run,
        "client %" PRIu32 ": %s %s: %.*s%s%.*s",
        client->number,
        was_connecting ? "could not connect to" : "lost the connection to",
        address_of(run, client),
        (int)reason_size,
        reason,
        detail_size > 0 ? ": " : "",
        (int)detail_size,
        detail);
}

static void take_closing(
    struct echo_run *run, struct echo_client *client, struct tofu_message *message)
{
    note_ending(run, client, message);
    run->by_channel[client->channel] = NULL;
    client->state = CLIENT_ENDED;
    run->ended_count++;
}

void echo_client_take(
    struct echo_run *run, struct echo_client *client, struct tofu_message **message)
{
    const struct tofu_header *header = tofu_message_header(*message);
    if (header->origin == TOFU_ENGINE) {
        // What comes back undelivered says no more than the closing notice behind it.
        if (tofu_message_find_text(*message, "~reason", NULL, NULL)) {
            take_closing(run, client, *message);
        }
        return;
    }
    if (header->opcode == TOFU_HELLO_RESPONSE && client->state == CLIENT_CONNECTING) {
        client->state = CLIENT_CONNECTED;
        run->connected_count++;
    } else if (header->opcode == TOFU_RESPONSE) {
        take_answer(run, client, *message);
    } else if (header->opcode == TOFU_BYE_REQUEST) {
        take_bye(run, client, message);
    } else if (header->opcode != TOFU_BYE_RESPONSE && !client->has_failed) {
        echo_run_note_failure(
            run, "client %" PRIu32 ": the peer is no echo server", client->number);
        abort_client(run, client);
    }
}
