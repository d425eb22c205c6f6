// SPDX-License-Identifier: MIT
#include "echo_server.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "listener.h"
#include "os/clock.h"
#include "stats_report.h"

// Nothing tells that a send queue has room again, so held answers are tried anew this often.
#define RETRY_NS (1 * NS_PER_MS)

enum tofu_status echo_server_open(
    struct echo_server *server,
    struct tofu_engine *engine,
    struct tofu_group *group,
    echo_listening on_listening,
    void *context)
{
    *server = (struct echo_server){
        .engine = engine, .group = group, .on_listening = on_listening, .context = context};
    server->peers = calloc(CHANNEL_NUMBER_COUNT, sizeof *server->peers);
    server->holding = calloc(CHANNEL_NUMBER_COUNT, sizeof *server->holding);
    if (server->peers == NULL || server->holding == NULL) {
        echo_server_close(server);
        return TOFU_ALLOCATION_FAILED;
    }
    return TOFU_OK;
}

static struct tofu_message *take_held(struct echo_peer *peer)
{
    struct tofu_message *message = peer->first_held;
    if (message != NULL) {
        peer->first_held = tofu_message_user(message);
        tofu_message_set_user(message, NULL);
    }
    if (peer->first_held == NULL) {
        peer->last_held = NULL;
    }
    return message;
}

static void drop_held(struct echo_server *server, struct echo_peer *peer)
{
    struct tofu_message *message = take_held(peer);
    for (; message != NULL; message = take_held(peer)) {
        tofu_engine_put(server->engine, &message);
    }
}

void echo_server_close(struct echo_server *server)
{
    for (size_t index = 0; index < server->holding_count; index++) {
        drop_held(server, &server->peers[server->holding[index]]);
    }
    free(server->peers);
    free(server->holding);
    server->peers = NULL;
    server->holding = NULL;
    server->holding_count = 0;
}

static void hold(struct echo_server *server, uint16_t channel, struct tofu_message *message)
{
    struct echo_peer *peer = &server->peers[channel];
    if (peer->last_held == NULL) {
        peer->first_held = message;
        server->holding[server->holding_count] = channel;
        server->holding_count++;
    } else {
        tofu_message_set_user(peer->last_held, message);
    }
    peer->last_held = message;
}

// A peer whose question cannot be answered would wait for ever: better that it knows.
static void abort_channel(
    struct echo_server *server, struct tofu_message **message, enum tofu_status why)
{
    struct tofu_header *header = tofu_message_header(*message);
    uint16_t channel = header->channel;
    complain("channel %u: the answer is refused: %s", (unsigned)channel, tofu_status_name(why));
    tofu_message_reset(*message);
    header->channel = channel;
    header->opcode = TOFU_BYE_SIGNAL;
    // Whatever refuses even this says that the channel has ended already.
    enum tofu_status status = tofu_group_post(server->group, message, NULL);
    (void)status;
    tofu_engine_put(server->engine, message);
}

// Posts an answer. Returns false if it has to wait for room in the channel's queue, and stays here.
static bool post_answer(struct echo_server *server, struct tofu_message **message)
{
    uint8_t opcode = tofu_message_header(*message)->opcode;
    enum tofu_status status = tofu_group_post(server->group, message, NULL);
    switch ((int)status) {
    case TOFU_OK:
        server->counts.messages += opcode == TOFU_RESPONSE || opcode == TOFU_SIGNAL;
        return true;
    case TOFU_QUEUE_FULL:
        return false;
    case TOFU_INVALID_CHANNEL_NUMBER:
    case TOFU_SHUTDOWN_STARTED:
        // Nobody is left to answer; the closing notice is on its way.
        tofu_engine_put(server->engine, message);
        return true;
    default:
        abort_channel(server, message, status);
        return true;
    }
}

static void try_held_again(struct echo_server *server)
{
    size_t still_holding_count = 0;
    for (size_t index = 0; index < server->holding_count; index++) {
        uint16_t channel = server->holding[index];
        struct echo_peer *peer = &server->peers[channel];
        bool has_room = true;
        while (has_room && peer->first_held != NULL) {
            struct tofu_message *message = peer->first_held;
            struct tofu_message *next = tofu_message_user(message);
            tofu_message_set_user(message, NULL);
            has_room = post_answer(server, &message);
            if (has_room) {
                peer->first_held = next;
            } else {
                tofu_message_set_user(message, next);
            }
        }
        if (peer->first_held != NULL) {
            server->holding[still_holding_count] = channel;
            still_holding_count++;
        } else {
            peer->last_held = NULL;
        }
    }
    server->holding_count = still_holding_count;
}

