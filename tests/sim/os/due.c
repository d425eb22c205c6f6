// SPDX-License-Identifier: MIT
// What is due when: a binary heap of pointers into what it happens to.
#include <stdlib.h>

#include "base/assert.h"
#include "sim/os/world.h"

static struct {
    struct sim_due **heap; ///< from 1: children of n are 2n and 2n + 1
    size_t count;
    size_t capacity;
    uint64_t order;
} agenda;

static bool is_before(const struct sim_due *left, const struct sim_due *right)
{
    return left->at_ns != right->at_ns ? left->at_ns < right->at_ns : left->order < right->order;
}

static void put_at(size_t place, struct sim_due *due)
{
    agenda.heap[place] = due;
    due->place = place;
}

static void move_up(size_t place)
{
    struct sim_due *due = agenda.heap[place];
    while (place > 1 && is_before(due, agenda.heap[place / 2])) {
        put_at(place, agenda.heap[place / 2]);
        place /= 2;
    }
    put_at(place, due);
}

static void move_down(size_t place)
{
    struct sim_due *due = agenda.heap[place];
    while (2 * place <= agenda.count) {
        size_t child = 2 * place;
        if (child < agenda.count && is_before(agenda.heap[child + 1], agenda.heap[child])) {
            child++;
        }
        if (!is_before(agenda.heap[child], due)) {
            break;
        }
        put_at(place, agenda.heap[child]);
        place = child;
    }
    put_at(place, due);
}

void sim_due_set(struct sim_due *due, uint64_t at_ns, void (*happen)(struct sim_due *due))
{
    TF_ASSERT(!sim_due_is_set(due));

    if (agenda.count + 1 >= agenda.capacity) {
        agenda.capacity = agenda.capacity == 0 ? 64 : 2 * agenda.capacity;
        agenda.heap = realloc(agenda.heap, agenda.capacity * sizeof *agenda.heap);
        if (agenda.heap == NULL) {
            sim_fail("the simulation itself has no memory");
        }
    }
    due->at_ns = at_ns;
    due->order = agenda.order++;
    due->happen = happen;
    agenda.count++;
    put_at(agenda.count, due);
    move_up(agenda.count);
}

void sim_due_clear(struct sim_due *due)
{
    if (!sim_due_is_set(due)) {
        return;
    }
    size_t place = due->place;
    struct sim_due *last = agenda.heap[agenda.count];
    agenda.count--;
    due->place = 0;
    if (last != due) {
        put_at(place, last);
        move_up(place);
        move_down(last->place);
    }
}

uint64_t sim_due_next(void)
{
    return agenda.count == 0 ? TF_NEVER : agenda.heap[1]->at_ns;
}

bool sim_due_run(void)
{
    bool did_anything = false;
    while (sim_due_next() <= sim_now()) {
        struct sim_due *due = agenda.heap[1];
        sim_due_clear(due);
        due->happen(due);
        did_anything = true;
    }
    return did_anything;
}

void sim_due_forget_all(void)
{
    agenda.count = 0;
    agenda.order = 0;
}
