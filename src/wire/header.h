// SPDX-License-Identifier: MIT
// The 16 bytes in front of every message (PROTOCOL.md, section 1), packed and unpacked field by field.
#ifndef TF_WIRE_HEADER_H
#define TF_WIRE_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include <tofu/message.h>
#include <tofu/status.h>

#define TF_HEADER_BYTES 16

/// The first opcode that is none.
#define TF_OPCODE_END 10

/// What the 16 bytes say: the application's header and what only the wire knows.
struct tf_wire_header {
    struct tofu_header header;
    uint8_t internal_bits; ///< bits 6 and 7 of the proto byte; not 0 is a violation
    uint16_t text_bytes;
    uint16_t body_bytes;
};

/// Limits on what a peer may send in one message, in bytes.
struct tf_part_limits {
    uint16_t text_bytes_max;
    uint16_t body_bytes_max;
};

/// Packs for sending: origin application, status as given, internal bits 0.
void tf_header_pack(
    const struct tofu_header *header,
    uint16_t text_bytes,
    uint16_t body_bytes,
    uint8_t bytes_out[TF_HEADER_BYTES]);

/// Unpacks any 16 bytes; nothing is checked but that a status above 31 is shown as 31.
void tf_header_unpack(const uint8_t bytes[TF_HEADER_BYTES], struct tf_wire_header *header_out);

/// Checks all that a received header alone can break (PROTOCOL.md, section 6); which opcode may come
/// now is rules.h's.
///
/// @retval TOFU_INVALID_OP_CODE, TOFU_INVALID_MESSAGE (origin engine or internal bits),
///         TOFU_INVALID_MORE_USAGE, TOFU_INVALID_MESSAGE_ID, TOFU_INVALID_HEADERS_LEN,
///         TOFU_INVALID_BODY_LEN  in this order.
TOFU_NODISCARD enum tofu_status tf_header_check(
    const struct tf_wire_header *header, const struct tf_part_limits *limits);

/// Request, Response, Signal.
static inline bool tf_opcode_is_regular(uint8_t opcode)
{
    return opcode <= TOFU_SIGNAL;
}

/// Response, HelloResponse, ByeResponse, WelcomeResponse: they need the id of what they answer.
static inline bool tf_opcode_is_response(uint8_t opcode)
{
    return opcode == TOFU_RESPONSE || opcode == TOFU_HELLO_RESPONSE ||
           opcode == TOFU_BYE_RESPONSE || opcode == TOFU_WELCOME_RESPONSE;
}

/// ByeRequest, ByeResponse, ByeSignal.
static inline bool tf_opcode_is_bye(uint8_t opcode)
{
    return opcode >= TOFU_BYE_REQUEST && opcode <= TOFU_BYE_SIGNAL;
}

#endif
