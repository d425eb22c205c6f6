// SPDX-License-Identifier: MIT
#include "engine/transfer.h"

#include "base/assert.h"
#include "engine/ending.h"

static bool try_to_send(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (channel->writer.queue.first == NULL || channel->is_write_blocked) {
        return true;
    }
    return tf_send(reactor, channel);
}

static bool try_to_receive(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (!channel->can_read || channel->has_read_end || channel->is_starved) {
        return true;
    }
    return tf_receive(reactor, channel);
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
        tf_reactor_arm(reactor, channel);
    }
    if (channel->has_read_end) {
        tf_ending_begin(reactor, channel, TOFU_OK, NULL, TF_ENDING_CLOSE);
    }
}

void tf_transfer_step(struct tf_reactor *reactor, struct tf_channel *channel)
{
    // Sending first: it frees messages, and what comes in may be the answer to it.
    if (!try_to_send(reactor, channel) || !try_to_receive(reactor, channel)) {
        return;
    }
    if (channel->phase == TF_PHASE_DRAINING) {
        go_on_draining(reactor, channel);
    }
}

void tf_transfer_resume(struct tf_reactor *reactor, struct tf_channel *channel)
{
    tf_channel_feed(channel, reactor->now_ns);
    tf_reactor_touch(reactor, channel);
    tf_reactor_arm(reactor, channel);
    if (tf_receive(reactor, channel) && channel->phase == TF_PHASE_DRAINING) {
        go_on_draining(reactor, channel);
    }
}
