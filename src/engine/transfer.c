// SPDX-License-Identifier: MIT
#include "engine/transfer.h"

#include "base/assert.h"
#include "engine/ending.h"

static void try_to_send(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (channel->writer.queue.first != NULL && !channel->is_write_blocked &&
        channel->write_error == 0) {
        tf_send(reactor, channel);
    }
}

static bool try_to_receive(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (!channel->can_read || channel->has_read_end || channel->is_starved) {
        return true;
    }
    return tf_receive(reactor, channel);
}

void tf_transfer_look_at_unsent(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (!tf_channel_is_closing(channel)) {
        return;
    }
    uint64_t unsent_bytes = tf_socket_unsent(channel->watch.socket, channel->sent_bytes);
    if (unsent_bytes < channel->unsent_bytes) {
        channel->progress_ns = reactor->now_ns;
    }
    channel->unsent_bytes = unsent_bytes;
    channel->looked_ns = reactor->now_ns;
    tf_reactor_arm(reactor, channel);
}

// A drain ends when our side is written and shut, and the peer's end was read.
static void go_on_draining(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (channel->writer.queue.first != NULL) {
        return;
    }
    if (!channel->is_send_shut) {
        tf_socket_shutdown_send(channel->watch.socket);
        channel->is_send_shut = true;
        channel->progress_ns = reactor->now_ns;
        tf_transfer_look_at_unsent(reactor, channel);
    }
    if (channel->has_read_end) {
        tf_ending_begin(reactor, channel, TOFU_OK, NULL, TF_ENDING_CLOSE);
    }
}

static enum tofu_status failure_reason(const struct tf_channel *channel)
{
    return tf_socket_error_is_disconnect(channel->write_error) ? TOFU_PEER_DISCONNECTED
                                                               : TOFU_SEND_FAILED;
}

// Sending has failed, and what the peer said before that is read to its end first. While the channel waits
// in line for that, the queue has its fate already, and so has what is still posted.
static void go_on_after_failure(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (channel->is_starved) {
        tf_ending_return_queue(reactor, channel, failure_reason(channel));
    } else if (!channel->can_read || channel->has_read_end) {
        tf_ending_begin_error(
            reactor, channel, failure_reason(channel), channel->write_error, TF_ENDING_RESET);
    }
}

// Returns false if the channel has ended. What can end here has a number, and its struct stays for now.
static bool settle(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (channel->write_error != 0) {
        go_on_after_failure(reactor, channel);
    } else if (channel->phase == TF_PHASE_DRAINING) {
        go_on_draining(reactor, channel);
    }
    return channel->phase != TF_PHASE_CLOSED;
}

bool tf_transfer_step(struct tf_reactor *reactor, struct tf_channel *channel)
{
    // Sending first: it frees messages, and what comes in may be the answer to it.
    try_to_send(reactor, channel);
    return try_to_receive(reactor, channel) && settle(reactor, channel);
}

bool tf_transfer_look_again(struct tf_reactor *reactor, struct tf_channel *channel)
{
    channel->can_read = !channel->has_read_end;
    if (!tf_transfer_step(reactor, channel)) {
        return false;
    }
    tf_transfer_look_at_unsent(reactor, channel);
    return true;
}

void tf_transfer_resume(struct tf_reactor *reactor, struct tf_channel *channel)
{
    tf_channel_feed(channel, reactor->now_ns);
    if (channel->phase == TF_PHASE_HALF_OPEN && tf_list_is_empty(&channel->phase_link)) {
        tf_list_append(&reactor->half_open, &channel->phase_link);
    }
    tf_reactor_touch(reactor, channel);
    tf_reactor_arm(reactor, channel);
    reactor->fed = channel;
    bool is_alive = tf_receive(reactor, channel);
    reactor->fed = NULL;
    if (is_alive) {
        (void)settle(reactor, channel);
    }
}
