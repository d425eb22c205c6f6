// SPDX-License-Identifier: MIT
#include "engine/listen.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "engine/connect.h"
#include "engine/ending.h"
#include "engine/notices.h"
#include "engine/transfer.h"
#include "os/clock.h"
#include "wire/address.h"

/// How long a listener rests when the system has no descriptors, unless one of ours is closed before: trying at
/// once would only spin.
#define REST_NS (100 * TF_MILLISECOND)

/// How long a listener to be waits for others who are at its Unix path: one of them takes microseconds, or a
/// fifth of a second where it asks whether somebody is alive there who does not answer.
#define TURN_NS (5 * TF_SECOND)

static void answer_welcome(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tofu_message *message = tf_message_queue_take(&channel->writer.queue);
    struct tf_slot *slot = tf_table_slot(reactor->table, channel->number);
    tf_slot_unload(slot, 1, tf_message_wire_bytes(message));
    tf_message_set_listen_on(message, &channel->listener->address);
    tf_notices_return(reactor, message, TOFU_OK);
}

// A path that another starter is at will be free, or a live listener's, in a moment.
static void listen_failed(
    struct tf_reactor *reactor, struct tf_channel *channel, enum tofu_status status, int error)
{
    bool is_late = reactor->now_ns >= tf_deadline(channel->since_ns, TURN_NS);
    if (!tf_listener_error_is_busy(error) || is_late) {
        tf_ending_begin_error(reactor, channel, status, error, TF_ENDING_CLOSE);
        return;
    }
    channel->phase = TF_PHASE_QUEUEING;
    tf_attempt_put_off(reactor, channel);
}

static void become_listener(
    struct tf_reactor *reactor, struct tf_channel *channel, struct tf_listener *listener)
{
    tf_attempt_end(reactor, channel);
    channel->listener = listener;
    channel->watch.socket = listener->socket;
    channel->phase = TF_PHASE_LISTENING;
    if (!tf_reactor_watch(reactor, channel)) {
        return; // Who is told that it listens must find it listening.
    }
    tf_log_line(
        reactor->log,
        reactor->now_ns,
        TOFU_LOG_LISTENING,
        "channel %u listens",
        (unsigned)channel->number);
    answer_welcome(reactor, channel);
}

static void open_listener(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tf_listener *listener = tf_alloc_zeroed(reactor->allocator, sizeof *listener);
    if (listener == NULL) {
        tf_ending_begin(reactor, channel, TOFU_ALLOCATION_FAILED, NULL, TF_ENDING_CLOSE);
        return;
    }
    int error = 0;
    enum tofu_status status =
        tf_listener_open(listener, &channel->attempt->address, reactor->settings->uds_mode, &error);
    if (status != TOFU_OK) {
        tf_free(reactor->allocator, listener, sizeof *listener);
        listen_failed(reactor, channel, status, error);
        return;
    }
    become_listener(reactor, channel, listener);
}

static void take_token(struct tf_reactor *reactor, struct tf_channel *channel)
{
    enum tofu_status status =
        tf_tokens_add(&reactor->tokens, reactor->allocator, channel, &channel->watch.token);
    if (status != TOFU_OK) {
        tf_ending_begin(reactor, channel, status, NULL, TF_ENDING_CLOSE);
        return;
    }
    open_listener(reactor, channel);
}

void tf_listen_start(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (tf_attempt_start(reactor, channel)) {
        take_token(reactor, channel);
    }
}

void tf_listen_again(struct tf_reactor *reactor, struct tf_channel *channel)
{
    open_listener(reactor, channel);
}

// A name may have several addresses; a server listens on the first, and says in its answer which.
void tf_listen_resolved(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tofu_address *address = &channel->attempt->address;
    uint16_t port = address->port;
    tf_endpoint_to_address(&channel->attempt->endpoints[0], address);
    address->port = port;
    take_token(reactor, channel);
}

static bool is_half_open_full(const struct tf_reactor *reactor)
{
    return atomic_load(&reactor->counters.half_open) >= reactor->settings->half_open_max;
}

// NULL: none, or all of them are in line for the budget.
static struct tf_channel *oldest_half_open(const struct tf_reactor *reactor)
{
    struct tf_list *link = reactor->half_open.next;
    return link == &reactor->half_open ? NULL
                                       : TF_CONTAINER_OF(link, struct tf_channel, phase_link);
}

// Its HelloRequest may be in the kernel: accepting many at once must not cost one that was not looked at.
static bool oldest_is_unread(const struct tf_reactor *reactor)
{
    const struct tf_channel *oldest = oldest_half_open(reactor);
    return oldest != NULL && oldest->can_read && !oldest->is_starved;
}

// Nobody may have told us yet that its HelloRequest is there.
static void look_at_oldest(struct tf_reactor *reactor)
{
    struct tf_channel *oldest = oldest_half_open(reactor);
    if (is_half_open_full(reactor) && oldest != NULL && !oldest->can_read && !oldest->is_starved) {
        (void)tf_transfer_look_again(reactor, oldest);
    }
}

