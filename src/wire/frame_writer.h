// SPDX-License-Identifier: MIT
// Messages to bytes of a stream, resumable at any byte.
//
// Small messages are copied together into a staging buffer, large bodies are pointed at, so that one
// call to the system sends many. A message stays in the queue until its last byte is written.
#ifndef TF_WIRE_FRAME_WRITER_H
#define TF_WIRE_FRAME_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/segment.h"
#include "wire/message.h"

/// A part (text headers, body) up to this size is copied, a larger one is pointed at.
#define TF_COPIED_PART_BYTES_MAX 2048

/// `{0}` is empty.
struct tf_frame_writer {
    struct tf_message_queue queue;
    uint32_t written; ///< bytes of the first message that are already written
};

/// Gathers the front of the queue as segments, at most `segments_max` of them, headers and small
/// parts copied into `staging`. Returns the number of segments; 0 only if the queue is empty. The
/// memory is that of staging and messages: valid until either changes.
///
/// `staging.size` is at least TF_HEADER_BYTES + 2 * TF_COPIED_PART_BYTES_MAX, `segments_max` at least 3.
size_t tf_frame_writer_gather(
    const struct tf_frame_writer *writer,
    struct tf_segment staging,
    struct tf_segment *segments_out,
    size_t segments_max);

/// Says that `size` gathered bytes were written: messages now written whole move to `finished`, in
/// order.
void tf_frame_writer_advance(
    struct tf_frame_writer *writer, size_t size, struct tf_message_queue *finished);

#endif
