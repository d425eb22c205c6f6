// SPDX-License-Identifier: MIT
// What one sender's channel is receiving: at most one file at a time, from its first Request to its last.
#ifndef TOOL_INCOMING_H
#define TOOL_INCOMING_H

#include <stdbool.h>
#include <stdint.h>

#include <tofu/tofu.h>

#include "checksum.h"
#include "inbox.h"
#include "transfer.h"

enum incoming_state {
    INCOMING_IDLE,     // the next Request begins a file
    INCOMING_WRITING,  // a file is open
    INCOMING_DROPPING, // the file is refused, and what is left of it comes to nothing
};

struct incoming {
    uint16_t channel;
    char peer[TOFU_ADDRESS_BYTES_MAX]; // where the sender connects from, or ""
    enum incoming_state state;
    uint64_t id; // of the file's Requests
    char name[FILE_NAME_BYTES_MAX + 1];
    uint64_t size; // announced
    uint64_t received;
    struct checksum checksum;
    char checksum_text[CHECKSUM_TEXT_BYTES]; // once the file is kept
    struct inbox_file file;
    uint64_t heard_ns;         // on the receiver's clock of waiting
    struct incoming *previous; // of those with an open file, the one that was silent longer
    struct incoming *next;
};

/// What a Request led to.
enum incoming_step {
    STEP_MORE,     // the file goes on
    STEP_KEPT,     // the file is whole and has its name
    STEP_REFUSED,  // the file is refused: this is told once
    STEP_FORBIDDEN // the sender breaks the protocol
};

/// Returns NULL without memory.
struct incoming *incoming_create(const struct tofu_message *hello);

/// Drops the file that may be open, and frees everything.
void incoming_destroy(const struct inbox *inbox, struct incoming **incoming);

/// Takes a Request. `*refusal` is set with STEP_REFUSED.
enum incoming_step incoming_take(
    struct incoming *incoming,
    struct inbox *inbox,
    uint64_t bytes_max,
    struct tofu_message *request,
    enum refusal *refusal);

#endif
