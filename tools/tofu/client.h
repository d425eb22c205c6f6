// SPDX-License-Identifier: MIT
// One channel to a server, as the subcommands that ask somebody use it: engine, group, one thread.
#ifndef TOOL_CLIENT_H
#define TOOL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <tofu/tofu.h>

#include "closing.h"
#include "engine.h"
#include "exit_code.h"

struct client {
    struct tofu_engine *engine;
    struct tofu_group *group;
    const char *address;
    uint16_t channel;
    bool is_connected;      // the server has answered our Hello
    bool is_told_to_leave;  // the server has said Bye
    bool is_stopped;        // somebody updated the group
    bool has_ended;         // the channel's closing notice was here
    struct closing closing; // what it said
};

/// Makes engine and group. Complains and returns false if they cannot be had; client_close() is due
/// whatever the result.
bool client_open(
    struct client *client, const struct engine_settings *settings, const char *address);

/// Takes everything down, without a good-bye if client_leave() has not said it.
void client_close(struct client *client);

/// Connects, and waits for the server's answer. The answer may be asked for with `hello`; it is then the
/// caller's. Complains about failure.
enum exit_code client_connect(
    struct client *client, uint64_t timeout_ns, struct tofu_message **hello);

/// Gives an empty message for the channel.
TOFU_NODISCARD enum tofu_status client_get(
    struct client *client, enum tofu_opcode opcode, struct tofu_message **message);

/// Waits for what the server says: `*message` is NULL if nothing came, or only what concerns the channel.
/// That is noted in the client, and a Bye is answered.
TOFU_NODISCARD enum tofu_status client_wait(
    struct client *client, uint64_t timeout_ns, struct tofu_message **message);

/// Called for what the server says while we leave: its answers to what is on its way. Borrows the message.
typedef void (*client_last_words)(void *context, struct tofu_message *message);

/// Says Bye and waits until the channel has ended. What is said before that goes to `on_message`, which may
/// be NULL. Returns whether the end was in good order; complains if not.
bool client_leave(
    struct client *client, uint64_t timeout_ns, client_last_words on_message, void *context);

#endif
