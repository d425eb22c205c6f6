// SPDX-License-Identifier: MIT
#include "unit/frames.h"

#include "unit/expect.h"

#include <stdlib.h>
#include <string.h>

#include "unit/random.h"

const size_t border_sizes[BORDER_SIZE_COUNT] = {0, 1, 2047, 2048, 2049, 65534, 65535};

static uint8_t *put_number(uint8_t *end, uint64_t number, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        end[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
    }
    return end + size;
}

static uint8_t *put_bytes(uint8_t *end, const void *bytes, size_t size)
{
    if (size > 0) {
        memcpy(end, bytes, size);
    }
    return end + size;
}

static uint8_t *put_frame(uint8_t *end, const struct frame *frame)
{
    const struct tofu_header *header = &frame->header;
    end = put_number(end, header->channel, 2);
    end = put_number(end, header->opcode + (header->more != 0 ? 32u : 0u), 1);
    end = put_number(end, header->status, 1);
    end = put_number(end, header->id, 8);
    end = put_number(end, frame->text_bytes, 2);
    end = put_number(end, frame->body_bytes, 2);
    end = put_bytes(end, frame->text, frame->text_bytes);
    return put_bytes(end, frame->body, frame->body_bytes);
}

struct stream stream_open(const struct frame *frames, size_t frame_count)
{
    size_t size = 0;
    for (size_t i = 0; i < frame_count; i++) {
        size += 16 + frames[i].text_bytes + frames[i].body_bytes;
    }
    struct stream stream = {.bytes = malloc(size > 0 ? size : 1), .size = size};
    assert_non_null(stream.bytes);
    uint8_t *end = stream.bytes;
    for (size_t i = 0; i < frame_count; i++) {
        end = put_frame(end, &frames[i]);
    }
    assert_ptr_equal(end, stream.bytes + size);
    return stream;
}

void stream_close(struct stream *stream)
{
    free(stream->bytes);
}

struct tofu_message *frame_message(
    const struct frame *frame, const struct tofu_allocator *allocator)
{
    struct tofu_message *message = tf_message_create(allocator);
    assert_non_null(message);
    message->header = frame->header;
    assert_true(tf_bytes_append(
        &message->text, allocator, frame->text, frame->text_bytes, TOFU_PART_BYTES_MAX));
    assert_true(tf_bytes_append(
        &message->body, allocator, frame->body, frame->body_bytes, TOFU_PART_BYTES_MAX));
    return message;
}

static void assert_part(const struct tf_bytes *part, const void *bytes, size_t size)
{
    assert_int_equal(part->size, size);
    if (size > 0) {
        assert_memory_equal(part->data, bytes, size);
    }
}

void assert_frame(const struct tofu_message *message, const struct frame *frame)
{
    assert_int_equal(message->header.channel, frame->header.channel);
    assert_int_equal(message->header.opcode, frame->header.opcode);
    assert_int_equal(message->header.origin, frame->header.origin);
    assert_int_equal(message->header.more, frame->header.more);
    assert_int_equal(message->header.status, frame->header.status);
    assert_true(message->header.id == frame->header.id);
    assert_part(&message->text, frame->text, frame->text_bytes);
    assert_part(&message->body, frame->body, frame->body_bytes);
}

const uint8_t *part_bytes(size_t size)
{
    static uint8_t bytes[TOFU_PART_BYTES_MAX];
    static bool is_filled;
    assert_true(size <= sizeof bytes);
    if (!is_filled) {
        struct random_source source = {0};
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)random_next(&source);
        }
        is_filled = true;
    }
    return bytes + (sizeof bytes - size);
}
