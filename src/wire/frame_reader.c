// SPDX-License-Identifier: MIT
// Four places to be in: in the header (header_fill is short of it), behind it without a message, in the
// payload of a message, and in a payload that is skipped. Text headers and body are one run of bytes,
// counted by payload_fill.
#include "wire/frame_reader.h"

#include <string.h>

#include "base/assert.h"

static size_t size_min(size_t left, size_t right)
{
    return left < right ? left : right;
}

static uint32_t payload_bytes(const struct tofu_message *message)
{
    return message->text.size + message->body.size;
}

// Copies what the payload still needs, text headers first; returns how much that was.
static size_t payload_copy(struct tf_frame_reader *reader, const uint8_t *bytes, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const struct tf_bytes *text = &reader->message->text;
    const struct tf_bytes *body = &reader->message->body;
    size_t fill = reader->payload_fill;
    size_t used = 0;
    if (fill < text->size) {
        used = size_min(text->size - fill, size);
        memcpy(text->data + fill, bytes, used);
        fill += used;
    }
    size_t body_used = size_min(payload_bytes(reader->message) - fill, size - used);
    if (body_used > 0) {
        memcpy(body->data + (fill - text->size), bytes + used, body_used);
    }
    return used + body_used;
}

enum tf_frame tf_frame_reader_feed(
    struct tf_frame_reader *reader, const uint8_t *bytes, size_t size, size_t *used_out)
{
    TF_ASSERT(bytes != NULL || size == 0);
    TF_ASSERT(reader->header_fill <= TF_HEADER_BYTES);

    if (reader->message != NULL) {
        *used_out = payload_copy(reader, bytes, size);
        return tf_frame_reader_commit(reader, *used_out);
    }
    if (reader->is_skipping) {
        *used_out = size_min(tf_frame_reader_missing(reader), size);
        return tf_frame_reader_commit(reader, *used_out);
    }
    size_t piece = size_min(TF_HEADER_BYTES - reader->header_fill, size);
    if (piece > 0) {
        memcpy(reader->header + reader->header_fill, bytes, piece);
        reader->header_fill = (uint8_t)(reader->header_fill + piece);
    }
    *used_out = piece;
    return reader->header_fill == TF_HEADER_BYTES ? TF_FRAME_HEADER : TF_FRAME_PARTIAL;
}

void tf_frame_reader_header(const struct tf_frame_reader *reader, struct tf_wire_header *header_out)
{
    TF_ASSERT(reader->header_fill == TF_HEADER_BYTES);

    tf_header_unpack(reader->header, header_out);
}

enum tofu_status tf_frame_reader_begin(struct tf_frame_reader *reader, struct tofu_message *message)
{
    TF_ASSERT(reader->message == NULL && !reader->is_skipping);
    TF_ASSERT(reader->payload_fill == 0);

    struct tf_wire_header header;
    tf_frame_reader_header(reader, &header);
    if (!tf_bytes_reserve(&message->text, message->allocator, header.text_bytes) ||
        !tf_bytes_reserve(&message->body, message->allocator, header.body_bytes)) {
        return TOFU_ALLOCATION_FAILED;
    }
    message->text.size = header.text_bytes;
    message->body.size = header.body_bytes;
    message->header = header.header;
    reader->message = message;
    return TOFU_OK;
}

void tf_frame_reader_skip(struct tf_frame_reader *reader)
{
    TF_ASSERT(reader->header_fill == TF_HEADER_BYTES);
    TF_ASSERT(reader->message == NULL && !reader->is_skipping);

    reader->is_skipping = true;
}

uint32_t tf_frame_reader_missing(const struct tf_frame_reader *reader)
{
    if (reader->message != NULL) {
        return payload_bytes(reader->message) - reader->payload_fill;
    }
    if (reader->is_skipping) {
        return tf_frame_reader_total(reader) - TF_HEADER_BYTES - reader->payload_fill;
    }
    return 0;
}

// Adds what is missing of a part, `fill` bytes of which are there, unless that is nothing.
static size_t append_missing(
    const struct tf_bytes *part, uint32_t fill, struct tf_segment *segments, size_t segment_count)
{
    if (fill == part->size) {
        return segment_count;
    }
    segments[segment_count] =
        (struct tf_segment){.data = part->data + fill, .size = part->size - fill};
    return segment_count + 1;
}

size_t tf_frame_reader_space(
    const struct tf_frame_reader *reader, struct tf_segment segments_out[2])
{
    const struct tofu_message *message = reader->message;
    if (message == NULL) {
        return 0;
    }
    uint32_t text_fill = (uint32_t)size_min(reader->payload_fill, message->text.size);
    size_t segment_count = append_missing(&message->text, text_fill, segments_out, 0);
    return append_missing(
        &message->body, reader->payload_fill - text_fill, segments_out, segment_count);
}

enum tf_frame tf_frame_reader_commit(struct tf_frame_reader *reader, size_t size)
{
    TF_ASSERT(reader->message != NULL || reader->is_skipping);
    TF_ASSERT(size <= tf_frame_reader_missing(reader));

    reader->payload_fill += (uint32_t)size;
    if (tf_frame_reader_missing(reader) > 0) {
        return TF_FRAME_PARTIAL;
    }
    return reader->is_skipping ? TF_FRAME_SKIPPED : TF_FRAME_MESSAGE;
}

struct tofu_message *tf_frame_reader_take(struct tf_frame_reader *reader)
{
    TF_ASSERT(reader->message != NULL);
    TF_ASSERT(reader->payload_fill == payload_bytes(reader->message));

    return tf_frame_reader_reset(reader);
}

struct tofu_message *tf_frame_reader_reset(struct tf_frame_reader *reader)
{
    struct tofu_message *message = reader->message;
    reader->message = NULL;
    reader->payload_fill = 0;
    reader->header_fill = 0;
    reader->is_skipping = false;
    return message;
}

uint32_t tf_frame_reader_fill(const struct tf_frame_reader *reader)
{
    return reader->header_fill + reader->payload_fill;
}

uint32_t tf_frame_reader_total(const struct tf_frame_reader *reader)
{
    if (reader->header_fill == 0) {
        return 0;
    }
    if (reader->header_fill < TF_HEADER_BYTES) {
        return TF_HEADER_BYTES;
    }
    struct tf_wire_header header;
    tf_header_unpack(reader->header, &header);
    return TF_HEADER_BYTES + (uint32_t)header.text_bytes + header.body_bytes;
}
