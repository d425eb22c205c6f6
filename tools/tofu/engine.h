// SPDX-License-Identifier: MIT
// The engine that a subcommand works with, and the options that set its limits and deadlines.
#ifndef TOOL_ENGINE_H
#define TOOL_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <tofu/tofu.h>

#include "options.h"

// More than the library's default: many clients at once are what the tool is for.
#define POOL_DEFAULT 256

/// What the engine is created with. `{0}` is what the tool takes when nothing is said.
struct engine_settings {
    struct tofu_options options;
    uint64_t log_level; // enum tofu_log_level
};

#define ENGINE_OPTION_COUNT 17

/// Writes the options that go to `settings`: one for each limit and deadline of struct tofu_options.
void engine_describe_options(
    struct engine_settings *settings, struct option options[ENGINE_OPTION_COUNT]);

// The short way to write --pool-messages-max.
#define POOL_OPTION(target)                                                                        \
    {                                                                                              \
        .name = "pool", .letter = 'p', .value_name = "N",                                          \
        .description = "the same as --pool-messages-max", .number = (target), .number_min = 1,     \
        .number_max = 65536                                                                        \
    }

/// "error", "warning", "info" or "debug".
const char *engine_log_level_name(enum tofu_log_level level);

/// Creates an engine and a group in it. What the engine has to report goes to stderr. Complains and
/// returns false if there is none to be had; either way both pointers may be given to their destroyers.
bool engine_open(
    const struct engine_settings *settings, struct tofu_engine **engine, struct tofu_group **group);

#endif
