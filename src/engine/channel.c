// SPDX-License-Identifier: MIT
#include "engine/channel.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "os/clock.h"

/// A peer that takes bytes out of the kernel is seen to do so this much of the timeout later, at most.
#define LOOKS_PER_CLOSE_TIMEOUT 4

struct tf_channel *tf_channel_create(
    const struct tofu_allocator *allocator, struct tofu_group *group, enum tf_side side)
{
    struct tf_channel *channel = tf_alloc_zeroed(allocator, sizeof *channel);
    if (channel == NULL) {
        return NULL;
    }
    channel->watch.socket = TF_SOCKET_NONE;
    channel->group = group;
    channel->side = (uint8_t)side;
    channel->phase = TF_PHASE_OPENING;
    channel->session = side == TF_ACCEPTING ? TF_SESSION_NEW : TF_SESSION_HELLO;
    tf_list_init(&channel->group_link);
    tf_list_init(&channel->ready_link);
    tf_list_init(&channel->starved_link);
    tf_list_init(&channel->unfinished_link);
    tf_list_init(&channel->dirty_link);
    tf_list_init(&channel->phase_link);
    return channel;
}

void tf_channel_destroy(const struct tofu_allocator *allocator, struct tf_channel *channel)
{
    TF_ASSERT(tf_list_is_empty(&channel->group_link) && tf_list_is_empty(&channel->ready_link));
    TF_ASSERT(tf_list_is_empty(&channel->starved_link));
    TF_ASSERT(tf_list_is_empty(&channel->unfinished_link));
    TF_ASSERT(tf_list_is_empty(&channel->dirty_link) && tf_list_is_empty(&channel->phase_link));
    TF_ASSERT(channel->watch.socket == TF_SOCKET_NONE && channel->attempt == NULL);
    TF_ASSERT(channel->listener == NULL && channel->closing_notice == NULL);
    TF_ASSERT(channel->writer.queue.first == NULL && channel->reader.message == NULL);

    tf_free(allocator, channel, sizeof *channel);
}

uint8_t tf_channel_interest(const struct tf_channel *channel)
{
    switch ((enum tf_phase)channel->phase) {
    case TF_PHASE_OPENING:
    case TF_PHASE_RESOLVING:
    case TF_PHASE_QUEUEING:
    case TF_PHASE_CLOSED:
        return 0;
    case TF_PHASE_CONNECTING:
        return channel->watch.socket == TF_SOCKET_NONE ? 0 : TF_POLL_WRITE;
    case TF_PHASE_LISTENING:
        return channel->rests_until_ns != 0 ? 0 : TF_POLL_READ;
    case TF_PHASE_HALF_OPEN:
        if (!tf_list_is_empty(&channel->ready_link)) {
            return 0; // It waits for its turn, and what it has to say is known.
        }
        break;
    case TF_PHASE_OPEN:
    case TF_PHASE_DRAINING:
        break;
    }
    uint8_t interest = 0;
    if (!channel->has_read_end && !channel->is_starved) {
        interest |= TF_POLL_READ;
    }
    if (channel->is_write_blocked && channel->writer.queue.first != NULL &&
        channel->write_error == 0) {
        interest |= TF_POLL_WRITE;
    }
    return interest;
}

bool tf_channel_awaits_bye(const struct tf_channel *channel)
{
    switch ((enum tf_session)channel->session) {
    case TF_SESSION_HELLO_OURS_WAITS:
    case TF_SESSION_HELLO_BOTH_WAIT:
    case TF_SESSION_HELLO_OURS_WAITS_PEER_DONE:
    case TF_SESSION_ANSWERED_OURS_WAITS:
    case TF_SESSION_ANSWERED_BOTH_WAIT:
    case TF_SESSION_ANSWERED_OURS_WAITS_PEER_DONE:
        return true;
    case TF_SESSION_NEW:
    case TF_SESSION_HELLO:
    case TF_SESSION_HELLO_PEER_WAITS:
    case TF_SESSION_HELLO_OURS_DONE_PEER_WAITS:
    case TF_SESSION_ANSWERED:
    case TF_SESSION_ANSWERED_PEER_WAITS:
    case TF_SESSION_ANSWERED_OURS_DONE_PEER_WAITS:
    case TF_SESSION_ENDED:
        break;
    }
    return false;
}

