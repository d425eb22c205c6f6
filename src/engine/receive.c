// SPDX-License-Identifier: MIT
// Reading a connection, so that a starved engine holds at most one buffer of unparsed bytes.
//
// Normally one receive fills the shared buffer with whatever is there, and all whole messages are
// parsed out of it; the rest of a large payload goes straight to its message. When the budget runs out
// in the middle of the buffer, the buffer becomes the channel's until it is fed; other channels then
// read exactly one header, or exactly the rest of a payload, and starve at a complete header of theirs.
#include "engine/transfer.h"

#include <stdio.h>

#include "base/assert.h"
#include "engine/ending.h"
#include "engine/starvation.h"
#include "os/error.h"

/// Behind a payload with this much to come, only a small tail is read into the buffer: most of what
/// follows is likely to be large too, and should not be copied.
#define LARGE_PAYLOAD_BYTES (32u << 10)
#define SMALL_TAIL_BYTES    (4u << 10)

enum outcome {
    GO_ON,   ///< more may be there
    STARVED, ///< in line for the budget
    ENDED,   ///< the channel is gone
};

// For want of room here, be it of memory or of a channel number: the peer is not to blame.
static enum outcome turn_away(
    struct tf_reactor *reactor, struct tf_channel *channel, enum tofu_status reason)
{
    tf_ending_begin(reactor, channel, reason, NULL, TF_ENDING_RESET);
    return ENDED;
}

static enum outcome violate(
    struct tf_reactor *reactor, struct tf_channel *channel, enum tofu_status reason)
{
    if (reason != TOFU_ALLOCATION_FAILED) {
        tf_count(&reactor->counters.rules_broken, 1);
        tf_log_line(
            reactor->log,
            reactor->now_ns,
            TOFU_LOG_RULE_BROKEN,
            "the peer of channel %u broke a rule: %s",
            (unsigned)channel->number,
            tofu_status_name(reason));
    }
    return turn_away(reactor, channel, reason);
}

static enum outcome begin_frame(
    struct tf_reactor *reactor, struct tf_channel *channel, size_t bytes_at_hand)
{
    enum tofu_status status = tf_delivery_check(reactor, channel);
    if (status != TOFU_OK) {
        return violate(reactor, channel, status);
    }
    if (!tf_starvation_admit(reactor, channel, bytes_at_hand)) {
        return STARVED;
    }
    status = tf_delivery_begin(reactor, channel);
    return status == TOFU_OK ? GO_ON : violate(reactor, channel, status);
}

// Acts on the border that the reader has come to; `bytes_at_hand` have come behind it.
static enum outcome cross_border(
    struct tf_reactor *reactor,
    struct tf_channel *channel,
    enum tf_frame frame,
    size_t bytes_at_hand)
{
    enum tofu_status status = TOFU_OK;
    switch (frame) {
    case TF_FRAME_PARTIAL:
        return GO_ON;
    case TF_FRAME_HEADER:
        return begin_frame(reactor, channel, bytes_at_hand);
    case TF_FRAME_MESSAGE:
        tf_starvation_leave_place(reactor, channel);
        channel->frame_since_ns = 0;
        status = tf_delivery_finish(reactor, channel);
        break;
    case TF_FRAME_SKIPPED:
        channel->frame_since_ns = 0;
        status = tf_delivery_skip(reactor, channel);
        break;
    }
    if (status == TOFU_OK) {
        return GO_ON;
    }
    bool is_its_fault = status == TOFU_INVALID_MESSAGE;
    return is_its_fault ? violate(reactor, channel, status) : turn_away(reactor, channel, status);
}

// Parses bytes until they are used up, or the channel starves or ends; says how many were used.
static enum outcome parse(
    struct tf_reactor *reactor,
    struct tf_channel *channel,
    const uint8_t *bytes,
    size_t size,
    size_t *used_out)
{
    size_t used = 0;
    enum outcome outcome = GO_ON;
    while (outcome == GO_ON) {
        size_t step = 0;
        enum tf_frame frame =
            tf_frame_reader_feed(&channel->reader, bytes + used, size - used, &step);
        used += step;
        if (frame == TF_FRAME_PARTIAL) {
            break;
        }
        outcome = cross_border(reactor, channel, frame, size - used);
    }
    *used_out = used;
    return outcome;
}

