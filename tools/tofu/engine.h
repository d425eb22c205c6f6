// SPDX-License-Identifier: MIT
// The engine that a subcommand works with, and the option that sizes it.
#ifndef TOOL_ENGINE_H
#define TOOL_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <tofu/tofu.h>

// More than the library's default: many clients at once are what the tool is for.
#define POOL_DEFAULT 256

#define POOL_OPTION(target)                                                                        \
    {                                                                                              \
        .name = "pool", .letter = 'p', .value_name = "N",                                          \
        .description = "messages that may be received and not yet dealt with [256]",               \
        .number = (target), .number_min = 1, .number_max = 65536                                   \
    }

/// Creates an engine with a pool of this size and a group in it. What the engine has to report goes to
/// stderr. Complains and returns false if there is none to be had; either way both pointers may be
/// given to their destroyers.
bool engine_open(uint64_t pool, struct tofu_engine **engine, struct tofu_group **group);

#endif
