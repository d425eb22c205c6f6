// SPDX-License-Identifier: MIT
// Answers every message with itself: a Request with a Response, a Signal with a Signal, a Hello with a
// Hello, a Bye with a Bye.
//
// One thread serves all channels. When a channel takes no more answers for the time being, they are
// held here, in order, and tried again. Nothing is lost, and no more than the engine's receiving budget
// is ever held: it counts received messages until they are posted or put back, so a peer that does not
// read its answers is soon not read from either.
#ifndef TOOL_ECHO_SERVER_H
#define TOOL_ECHO_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/tofu.h>

#define CHANNEL_NUMBER_COUNT 65536

/// What the server knows of a channel.
struct echo_peer {
    struct tofu_message *first_held; // linked through their user pointers
    struct tofu_message *last_held;
    bool is_listener;
};

struct echo_counts {
    uint64_t messages; // Requests and Signals that were answered
    uint64_t returned; // answers that the engine could not deliver
    uint64_t ended_gracefully;
    uint64_t ended_otherwise;
};

/// Called for every listener that is ready, with its real address.
typedef void (*echo_listening)(void *context, const char *address);

struct echo_server {
    struct tofu_engine *engine;
    struct tofu_group *group;
    echo_listening on_listening;
    void *context;
    struct echo_peer *peers; // by channel number
    uint16_t *holding;       // the channels with held answers, in no order
    size_t holding_count;
    size_t listeners_wanted;
    size_t listeners_answered;
    bool is_stopped; // asked to end by an update of the group
    bool has_failed; // a listener could not start or went away
    struct echo_counts counts;
};

/// Returns TOFU_ALLOCATION_FAILED without memory.
TOFU_NODISCARD enum tofu_status echo_server_open(
    struct echo_server *server,
    struct tofu_engine *engine,
    struct tofu_group *group,
    echo_listening on_listening,
    void *context);

/// Gives all messages back.
void echo_server_close(struct echo_server *server);

/// Listens on `address`, and serves until it is known how that went: see has_failed. Complains.
TOFU_NODISCARD enum tofu_status echo_server_listen(struct echo_server *server, const char *address);

/// Serves until the group gets an update, a listener goes away or the engine ends.
TOFU_NODISCARD enum tofu_status echo_server_run(struct echo_server *server);

/// Shuts the engine down and counts how the channels ended.
TOFU_NODISCARD enum tofu_status echo_server_shutdown(
    struct echo_server *server, uint64_t timeout_ns);

#endif