// The oldest one goes: it had the most time to say hello. One that starves is not to blame, and not on
// the list; when all starve, nobody is accepted.
static void make_room_half_open(struct tf_reactor *reactor)
{
    if (!is_half_open_full(reactor)) {
        return;
    }
    struct tf_channel *oldest = oldest_half_open(reactor);
    TF_ASSERT(oldest != NULL);

    tf_ending_begin(reactor, oldest, TOFU_NOT_ALLOWED, NULL, TF_ENDING_RESET);
}

static void adopt_connection(
    struct tf_reactor *reactor, struct tf_channel *listener_channel, tf_socket socket)
{
    tf_count(&reactor->counters.connections_accepted, 1);
    make_room_half_open(reactor);
    struct tf_channel *channel =
        tf_channel_create(reactor->allocator, listener_channel->group, TF_ACCEPTING);
    if (channel == NULL) {
        tf_count(&reactor->counters.connections_refused, 1);
        tf_socket_reset(socket);
        return;
    }
    channel->watch.socket = socket;
    channel->phase = TF_PHASE_HALF_OPEN;
    channel->since_ns = reactor->now_ns;
    tf_count(&reactor->counters.half_open, 1);
    tf_list_append(&reactor->half_open, &channel->phase_link);
    tf_reactor_adopt(reactor, channel);
    enum tofu_status status =
        tf_tokens_add(&reactor->tokens, reactor->allocator, channel, &channel->watch.token);
    if (status != TOFU_OK) {
        tf_ending_begin(reactor, channel, status, NULL, TF_ENDING_RESET);
        return;
    }
    if (reactor->settings->keep_alive) {
        tf_socket_keep_alive(socket);
    }
    channel->can_read = true; // The HelloRequest usually came with the connection.
    tf_reactor_arm(reactor, channel);
    tf_reactor_touch(reactor, channel);
    tf_reactor_schedule(reactor, channel);
}

static void rest(struct tf_reactor *reactor, struct tf_channel *channel)
{
    channel->rests_until_ns = reactor->now_ns + REST_NS;
    tf_list_append(&reactor->resting, &channel->phase_link);
    tf_reactor_arm(reactor, channel);
    tf_reactor_touch(reactor, channel);
}

static void rest_after_failure(struct tf_reactor *reactor, struct tf_channel *channel, int error)
{
    tf_log_line(
        reactor->log,
        reactor->now_ns,
        TOFU_LOG_LISTENER_RESTS,
        "channel %u: accept: system error %d",
        (unsigned)channel->number,
        error);
    tf_count(&reactor->counters.accepts_failed, 1);
    // Listeners of a group share its notice: whoever could not tell tries again when it rests again.
    if (!channel->is_rest_told) {
        channel->is_rest_told = tf_notices_accept_failed(reactor, channel);
    }
    rest(reactor, channel);
}

void tf_listen_step(struct tf_reactor *reactor, struct tf_channel *channel)
{
    for (uint32_t i = 0;
         i < reactor->strangers_max && channel->can_read && channel->rests_until_ns == 0;
         i++) {
        look_at_oldest(reactor);
        if (is_half_open_full(reactor) && oldest_is_unread(reactor)) {
            break; // It has its turn first.
        }
        if (is_half_open_full(reactor) && oldest_half_open(reactor) == NULL) {
            rest(reactor, channel); // Who comes now waits in the kernel: nobody here is to blame.
            break;
        }
        tf_socket socket = TF_SOCKET_NONE;
        int error = 0;
        switch (tf_listener_accept(channel->listener, &socket, &error)) {
        case TF_IO_DONE:
            adopt_connection(reactor, channel, socket);
            break;
        case TF_IO_WOULD_BLOCK:
            // Nobody waits any more, so the next rest is another episode.
            channel->is_rest_told = false;
            channel->can_read = false;
            break;
        case TF_IO_END:
        case TF_IO_EXHAUSTED:
        case TF_IO_FAILED:
            rest_after_failure(reactor, channel, error);
            break;
        }
    }
    if (channel->can_read && channel->rests_until_ns == 0) {
        tf_reactor_schedule(reactor, channel);
    }
}

void tf_listen_timer(struct tf_reactor *reactor, struct tf_channel *channel)
{
    channel->rests_until_ns = 0;
    channel->can_read = true;
    tf_list_remove(&channel->phase_link);
    tf_reactor_touch(reactor, channel);
    tf_reactor_schedule(reactor, channel);
}

void tf_listen_resume(struct tf_reactor *reactor)
{
    while (!tf_list_is_empty(&reactor->resting)) {
        struct tf_channel *channel =
            TF_CONTAINER_OF(reactor->resting.next, struct tf_channel, phase_link);
        tf_timers_remove(&reactor->timers, &channel->timer);
        tf_listen_timer(reactor, channel);
    }
}
