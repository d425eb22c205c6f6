// SPDX-License-Identifier: MIT
#include "engine/starvation.h"

#include "base/assert.h"
#include "engine/ending.h"
#include "engine/notices.h"
#include "engine/shutdown.h"
#include "engine/transfer.h"
#include "os/clock.h"

/// How long somebody must wait before an unfinished frame is taken for a slow drip: many honest large
/// messages at once also hold all places, but they end.
#define PATIENCE_NS TF_SECOND

/// How soon, how seldom, and how many of those in line for a place are looked at: their bytes may have come.
/// A look that finds nothing doubles the pause, so a line of drips costs next to nothing, and nobody waits longer
/// for a look than he has waited already.
#define LOOK_MIN_NS (10 * TF_MILLISECOND)
#define LOOK_MAX_NS (160 * TF_MILLISECOND)
#define LOOKS_MAX   1024

static uint64_t place_max(const struct tf_reactor *reactor)
{
    uint64_t half = reactor->pool->messages_max / 2;
    return half == 0 ? 1 : half;
}

static struct tf_channel *first_in_line(const struct tf_list *line)
{
    return TF_CONTAINER_OF(line->next, struct tf_channel, starved_link);
}

static void take_place(struct tf_reactor *reactor, struct tf_channel *channel)
{
    TF_ASSERT(!channel->has_place);
    TF_ASSERT(reactor->place_count < place_max(reactor));

    channel->has_place = true;
    reactor->place_count++;
}

void tf_starvation_leave_place(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (channel->has_place) {
        channel->has_place = false;
        reactor->place_count--;
    }
}

static void begin_episode(struct tf_reactor *reactor)
{
    if (reactor->is_pool_empty) {
        return;
    }
    reactor->is_pool_empty = true;
    reactor->pool_empty_episode++;
    tf_count(&reactor->counters.pool_empty_episodes, 1);
    tf_log_line(
        reactor->log,
        reactor->now_ns,
        TOFU_LOG_POOL_EMPTY,
        "reading rests until received messages are put back");
}

void tf_starvation_end_episode(struct tf_reactor *reactor)
{
    uint64_t incoming_count = atomic_load(&reactor->pool->incoming_count);
    bool is_half_free = incoming_count <= reactor->pool->messages_max / 2;
    if (is_half_free && tf_list_is_empty(&reactor->starved)) {
        reactor->is_pool_empty = false;
    }
}

static void join_budget_line(struct tf_reactor *reactor, struct tf_channel *channel)
{
    tf_list_append(&reactor->starved, &channel->starved_link);
    if (channel->phase == TF_PHASE_HALF_OPEN) {
        tf_list_remove(&channel->phase_link); // It cannot be evicted meanwhile.
    }
    if (!tf_pool_has_budget(reactor->pool)) {
        begin_episode(reactor);
        tf_notices_pool_empty(reactor, channel->group);
    }
}

static void await_budget(struct tf_reactor *reactor, struct tf_channel *channel)
{
    tf_channel_starve(channel, reactor->now_ns);
    join_budget_line(reactor, channel);
    tf_reactor_touch(reactor, channel);
}

static void look_soon(struct tf_reactor *reactor)
{
    reactor->look_pause_ns = LOOK_MIN_NS;
    reactor->look_at_ns = reactor->now_ns + LOOK_MIN_NS;
}

static void await_place(struct tf_reactor *reactor, struct tf_channel *channel)
{
    // Who joins while a soon look is due must not put it off.
    if (tf_list_is_empty(&reactor->placeless) || reactor->look_pause_ns > LOOK_MIN_NS) {
        look_soon(reactor);
    }
    tf_channel_starve(channel, reactor->now_ns);
    tf_list_append(&reactor->placeless, &channel->starved_link);
    tf_reactor_touch(reactor, channel);
}

static uint32_t payload_bytes(const struct tf_channel *channel)
{
    return tf_frame_reader_total(&channel->reader) - TF_HEADER_BYTES;
}

static bool may_take_from_budget(const struct tf_reactor *reactor, const struct tf_channel *channel)
{
    if (!tf_pool_has_budget(reactor->pool)) {
        return false;
    }
    return reactor->fed == channel ? reactor->fed_share > 0 : tf_list_is_empty(&reactor->starved);
}

