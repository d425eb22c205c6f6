// SPDX-License-Identifier: MIT
#include "engine/reactor.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "engine/admit.h"
#include "engine/connect.h"
#include "engine/ending.h"
#include "engine/engine.h"
#include "engine/group.h"
#include "engine/listen.h"
#include "engine/notices.h"
#include "engine/shutdown.h"
#include "engine/starvation.h"
#include "engine/transfer.h"
#include "os/clock.h"
#include "os/error.h"
#include "os/park.h"

/// Waiting connections per listener, half-open ones, and deadlines, that one turn acts on, each. One: taking a
/// connection and turning out an older one costs as much as ten messages, honest clients wait for a turn to end,
/// and a thread that is busy with strangers has to share its processor with them.
#define STRANGERS_MIN 1
#define STRANGERS_MAX 64

/// What one of them costs, about.
#define STRANGER_NS UINT64_C(20000)

static void init_lists(struct tf_reactor *reactor)
{
    tf_list_init(&reactor->groups);
    tf_list_init(&reactor->outboxes);
    tf_list_init(&reactor->ready);
    tf_list_init(&reactor->knocking);
    tf_list_init(&reactor->accepting);
    tf_list_init(&reactor->starved);
    tf_list_init(&reactor->placeless);
    tf_list_init(&reactor->unfinished);
    tf_list_init(&reactor->dirty);
    tf_list_init(&reactor->resolving);
    tf_list_init(&reactor->half_open);
    tf_list_init(&reactor->resting);
    tf_list_init(&reactor->closed);
    tf_list_init(&reactor->abandoned);
    tf_list_init(&reactor->running);
}

static void free_buffers(struct tf_reactor *reactor)
{
    tf_tokens_close(&reactor->tokens, reactor->allocator);
    tf_free(reactor->allocator, reactor->receive_buffer.data, TF_RECEIVE_BUFFER_BYTES);
    tf_free(reactor->allocator, reactor->staging.data, TF_STAGING_BYTES);
}

enum tofu_status tf_reactor_open(struct tf_reactor *reactor, struct tofu_engine *engine)
{
    *reactor = (struct tf_reactor){
        .allocator = &engine->allocator,
        .settings = &engine->settings,
        .log = &engine->log,
        .pool = &engine->pool,
        .table = &engine->table,
        .engine = engine,
    };
    init_lists(reactor);
    reactor->receive_buffer.data = tf_alloc(reactor->allocator, TF_RECEIVE_BUFFER_BYTES);
    reactor->staging.data = tf_alloc(reactor->allocator, TF_STAGING_BYTES);
    reactor->staging.size = TF_STAGING_BYTES;
    enum tofu_status status = TOFU_ALLOCATION_FAILED;
    if (reactor->receive_buffer.data == NULL || reactor->staging.data == NULL) {
        goto free_buffers;
    }
    status = tf_commands_open(&reactor->commands);
    if (status != TOFU_OK) {
        goto free_buffers;
    }
    status = tf_resolver_open(&reactor->resolver);
    if (status != TOFU_OK) {
        goto close_commands;
    }
    reactor->poller.ops = reactor->settings->poller;
    struct tf_poller_options poller_options = {
        .allocator = reactor->allocator, .lsp_fallback = reactor->settings->lsp_fallback};
    status = reactor->poller.ops->open(&reactor->poller, &poller_options);
    if (status != TOFU_OK) {
        goto close_resolver;
    }
    status =
        tf_thread_start(&reactor->thread, reactor->settings->thread_name, tf_reactor_step, reactor);
    if (status != TOFU_OK) {
        goto close_poller;
    }
    return TOFU_OK;

close_poller:
    reactor->poller.ops->close(&reactor->poller);
close_resolver:
    tf_resolver_close(&reactor->resolver);
close_commands:
    tf_commands_close(&reactor->commands);
free_buffers:
    free_buffers(reactor);
    return status;
}

void tf_reactor_close(struct tf_reactor *reactor)
{
    tf_thread_join(&reactor->thread);
    reactor->poller.ops->close(&reactor->poller);
    if (reactor->poller.detail[0] != '\0') {
        tf_log_line(
            reactor->log,
            tf_clock_now(),
            TOFU_LOG_POLLER_FAILED,
            "the poller closed with a complaint: %s",
            reactor->poller.detail);
    }
    tf_resolver_close(&reactor->resolver);
    tf_commands_close(&reactor->commands);
    free_buffers(reactor);
}