// The received message becomes its own answer: id, texts, body and `more` stay as they are.
static void answer(struct echo_server *server, struct tofu_message **message)
{
    struct tofu_header *header = tofu_message_header(*message);
    switch ((enum tofu_opcode)header->opcode) {
    case TOFU_REQUEST:
        if (stats_is_asked(*message)) {
            stats_answer(server->engine, "echo-server", *message);
        }
        header->opcode = TOFU_RESPONSE;
        break;
    case TOFU_HELLO_REQUEST:
        header->opcode = TOFU_HELLO_RESPONSE;
        break;
    case TOFU_BYE_REQUEST:
        header->opcode = TOFU_BYE_RESPONSE;
        break;
    case TOFU_SIGNAL:
        break;
    case TOFU_RESPONSE:
    case TOFU_HELLO_RESPONSE:
    case TOFU_BYE_RESPONSE:
    case TOFU_BYE_SIGNAL:
    case TOFU_WELCOME_REQUEST:
    case TOFU_WELCOME_RESPONSE:
        // An answer asks for none.
        tofu_engine_put(server->engine, message);
        return;
    }
    // What is held goes first: answers keep the order of their questions.
    uint16_t channel = header->channel;
    bool must_wait = server->peers[channel].first_held != NULL;
    if (must_wait || !post_answer(server, message)) {
        hold(server, channel, *message);
        *message = NULL;
    }
}

static void take_welcome(struct echo_server *server, struct tofu_message *message)
{
    char address[TOFU_ADDRESS_BYTES_MAX];
    server->listeners_answered++;
    if (!listener_take_welcome(message, address)) {
        server->has_failed = true;
        return;
    }
    server->peers[tofu_message_header(message)->channel].is_listener = true;
    server->on_listening(server->context, address);
}

static void take_closing(struct echo_server *server, struct tofu_message *message)
{
    const char *reason = "";
    size_t size = 0;
    (void)tofu_message_find_text(message, "~reason", &reason, &size);
    uint16_t channel = tofu_message_header(message)->channel;
    struct echo_peer *peer = &server->peers[channel];
    drop_held(server, peer);
    const char *graceful = tofu_status_name(TOFU_OK);
    bool is_graceful = size == strlen(graceful) && memcmp(reason, graceful, size) == 0;
    if (!peer->is_listener) {
        server->counts.ended_gracefully += is_graceful;
        server->counts.ended_otherwise += !is_graceful;
    } else if (!server->is_stopped) {
        server->has_failed = true;
        complain("a listener has ended: %.*s", (int)size, reason);
    }
    // The number may come back as another channel.
    peer->is_listener = false;
}

static void take_notice(struct echo_server *server, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    if (header->status == TOFU_RECEIVER_UPDATE) {
        server->is_stopped = true;
    } else if (header->opcode == TOFU_WELCOME_RESPONSE) {
        take_welcome(server, message);
    } else if (tofu_message_find_text(message, "~reason", NULL, NULL)) {
        take_closing(server, message);
    } else if (header->status == TOFU_ACCEPT_FAILED) {
        complain("a connection could not be accepted; are there descriptors left?");
    } else if (header->status != TOFU_POOL_EMPTY) {
        server->counts.returned++;
    }
}

// Serves one message, or what is held if none comes. TOFU_SHUTDOWN_STARTED ends the serving.
TOFU_NODISCARD static enum tofu_status serve_one(struct echo_server *server)
{
    uint64_t timeout_ns = server->holding_count > 0 ? RETRY_NS : TOFU_WAIT_FOREVER;
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_group_wait(server->group, timeout_ns, &message);
    if (status != TOFU_OK) {
        return status;
    }
    if (message != NULL && tofu_message_header(message)->origin == TOFU_ENGINE) {
        take_notice(server, message);
    } else if (message != NULL) {
        answer(server, &message);
    }
    tofu_engine_put(server->engine, &message);
    try_held_again(server);
    return TOFU_OK;
}

enum tofu_status echo_server_listen(struct echo_server *server, const char *address)
{
    enum tofu_status status = listener_start(server->engine, server->group, address);
    server->listeners_wanted++;
    while (status == TOFU_OK && !server->is_stopped && !server->has_failed &&
           server->listeners_answered < server->listeners_wanted) {
        status = serve_one(server);
    }
    return status;
}

enum tofu_status echo_server_run(struct echo_server *server)
{
    enum tofu_status status = TOFU_OK;
    while (status == TOFU_OK && !server->is_stopped && !server->has_failed) {
        status = serve_one(server);
    }
    return status;
}

enum tofu_status echo_server_shutdown(struct echo_server *server, uint64_t timeout_ns)
{
    server->is_stopped = true;
    for (size_t index = 0; index < server->holding_count; index++) {
        drop_held(server, &server->peers[server->holding[index]]);
    }
    server->holding_count = 0;
    enum tofu_status status = tofu_engine_shutdown(server->engine, timeout_ns, NULL);
    if (status != TOFU_OK && status != TOFU_TIMED_OUT) {
        return status;
    }
    // What is left in the receive queue ends with the closing notices of the last channels.
    while (status == TOFU_OK || status == TOFU_TIMED_OUT) {
        status = serve_one(server);
    }
    return status == TOFU_SHUTDOWN_STARTED ? TOFU_OK : status;
}
