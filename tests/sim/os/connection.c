// SPDX-License-Identifier: MIT
// The life of a connection: opened, shut, closed, reset, broken.
//
// As kernels have it: a FIN comes after the data; closing with unread data, or sending to a closed end,
// makes a reset; a reset throws away what a TCP receiver has not read, while a Unix receiver may
// still read it.
#include <stdlib.h>

#include "os/clock.h"
#include "os/poller.h"
#include "sim/coverage.h"
#include "sim/os/network.h"
#include "sim/os/watched.h"

static struct sim_connection *connections;

static uint64_t hasty_ends;

uint64_t sim_hasty_ends(void)
{
    return hasty_ends;
}

// An end in good order comes after the FINs of both sides.
static void note_end(const struct sim_end *end)
{
    if (end->state == SIM_OPEN && (!end->end_arrived || !end->has_shut)) {
        hasty_ends++;
    }
}

struct sim_connection *sim_connection_create(bool is_unix)
{
    struct sim_connection *connection = sim_memory(1, sizeof *connection);
    connection->is_unix = is_unix;
    for (int i = 0; i < 2; i++) {
        struct sim_end *end = &connection->ends[i];
        end->connection = connection;
        end->peer = &connection->ends[1 - i];
        end->socket = TF_SOCKET_NONE;
        end->capacity =
            (uint32_t)sim_between(sim_config()->buffer_bytes_min, sim_config()->buffer_bytes_max);
    }
    connection->next = connections;
    connection->link = &connections;
    if (connections != NULL) {
        connections->link = &connection->next;
    }
    connections = connection;
    return connection;
}

static void destroy(struct sim_connection *connection)
{
    sim_due_clear(&connection->connecting);
    sim_due_clear(&connection->cutting);
    for (int i = 0; i < 2; i++) {
        struct sim_end *end = &connection->ends[i];
        sim_due_clear(&end->delivery);
        sim_due_clear(&end->window);
        sim_due_clear(&end->breaking);
        free(end->bytes);
    }
    *connection->link = connection->next;
    if (connection->next != NULL) {
        connection->next->link = connection->link;
    }
    free(connection);
}

void sim_connection_release(struct sim_connection *connection)
{
    if (connection->ends[0].is_closed && connection->ends[1].is_closed) {
        destroy(connection);
    }
}

static void happen_break(struct sim_due *due)
{
    struct sim_end *end = TF_CONTAINER_OF(due, struct sim_end, breaking);
    sim_end_break(end, SIM_ERROR_RESET);
}

static void break_later(struct sim_end *end)
{
    if (end->state != SIM_BROKEN && !end->is_closed && !sim_due_is_set(&end->breaking)) {
        sim_due_set(&end->breaking, sim_now() + sim_delay(), happen_break);
    }
}

static void cut(struct sim_due *due)
{
    struct sim_connection *connection = TF_CONTAINER_OF(due, struct sim_connection, cutting);
    sim_trace("cut", 0, 0);
    sim_cover(SIM_CUT_MIDWAY, 1);
    break_later(&connection->ends[0]);
    break_later(&connection->ends[1]);
}

void sim_connection_open(struct sim_connection *connection)
{
    connection->ends[0].state = SIM_OPEN;
    connection->ends[1].state = SIM_OPEN;
    if (sim_chance(sim_config()->reset_rate)) {
        uint64_t span_ns = UINT64_C(1) << sim_between(8, 26);
        sim_due_set(&connection->cutting, sim_now() + span_ns, cut);
    }
}

uint32_t sim_end_room(const struct sim_end *end)
{
    uint32_t used = end->peer->fill + end->peer->unseen_room;
    return used < end->peer->capacity ? end->peer->capacity - used : 0;
}

bool sim_end_is_writable(const struct sim_end *end)
{
    uint64_t room = sim_end_room(end);
    return room > 0 && room * 1000 >= (uint64_t)end->peer->capacity * sim_config()->writable_rate;
}

