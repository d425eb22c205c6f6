// SPDX-License-Identifier: MIT
#include "engine/transfer.h"

#include "base/assert.h"
#include "engine/group.h"

/// Bytes written to one channel before others get a turn: one send may swallow any amount.
#define TURN_WRITE_BYTES_MAX (1u << 20)

// The peer may have said its last words before it went: they are read before the channel ends. Where
// nothing may be read, transfer.c ends it at once.
static void note_failure(struct tf_reactor *reactor, struct tf_channel *channel, int error)
{
    TF_ASSERT(error != 0);

    channel->write_error = error;
    channel->can_read = true;
    channel->has_hangup = true;
    tf_reactor_touch(reactor, channel);
}

struct tally {
    uint64_t messages;
    uint64_t bytes;
};

static void count_sent(
    struct tf_reactor *reactor, struct tf_channel *channel, struct tf_slot *slot, struct tally sent)
{
    tf_count(&slot->counters.messages_sent, sent.messages);
    tf_count(&slot->counters.bytes_sent, sent.bytes);
    tf_count(&channel->group->counters.messages_sent, sent.messages);
    tf_count(&reactor->counters.messages_sent, sent.messages);
}

// What is written whole has its fate; it goes back to the pool with the others of this turn. Byes that the
// engine says itself at shutdown are nobody's, and not counted as anybody's.
static void finish_messages(
    struct tf_reactor *reactor, struct tf_channel *channel, struct tf_message_queue *finished)
{
    struct tally written = {0};
    struct tally posted = {0};
    for (struct tofu_message *message = tf_message_queue_take(finished); message != NULL;
         message = tf_message_queue_take(finished)) {
        uint64_t bytes = tf_message_wire_bytes(message);
        written.messages++;
        written.bytes += bytes;
        if (message->group != NULL) {
            posted.messages++;
            posted.bytes += bytes;
            tf_histogram_add(&reactor->counters.queue_dwell, reactor->now_ns - message->queued_ns);
        }
        if (message->header.opcode == TOFU_BYE_REQUEST) {
            channel->is_bye_request_written = true;
        }
        tf_message_queue_append(&reactor->finished, message);
    }
    if (written.messages > 0) {
        struct tf_slot *slot = tf_table_slot(reactor->table, channel->number);
        tf_slot_unload(slot, written.messages, written.bytes);
        count_sent(reactor, channel, slot, posted);
    }
}

static void write_queue(struct tf_reactor *reactor, struct tf_channel *channel)
{
    size_t written = 0;
    while (channel->writer.queue.first != NULL) {
        if (written >= TURN_WRITE_BYTES_MAX) {
            tf_reactor_schedule(reactor, channel);
            return;
        }
        struct tf_segment segments[TF_SEGMENTS_MAX];
        size_t segment_count =
            tf_frame_writer_gather(&channel->writer, reactor->staging, segments, TF_SEGMENTS_MAX);
        size_t size = 0;
        int error = 0;
        enum tf_io io =
            tf_socket_send(channel->watch.socket, segments, segment_count, &size, &error);
        if (io == TF_IO_WOULD_BLOCK) {
            channel->is_write_blocked = true;
            tf_reactor_touch(reactor, channel);
            return;
        }
        if (io != TF_IO_DONE) {
            note_failure(reactor, channel, error);
            return;
        }
        struct tf_message_queue finished = {0};
        tf_frame_writer_advance(&channel->writer, size, &finished);
        finish_messages(reactor, channel, &finished);
        tf_count(&reactor->counters.bytes_sent, size);
        channel->progress_ns = reactor->now_ns;
        channel->sent_bytes += size;
        written += size;
    }
}

void tf_send(struct tf_reactor *reactor, struct tf_channel *channel)
{
    write_queue(reactor, channel);
    tf_transfer_look_at_unsent(reactor, channel);
}
