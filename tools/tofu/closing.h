// SPDX-License-Identifier: MIT
// What the last message of a channel, its closing notice, tells.
#ifndef TOOL_CLOSING_H
#define TOOL_CLOSING_H

#include <stdbool.h>

#include <tofu/tofu.h>

#define CLOSING_BYTES_MAX 256

struct closing {
    bool is_graceful;
    char why[CLOSING_BYTES_MAX]; // "peer_disconnected: the system's words"
};

/// Reads a closing notice. Returns false, and touches nothing, if the message is none.
bool closing_read(struct tofu_message *message, struct closing *closing);

#endif
