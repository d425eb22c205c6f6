// SPDX-License-Identifier: MIT
// Sockets are numbers in a table. A number that is closed stands for nothing, or soon for something
// else: config.reuses_sockets.
#include "os/socket.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "os/poller.h"
#include "sim/coverage.h"
#include "sim/os/network.h"
#include "sim/os/pollers.h"
#include "sim/os/schedule.h"

#define FIRST_SOCKET 100

static struct {
    struct sim_socket *places;
    bool *is_open;
    size_t count; ///< numbers ever given
    size_t capacity;
} table;

static size_t fresh_place(void)
{
    if (table.count == table.capacity) {
        table.capacity = table.capacity == 0 ? 64 : 2 * table.capacity;
        table.places = realloc(table.places, table.capacity * sizeof *table.places);
        table.is_open = realloc(table.is_open, table.capacity * sizeof *table.is_open);
        if (table.places == NULL || table.is_open == NULL) {
            sim_fail("the simulation itself has no memory");
        }
    }
    return table.count++;
}

static size_t choose_place(void)
{
    if (sim_config()->reuses_sockets) {
        for (size_t i = 0; i < table.count; i++) {
            if (!table.is_open[i]) {
                return i;
            }
        }
    }
    return fresh_place();
}

tf_socket sim_socket_open(struct sim_end *end, struct sim_listener *listener)
{
    size_t place = choose_place();
    table.is_open[place] = true;
    table.places[place] = (struct sim_socket){.end = end, .listener = listener};
    return (tf_socket)place + FIRST_SOCKET;
}

struct sim_socket *sim_socket_get(tf_socket number)
{
    tf_socket place = number - FIRST_SOCKET;
    if (place < 0 || (size_t)place >= table.count || !table.is_open[place]) {
        sim_fail("socket %lld is not open", (long long)number);
    }
    return &table.places[place];
}

void sim_socket_close(tf_socket number)
{
    if (sim_socket_get(number)->watched != NULL) {
        sim_fail("socket %lld is closed while it is watched", (long long)number);
    }
    sim_file_close(table.places[number - FIRST_SOCKET].file);
    table.is_open[number - FIRST_SOCKET] = false;
}

uint8_t sim_ready(const struct sim_end *end, const struct sim_listener *listener)
{
    if (listener != NULL) {
        return listener->waiting_count > 0 ? TF_POLL_READ : 0;
    }
    return sim_end_ready(end);
}

// Test code outside of any actor may try again and again: time passes then, too.
void sim_tick(void)
{
    if (sim_current_actor() == NULL) {
        sim_turn(sim_now() + 1000);
    } else {
        sim_preempt();
    }
}

static struct sim_end *end_of(tf_socket number)
{
    struct sim_end *end = sim_socket_get(number)->end;
    if (end == NULL) {
        sim_fail("socket %lld is a listener", (long long)number);
    }
    return end;
}

static size_t total_size(const struct tf_segment *segments, size_t count)
{
    if (count > TF_SEGMENTS_MAX) {
        sim_fail("%zu segments in one call", count);
    }
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += segments[i].size;
    }
    if (total == 0) {
        sim_fail("nothing to send, or no room to receive into");
    }
    return total;
}

// What a broken end says: its error once, then `afterwards`.
static enum tf_io tell_error(struct sim_end *end, enum tf_io afterwards, int *error_out)
{
    if (end->error == 0) {
        *error_out = SIM_ERROR_PIPE;
        return afterwards;
    }
    *error_out = end->error;
    end->error = 0;
    return TF_IO_FAILED;
}

enum tf_io tf_socket_receive(
    tf_socket socket,
    const struct tf_segment *segments,
    size_t segment_count,
    size_t *size_out,
    int *error_out)
{
    sim_tick();
    struct sim_end *end = end_of(socket);
    total_size(segments, segment_count);
    if (end->arrived > 0) {
        *size_out = sim_end_take(end, segments, segment_count);
        sim_trace("receive", (uint64_t)socket, *size_out);
        sim_actor_note_progress();
        return TF_IO_DONE;
    }
    if (end->state == SIM_BROKEN) {
        return tell_error(end, TF_IO_END, error_out);
    }
    return end->end_arrived ? TF_IO_END : TF_IO_WOULD_BLOCK;
}

