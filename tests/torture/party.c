// SPDX-License-Identifier: MIT
#include "torture/party.h"

#include <string.h>

#include "support/machine.h"
#include "torture/payload.h"

// Byte by byte, with every other call in vain, the longest part takes long on a busy machine.
static uint64_t patience_ns(const struct scene *scene)
{
    return scene->fault->is_played_to_the_end ? 3 * SCENE_PATIENCE_NS : SCENE_PATIENCE_NS;
}

// Between two looks at whether a wait still makes sense.
#define SLICE_NS (UINT64_C(10) * 1000000)

bool party_open(struct party *party, struct scene *scene, struct engine_place *place)
{
    *party = (struct party){.scene = scene, .place = place};
    if (place->engine == NULL) {
        return false;
    }
    enum tofu_status status = tofu_group_create(place->engine, &party->group);
    if ((status == TOFU_OK) != (party->group != NULL)) {
        scene_complain(scene, "tofu_group_create: %s and no group", tofu_status_name(status));
    }
    party_note_death(party, status);
    return scene_succeeds(scene, "tofu_group_create", status);
}

void party_close(struct party *party)
{
    tofu_group_destroy(&party->group);
}

void party_note_death(struct party *party, enum tofu_status status)
{
    if (status != TOFU_NOTIFICATION_FAILED) {
        return;
    }
    if (!party->scene->fault->may_kill_engine) {
        scene_complain(party->scene, "the poller was lost");
    }
    real_monitor_enter(&party->scene->monitor);
    party->place->is_dead = true;
    real_monitor_leave(&party->scene->monitor);
}

bool is_closing_notice(const struct tofu_message *message)
{
    return tofu_message_find_text(message, "~reason", NULL, NULL);
}

static enum tofu_status status_of_name(const char *name, size_t size)
{
    for (int value = 0; value < 256; value++) {
        const char *known = tofu_status_name((enum tofu_status)value);
        if (strlen(known) == size && memcmp(known, name, size) == 0) {
            return (enum tofu_status)value;
        }
    }
    return TOFU_UNKNOWN_ERROR;
}

// How a connection that the peer leaves shows, whenever one looks.
static bool is_break(enum tofu_status status)
{
    return status == TOFU_PEER_DISCONNECTED || status == TOFU_CHANNEL_CLOSED ||
           status == TOFU_INVALID_CHANNEL_NUMBER || status == TOFU_SHUTDOWN_STARTED;
}

// Breaks are an accident only to who does not let peers leave at will.
static void note_status(struct party *party, const char *what, enum tofu_status status)
{
    if (!is_break(status) || !party->is_left_at_will) {
        (void)scene_succeeds(party->scene, what, status);
    }
}

static void check_closing_notice(struct party *party, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    const char *name = "";
    size_t size = 0;
    (void)tofu_message_find_text(message, "~reason", &name, &size);
    if (!book_close(&party->book, header->channel)) {
        scene_complain(
            party->scene,
            "a closing notice (%.*s) of channel %u, which is not open",
            (int)size,
            name,
            header->channel);
    }
    if (header->opcode != TOFU_SIGNAL || header->status != TOFU_CHANNEL_CLOSED) {
        scene_complain(party->scene, "a closing notice with opcode %u", header->opcode);
    }
    enum tofu_status reason = status_of_name(name, size);
    bool says_bye = party->book.says_bye[header->channel % BOOK_CHANNELS_MAX];
    if (says_bye || !is_break(reason)) {
        (void)scene_succeeds(party->scene, "a channel", reason);
    }
}

// A server that waits too long for a HelloRequest resets the connection and tells nobody: its peer cannot know
// that it was a deadline, and may not even have seen that it was connected.
static void note_silent_deadline(struct party *party, const struct tofu_header *header)
{
    bool may_be_late =
        header->status == TOFU_PEER_DISCONNECTED || header->status == TOFU_CONNECT_FAILED;
    if (header->opcode == TOFU_HELLO_RESPONSE && may_be_late) {
        real_monitor_enter(&party->scene->monitor);
        party->scene->missed_time = true;
        party->scene->has_missed_time = true;
        real_monitor_leave(&party->scene->monitor);
    }
}

// The engine may report what excuses itself, and what an application always has to live with.
static void check_notice(struct party *party, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    note_silent_deadline(party, header);
    if (header->status != TOFU_RECEIVER_UPDATE && header->status != TOFU_POOL_EMPTY) {
        note_status(party, "a message that came back", (enum tofu_status)header->status);
    }
}

static bool opens_channel(const struct tofu_header *header)
{
    return (header->origin == TOFU_APPLICATION && header->opcode == TOFU_HELLO_REQUEST) ||
           header->opcode == TOFU_WELCOME_RESPONSE;
}