// Whether the frame is whole, or has a place, or gets one.
static bool may_begin(struct tf_reactor *reactor, struct tf_channel *channel, size_t size)
{
    if (channel->has_place || size >= payload_bytes(channel)) {
        return true;
    }
    if (tf_list_is_empty(&reactor->placeless) && reactor->place_count < place_max(reactor)) {
        take_place(reactor, channel);
        return true;
    }
    return size + tf_socket_pending(channel->watch.socket) >= payload_bytes(channel);
}

bool tf_starvation_admit(struct tf_reactor *reactor, struct tf_channel *channel, size_t size)
{
    if (reactor->is_shutting_down) {
        return true; // Nobody waits in a shutdown.
    }
    if (!may_take_from_budget(reactor, channel)) {
        await_budget(reactor, channel);
        return false;
    }
    if (!may_begin(reactor, channel, size)) {
        await_place(reactor, channel);
        return false;
    }
    reactor->fed_share -= reactor->fed == channel ? 1 : 0;
    return true;
}

void tf_starvation_note_unfinished(
    struct tf_reactor *reactor, struct tf_channel *channel, bool has_bytes)
{
    bool is_listed = !tf_list_is_empty(&channel->unfinished_link);
    bool is_unfinished = channel->reader.message != NULL && channel->has_place;
    if (is_unfinished && is_listed && !has_bytes) {
        return;
    }
    tf_list_remove(&channel->unfinished_link);
    if (is_unfinished) {
        tf_list_append(&reactor->unfinished, &channel->unfinished_link);
        channel->bytes_ns = reactor->now_ns;
    }
}

void tf_starvation_leave(struct tf_reactor *reactor, struct tf_channel *channel)
{
    tf_list_remove(&channel->starved_link);
    tf_list_remove(&channel->unfinished_link);
    tf_starvation_leave_place(reactor, channel);
    channel->is_starved = false;
}

static bool may_feed(struct tf_reactor *reactor)
{
    return tf_pool_has_budget(reactor->pool) || reactor->is_shutting_down;
}

static bool may_give_place(struct tf_reactor *reactor)
{
    return !tf_list_is_empty(&reactor->placeless) &&
           (reactor->place_count < place_max(reactor) || reactor->is_shutting_down);
}

bool tf_starvation_can_end(struct tf_reactor *reactor)
{
    return may_give_place(reactor) || (!tf_list_is_empty(&reactor->starved) && may_feed(reactor));
}

// A place is kept for who waits for the budget with it.
static void give_places(struct tf_reactor *reactor)
{
    while (may_give_place(reactor)) {
        struct tf_channel *channel = first_in_line(&reactor->placeless);
        tf_list_remove(&channel->starved_link);
        if (!reactor->is_shutting_down) {
            take_place(reactor, channel);
        }
        join_budget_line(reactor, channel);
    }
}

static bool is_all_at_hand(const struct tf_reactor *reactor, const struct tf_channel *channel)
{
    const struct tf_receive_buffer *buffer = &reactor->receive_buffer;
    size_t size = buffer->owner == channel ? buffer->end - buffer->begin : 0;
    return size + tf_socket_pending(channel->watch.socket) >= payload_bytes(channel);
}

// Nothing tells when the last byte of a frame has come that may not be read, so we look, now and then.
static void look_for_whole_frames(struct tf_reactor *reactor)
{
    if (tf_list_is_empty(&reactor->placeless) || reactor->look_at_ns > reactor->now_ns) {
        return;
    }
    bool is_found = false;
    struct tf_list *link = reactor->placeless.next;
    for (int i = 0; i < LOOKS_MAX && link != &reactor->placeless; i++) {
        struct tf_channel *channel = TF_CONTAINER_OF(link, struct tf_channel, starved_link);
        link = link->next;
        if (is_all_at_hand(reactor, channel)) {
            tf_list_remove(&channel->starved_link);
            join_budget_line(reactor, channel);
            is_found = true;
        }
    }
    if (is_found) {
        look_soon(reactor);
        return;
    }
    reactor->look_at_ns = reactor->now_ns + reactor->look_pause_ns;
    if (reactor->look_pause_ns < LOOK_MAX_NS) {
        reactor->look_pause_ns *= 2;
    }
}

