// SPDX-License-Identifier: MIT
// Frames as a test writes them down: what they say, their bytes, and the message they are.
#ifndef UNIT_FRAMES_H
#define UNIT_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include <tofu/allocator.h>
#include <tofu/message.h>

#include "wire/message.h"

struct frame {
    struct tofu_header header;
    const void *text;
    size_t text_bytes;
    const void *body;
    size_t body_bytes;
};

/// The bytes of some frames, in a block of exactly their size.
struct stream {
    uint8_t *bytes;
    size_t size;
};

/// Writes the frames by the letter of PROTOCOL.md, section 1, without help of the library.
struct stream stream_open(const struct frame *frames, size_t frame_count);
void stream_close(struct stream *stream);

/// Makes the message that a frame is.
struct tofu_message *frame_message(
    const struct frame *frame, const struct tofu_allocator *allocator);

/// Fails unless the message says exactly what the frame does.
void assert_frame(const struct tofu_message *message, const struct frame *frame);

/// Bytes to make parts of: `size` of them, up to TOFU_PART_BYTES_MAX, no two stretches alike.
const uint8_t *part_bytes(size_t size);

/// Sizes at which something may go wrong: empty, one, around the largest copied part, the greatest.
#define BORDER_SIZE_COUNT 7
extern const size_t border_sizes[BORDER_SIZE_COUNT];

#endif
