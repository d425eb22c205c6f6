// SPDX-License-Identifier: MIT
// What a conversation says: parts of all sizes, of which both ends know every byte beforehand.
#ifndef TORTURE_PAYLOAD_H
#define TORTURE_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <tofu/tofu.h>

#define PAYLOAD_COUNT 10

/// Makes all bytes, once, before any of them is asked for.
void payload_open(void);

/// Makes the large parts small, where a byte is costly. Call it before all others.
void payload_shrink(void);

/// Writes part `index` into an empty message: id, `more`, text headers, body.
TOFU_NODISCARD enum tofu_status payload_write(struct tofu_message *message, uint32_t index);

/// Says which part a message claims to be; PAYLOAD_COUNT if it is none.
uint32_t payload_index(struct tofu_message *message);

/// Says whether the message is its part, to the last byte.
bool payload_is_whole(struct tofu_message *message);

/// Returns a number that depends on what the application sees of a message: everything but addresses and
/// the numbers that the engine chose.
uint64_t payload_digest(struct tofu_message *message);

#endif
