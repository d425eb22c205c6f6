// SPDX-License-Identifier: MIT
// Bytes of a stream to messages, resumable at any byte.
//
// Feed it bytes; it stops at each border that needs a decision:
//   PARTIAL  all bytes are used and more are needed;
//   HEADER   a whole header is here, and not one byte behind it was used: check it, then give a message
//            to tf_frame_reader_begin(). Until then every feed says HEADER again and uses nothing, so a
//            reader can rest here for want of messages and owns none meanwhile;
//   MESSAGE  the message is whole: take it, then feed the rest;
//   SKIPPED  the payload of a frame that was to be skipped has gone by: reset, then feed the rest.
// Large payloads need no copy: read straight into tf_frame_reader_space() and commit.
#ifndef TF_WIRE_FRAME_READER_H
#define TF_WIRE_FRAME_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/status.h>

#include "base/segment.h"
#include "wire/header.h"
#include "wire/message.h"

/// `{0}` stands at the start of a frame. Invariant: a message is held only between begin and take.
struct tf_frame_reader {
    struct tofu_message *message; ///< being filled; its sizes are final, its bytes are not
    uint32_t payload_fill;        ///< bytes of text headers and body that are there, or went by
    uint8_t header[TF_HEADER_BYTES];
    uint8_t header_fill; ///< bytes of the header that are there
    bool is_skipping;    ///< the payload goes by without a message
};

enum tf_frame { TF_FRAME_PARTIAL, TF_FRAME_HEADER, TF_FRAME_MESSAGE, TF_FRAME_SKIPPED };

/// Uses some of `bytes`, at most up to the next border. `size` may be 0.
enum tf_frame tf_frame_reader_feed(
    struct tf_frame_reader *reader, const uint8_t *bytes, size_t size, size_t *used_out);

/// The header that HEADER announced.
void tf_frame_reader_header(
    const struct tf_frame_reader *reader, struct tf_wire_header *header_out);

/// Gives a message for the announced frame: its header is set, texts and body get their sizes.
///
/// Ownership: taken after TOFU_OK; otherwise still the caller's, and the reader still says HEADER.
/// @retval TOFU_ALLOCATION_FAILED  no memory for the parts.
TOFU_NODISCARD enum tofu_status tf_frame_reader_begin(
    struct tf_frame_reader *reader, struct tofu_message *message);

/// Has the payload of the announced frame go by: its bytes are used and kept nowhere.
void tf_frame_reader_skip(struct tf_frame_reader *reader);

/// Says how many bytes of its payload the frame still needs; 0 until it has a message or is skipped.
uint32_t tf_frame_reader_missing(const struct tf_frame_reader *reader);

/// Gives the memory that the payload still needs, as one or two segments; the count is 0 when no
/// payload is awaited, or it is skipped.
size_t tf_frame_reader_space(
    const struct tf_frame_reader *reader, struct tf_segment segments_out[2]);

/// Says that `size` bytes were read into that memory, or went by. PARTIAL, MESSAGE or SKIPPED.
enum tf_frame tf_frame_reader_commit(struct tf_frame_reader *reader, size_t size);

/// Takes the whole message; the reader stands at the start of the next frame. The caller owns it, and
/// checks its text headers.
struct tofu_message *tf_frame_reader_take(struct tf_frame_reader *reader);

/// Gives up in the middle: returns the unfinished message, or NULL, and starts over.
struct tofu_message *tf_frame_reader_reset(struct tf_frame_reader *reader);

/// Bytes of the present frame that are there, and that it has in all as far as is known; 0 at a border.
uint32_t tf_frame_reader_fill(const struct tf_frame_reader *reader);
uint32_t tf_frame_reader_total(const struct tf_frame_reader *reader);

#endif
