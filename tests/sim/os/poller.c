// SPDX-License-Identifier: MIT
// Three pollers over one network: sim-level, sim-edge and sim-oneshot (os/watched.h says what they mean).
// They obey the contract of src/os/poller.h and no more than that: order, number and spurious events are
// drawn from the seed.
//
// A thread of the library never waits here: it gets what there is, and when there is nothing it does
// not get another turn before something happens; the events of then are written where it asked for
// them, as if the wait had returned only now. Others run the schedule meanwhile.
#include "os/poller.h"

#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "sim/coverage.h"
#include "sim/os/network.h"
#include "sim/os/schedule.h"
#include "sim/os/watched.h"

/// Events of one wait, whatever the caller has room for.
#define EVENTS_MAX 256

static struct {
    uint64_t open;
    uint64_t opened;
    uint64_t failed; ///< one bit per number
} pollers;

static enum tofu_status open_kind(struct tf_poller *poller, enum sim_kind kind)
{
    struct sim_poller *state = sim_memory(1, sizeof *state);
    state->kind = kind;
    state->number = pollers.opened++;
    poller->state = state;
    pollers.open++;
    return TOFU_OK;
}

static enum tofu_status open_level(
    struct tf_poller *poller, const struct tf_poller_options *options)
{
    (void)options;
    return open_kind(poller, SIM_LEVEL);
}

static enum tofu_status open_edge(struct tf_poller *poller, const struct tf_poller_options *options)
{
    (void)options;
    return open_kind(poller, SIM_EDGE);
}

static enum tofu_status open_oneshot(
    struct tf_poller *poller, const struct tf_poller_options *options)
{
    (void)options;
    return open_kind(poller, SIM_ONESHOT);
}

static void close_poller(struct tf_poller *poller)
{
    struct sim_poller *state = poller->state;
    if (state->entry_count != 0) {
        sim_fail("a poller is closed that watches %u sockets", (unsigned)state->entry_count);
    }
    free(state->entries);
    free(state);
    poller->state = NULL;
    pollers.open--;
}

// Returns the pointer to the watch of this poller, or to the NULL where it would be.
static struct sim_watched **find_watched(struct sim_poller *state, struct sim_socket *socket)
{
    struct sim_watched **place = &socket->watched;
    while (*place != NULL && (*place)->poller != state) {
        place = &(*place)->next;
    }
    return place;
}

static void register_socket(struct sim_poller *state, struct tf_watch *watch)
{
    if (state->entry_count == state->capacity) {
        state->capacity = state->capacity == 0 ? 16 : 2 * state->capacity;
        state->entries = realloc(state->entries, state->capacity * sizeof *state->entries);
        if (state->entries == NULL) {
            sim_fail("the simulation itself has no memory");
        }
    }
    struct sim_socket *socket = sim_socket_get(watch->socket);
    struct sim_watched **place = find_watched(state, socket);
    if (*place != NULL) {
        sim_fail("socket %lld is watched twice", (long long)watch->socket);
    }
    struct sim_watched *watched = sim_memory(1, sizeof *watched);
    watched->poller = state;
    watched->socket = watch->socket;
    watched->end = socket->end;
    watched->listener = socket->listener;
    watched->token = watch->token;
    *place = watched;
    watch->is_registered = true;
    state->entries[state->entry_count++] = watched;
}

static enum tofu_status watch_socket(
    struct tf_poller *poller, struct tf_watch *watch, uint8_t interest)
{
    if (!watch->is_registered) {
        register_socket(poller->state, watch);
    }
    struct sim_watched *watched = *find_watched(poller->state, sim_socket_get(watch->socket));
    if (watched == NULL || watched->token != watch->token) {
        sim_fail("the watch of socket %lld is another one's", (long long)watch->socket);
    }
    sim_trace("watch", (uint64_t)watch->socket, interest);
    watch->interest = interest;
    sim_watched_declare(watched, interest);
    return TOFU_OK;
}

static void forget_socket(struct tf_poller *poller, struct tf_watch *watch)
{
    if (!watch->is_registered) {
        return;
    }
    struct sim_poller *state = poller->state;
    struct sim_watched **place = find_watched(state, sim_socket_get(watch->socket));
    struct sim_watched *watched = *place;
    for (uint32_t i = 0; i < state->entry_count; i++) {
        if (state->entries[i] == watched) {
            state->entries[i] = state->entries[--state->entry_count];
            break;
        }
    }
    sim_trace("forget", (uint64_t)watch->socket, 0);
    *place = watched->next;
    free(watched);
    watch->is_registered = false;
    watch->interest = 0;
}

static void shuffle(struct tf_poll_event *events, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = (uint32_t)sim_below(i);
        struct tf_poll_event event = events[i - 1];
        events[i - 1] = events[other];
        events[other] = event;
    }
}