void tf_reactor_wake(struct tf_reactor *reactor)
{
    if (atomic_load(&reactor->is_asleep) == 0 || atomic_exchange(&reactor->is_asleep, 0) == 0) {
        return;
    }
    atomic_fetch_add_explicit(&reactor->wakeups, 1, memory_order_relaxed);
    if (atomic_load(&reactor->is_dead)) {
        tf_unpark_all(&reactor->is_asleep);
    } else {
        reactor->poller.ops->wake(&reactor->poller);
    }
}

void tf_reactor_post(struct tf_reactor *reactor, struct tofu_message *message)
{
    tf_message_stack_push(&reactor->posts, message, message);
    tf_reactor_wake(reactor);
}

void tf_reactor_command(struct tf_reactor *reactor, struct tf_command *command)
{
    tf_commands_add(&reactor->commands, command);
    tf_reactor_wake(reactor);
}

void tf_reactor_schedule(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (!tf_list_is_empty(&channel->ready_link)) {
        return;
    }
    if (channel->phase == TF_PHASE_LISTENING) {
        tf_list_append(&reactor->accepting, &channel->ready_link);
    } else if (channel->phase == TF_PHASE_HALF_OPEN) {
        tf_list_append(&reactor->knocking, &channel->ready_link);
        tf_reactor_touch(reactor, channel);
    } else {
        tf_list_append(&reactor->ready, &channel->ready_link);
    }
}

void tf_reactor_touch(struct tf_reactor *reactor, struct tf_channel *channel)
{
    if (tf_list_is_empty(&channel->dirty_link)) {
        tf_list_append(&reactor->dirty, &channel->dirty_link);
    }
}

void tf_reactor_arm(struct tf_reactor *reactor, struct tf_channel *channel)
{
    uint64_t deadline_ns = tf_channel_deadline(channel, reactor->settings);
    bool is_set = tf_timer_is_set(&channel->timer);
    if (deadline_ns == UINT64_MAX || (is_set && channel->timer.deadline_ns <= deadline_ns)) {
        return;
    }
    tf_timers_remove(&reactor->timers, &channel->timer);
    tf_timers_add(&reactor->timers, &channel->timer, deadline_ns);
}

void tf_reactor_adopt(struct tf_reactor *reactor, struct tf_channel *channel)
{
    struct tofu_group *group = channel->group;
    tf_count(&group->counters.channels, 1);
    tf_list_append(&group->channels, &channel->group_link);
    if (tf_list_is_empty(&group->reactor_link)) {
        tf_list_append(&reactor->groups, &group->reactor_link);
    }
}

static void admit_posts(struct tf_reactor *reactor)
{
    struct tofu_message *message = tf_message_stack_take(&reactor->posts);
    while (message != NULL) {
        struct tofu_message *next = message->next;
        message->next = NULL;
        tf_admit(reactor, message);
        message = next;
    }
}

// The poller's words are for whoever runs the machine: the log has all of them, the closing notice as many
// as it has room for.
static void watch_failed(
    struct tf_reactor *reactor, struct tf_channel *channel, enum tofu_status status)
{
    char detail[TF_ERROR_TEXT_BYTES_MAX];
    (void)snprintf(detail, sizeof detail, "%.*s", (int)sizeof detail - 1, reactor->poller.detail);
    if (detail[0] != '\0') {
        tf_log_line(
            reactor->log,
            reactor->now_ns,
            TOFU_LOG_POLLER_FAILED,
            "a socket cannot be watched: %s",
            reactor->poller.detail);
    }
    tf_ending_begin(reactor, channel, status, detail, TF_ENDING_RESET);
}

// There is nothing left to hear of it, and its bytes cannot be waited for: the end that a socket has which the
// poller refuses at once.
static void watch_was_lost(struct tf_reactor *reactor, struct tf_channel *channel)
{
    enum tofu_status status =
        reactor->poller.ops->watch(&reactor->poller, &channel->watch, channel->watch.interest);
    TF_ASSERT(status == TOFU_NOTIFICATION_FAILED);
    watch_failed(reactor, channel, status);
}

// An error never closes a channel by itself: reading tells what it was, or writing where nothing may be
// read.
static void note_event(
    struct tf_reactor *reactor, struct tf_channel *channel, const struct tf_poll_event *event)
{
    if ((event->ready & TF_POLL_FAILED) != 0) {
        watch_was_lost(reactor, channel);
        return;
    }
    if ((event->ready & (TF_POLL_READ | TF_POLL_HANGUP | TF_POLL_ERROR)) != 0) {
        channel->can_read = true;
    }
    if ((event->ready & TF_POLL_HANGUP) != 0) {
        channel->has_hangup = true;
    }
    if ((event->ready & (TF_POLL_WRITE | TF_POLL_ERROR)) != 0 && channel->is_write_blocked) {
        channel->is_write_blocked = false;
        tf_reactor_touch(reactor, channel);
    }
    tf_reactor_schedule(reactor, channel);
}

