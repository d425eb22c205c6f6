// SPDX-License-Identifier: MIT
#include "torture/responder.h"

#include <stdio.h>
#include <string.h>

#include "support/machine.h"
#include "torture/payload.h"
#include "torture/real_calls.h"

// Without a peer that hears it, the channel has to end, or the peer would wait for ever.
static void give_up_channel(struct party *party, uint16_t channel)
{
    struct tofu_message *message = NULL;
    if (!book_has(&party->book, channel) ||
        tofu_engine_get(party->place->engine, TOFU_ALWAYS, &message) != TOFU_OK) {
        return;
    }
    tofu_message_header(message)->channel = channel;
    tofu_message_header(message)->opcode = TOFU_BYE_SIGNAL;
    (void)party_post(party, message, NULL);
}

static void answer(struct party *party, struct tofu_message *message, enum tofu_opcode opcode)
{
    uint16_t channel = tofu_message_header(message)->channel;
    tofu_message_header(message)->opcode = (uint8_t)opcode;
    if (party_post(party, message, NULL) != TOFU_OK) {
        give_up_channel(party, channel);
    }
}

// Some answers are a copy, where there is memory for one.
static void answer_request(struct responder *responder, struct tofu_message *message)
{
    struct party *party = &responder->party;
    uint16_t channel = tofu_message_header(message)->channel;
    uint32_t *next = &responder->next_part[channel % BOOK_CHANNELS_MAX];
    uint32_t index = payload_index(message);
    if (index != *next || !payload_is_whole(message)) {
        scene_complain(party->scene, "the server got part %u, wanted %u, whole", index, *next);
    }
    (*next)++;
    struct tofu_message *copy = NULL;
    if (index % 4 == 3 &&
        scene_succeeds(party->scene, "tofu_message_clone", tofu_message_clone(message, &copy))) {
        party_put(party, message);
        message = copy;
    }
    answer(party, message, TOFU_RESPONSE);
}

static void note_welcome(struct responder *responder, struct tofu_message *message)
{
    struct scene *scene = responder->party.scene;
    const struct tofu_header *header = tofu_message_header(message);
    const char *address = NULL;
    size_t size = 0;
    bool has_address = tofu_message_find_text(message, "~listen_on", &address, &size);
    if (!has_address || size >= TOFU_ADDRESS_BYTES_MAX) {
        scene_complain(scene, "a WelcomeResponse without an address");
        size = 0;
    }
    real_monitor_enter(&scene->monitor);
    (void)snprintf(scene->address, sizeof scene->address, "%.*s", (int)size, address);
    real_monitor_leave(&scene->monitor);

    real_monitor_enter(&responder->monitor);
    responder->is_answered = true;
    responder->listener = header->status == TOFU_OK ? header->channel : 0;
    real_monitor_tell(&responder->monitor);
    real_monitor_leave(&responder->monitor);
}

static void note_closing(struct responder *responder, struct tofu_message *message)
{
    real_monitor_enter(&responder->monitor);
    if (responder->listener == tofu_message_header(message)->channel) {
        responder->listener = 0;
    }
    real_monitor_leave(&responder->monitor);
}

static void handle_notice(struct responder *responder, struct tofu_message *message)
{
    if (is_closing_notice(message)) {
        note_closing(responder, message);
    } else if (tofu_message_header(message)->opcode == TOFU_WELCOME_RESPONSE) {
        note_welcome(responder, message);
    }
    party_put(&responder->party, message);
}

static void handle(struct responder *responder, struct tofu_message *message)
{
    struct party *party = &responder->party;
    const struct tofu_header *header = tofu_message_header(message);
    if (header->origin == TOFU_ENGINE) {
        handle_notice(responder, message);
        return;
    }
    switch (header->opcode) {
    case TOFU_HELLO_REQUEST:
        responder->next_part[header->channel % BOOK_CHANNELS_MAX] = 0;
        tofu_message_clear_texts(message);
        answer(party, message, TOFU_HELLO_RESPONSE);
        return;
    case TOFU_REQUEST:
        answer_request(responder, message);
        return;
    case TOFU_BYE_REQUEST:
        book_say_bye(&party->book, header->channel);
        answer(party, message, TOFU_BYE_RESPONSE);
        return;
    case TOFU_BYE_RESPONSE: // To the ByeRequest that the engine said at its shutdown.
        party_put(party, message);
        return;
    default:
        scene_complain(party->scene, "the server got opcode %u", header->opcode);
        party_put(party, message);
    }
}

