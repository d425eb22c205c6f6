// SPDX-License-Identifier: MIT
// Readiness becomes events: here the three kinds of pollers differ.
#include "sim/os/watched.h"

#include "sim/coverage.h"

// What the interest lets through of what is ready. HANGUP goes with READ, or with an error.
static uint8_t masked(uint8_t ready, uint8_t interest)
{
    if (interest == 0) {
        return 0;
    }
    uint8_t event = ready & interest;
    if ((event & TF_POLL_READ) != 0) {
        event |= ready & TF_POLL_HANGUP;
    }
    if ((ready & TF_POLL_ERROR) != 0) {
        event |= TF_POLL_ERROR | TF_POLL_HANGUP;
    }
    return event;
}

static uint8_t ready_now(const struct sim_watched *watched)
{
    return watched->interest == 0
               ? 0
               : masked(sim_ready(watched->end, watched->listener), watched->interest);
}

// New edges may come alone, as from kqueue, or with all that is ready, as from epoll.
static uint8_t edge_event(const struct sim_watched *watched)
{
    uint8_t event = masked(watched->edges, watched->interest);
    if (event == 0) {
        return 0;
    }
    uint8_t ready = ready_now(watched);
    return event | (sim_chance(500) ? ready : ready & (TF_POLL_HANGUP | TF_POLL_ERROR));
}

static uint8_t event_of(const struct sim_watched *watched)
{
    if (watched->tells_reset) {
        return TF_POLL_ERROR | TF_POLL_HANGUP;
    }
    switch (watched->poller->kind) {
    case SIM_LEVEL:
        return ready_now(watched);
    case SIM_EDGE:
        return edge_event(watched);
    case SIM_ONESHOT:
        return masked(watched->captured, watched->interest);
    }
    return 0;
}

static void arm(struct sim_watched *watched)
{
    watched->captured = ready_now(watched);
    watched->is_armed = watched->captured == 0;
}

static void announce_one(struct sim_watched *watched, uint8_t ready)
{
    watched->is_stirred = true;
    if (watched->interest != 0 && sim_defect_strikes(SIM_LOSE_EVENT)) {
        return;
    }
    if (watched->interest == 0 && (ready & TF_POLL_ERROR) != 0 && !watched->told_reset) {
        watched->tells_reset = sim_chance(500);
        watched->told_reset = watched->tells_reset;
    }
    watched->edges |= ready;
    if (watched->is_armed) {
        arm(watched);
    }
    struct sim_poller *state = watched->poller;
    if (state->wait.sleeper != NULL && event_of(watched) != 0) {
        (void)sim_wait_end(&state->wait);
    }
}

void sim_socket_announce(struct sim_socket *socket, uint8_t ready)
{
    struct sim_watched *next = NULL;
    for (struct sim_watched *watched = socket->watched; watched != NULL; watched = next) {
        next = watched->next;
        announce_one(watched, ready);
    }
    if (socket->file != NULL) {
        sim_file_changed(socket->file);
    }
}

void sim_end_stir(const struct sim_end *end)
{
    if (end->socket == TF_SOCKET_NONE) {
        return;
    }
    for (struct sim_watched *watched = sim_socket_get(end->socket)->watched; watched != NULL;
         watched = watched->next) {
        watched->is_stirred = true;
    }
}

void sim_watched_declare(struct sim_watched *watched, uint8_t interest)
{
    watched->interest = interest;
    watched->is_stirred = true;
    watched->edges = ready_now(watched);
    watched->captured = 0;
    watched->is_armed = false;
    watched->tells_reset = watched->tells_reset && interest == 0;
}

// One event nobody caused: legal for any interest, and now and then with a hang-up that says nothing.
static uint8_t spurious_event(const struct sim_watched *watched)
{
    uint8_t event = watched->interest;
    sim_cover(SIM_EVENT_INVENTED, event != 0);
    if ((event & TF_POLL_READ) != 0 && sim_chance(300)) {
        event |= TF_POLL_HANGUP;
    }
    return event;
}

// A report uses up what it reports, but for a level.
static void take_event(struct sim_watched *watched)
{
    watched->tells_reset = false;
    watched->edges = 0;
    watched->captured = 0;
}

uint8_t sim_watched_take(struct sim_watched *watched, bool is_invented)
{
    if (watched->poller->kind == SIM_ONESHOT && !watched->is_armed && watched->captured == 0) {
        arm(watched);
    }
    watched->is_stuck = watched->is_stuck || sim_defect_strikes(SIM_REPEAT_EVENT);
    if (watched->is_stuck) {
        return TF_POLL_READ;
    }
    uint8_t ready = event_of(watched);
    if (ready != 0) {
        take_event(watched);
        return ready;
    }
    watched->is_stirred = false;
    return is_invented ? spurious_event(watched) : 0;
}