static void note_events(struct tf_reactor *reactor)
{
    for (uint32_t i = 0; i < reactor->event_count; i++) {
        struct tf_channel *channel = tf_tokens_find(&reactor->tokens, reactor->events[i].token);
        if (channel != NULL) {
            note_event(reactor, channel, &reactor->events[i]);
        }
    }
    reactor->event_count = 0;
}

static void time_is_up(struct tf_reactor *reactor, struct tf_channel *channel)
{
    switch ((enum tf_phase)channel->phase) {
    case TF_PHASE_RESOLVING:
    case TF_PHASE_CONNECTING:
        tf_connect_timer(reactor, channel);
        break;
    case TF_PHASE_QUEUEING:
        tf_listen_again(reactor, channel);
        break;
    case TF_PHASE_LISTENING:
        tf_listen_timer(reactor, channel);
        break;
    case TF_PHASE_HALF_OPEN:
    case TF_PHASE_OPEN:
    case TF_PHASE_DRAINING:
        tf_ending_begin(reactor, channel, TOFU_TIMED_OUT, NULL, TF_ENDING_RESET);
        break;
    case TF_PHASE_OPENING:
    case TF_PHASE_CLOSED:
        TF_UNREACHABLE();
        break;
    }
}

static bool is_due(const struct tf_reactor *reactor, const struct tf_channel *channel)
{
    return tf_channel_deadline(channel, reactor->settings) <= reactor->now_ns;
}

// While the process or this thread stood still bytes may have come: what the kernel has came in time. Returns
// false if that ended the channel.
static bool look_again(struct tf_reactor *reactor, struct tf_channel *channel)
{
    switch ((enum tf_phase)channel->phase) {
    case TF_PHASE_CONNECTING:
        tf_connect_look_again(reactor, channel);
        return channel->phase != TF_PHASE_CLOSED;
    case TF_PHASE_HALF_OPEN:
    case TF_PHASE_OPEN:
    case TF_PHASE_DRAINING:
        break;
    case TF_PHASE_OPENING:
    case TF_PHASE_RESOLVING:
    case TF_PHASE_QUEUEING:
    case TF_PHASE_LISTENING:
    case TF_PHASE_CLOSED:
        return true;
    }
    // A message has an end, so this has one.
    do {
        if (!tf_transfer_look_again(reactor, channel)) {
            return false;
        }
    } while (channel->can_read && is_due(reactor, channel));
    return true;
}

// What is due beyond the bound is still due in the next turn, which then does not wait.
static void run_timers(struct tf_reactor *reactor)
{
    for (uint32_t i = 0; i < reactor->strangers_max; i++) {
        struct tf_timer *timer = tf_timers_take_due(&reactor->timers, reactor->now_ns);
        if (timer == NULL) {
            return;
        }
        struct tf_channel *channel = TF_CONTAINER_OF(timer, struct tf_channel, timer);
        if (is_due(reactor, channel) && !look_again(reactor, channel)) {
            continue;
        }
        if (is_due(reactor, channel)) {
            time_is_up(reactor, channel);
        } else {
            // It was set for an earlier frame, or there was progress.
            tf_reactor_arm(reactor, channel);
        }
    }
}

static void step_channel(struct tf_reactor *reactor, struct tf_channel *channel)
{
    switch ((enum tf_phase)channel->phase) {
    case TF_PHASE_CONNECTING:
        tf_connect_step(reactor, channel);
        break;
    case TF_PHASE_LISTENING:
        tf_listen_step(reactor, channel);
        break;
    case TF_PHASE_HALF_OPEN:
    case TF_PHASE_OPEN:
    case TF_PHASE_DRAINING:
        (void)tf_transfer_step(reactor, channel);
        break;
    case TF_PHASE_OPENING:
    case TF_PHASE_RESOLVING:
    case TF_PHASE_QUEUEING:
    case TF_PHASE_CLOSED:
        break;
    }
}

// Channels that have more to do than a turn allows come back in the next turn, behind the others.
static void step_all(struct tf_reactor *reactor, struct tf_list *ready)
{
    struct tf_list now;
    tf_list_init(&now);
    tf_list_append_all(&now, ready);
    while (!tf_list_is_empty(&now) && !tf_shutdown_cuts_turn(reactor)) {
        struct tf_list *link = tf_list_take_first(&now);
        step_channel(reactor, TF_CONTAINER_OF(link, struct tf_channel, ready_link));
    }
    tf_list_append_all(&now, ready);
    tf_list_append_all(ready, &now);
}

