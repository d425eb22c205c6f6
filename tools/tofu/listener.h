// SPDX-License-Identifier: MIT
// Listening, as the servers among the subcommands do it.
#ifndef TOOL_LISTENER_H
#define TOOL_LISTENER_H

#include <stdbool.h>

#include <tofu/tofu.h>

/// Asks the engine to listen on `address`. How that went comes as a WelcomeResponse.
TOFU_NODISCARD enum tofu_status listener_start(
    struct tofu_engine *engine, struct tofu_group *group, const char *address);

/// Reads a WelcomeResponse. Returns true with the real address, or complains and returns false.
bool listener_take_welcome(struct tofu_message *message, char address[TOFU_ADDRESS_BYTES_MAX]);

/// Tells who reads our output where we listen: a line 'listening ADDRESS', or a JSON object.
void listener_print(const char *address, bool is_json);

#endif