bool tf_channel_is_closing(const struct tf_channel *channel)
{
    bool is_open = channel->phase == TF_PHASE_OPEN;
    return channel->phase == TF_PHASE_DRAINING || (is_open && tf_channel_awaits_bye(channel));
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t set_or_never(uint64_t time_ns)
{
    return time_ns == 0 ? UINT64_MAX : time_ns;
}

static uint64_t attempt_deadline(
    const struct tf_channel *channel, const struct tf_settings *settings)
{
    uint64_t deadline_ns = tf_deadline(channel->since_ns, settings->connect_timeout_ns);
    return earlier(deadline_ns, set_or_never(channel->attempt->go_on_at_ns));
}

// While the kernel still has to send, it must be seen whether that goes on.
static uint64_t closing_deadline(
    const struct tf_channel *channel, const struct tf_settings *settings)
{
    uint64_t deadline_ns = tf_deadline(channel->progress_ns, settings->close_timeout_ns);
    uint64_t look_ns = settings->close_timeout_ns / LOOKS_PER_CLOSE_TIMEOUT;
    bool is_sending = channel->unsent_bytes > 0;
    return is_sending ? earlier(deadline_ns, tf_deadline(channel->looked_ns, look_ns))
                      : deadline_ns;
}

uint64_t tf_channel_deadline(const struct tf_channel *channel, const struct tf_settings *settings)
{
    uint64_t deadline_ns = UINT64_MAX;
    switch ((enum tf_phase)channel->phase) {
    case TF_PHASE_OPENING:
    case TF_PHASE_CLOSED:
        break;
    case TF_PHASE_RESOLVING:
    case TF_PHASE_CONNECTING:
        deadline_ns = attempt_deadline(channel, settings);
        break;
    case TF_PHASE_QUEUEING:
        deadline_ns = set_or_never(channel->attempt->go_on_at_ns);
        break;
    case TF_PHASE_LISTENING:
        deadline_ns = set_or_never(channel->rests_until_ns);
        break;
    case TF_PHASE_HALF_OPEN:
        if (!channel->is_starved) {
            deadline_ns = tf_deadline(channel->since_ns, settings->hello_timeout_ns);
        }
        break;
    case TF_PHASE_OPEN:
        if (channel->frame_since_ns != 0 && !channel->is_starved) {
            deadline_ns = tf_deadline(channel->frame_since_ns, settings->frame_timeout_ns);
        }
        if (tf_channel_awaits_bye(channel) && !channel->is_starved) {
            deadline_ns = earlier(deadline_ns, closing_deadline(channel, settings));
        }
        break;
    case TF_PHASE_DRAINING:
        deadline_ns = closing_deadline(channel, settings);
        break;
    }
    return deadline_ns;
}

void tf_channel_starve(struct tf_channel *channel, uint64_t now_ns)
{
    TF_ASSERT(!channel->is_starved);

    channel->is_starved = true;
    channel->starved_since_ns = now_ns;
}

void tf_channel_feed(struct tf_channel *channel, uint64_t now_ns)
{
    TF_ASSERT(channel->is_starved);

    uint64_t pause_ns = now_ns - channel->starved_since_ns;
    channel->is_starved = false;
    // What was sent during the pause is progress of its own.
    uint64_t progress_ns = channel->progress_ns + pause_ns;
    channel->progress_ns = progress_ns < now_ns ? progress_ns : now_ns;
    if (channel->phase == TF_PHASE_HALF_OPEN) {
        channel->since_ns += pause_ns;
    }
    if (channel->frame_since_ns != 0) {
        channel->frame_since_ns += pause_ns;
    }
}