static void responder_run(void *argument)
{
    struct responder *responder = argument;
    while (!responder->party.has_ended) {
        struct tofu_message *message = party_take(&responder->party, SCENE_PATIENCE_NS);
        if (message != NULL) {
            handle(responder, message);
        }
    }
    real_monitor_enter(&responder->monitor);
    responder->has_ended = true;
    real_monitor_tell(&responder->monitor);
    real_monitor_leave(&responder->monitor);
}

bool responder_open(struct responder *responder, struct scene *scene)
{
    memset(responder, 0, sizeof *responder);
    real_monitor_open(&responder->monitor);
    if (!party_open(&responder->party, scene, scene_server_place(scene))) {
        return false;
    }
    responder->party.is_left_at_will = true;
    responder->is_running = real_thread_start(&responder->thread, responder_run, responder);
    if (!responder->is_running) {
        scene_complain(scene, "the test has no thread");
    }
    return responder->is_running;
}

// Fresh for each listener, so that what a failure has left of an earlier one is not in its way.
static bool write_address(struct scene *scene, char *address)
{
    static unsigned number;
    number++;
    const char *wanted = scene->kind->listen_on;
    if (wanted != NULL && wanted[0] != '@') {
        (void)snprintf(address, TOFU_ADDRESS_BYTES_MAX, "%s", wanted);
        return true;
    }
    char path[TOFU_PATH_BYTES_MAX + 1];
    const char *mark = wanted != NULL ? "@" : "";
    (void)snprintf(path, sizeof path, "%s%s%u", mark, scene->path, number);
    (void)snprintf(address, TOFU_ADDRESS_BYTES_MAX, "uds|%s", path);
    return !scene->kind->is_replacing || real_leave_dead_socket(path);
}

static bool await_welcome(struct responder *responder)
{
    struct scene *scene = responder->party.scene;
    uint64_t deadline_ns = machine_now() + SCENE_PATIENCE_NS;
    real_monitor_enter(&responder->monitor);
    while (!responder->is_answered && !responder->has_ended && machine_now() < deadline_ns) {
        real_monitor_wait(&responder->monitor);
    }
    bool is_answered = responder->is_answered;
    bool is_listening = responder->listener != 0;
    bool has_ended = responder->has_ended;
    real_monitor_leave(&responder->monitor);
    if (!is_answered && !has_ended) {
        scene_complain(scene, "a WelcomeRequest has no answer");
    }
    return is_listening;
}

// The client may know the host by another name than the listener.
static void rewrite_host(struct scene *scene)
{
    const char *host = scene->kind->connect_to;
    real_monitor_enter(&scene->monitor);
    struct tofu_address address;
    if (host != NULL && tofu_address_parse(scene->address, &address) == TOFU_OK) {
        (void)snprintf(address.host, sizeof address.host, "%s", host);
        (void)!tofu_address_format(&address, scene->address, sizeof scene->address);
    }
    real_monitor_leave(&scene->monitor);
}

bool responder_listen(struct responder *responder)
{
    struct party *party = &responder->party;
    struct scene *scene = party->scene;
    char address[TOFU_ADDRESS_BYTES_MAX];
    struct tofu_message *message = party_get(party);
    if (message == NULL) {
        return false;
    }
    if (!write_address(scene, address)) {
        scene_complain(scene, "the test cannot leave a dead socket");
    }
    if (!scene_succeeds(
            scene, "tofu_message_listen_on", tofu_message_listen_on(message, address))) {
        party_put(party, message);
        return false;
    }
    real_monitor_enter(&responder->monitor);
    responder->is_answered = false;
    real_monitor_leave(&responder->monitor);
    if (party_post(party, message, NULL) != TOFU_OK || !await_welcome(responder)) {
        return false;
    }
    rewrite_host(scene);
    return true;
}

bool responder_is_listening(struct responder *responder)
{
    if (!responder->is_running) {
        return false;
    }
    real_monitor_enter(&responder->monitor);
    bool is_listening = responder->listener != 0 && !responder->has_ended;
    real_monitor_leave(&responder->monitor);
    return is_listening;
}

// A wait that does not return is for the watchdog, which is faster.
#define JOIN_NS (UINT64_C(600) * 1000000000)

static void join(struct responder *responder)
{
    (void)test_thread_join(&responder->thread, JOIN_NS);
    responder->is_running = false;
}

void responder_join(struct responder *responder)
{
    if (responder->is_running) {
        join(responder);
        party_drain(&responder->party);
    }
}

// The thread goes on looking at its own pointer meanwhile.
void responder_close(struct responder *responder)
{
    struct tofu_group *group = responder->party.group;
    tofu_group_destroy(&group);
    if (responder->is_running) {
        join(responder);
    }
    responder->party.group = NULL;
}
