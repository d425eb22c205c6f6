// SPDX-License-Identifier: MIT
// Three pollers over one network: sim-level, sim-edge and sim-oneshot (os/watched.h says what they mean).
// They obey the contract of src/os/poller.h and no more than that: order, number and spurious events are
// drawn from the seed. The fourth one is in poller_afd.c.
#include "os/poller.h"

#include <stdlib.h>
#include <string.h>

#include "sim/coverage.h"
#include "sim/os/network.h"
#include "sim/os/pollers.h"
#include "sim/os/schedule.h"
#include "sim/os/watched.h"

/// Events of one wait, whatever the caller has room for.
#define EVENTS_MAX 256

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
        bool is_invented = seen == invented;
        bool is_worth_a_look = watched->is_stirred || is_invented;
        uint8_t ready = is_worth_a_look ? sim_watched_take(watched, is_invented) : 0;
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

static bool look(
    void *context, struct tf_poll_event *events, uint32_t capacity, uint32_t *count_out)
{
    struct sim_poller *state = context;
    *count_out = gather(state, events, capacity);
    bool is_woken = state->is_woken;
    if (is_woken) {
        sim_actor_note_progress();
    }
    state->is_woken = false;
    return *count_out > 0 || is_woken;
}

static enum tofu_status open_kind(struct tf_poller *poller, enum sim_kind kind)
{
    struct sim_poller *state = sim_memory(1, sizeof *state);
    state->kind = kind;
    state->wait.look = look;
    state->wait.context = state;
    sim_wait_open(&state->wait);
    poller->state = state;
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
    sim_wait_close(&state->wait);
    free(state->entries);
    free(state);
    poller->state = NULL;
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

static enum tofu_status wait_for_events(
    struct tf_poller *poller,
    uint64_t timeout_ns,
    struct tf_poll_event *events,
    uint32_t capacity,
    uint32_t *event_count_out)
{
    struct sim_poller *state = poller->state;
    return sim_wait(&state->wait, timeout_ns, events, capacity, event_count_out);
}

static void wake(struct tf_poller *poller)
{
    struct sim_poller *state = poller->state;
    sim_trace("wake", state->is_woken, 0);
    if (!state->is_woken && sim_defect_strikes(SIM_LOSE_WAKE)) {
        return;
    }
    state->is_woken = true;
    sim_cover(SIM_WOKEN, sim_wait_end(&state->wait) ? 1 : 0);
}

#define OPS(poller_name, open_function)                                                            \
    {                                                                                              \
        .name = (poller_name), .open = (open_function), .close = close_poller,                     \
        .watch = watch_socket, .forget = forget_socket, .wait = wait_for_events, .wake = wake,     \
    }

static const struct tf_poller_ops level_ops = OPS("sim-level", open_level);
static const struct tf_poller_ops edge_ops = OPS("sim-edge", open_edge);
static const struct tf_poller_ops oneshot_ops = OPS("sim-oneshot", open_oneshot);

const struct tf_poller_ops *const tf_pollers[] = {
    &level_ops, &edge_ops, &oneshot_ops, &sim_afd_ops, NULL};

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