// Few at a time of those whom nobody knows yet, however many of them say hello or leave at once. Meanwhile the
// poller does not tell of the others again, or it would tell of nobody else.
static void step_knocking(struct tf_reactor *reactor)
{
    for (uint32_t i = 0; i < reactor->strangers_max && !tf_list_is_empty(&reactor->knocking); i++) {
        struct tf_list *link = tf_list_take_first(&reactor->knocking);
        struct tf_channel *channel = TF_CONTAINER_OF(link, struct tf_channel, ready_link);
        tf_reactor_touch(reactor, channel);
        step_channel(reactor, channel);
    }
}

bool tf_reactor_watch(struct tf_reactor *reactor, struct tf_channel *channel)
{
    uint8_t interest = tf_channel_interest(channel);
    if (channel->watch.socket == TF_SOCKET_NONE || interest == channel->watch.interest) {
        return true;
    }
    enum tofu_status status =
        reactor->poller.ops->watch(&reactor->poller, &channel->watch, interest);
    if (status != TOFU_OK) {
        watch_failed(reactor, channel, status);
    }
    return status == TOFU_OK;
}

static void reconcile(struct tf_reactor *reactor)
{
    for (struct tf_list *link = tf_list_take_first(&reactor->dirty); link != NULL;
         link = tf_list_take_first(&reactor->dirty)) {
        (void)tf_reactor_watch(reactor, TF_CONTAINER_OF(link, struct tf_channel, dirty_link));
    }
}

/// Channels of a group that a debug build looks at in each turn: thousands would be all that it does.
#define CHANNELS_CHECKED 1024

// Whoever changes an input of tf_channel_interest() must say so; this finds out who forgot.
static bool interest_is_declared(const struct tf_reactor *reactor)
{
    for (struct tf_list *g = reactor->groups.next; g != &reactor->groups; g = g->next) {
        const struct tofu_group *group = TF_CONTAINER_OF(g, struct tofu_group, reactor_link);
        int count = 0;
        for (struct tf_list *c = group->channels.next;
             c != &group->channels && count < CHANNELS_CHECKED;
             c = c->next, count++) {
            const struct tf_channel *channel = TF_CONTAINER_OF(c, struct tf_channel, group_link);
            if (channel->watch.socket != TF_SOCKET_NONE && channel->phase != TF_PHASE_CLOSED &&
                channel->watch.interest != tf_channel_interest(channel)) {
                return false;
            }
        }
    }
    return true;
}

// Whoever still gets a notice gets it before its wait says that the engine has stopped.
static bool can_tell_death(struct tf_reactor *reactor)
{
    return atomic_load(&reactor->is_dead) && !reactor->is_death_told &&
           atomic_load(&reactor->table->channel_count) == 0 &&
           tf_message_stack_is_empty(&reactor->posts);
}

static void settle_turn(struct tf_reactor *reactor)
{
    reconcile(reactor);
    TF_ASSERT_SLOW(interest_is_declared(reactor));
    tf_ending_finish(reactor);
    tf_notices_flush(reactor);
    tf_pool_put_queue(reactor->pool, &reactor->finished);
    tf_shutdown_finish_commands(reactor);
    if (can_tell_death(reactor)) {
        reactor->is_death_told = true;
        tf_engine_stop_mailboxes(reactor->engine, TOFU_NOTIFICATION_FAILED);
    }
    tf_count(&reactor->counters.turns, 1);
}

static bool has_work(struct tf_reactor *reactor)
{
    return !tf_list_is_empty(&reactor->ready) || !tf_list_is_empty(&reactor->knocking) ||
           !tf_list_is_empty(&reactor->accepting) || !tf_message_stack_is_empty(&reactor->posts) ||
           atomic_load(&reactor->commands.has_commands) || atomic_load(&reactor->has_resolutions) ||
           !tf_list_is_empty(&reactor->abandoned) || tf_starvation_can_end(reactor) ||
           tf_ending_can_finish(reactor) || tf_shutdown_can_finish(reactor) ||
           can_tell_death(reactor);
}