// What is left of the budget, divided among those in line; as far as it goes, one for each. Who is alone
// in line takes all, and what comes back meanwhile.
static uint64_t share_of_budget(const struct tf_reactor *reactor)
{
    if (reactor->starved.next == reactor->starved.previous) {
        return UINT64_MAX;
    }
    uint64_t incoming_count = atomic_load(&reactor->pool->incoming_count);
    uint64_t messages_max = reactor->pool->messages_max;
    uint64_t left = incoming_count < messages_max ? messages_max - incoming_count : 0;
    uint64_t count = 0;
    for (const struct tf_list *link = reactor->starved.next;
         link != &reactor->starved && count < left;
         link = link->next) {
        count++;
    }
    return count > 0 ? left / count : 1;
}

// Each at most once a turn: fixed order and round-robin both let somebody wait for ever.
static void feed_in_order(struct tf_reactor *reactor)
{
    struct tf_list now;
    uint64_t share = share_of_budget(reactor);
    tf_list_init(&now);
    tf_list_append_all(&now, &reactor->starved);
    while (!tf_list_is_empty(&now) && may_feed(reactor) && !tf_shutdown_cuts_turn(reactor)) {
        struct tf_list *link = tf_list_take_first(&now);
        reactor->fed_share = share;
        tf_transfer_resume(reactor, TF_CONTAINER_OF(link, struct tf_channel, starved_link));
    }
    // Who was not reached stays in front of who starved again.
    tf_list_append_all(&now, &reactor->starved);
    tf_list_append_all(&reactor->starved, &now);
}

void tf_starvation_feed(struct tf_reactor *reactor)
{
    give_places(reactor);
    look_for_whole_frames(reactor);
    feed_in_order(reactor);
}

// Since when somebody waits for what unfinished frames hold; UINT64_MAX: nobody does.
static uint64_t first_waits_since(const struct tf_reactor *reactor)
{
    if (!tf_list_is_empty(&reactor->placeless)) {
        return first_in_line(&reactor->placeless)->starved_since_ns;
    }
    // A budget of one message is all place.
    bool holds_all = reactor->place_count == reactor->pool->messages_max;
    if (holds_all && !tf_list_is_empty(&reactor->starved)) {
        return first_in_line(&reactor->starved)->starved_since_ns;
    }
    return UINT64_MAX;
}

static struct tf_channel *longest_without_bytes(const struct tf_reactor *reactor)
{
    return TF_CONTAINER_OF(reactor->unfinished.next, struct tf_channel, unfinished_link);
}

// When the next one is to be closed. All that got no bytes for as long as somebody waits may go; of the
// others, which may be honest and slow, one in that time.
static uint64_t patience_ends(const struct tf_reactor *reactor)
{
    uint64_t since_ns = first_waits_since(reactor);
    if (since_ns == UINT64_MAX || tf_list_is_empty(&reactor->unfinished)) {
        return UINT64_MAX;
    }
    uint64_t silent_ns = longest_without_bytes(reactor)->bytes_ns;
    uint64_t spared_ns = silent_ns < reactor->judged_ns ? silent_ns : reactor->judged_ns;
    return (since_ns > spared_ns ? since_ns : spared_ns) + PATIENCE_NS;
}

uint64_t tf_starvation_deadline(const struct tf_reactor *reactor)
{
    uint64_t judge_at_ns = patience_ends(reactor);
    if (tf_list_is_empty(&reactor->placeless)) {
        return judge_at_ns;
    }
    return judge_at_ns < reactor->look_at_ns ? judge_at_ns : reactor->look_at_ns;
}

void tf_starvation_judge(struct tf_reactor *reactor)
{
    while (patience_ends(reactor) <= reactor->now_ns) {
        struct tf_channel *channel = longest_without_bytes(reactor);
        if (channel->bytes_ns < reactor->now_ns) {
            // Its bytes may have come while we could not look.
            if (!tf_transfer_look_again(reactor, channel) || channel->bytes_ns == reactor->now_ns ||
                !channel->has_place) {
                continue;
            }
        }
        reactor->judged_ns = reactor->now_ns;
        tf_ending_begin(
            reactor,
            channel,
            TOFU_TIMED_OUT,
            "an unfinished message held what others waited for",
            TF_ENDING_RESET);
        give_places(reactor);
    }
}