// Who is reported goes to the end of the line, so that nobody waits for ever behind others.
static uint32_t gather(struct sim_poller *state, struct tf_poll_event *events, uint32_t capacity)
{
    uint32_t limit = sim_chance(sim_config()->fewer_rate) ? 1 : capacity;
    uint32_t count = 0;
    uint32_t seen = 0;
    bool invents = state->entry_count > 0 && sim_chance(sim_config()->spurious_rate);
    uint64_t invented = invents ? sim_below(state->entry_count) : UINT64_MAX;
    struct sim_watched *reported[EVENTS_MAX];
    limit = limit < EVENTS_MAX ? limit : EVENTS_MAX;
    for (; seen < state->entry_count && count < limit; seen++) {
        struct sim_watched *watched = state->entries[seen];
        uint8_t ready = sim_watched_take(watched, seen == invented);
        if (ready == 0) {
            state->entries[seen - count] = watched;
            continue;
        }
        sim_trace("event", (uint64_t)watched->socket, ready);
        reported[count] = watched;
        events[count++] = (struct tf_poll_event){.token = watched->token, .ready = ready};
    }
    for (; seen < state->entry_count; seen++) {
        state->entries[seen - count] = state->entries[seen];
    }
    for (uint32_t i = 0; i < count; i++) {
        state->entries[state->entry_count - count + i] = reported[i];
    }
    shuffle(events, count);
    return count;
}

bool sim_poller_has_failed(uint64_t number)
{
    return number < 64 && (pollers.failed >> number & 1) != 0;
}

bool sim_has_failed_poller(void)
{
    return pollers.failed != 0;
}

static bool fails(const struct sim_poller *state)
{
    uint32_t rate = sim_config()->poller_fail_rate;
    if (rate != 0 && sim_below(1000000) < rate && state->number < 64) {
        sim_trace("poller dies", state->number, 0);
        sim_cover(SIM_POLLER_FAILED, 1);
        pollers.failed |= UINT64_C(1) << state->number;
    }
    return sim_poller_has_failed(state->number);
}

// What a wait finds. Returns whether it ends with that.
static bool look(
    struct sim_poller *state, struct tf_poll_event *events, uint32_t capacity, uint32_t *count_out)
{
    *count_out = gather(state, events, capacity);
    bool is_woken = state->is_woken;
    if (is_woken) {
        sim_actor_note_progress();
    }
    state->is_woken = false;
    return *count_out > 0 || is_woken;
}

static void resume_wait(void *context)
{
    struct sim_poller *state = context;
    struct sim_actor *actor = state->sleeper;
    state->sleeper = NULL;
    if (look(state, state->events, state->event_capacity, state->event_count)) {
        sim_actor_note_wait(actor);
    }
}

static void sleep_in_wait(
    struct sim_poller *state,
    struct sim_actor *actor,
    uint64_t deadline_ns,
    struct tf_poll_event *events,
    uint32_t capacity,
    uint32_t *event_count)
{
    state->sleeper = actor;
    state->events = events;
    state->event_capacity = capacity;
    state->event_count = event_count;
    sim_actor_sleep_in_call(actor, deadline_ns, resume_wait, state);
}

static enum tofu_status wait_for_events(
    struct tf_poller *poller,
    uint64_t timeout_ns,
    struct tf_poll_event *events,
    uint32_t capacity,
    uint32_t *event_count_out)
{
    struct sim_poller *state = poller->state;
    uint64_t deadline_ns = tf_deadline(sim_now(), timeout_ns);
    struct sim_actor *actor = sim_current_actor();
    sim_tick();
    state->sleeper = NULL;
    if (fails(state)) {
        return TOFU_NOTIFICATION_FAILED;
    }
    bool is_thread = actor != NULL && sim_actor_is_thread(actor);
    while (!look(state, events, capacity, event_count_out) && sim_now() < deadline_ns) {
        if (is_thread) {
            sleep_in_wait(state, actor, deadline_ns, events, capacity, event_count_out);
            return TOFU_OK;
        }
        if (!sim_turn(deadline_ns) && deadline_ns == TF_NEVER) {
            sim_fail("deadlock: a wait for ever, and nothing can happen any more");
        }
    }
    if (is_thread) {
        sim_actor_note_wait(actor);
    }
    return TOFU_OK;
}

static void wake(struct tf_poller *poller)
{
    struct sim_poller *state = poller->state;
    sim_trace("wake", state->is_woken, 0);
    if (!state->is_woken && sim_defect_strikes(SIM_LOSE_WAKE)) {
        return;
    }
    state->is_woken = true;
    if (state->sleeper != NULL) {
        sim_cover(SIM_WOKEN, 1);
        sim_actor_wake(state->sleeper);
    }
}

#define OPS(poller_name, open_function)                                                            \
    {                                                                                              \
        .name = (poller_name), .open = (open_function), .close = close_poller,                     \
        .watch = watch_socket, .forget = forget_socket, .wait = wait_for_events, .wake = wake,     \
    }

static const struct tf_poller_ops level_ops = OPS("sim-level", open_level);
static const struct tf_poller_ops edge_ops = OPS("sim-edge", open_edge);
static const struct tf_poller_ops oneshot_ops = OPS("sim-oneshot", open_oneshot);

const struct tf_poller_ops *const tf_pollers[] = {&level_ops, &edge_ops, &oneshot_ops, NULL};

// The environment has no say here: the seed decides everything.
const struct tf_poller_ops *tf_poller_find(const char *name)
{
    for (size_t i = 0; tf_pollers[i] != NULL; i++) {
        if (name == NULL || strcmp(name, tf_pollers[i]->name) == 0) {
            return tf_pollers[i];
        }
    }
    return NULL;
}

void sim_pollers_begin(void)
{
    pollers.open = 0;
    pollers.opened = 0;
    pollers.failed = 0;
}

void sim_pollers_end(void)
{
    if (pollers.open != 0) {
        sim_fail("%llu pollers were never closed", (unsigned long long)pollers.open);
    }
}