static uint64_t time_to_next_deadline(struct tf_reactor *reactor, uint64_t now_ns)
{
    uint64_t next_ns = tf_timers_next(&reactor->timers);
    uint64_t starvation_ns = tf_starvation_deadline(reactor);
    next_ns = starvation_ns < next_ns ? starvation_ns : next_ns;
    uint64_t shutdown_ns = tf_shutdown_deadline(reactor);
    next_ns = shutdown_ns < next_ns ? shutdown_ns : next_ns;
    if (next_ns == UINT64_MAX) {
        return UINT64_MAX;
    }
    return next_ns > now_ns ? next_ns - now_ns : 0;
}

// Everybody hears it: channels close with notices, waits return. The thread goes on without a poller,
// so that what is still posted or asked has an answer, until the engine is destroyed.
static void die(struct tf_reactor *reactor)
{
    tf_log_line(
        reactor->log,
        reactor->now_ns,
        TOFU_LOG_POLLER_FAILED,
        "the poller failed; the engine has stopped%s%s",
        reactor->poller.detail[0] != '\0' ? ": " : "",
        reactor->poller.detail);
    atomic_store(&reactor->is_dead, true);
    tf_engine_failed(reactor->engine);
    tf_shutdown_end_all(reactor, TOFU_NOTIFICATION_FAILED);
}

// Without a poller nothing happens, and where all channels have ended but for a reset it would be for nobody.
static bool has_no_events(struct tf_reactor *reactor)
{
    return atomic_load(&reactor->is_dead) ||
           (reactor->is_aborting && !tf_list_is_empty(&reactor->abandoned));
}

// Says "asleep" first and looks at the mailboxes then; who posts does it the other way round. The flag
// stays up until the next step begins, so a wake-up in between is seen by the next wait.
static void wait_for_events(struct tf_reactor *reactor)
{
    atomic_store(&reactor->pool->is_starving, !tf_list_is_empty(&reactor->starved));
    atomic_store(&reactor->is_asleep, 1);
    uint64_t now_ns = tf_clock_now();
    tf_histogram_add(&reactor->counters.loop_lag, now_ns - reactor->now_ns);
    uint64_t timeout_ns = time_to_next_deadline(reactor, now_ns);
    if (has_work(reactor)) {
        atomic_store(&reactor->is_asleep, 0);
        timeout_ns = 0;
    }
    reactor->looked_at_ns = timeout_ns == 0 ? now_ns : 0;
    if (has_no_events(reactor)) {
        if (timeout_ns != 0) {
            tf_park(&reactor->is_asleep, 1, TF_NEVER);
        }
        return;
    }
    enum tofu_status status = reactor->poller.ops->wait(
        &reactor->poller, timeout_ns, reactor->events, TF_EVENTS_MAX, &reactor->event_count);
    if (status != TOFU_OK) {
        reactor->event_count = 0;
        die(reactor);
    }
}

// Where a mere look at the poller costs much, as it does with poll(2) and thousands of sockets, a few
// strangers per turn would be no work but looking: they may cost as much as the look.
static uint32_t strangers_max(const struct tf_reactor *reactor)
{
    uint64_t look_ns = reactor->looked_at_ns == 0 ? 0 : reactor->now_ns - reactor->looked_at_ns;
    uint64_t count = STRANGERS_MIN + look_ns / STRANGER_NS;
    return count < STRANGERS_MAX ? (uint32_t)count : STRANGERS_MAX;
}

bool tf_reactor_step(void *context)
{
    struct tf_reactor *reactor = context;
    TF_ASSERT(tf_thread_is_current(&reactor->thread));
    struct tf_list commands;
    tf_list_init(&commands);

    atomic_store(&reactor->is_asleep, 0);
    reactor->now_ns = tf_clock_now();
    reactor->strangers_max = strangers_max(reactor);
    tf_commands_take(&reactor->commands, &commands);
    admit_posts(reactor);
    tf_shutdown_run_commands(reactor, &commands);
    note_events(reactor);
    tf_connect_resolutions(reactor);
    run_timers(reactor);
    tf_starvation_end_episode(reactor);
    step_all(reactor, &reactor->ready);
    tf_starvation_feed(reactor);
    tf_starvation_judge(reactor);
    // Strangers last: however many press in, whoever is connected waits for none of them but those of the
    // turn that was on when its message came.
    step_knocking(reactor);
    step_all(reactor, &reactor->accepting);
    tf_shutdown_keep_deadline(reactor);
    tf_ending_reset_abandoned(reactor);
    settle_turn(reactor);
    if (reactor->is_stopping) {
        TF_ASSERT(tf_list_is_empty(&reactor->closed) && tf_list_is_empty(&reactor->abandoned));
        return false;
    }
    wait_for_events(reactor);
    return true;
}