static void check_message(struct party *party, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    if (opens_channel(header) && !book_open(&party->book, header->channel)) {
        scene_complain(party->scene, "channel %u was opened twice", header->channel);
    }
    if (is_closing_notice(message)) {
        check_closing_notice(party, message);
        return;
    }
    if (header->channel != 0 && !book_has(&party->book, header->channel)) {
        scene_complain(
            party->scene,
            "a message (opcode %u) of channel %u, which is not open",
            header->opcode,
            header->channel);
    }
    if (header->origin == TOFU_ENGINE) {
        check_notice(party, message);
    }
}

// Only a scene that is played to the end can be compared with another.
static void digest_message(struct scene *scene, struct tofu_message *message)
{
    if (!scene->fault->is_played_to_the_end) {
        return;
    }
    uint64_t digest = payload_digest(message);
    real_monitor_enter(&scene->monitor);
    // How often reading rests is a matter of time.
    scene->digest += tofu_message_header(message)->status == TOFU_POOL_EMPTY ? 0 : digest;
    real_monitor_leave(&scene->monitor);
}

struct tofu_message *party_take(struct party *party, uint64_t timeout_ns)
{
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_group_wait(party->group, timeout_ns, &message);
    if (message != NULL) {
        if (status != TOFU_OK) {
            scene_complain(
                party->scene, "tofu_group_wait: a message and %s", tofu_status_name(status));
        }
        check_message(party, message);
        digest_message(party->scene, message);
        return message;
    }
    party->has_ended = status != TOFU_OK;
    party_note_death(party, status);
    if (status != TOFU_OK && status != TOFU_SHUTDOWN_STARTED &&
        status != TOFU_NOTIFICATION_FAILED) {
        scene_complain(party->scene, "tofu_group_wait: %s", tofu_status_name(status));
    }
    return NULL;
}

struct tofu_message *party_await(struct party *party)
{
    uint64_t deadline_ns = machine_now() + patience_ns(party->scene);
    for (;;) {
        bool may_give_up = scene_may_give_up(party->scene);
        struct tofu_message *message = party_take(party, SLICE_NS);
        if (message != NULL || party->has_ended) {
            return message;
        }
        if (may_give_up) {
            scene_miss(party->scene, "something that did not come", TOFU_OK);
            return NULL;
        }
        if (machine_now() >= deadline_ns) {
            scene_complain(party->scene, "nothing came, and nothing said that nothing will");
            return NULL;
        }
    }
}

void party_drain(struct party *party)
{
    if (party->group == NULL) {
        return;
    }
    uint64_t deadline_ns = machine_now() + SCENE_PATIENCE_NS;
    while (!party->has_ended && machine_now() < deadline_ns) {
        party_put(party, party_take(party, SLICE_NS));
    }
    if (!party->has_ended) {
        scene_complain(party->scene, "a group does not hear that the engine has ended");
    } else if (party->book.open_count > 0) {
        scene_complain(party->scene, "%zu channels had no closing notice", party->book.open_count);
    }
}

struct tofu_message *party_get(struct party *party)
{
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_engine_get(party->place->engine, TOFU_ALWAYS, &message);
    if ((status == TOFU_OK) != (message != NULL)) {
        scene_complain(
            party->scene, "tofu_engine_get: %s and no message", tofu_status_name(status));
    }
    (void)scene_succeeds(party->scene, "tofu_engine_get", status);
    return message;
}

void party_put(struct party *party, struct tofu_message *message)
{
    tofu_engine_put(party->place->engine, &message);
}

static const char *post_name(uint8_t opcode)
{
    static const char *const names[] = {
        "posting a Request",
        "posting a Response",
        "posting a Signal",
        "posting a HelloRequest",
        "posting a HelloResponse",
        "posting a ByeRequest",
        "posting a ByeResponse",
        "posting a ByeSignal",
        "posting a WelcomeRequest",
        "posting a WelcomeResponse"};
    return opcode < sizeof names / sizeof names[0] ? names[opcode] : "posting";
}

enum tofu_status party_post(
    struct party *party, struct tofu_message *message, struct tofu_header *accepted)
{
    struct tofu_header header = *tofu_message_header(message);
    enum tofu_status status = tofu_group_post(party->group, &message, accepted);
    if ((status == TOFU_OK) != (message == NULL)) {
        scene_complain(
            party->scene,
            "tofu_group_post: %s, and the message is %s",
            tofu_status_name(status),
            message == NULL ? "taken" : "still there");
    }
    party_note_death(party, status);
    party_put(party, message);
    // An engine that shuts down answers by itself, and may be faster.
    bool is_late = header.opcode == TOFU_BYE_RESPONSE && status == TOFU_NOT_ALLOWED;
    if (!is_late) {
        note_status(party, post_name(header.opcode), status);
    }
    return status;
}
