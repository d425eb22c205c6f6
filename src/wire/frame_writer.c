// SPDX-License-Identifier: MIT
// Gathering is one pass over the front of the queue. What is copied lies in staging as runs without
// gaps; a run becomes a segment when a large part must come behind it, or at the end. So a queue of
// small messages, however many, is one segment.
#include "wire/frame_writer.h"

#include <string.h>

#include "base/assert.h"
#include "wire/header.h"

// Invariant: an unfinished run, if there is one, still has a segment to go to.
struct gathering {
    struct tf_segment *segments;
    size_t segment_count;
    size_t segments_max;
    uint8_t *run;    // The run being copied together begins here
    uint8_t *cursor; // and ends here: empty if both are the same.
    uint8_t *staging_end;
};

static void gathering_add_segment(struct gathering *gathering, uint8_t *data, size_t size)
{
    TF_ASSERT(gathering->segment_count < gathering->segments_max);

    gathering->segments[gathering->segment_count] = (struct tf_segment){.data = data, .size = size};
    gathering->segment_count++;
}

static void gathering_end_run(struct gathering *gathering)
{
    if (gathering->cursor != gathering->run) {
        gathering_add_segment(
            gathering, gathering->run, (size_t)(gathering->cursor - gathering->run));
        gathering->run = gathering->cursor;
    }
}

// Gives `size` bytes at the end of the run, or NULL if staging or segments are used up.
static uint8_t *gathering_extend_run(struct gathering *gathering, size_t size)
{
    if (size > (size_t)(gathering->staging_end - gathering->cursor)) {
        return NULL;
    }
    if (gathering->cursor == gathering->run &&
        gathering->segment_count == gathering->segments_max) {
        return NULL;
    }
    uint8_t *room = gathering->cursor;
    gathering->cursor += size;
    return room;
}

// Takes what of the header is not written yet.
static bool gather_header(
    struct gathering *gathering, const struct tofu_message *message, size_t offset)
{
    uint8_t *room = gathering_extend_run(gathering, TF_HEADER_BYTES - offset);
    if (room == NULL) {
        return false;
    }
    uint16_t text_bytes = (uint16_t)message->text.size;
    uint16_t body_bytes = (uint16_t)message->body.size;
    if (offset == 0) {
        tf_header_pack(&message->header, text_bytes, body_bytes, room);
        return true;
    }
    uint8_t header[TF_HEADER_BYTES];
    tf_header_pack(&message->header, text_bytes, body_bytes, header);
    memcpy(room, header + offset, TF_HEADER_BYTES - offset);
    return true;
}

// Takes what of a part is not written yet. The size of the whole part says whether it is copied, so
// that a part is treated alike however often its writing is interrupted.
static bool gather_part(struct gathering *gathering, const struct tf_bytes *part, size_t offset)
{
    size_t size = part->size - offset;
    if (size == 0) {
        return true;
    }
    if (part->size <= TF_COPIED_PART_BYTES_MAX) {
        uint8_t *room = gathering_extend_run(gathering, size);
        if (room == NULL) {
            return false;
        }
        memcpy(room, part->data + offset, size);
        return true;
    }
    gathering_end_run(gathering);
    if (gathering->segment_count == gathering->segments_max) {
        return false;
    }
    gathering_add_segment(gathering, part->data + offset, size);
    return true;
}

// Takes a message but for its first `written` bytes. Returns false if only its front, or nothing,
// found room; the stream has no gap.
static bool gather_message(
    struct gathering *gathering, const struct tofu_message *message, size_t written)
{
    size_t text_offset = 0;
    size_t body_offset = 0;
    if (written < TF_HEADER_BYTES) {
        if (!gather_header(gathering, message, written)) {
            return false;
        }
    } else {
        size_t payload_written = written - TF_HEADER_BYTES;
        text_offset = payload_written < message->text.size ? payload_written : message->text.size;
        body_offset = payload_written - text_offset;
    }
    return gather_part(gathering, &message->text, text_offset) &&
           gather_part(gathering, &message->body, body_offset);
}

size_t tf_frame_writer_gather(
    const struct tf_frame_writer *writer,
    struct tf_segment staging,
    struct tf_segment *segments_out,
    size_t segments_max)
{
    TF_ASSERT(staging.size >= TF_HEADER_BYTES + 2 * TF_COPIED_PART_BYTES_MAX);
    TF_ASSERT(segments_max >= 3);

    struct gathering gathering = {
        .segments = segments_out,
        .segments_max = segments_max,
        .run = staging.data,
        .cursor = staging.data,
        .staging_end = staging.data + staging.size,
    };
    const struct tofu_message *message = writer->queue.first;
    size_t written = writer->written;
    while (message != NULL && gather_message(&gathering, message, written)) {
        message = message->next;
        written = 0;
    }
    gathering_end_run(&gathering);

    TF_ASSERT(gathering.segment_count > 0 || writer->queue.first == NULL);
    return gathering.segment_count;
}

void tf_frame_writer_advance(
    struct tf_frame_writer *writer, size_t size, struct tf_message_queue *finished)
{
    size_t written = writer->written + size;
    while (writer->queue.first != NULL) {
        size_t wire_bytes = tf_message_wire_bytes(writer->queue.first);
        if (written < wire_bytes) {
            break;
        }
        written -= wire_bytes;
        tf_message_queue_append(finished, tf_message_queue_take(&writer->queue));
    }
    TF_ASSERT(written == 0 || writer->queue.first != NULL);
    writer->written = (uint32_t)written;
}
