// SPDX-License-Identifier: MIT
// Bytes on their way to an end: appended by the sender, delivered in pieces, taken by the receiver.
#include <stdlib.h>
#include <string.h>

#include "os/poller.h"
#include "sim/coverage.h"
#include "sim/os/network.h"
#include "sim/os/watched.h"

static void make_room(struct sim_end *end, uint32_t size)
{
    if (end->start + end->fill + size <= end->allocated) {
        return;
    }
    if (end->fill + size > end->allocated) {
        uint32_t wanted = 2 * (end->fill + size);
        end->allocated = wanted < 256 ? 256 : wanted;
        uint8_t *bytes = sim_buffer(end->allocated);
        if (end->fill > 0) {
            memcpy(bytes, end->bytes + end->start, end->fill);
        }
        free(end->bytes);
        end->bytes = bytes;
    } else if (end->fill > 0) {
        memmove(end->bytes, end->bytes + end->start, end->fill);
    }
    end->start = 0;
}

static void append(struct sim_end *end, const uint8_t *bytes, uint32_t size)
{
    make_room(end, size);
    memcpy(end->bytes + end->start + end->fill, bytes, size);
    end->fill += size;
}

void sim_end_append(struct sim_end *end, const uint8_t *bytes, uint32_t size)
{
    append(end, bytes, size);
    uint8_t *last = &end->bytes[end->start + end->fill - 1];
    if (sim_defect_strikes(SIM_LOSE_BYTE)) {
        end->fill--;
    } else if (sim_defect_strikes(SIM_CHANGE_BYTE)) {
        *last ^= 0x40;
    } else if (sim_defect_strikes(SIM_REPEAT_BYTES)) {
        append(end, bytes, size);
    }
}

// To a closed end nothing can arrive: the sender is told so, if that end was TCP.
static void arrive_nowhere(struct sim_end *end)
{
    bool had_bytes = end->fill > 0;
    end->fill = 0;
    sim_end_stir(end->peer);
    if (had_bytes) {
        sim_end_break_peer(end);
    }
}

static void arrive(struct sim_end *end, uint32_t size)
{
    uint8_t ready = 0;
    if (size > 0) {
        ready = end->arrived > 0 && sim_config()->coalesces_edges ? 0 : TF_POLL_READ;
        end->arrived += size;
    }
    bool is_last = end->arrived == end->fill && end->end_is_coming && !end->end_arrived;
    if (is_last && (size == 0 || sim_chance(500))) {
        end->end_arrived = !sim_defect_strikes(SIM_LOSE_END);
        end->end_is_coming = end->end_arrived;
        sim_cover(SIM_END_WITH_DATA, size > 0);
        ready |= TF_POLL_READ | TF_POLL_HANGUP;
    }
    sim_trace("arrive", size, end->end_arrived);
    sim_end_announce(end, ready);
}

static bool is_expecting(const struct sim_end *end)
{
    return end->fill > end->arrived || (end->end_is_coming && !end->end_arrived);
}

static void deliver(struct sim_due *due)
{
    struct sim_end *end = TF_CONTAINER_OF(due, struct sim_end, delivery);
    if (end->is_closed) {
        arrive_nowhere(end);
        return;
    }
    uint32_t size = end->fill - end->arrived;
    if (size > 1 && sim_chance(sim_config()->split_rate)) {
        size = (uint32_t)sim_between(1, size);
    }
    arrive(end, size);
    sim_end_expect(end);
}

void sim_end_expect(struct sim_end *end)
{
    if (end->state == SIM_BROKEN || sim_due_is_set(&end->delivery)) {
        return;
    }
    if (!end->connection->is_unix || end->is_closed) {
        if (is_expecting(end)) {
            sim_due_set(&end->delivery, sim_now() + sim_delay(), deliver);
        }
        return;
    }
    while (is_expecting(end)) {
        arrive(end, end->fill - end->arrived);
    }
}

static void tell_room(struct sim_due *due)
{
    struct sim_end *end = TF_CONTAINER_OF(due, struct sim_end, window);
    bool was_writable = sim_end_is_writable(end->peer);
    end->unseen_room = 0;
    if (!was_writable && sim_end_is_writable(end->peer)) {
        sim_end_announce(end->peer, TF_POLL_WRITE);
    }
}

static void give_room(struct sim_end *end, uint32_t size)
{
    end->unseen_room += size;
    if (!sim_due_is_set(&end->window)) {
        uint64_t delay_ns = end->connection->is_unix ? 0 : sim_delay();
        sim_due_set(&end->window, sim_now() + delay_ns, tell_room);
    }
}

static void copy_out(struct sim_end *end, const struct tf_segment *segments, uint32_t size)
{
    uint32_t done = 0;
    for (size_t i = 0; done < size; i++) {
        size_t part = segments[i].size < size - done ? segments[i].size : size - done;
        if (part > 0) {
            memcpy(segments[i].data, end->bytes + end->start + done, part);
        }
        done += (uint32_t)part;
    }
    end->start += size;
    end->fill -= size;
    end->arrived -= size;
}

// A receive that is cut short stands for bytes that arrive right after it, so it is announced.
uint32_t sim_end_take(struct sim_end *end, const struct tf_segment *segments, size_t count)
{
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        wanted += segments[i].size;
    }
    uint32_t size = wanted < end->arrived ? (uint32_t)wanted : end->arrived;
    bool is_cut = size > 1 && sim_chance(sim_config()->split_rate);
    if (is_cut) {
        size = (uint32_t)sim_between(1, size - 1);
    }
    copy_out(end, segments, size);
    give_room(end, size);
    if (is_cut) {
        sim_end_announce(end, TF_POLL_READ);
        sim_cover(SIM_RECEIVE_CUT, 1);
    }
    sim_cover(SIM_RECEIVED_ONE_BYTE, size == 1 && wanted > 1);
    return size;
}
