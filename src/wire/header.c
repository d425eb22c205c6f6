// SPDX-License-Identifier: MIT
// Shifts, not casts: the code is the same on every byte order and alignment, and compilers make one
// load or store of it.
#include "wire/header.h"

#include <assert.h>

#include "base/assert.h"

static_assert(TOFU_WELCOME_RESPONSE + 1 == TF_OPCODE_END, "opcodes are numbered without gaps");
static_assert(TOFU_PART_BYTES_MAX == UINT16_MAX, "lengths are two bytes on the wire");

// Where the fields are.
#define CHANNEL_OFFSET    0
#define PROTO_OFFSET      2
#define STATUS_OFFSET     3
#define ID_OFFSET         4
#define TEXT_BYTES_OFFSET 12
#define BODY_BYTES_OFFSET 14

// What the proto byte is made of.
#define OPCODE_MASK    0x0Fu
#define ORIGIN_SHIFT   4
#define MORE_SHIFT     5
#define INTERNAL_SHIFT 6

static void store_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void store_u64(uint8_t *bytes, uint64_t value)
{
    bytes[0] = (uint8_t)(value >> 56);
    bytes[1] = (uint8_t)(value >> 48);
    bytes[2] = (uint8_t)(value >> 40);
    bytes[3] = (uint8_t)(value >> 32);
    bytes[4] = (uint8_t)(value >> 24);
    bytes[5] = (uint8_t)(value >> 16);
    bytes[6] = (uint8_t)(value >> 8);
    bytes[7] = (uint8_t)value;
}

void tf_header_pack(
    const struct tofu_header *header,
    uint16_t text_bytes,
    uint16_t body_bytes,
    uint8_t bytes_out[TF_HEADER_BYTES])
{
    TF_ASSERT(header->opcode < TF_OPCODE_END);

    unsigned more = header->more != 0 ? 1u : 0u;
    store_u16(bytes_out + CHANNEL_OFFSET, header->channel);
    bytes_out[PROTO_OFFSET] = (uint8_t)((header->opcode & OPCODE_MASK) | more << MORE_SHIFT);
    bytes_out[STATUS_OFFSET] = header->status;
    store_u64(bytes_out + ID_OFFSET, header->id);
    store_u16(bytes_out + TEXT_BYTES_OFFSET, text_bytes);
    store_u16(bytes_out + BODY_BYTES_OFFSET, body_bytes);
}

static uint16_t load_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint64_t load_u64(const uint8_t *bytes)
{
    return (uint64_t)bytes[0] << 56 | (uint64_t)bytes[1] << 48 | (uint64_t)bytes[2] << 40 |
           (uint64_t)bytes[3] << 32 | (uint64_t)bytes[4] << 24 | (uint64_t)bytes[5] << 16 |
           (uint64_t)bytes[6] << 8 | (uint64_t)bytes[7];
}

void tf_header_unpack(const uint8_t bytes[TF_HEADER_BYTES], struct tf_wire_header *header_out)
{
    uint8_t proto = bytes[PROTO_OFFSET];
    uint8_t status = bytes[STATUS_OFFSET];
    header_out->header = (struct tofu_header){
        .channel = load_u16(bytes + CHANNEL_OFFSET),
        .opcode = proto & OPCODE_MASK,
        .origin = (proto >> ORIGIN_SHIFT) & 1u,
        .more = (proto >> MORE_SHIFT) & 1u,
        .status = status <= TOFU_UNKNOWN_ERROR ? status : TOFU_UNKNOWN_ERROR,
        .id = load_u64(bytes + ID_OFFSET),
    };
    header_out->internal_bits = proto >> INTERNAL_SHIFT;
    header_out->text_bytes = load_u16(bytes + TEXT_BYTES_OFFSET);
    header_out->body_bytes = load_u16(bytes + BODY_BYTES_OFFSET);
}

enum tofu_status tf_header_check(
    const struct tf_wire_header *header, const struct tf_part_limits *limits)
{
    uint8_t opcode = header->header.opcode;
    if (opcode >= TF_OPCODE_END) {
        return TOFU_INVALID_OP_CODE;
    }
    if (header->header.origin != TOFU_APPLICATION || header->internal_bits != 0) {
        return TOFU_INVALID_MESSAGE;
    }
    if (header->header.more != 0 && !tf_opcode_is_regular(opcode)) {
        return TOFU_INVALID_MORE_USAGE;
    }
    if (header->header.id == 0 && tf_opcode_is_response(opcode)) {
        return TOFU_INVALID_MESSAGE_ID;
    }
    if (header->text_bytes > limits->text_bytes_max) {
        return TOFU_INVALID_HEADERS_LEN;
    }
    if (header->body_bytes > limits->body_bytes_max) {
        return TOFU_INVALID_BODY_LEN;
    }
    return TOFU_OK;
}
