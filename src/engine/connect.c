// SPDX-License-Identifier: MIT
#include "engine/connect.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "engine/ending.h"
#include "engine/listen.h"
#include "os/clock.h"
#include "wire/address.h"

// A Unix listener whose backlog is full tells nobody when there is room again, nor does who leaves a path.
#define RETRY_DELAY_MIN_NS TF_MILLISECOND
#define RETRY_DELAY_MAX_NS (100 * TF_MILLISECOND)

// On the resolver's thread: the flag is the whole message, the lists are looked at by their owner.
static void name_resolved(void *context)
{
    struct tf_reactor *reactor = context;
    atomic_store(&reactor->has_resolutions, true);
    tf_reactor_wake(reactor);
}

static enum tofu_status make_attempt(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tf_attempt *attempt = tf_alloc_zeroed(reactor->allocator, sizeof *attempt);
    if (attempt == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    channel->attempt = attempt;
    channel->since_ns = tf_clock_now(); // This turn may have been held up before it came to this.
    attempt->retry_delay_ns = RETRY_DELAY_MIN_NS;
    enum tofu_status status = tf_message_address(channel->writer.queue.first, &attempt->address);
    if (status != TOFU_OK) {
        return status;
    }
    if (attempt->address.transport == TOFU_TCP && attempt->address.host[0] == '\0') {
        TF_ASSERT(channel->side == TF_LISTENING);
        return TOFU_OK; // All interfaces: opening the listener says what that means here.
    }
    if (tf_endpoint_from_address(&attempt->address, &attempt->single)) {
        attempt->endpoints = &attempt->single;
        attempt->endpoint_count = 1;
        return TOFU_OK;
    }
    return tf_query_open(
        reactor->resolver, &attempt->query, &attempt->address, name_resolved, reactor);
}

bool tf_attempt_start(struct tf_reactor *reactor, struct tf_channel *channel)
{
    enum tofu_status status = make_attempt(reactor, channel);
    if (status != TOFU_OK) {
        tf_ending_begin(reactor, channel, status, NULL, TF_ENDING_CLOSE);
        return false;
    }
    if (channel->attempt->query != NULL) {
        channel->phase = TF_PHASE_RESOLVING;
        tf_list_append(&reactor->resolving, &channel->phase_link);
        tf_reactor_arm(reactor, channel);
        return false;
    }
    return true;
}

void tf_attempt_end(struct tf_reactor *reactor, struct tf_channel *channel)
{
    tf_query_close(&channel->attempt->query);
    tf_free(reactor->allocator, channel->attempt, sizeof *channel->attempt);
    channel->attempt = NULL;
}

static void become_open(struct tf_reactor *reactor, struct tf_channel *channel)
{
    tf_attempt_end(reactor, channel);
    if (reactor->settings->keep_alive) {
        tf_socket_keep_alive(channel->watch.socket);
    }
    channel->phase = TF_PHASE_OPEN;
    // The close deadline of a ByeRequest that was queued meanwhile counts from here.
    channel->progress_ns = reactor->now_ns;
    tf_reactor_arm(reactor, channel);
    tf_reactor_touch(reactor, channel);
    tf_reactor_schedule(reactor, channel);
}

static bool take_token(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (channel->watch.token != 0) {
        reactor->poller.ops->forget(&reactor->poller, &channel->watch);
        tf_tokens_remove(&reactor->tokens, channel->watch.token);
        channel->watch.token = 0;
    }
    return tf_tokens_add(&reactor->tokens, reactor->allocator, channel, &channel->watch.token) ==
           TOFU_OK;
}

// An address that never answers must leave time for those behind it, so each gets its share of what is left.
static void give_share(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tf_attempt *attempt = channel->attempt;
    size_t left_count = attempt->endpoint_count - attempt->next_endpoint;
    uint64_t deadline_ns = tf_deadline(channel->since_ns, reactor->settings->connect_timeout_ns);
    attempt->go_on_at_ns = 0;
    if (left_count > 1 && deadline_ns != UINT64_MAX && deadline_ns > reactor->now_ns) {
        attempt->go_on_at_ns = reactor->now_ns + (deadline_ns - reactor->now_ns) / left_count;
    }
    tf_reactor_arm(reactor, channel);
}

void tf_attempt_put_off(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tf_attempt *attempt = channel->attempt;
    attempt->go_on_at_ns = reactor->now_ns + attempt->retry_delay_ns;
    attempt->retry_delay_ns *= 2;
    if (attempt->retry_delay_ns > RETRY_DELAY_MAX_NS) {
        attempt->retry_delay_ns = RETRY_DELAY_MAX_NS;
    }
    tf_reactor_arm(reactor, channel);
}

// Tries the endpoints from the next one on, until one connects, or takes time, or none is left.
static void try_endpoints(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tf_attempt *attempt = channel->attempt;
    enum tofu_status status = TOFU_CONNECT_FAILED;
    int error = 0;
    while (attempt->next_endpoint < attempt->endpoint_count) {
        if (!take_token(reactor, channel)) {
            status = TOFU_ALLOCATION_FAILED;
            break;
        }
        const struct tf_endpoint *endpoint = &attempt->endpoints[attempt->next_endpoint];
        switch (tf_socket_connect(endpoint, &channel->watch.socket, &status, &error)) {
        case TF_CONNECT_DONE:
            become_open(reactor, channel);
            return;
        case TF_CONNECT_PENDING:
            give_share(reactor, channel);
            tf_reactor_touch(reactor, channel);
            return;
        case TF_CONNECT_CONGESTED:
            tf_attempt_put_off(reactor, channel);
            return;
        case TF_CONNECT_FAILED:
            attempt->next_endpoint++;
            break;
        }
    }
    tf_ending_begin_error(reactor, channel, status, error, TF_ENDING_CLOSE);
}

static void try_next_endpoint(struct tf_reactor *reactor, struct tf_channel *channel)
{
    reactor->poller.ops->forget(&reactor->poller, &channel->watch);
    tf_socket_close(channel->watch.socket);
    // What the poller knows of this socket says nothing of the next one.
    channel->watch = (struct tf_watch){.socket = TF_SOCKET_NONE, .token = channel->watch.token};
    channel->attempt->next_endpoint++;
    try_endpoints(reactor, channel);
}

static void connect_endpoints(struct tf_reactor *reactor, struct tf_channel *channel)
{
    channel->phase = TF_PHASE_CONNECTING;
    try_endpoints(reactor, channel);
}

void tf_connect_start(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (tf_attempt_start(reactor, channel)) {
        connect_endpoints(reactor, channel);
    }
}

// Takes the endpoints of a name that has been resolved. Returns whether there are any; if not, the channel has
// ended.
static bool attempt_resolved(struct tf_reactor *reactor, struct tf_channel *channel)
{
    const struct tf_resolution *resolution = tf_query_resolution(channel->attempt->query);
    TF_ASSERT(resolution != NULL);

    tf_list_remove(&channel->phase_link);
    if (resolution->status != TOFU_OK) {
        tf_ending_begin(reactor, channel, resolution->status, resolution->detail, TF_ENDING_CLOSE);
        return false;
    }
    channel->attempt->endpoints = resolution->endpoints;
    channel->attempt->endpoint_count = resolution->endpoint_count;
    return true;
}

void tf_connect_resolutions(struct tf_reactor *reactor)
{
    if (!atomic_exchange(&reactor->has_resolutions, false)) {
        return;
    }
    struct tf_list *link = reactor->resolving.next;
    while (link != &reactor->resolving) {
        struct tf_channel *channel = TF_CONTAINER_OF(link, struct tf_channel, phase_link);
        link = link->next;
        if (tf_query_resolution(channel->attempt->query) == NULL ||
            !attempt_resolved(reactor, channel)) {
            continue;
        }
        if (channel->side == TF_LISTENING) {
            tf_listen_resolved(reactor, channel);
        } else {
            connect_endpoints(reactor, channel);
        }
    }
}

void tf_connect_step(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (channel->watch.socket == TF_SOCKET_NONE) {
        return; // Waits to be tried again, by the timer.
    }
    enum tofu_status status = TOFU_CONNECT_FAILED;
    int error = 0;
    switch (tf_socket_connect_finish(channel->watch.socket, &status, &error)) {
    case TF_CONNECT_DONE:
        become_open(reactor, channel);
        return;
    case TF_CONNECT_PENDING:
    case TF_CONNECT_CONGESTED:
        return; // The event was spurious.
    case TF_CONNECT_FAILED:
        break;
    }
    if (channel->attempt->next_endpoint + 1 == channel->attempt->endpoint_count) {
        tf_ending_begin_error(reactor, channel, status, error, TF_ENDING_CLOSE);
        return;
    }
    try_next_endpoint(reactor, channel);
}

void tf_connect_look_again(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (channel->watch.socket != TF_SOCKET_NONE) {
        tf_connect_step(reactor, channel);
        return;
    }
    channel->attempt->go_on_at_ns = 0;
    try_endpoints(reactor, channel);
}

void tf_connect_timer(struct tf_reactor *reactor, struct tf_channel *channel)
{
    uint64_t deadline_ns = tf_deadline(channel->since_ns, reactor->settings->connect_timeout_ns);
    if (reactor->now_ns >= deadline_ns) {
        tf_ending_begin(reactor, channel, TOFU_TIMED_OUT, NULL, TF_ENDING_CLOSE);
        return;
    }
    TF_ASSERT(channel->watch.socket != TF_SOCKET_NONE);
    channel->attempt->go_on_at_ns = 0;
    try_next_endpoint(reactor, channel);
}