uint8_t sim_end_ready(const struct sim_end *end)
{
    if (end->state == SIM_CONNECTING) {
        return 0;
    }
    if (end->state == SIM_BROKEN) {
        uint8_t error = end->error != 0 ? TF_POLL_ERROR : 0;
        return (uint8_t)(TF_POLL_READ | TF_POLL_WRITE | TF_POLL_HANGUP | error);
    }
    bool may_receive = end->arrived > 0 || end->end_arrived;
    bool may_send = end->has_shut || sim_end_is_writable(end) ||
                    (end->connection->is_unix && end->peer->is_closed);
    return (
        uint8_t)((may_receive ? TF_POLL_READ : 0) | (may_send ? TF_POLL_WRITE : 0) | (end->end_arrived ? TF_POLL_HANGUP : 0));
}

void sim_end_announce(struct sim_end *end, uint8_t ready)
{
    if (end->socket != TF_SOCKET_NONE) {
        sim_socket_announce(sim_socket_get(end->socket), ready);
    }
}

void sim_end_break(struct sim_end *end, int error)
{
    if (end->is_closed || end->state == SIM_BROKEN) {
        return;
    }
    sim_trace("break", (uint64_t)error, end->fill);
    end->state = SIM_BROKEN;
    end->error = error;
    sim_due_clear(&end->delivery);
    if (!end->connection->is_unix) {
        sim_cover(SIM_RESET_WITH_DATA, end->fill > 0);
        end->fill = 0;
        end->arrived = 0;
        sim_end_stir(end->peer);
    }
    sim_end_announce(end, TF_POLL_READ | TF_POLL_WRITE | TF_POLL_ERROR | TF_POLL_HANGUP);
}

void sim_end_break_peer(struct sim_end *end)
{
    if (end->connection->is_unix) {
        sim_end_break(end->peer, SIM_ERROR_RESET);
    } else {
        break_later(end->peer);
    }
}

void sim_end_shut(struct sim_end *end)
{
    if (end->state != SIM_OPEN || end->has_shut) {
        return;
    }
    sim_trace("shut", 0, 0);
    end->has_shut = true;
    sim_end_stir(end);
    end->peer->end_is_coming = true;
    sim_end_expect(end->peer);
}

static void mark_closed(struct sim_end *end)
{
    end->is_closed = true;
    end->start += end->arrived;
    end->fill -= end->arrived;
    end->arrived = 0;
    sim_end_stir(end->peer);
    sim_due_clear(&end->window);
    sim_due_clear(&end->breaking);
}

// Whoever waits for room at a closed Unix end learns that there will be none.
static void tell_unix_peer(struct sim_end *end)
{
    if (end->connection->is_unix) {
        sim_end_announce(end->peer, TF_POLL_WRITE | TF_POLL_HANGUP);
    }
}

void sim_end_close(struct sim_end *end)
{
    note_end(end);
    sim_trace("close", end->arrived, end->fill);
    if (end->state == SIM_CONNECTING) {
        end->peer->is_closed = true;
    }
    bool has_unread = end->arrived > 0;
    if (end->state == SIM_OPEN && has_unread) {
        sim_end_break_peer(end);
    } else {
        sim_end_shut(end);
    }
    mark_closed(end);
    tell_unix_peer(end);
    sim_end_expect(end);
    sim_connection_release(end->connection);
}

void sim_end_reset(struct sim_end *end)
{
    sim_trace("reset", end->arrived, end->fill);
    if (end->state != SIM_OPEN || end->connection->is_unix) {
        sim_end_close(end);
        return;
    }
    hasty_ends++;
    sim_end_break_peer(end);
    mark_closed(end);
    sim_connection_release(end->connection);
}

void sim_connections_begin(void)
{
    connections = NULL;
    hasty_ends = 0;
}

// Sockets are checked elsewhere; what is still under way here goes nowhere.
void sim_connections_end(void)
{
    while (connections != NULL) {
        destroy(connections);
    }
}