// The clock of a frame runs from its first byte to its last, however often it is fed.
static void note_unfinished(struct tf_reactor *reactor, struct tf_channel *channel, bool has_bytes)
{
    tf_starvation_note_unfinished(reactor, channel, has_bytes);
    if (tf_frame_reader_fill(&channel->reader) == 0) {
        channel->frame_since_ns = 0;
    } else if (channel->frame_since_ns == 0) {
        channel->frame_since_ns = reactor->now_ns;
        tf_reactor_arm(reactor, channel);
    }
}

// Parses what an earlier receive left in the buffer for this channel.
static enum outcome parse_leftover(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tf_receive_buffer *buffer = &reactor->receive_buffer;
    size_t used = 0;
    enum outcome outcome =
        parse(reactor, channel, buffer->data + buffer->begin, buffer->end - buffer->begin, &used);
    if (outcome == ENDED) {
        return ENDED; // The ending has freed the buffer.
    }
    buffer->begin += used;
    if (buffer->begin == buffer->end) {
        buffer->owner = NULL;
    }
    return outcome;
}

static enum outcome parse_buffer(
    struct tf_reactor *reactor, struct tf_channel *channel, size_t size)
{
    if (size == 0) {
        return GO_ON;
    }
    struct tf_receive_buffer *buffer = &reactor->receive_buffer;
    TF_ASSERT(buffer->owner == NULL);
    buffer->owner = channel;
    buffer->begin = 0;
    buffer->end = size;
    return parse_leftover(reactor, channel);
}

/// Where one receive puts its bytes: the rest of a payload, then the buffer, or else a header's rest.
struct landing {
    struct tf_segment segments[3];
    size_t segment_count;
    size_t payload_bytes; ///< of these, those that belong to the unfinished frame
    size_t total_bytes;
    uint8_t header[TF_HEADER_BYTES]; ///< used when the buffer is another channel's
    bool uses_header;
};

static void plan_landing(
    struct tf_reactor *reactor, struct tf_channel *channel, struct landing *landing)
{
    landing->segment_count = tf_frame_reader_space(&channel->reader, landing->segments);
    landing->payload_bytes = tf_frame_reader_missing(&channel->reader);
    if (landing->segment_count == 0 && landing->payload_bytes > 0) {
        // What is skipped lands where nothing is kept between two sends.
        TF_ASSERT(landing->payload_bytes <= reactor->staging.size);
        landing->segments[landing->segment_count++] =
            (struct tf_segment){reactor->staging.data, landing->payload_bytes};
    }
    landing->uses_header = false;
    landing->total_bytes = landing->payload_bytes;
    if (reactor->receive_buffer.owner == NULL) {
        size_t tail = landing->payload_bytes >= LARGE_PAYLOAD_BYTES ? SMALL_TAIL_BYTES
                                                                    : TF_RECEIVE_BUFFER_BYTES;
        landing->segments[landing->segment_count++] =
            (struct tf_segment){reactor->receive_buffer.data, tail};
        landing->total_bytes += tail;
    } else if (landing->payload_bytes == 0) {
        size_t rest = TF_HEADER_BYTES - tf_frame_reader_fill(&channel->reader);
        landing->segments[landing->segment_count++] = (struct tf_segment){landing->header, rest};
        landing->total_bytes = rest;
        landing->uses_header = true;
    }
}

static enum outcome digest(
    struct tf_reactor *reactor, struct tf_channel *channel, struct landing *landing, size_t size)
{
    size_t direct = size < landing->payload_bytes ? size : landing->payload_bytes;
    if (direct > 0) {
        enum tf_frame frame = tf_frame_reader_commit(&channel->reader, direct);
        enum outcome outcome = cross_border(reactor, channel, frame, size - direct);
        if (outcome != GO_ON) {
            return outcome;
        }
    }
    if (!landing->uses_header) {
        return parse_buffer(reactor, channel, size - direct);
    }
    size_t used = 0;
    enum outcome outcome = parse(reactor, channel, landing->header, size, &used);
    TF_ASSERT(outcome == ENDED || used == size);
    return outcome;
}