static void append_segments(struct sim_end *end, const struct tf_segment *segments, size_t size)
{
    for (size_t i = 0; size > 0; i++) {
        size_t part = segments[i].size < size ? segments[i].size : size;
        if (part > 0) {
            sim_end_append(end, segments[i].data, (uint32_t)part);
        }
        size -= part;
    }
}

// A send that is cut short stands for a full buffer that has room again right after it, so that is
// announced.
static size_t cut_send(struct sim_end *end, size_t size)
{
    if (size > 1 && sim_chance(sim_config()->split_rate)) {
        sim_end_announce(end, TF_POLL_WRITE);
        sim_cover(SIM_SEND_CUT, 1);
        return (size_t)sim_between(1, size - 1);
    }
    return size;
}

enum tf_io tf_socket_send(
    tf_socket socket,
    const struct tf_segment *segments,
    size_t segment_count,
    size_t *size_out,
    int *error_out)
{
    sim_tick();
    struct sim_end *end = end_of(socket);
    size_t wanted = total_size(segments, segment_count);
    if (end->state == SIM_CONNECTING) {
        return TF_IO_WOULD_BLOCK;
    }
    if (end->state == SIM_BROKEN) {
        return tell_error(end, TF_IO_FAILED, error_out);
    }
    if (end->has_shut || (end->connection->is_unix && end->peer->is_closed)) {
        *error_out = SIM_ERROR_PIPE;
        return TF_IO_FAILED;
    }
    size_t room = sim_end_room(end);
    if (room == 0) {
        sim_cover(SIM_SEND_BLOCKED, 1);
        return TF_IO_WOULD_BLOCK;
    }

    size_t size = cut_send(end, wanted < room ? wanted : room);
    sim_cover(SIM_SENT_ONE_BYTE, size == 1 && wanted > 1);
    append_segments(end->peer, segments, size);
    sim_end_expect(end->peer);
    *size_out = size;
    sim_trace("send", (uint64_t)socket, size);
    sim_actor_note_progress();
    return TF_IO_DONE;
}

size_t tf_socket_pending(tf_socket socket)
{
    sim_tick();
    return end_of(socket)->arrived;
}

uint64_t tf_socket_unsent(tf_socket socket, uint64_t sent_bytes)
{
    sim_tick();
    const struct sim_end *end = end_of(socket);
    const struct sim_end *peer = end->peer;
    TF_ASSERT(peer->fill <= sent_bytes);
    return end->connection->is_unix ? peer->fill : peer->fill - peer->arrived;
}

void tf_socket_shutdown_send(tf_socket socket)
{
    sim_tick();
    sim_end_shut(end_of(socket));
}

void tf_socket_keep_alive(tf_socket socket)
{
    (void)end_of(socket);
}

void tf_socket_close(tf_socket socket)
{
    sim_actor_note_progress();
    sim_leap(sim_config()->close_ns);
    struct sim_end *end = end_of(socket);
    sim_socket_close(socket);
    end->socket = TF_SOCKET_NONE;
    sim_end_close(end);
}

void tf_socket_reset(tf_socket socket)
{
    sim_actor_note_progress();
    sim_leap(sim_config()->close_ns);
    struct sim_end *end = end_of(socket);
    sim_socket_close(socket);
    end->socket = TF_SOCKET_NONE;
    sim_end_reset(end);
}

void sim_sockets_begin(void)
{
    table.count = 0;
}

void sim_sockets_end(void)
{
    for (size_t i = 0; i < table.count; i++) {
        if (table.is_open[i]) {
            sim_fail("socket %zu was never closed", i + FIRST_SOCKET);
        }
    }
}

void sim_network_begin(void)
{
    sim_sockets_begin();
    sim_connections_begin();
    sim_listeners_begin();
}

void sim_network_end(void)
{
    sim_sockets_end();
    sim_listeners_end();
    sim_connections_end();
}