// Complete messages that came before the end were delivered; what is cut in the middle is dropped.
static enum outcome read_end(struct tf_reactor *reactor, struct tf_channel *channel)
{
    channel->can_read = false;
    channel->has_read_end = true;
    tf_reactor_touch(reactor, channel);
    if (channel->phase == TF_PHASE_DRAINING) {
        return GO_ON;
    }
    char detail[TF_ERROR_TEXT_BYTES_MAX] = "";
    uint32_t fill = tf_frame_reader_fill(&channel->reader);
    if (fill > 0) {
        snprintf(
            detail,
            sizeof detail,
            "the last message was cut: %lu of %lu bytes",
            (unsigned long)fill,
            (unsigned long)tf_frame_reader_total(&channel->reader));
    }
    tf_ending_begin(reactor, channel, TOFU_PEER_DISCONNECTED, detail, TF_ENDING_CLOSE);
    return ENDED;
}

static enum outcome read_failed(struct tf_reactor *reactor, struct tf_channel *channel, int error)
{
    bool is_disconnect = tf_socket_error_is_disconnect(error);
    // The session had ended and everything was written: the peer left in a hurry, nothing is lost.
    bool is_complete = channel->phase == TF_PHASE_DRAINING && channel->writer.queue.first == NULL;
    enum tofu_status reason = is_disconnect ? TOFU_PEER_DISCONNECTED : TOFU_RECV_FAILED;
    if (is_disconnect && is_complete) {
        tf_ending_begin(reactor, channel, TOFU_OK, NULL, TF_ENDING_CLOSE);
    } else {
        tf_ending_begin_error(reactor, channel, reason, error, TF_ENDING_RESET);
    }
    return ENDED;
}

static enum outcome receive_once(
    struct tf_reactor *reactor, struct tf_channel *channel, size_t *size_out)
{
    struct landing landing;
    plan_landing(reactor, channel, &landing);
    int error = 0;
    switch (tf_socket_receive(
        channel->watch.socket, landing.segments, landing.segment_count, size_out, &error)) {
    case TF_IO_DONE:
        break;
    case TF_IO_WOULD_BLOCK:
        channel->can_read = false;
        channel->has_hangup = false;
        return GO_ON;
    case TF_IO_END:
        return read_end(reactor, channel);
    case TF_IO_EXHAUSTED:
    case TF_IO_FAILED:
        return read_failed(reactor, channel, error);
    }
    tf_count(&reactor->counters.bytes_received, *size_out);
    channel->progress_ns = reactor->now_ns;
    if (*size_out < landing.total_bytes && !channel->has_hangup) {
        channel->can_read = false;
    }
    return digest(reactor, channel, &landing, *size_out);
}

bool tf_receive(struct tf_reactor *reactor, struct tf_channel *channel)
{
    enum outcome outcome = GO_ON;
    if (reactor->receive_buffer.owner == channel) {
        outcome = parse_leftover(reactor, channel);
    } else if (tf_frame_reader_fill(&channel->reader) == TF_HEADER_BYTES) {
        static const uint8_t no_bytes[1];
        size_t used = 0; // It may have starved at a whole header; asking again uses no bytes.
        outcome = parse(reactor, channel, no_bytes, 0, &used);
    }
    uint64_t received = 0;
    while (outcome == GO_ON && channel->can_read && received < reactor->settings->turn_bytes_max) {
        size_t size = 0;
        outcome = receive_once(reactor, channel, &size);
        received += size;
    }
    if (outcome == ENDED) {
        return false;
    }
    note_unfinished(reactor, channel, received > 0);
    if (outcome == GO_ON && channel->can_read) {
        tf_reactor_schedule(reactor, channel);
    }
    return true;
}
