// SPDX-License-Identifier: MIT
#include "engine/timers.h"

#include <stddef.h>

#include "base/assert.h"

// Joins two heaps, neither NULL: the later root becomes the first child of the earlier.
static struct tf_timer *meld(struct tf_timer *a, struct tf_timer *b)
{
    struct tf_timer *root = a->deadline_ns <= b->deadline_ns ? a : b;
    struct tf_timer *child = root == a ? b : a;
    child->previous = root;
    child->next = root->first_child;
    if (child->next != NULL) {
        child->next->previous = child;
    }
    root->first_child = child;
    root->next = NULL;
    root->previous = NULL;
    return root;
}

// The two passes that give the heap its bounds: pairs from the left, then all into one from the right.
static struct tf_timer *meld_siblings(struct tf_timer *first)
{
    struct tf_timer *pairs = NULL; // Linked by `next`, the last pair first.
    while (first != NULL) {
        struct tf_timer *a = first;
        struct tf_timer *b = a->next;
        first = b == NULL ? NULL : b->next;
        struct tf_timer *pair = b == NULL ? a : meld(a, b);
        pair->next = pairs;
        pairs = pair;
    }
    struct tf_timer *root = NULL;
    while (pairs != NULL) {
        struct tf_timer *next = pairs->next;
        pairs->next = NULL;
        pairs->previous = NULL;
        root = root == NULL ? pairs : meld(root, pairs);
        pairs = next;
    }
    return root;
}

void tf_timers_add(struct tf_timers *timers, struct tf_timer *timer, uint64_t deadline_ns)
{
    TF_ASSERT(!tf_timer_is_set(timer));
    TF_ASSERT(deadline_ns != 0);

    *timer = (struct tf_timer){.deadline_ns = deadline_ns};
    timers->root = timers->root == NULL ? timer : meld(timers->root, timer);
}

void tf_timers_remove(struct tf_timers *timers, struct tf_timer *timer)
{
    if (!tf_timer_is_set(timer)) {
        return;
    }
    struct tf_timer *orphans = meld_siblings(timer->first_child);
    if (timer == timers->root) {
        timers->root = orphans;
    } else {
        if (timer->previous->first_child == timer) {
            timer->previous->first_child = timer->next;
        } else {
            timer->previous->next = timer->next;
        }
        if (timer->next != NULL) {
            timer->next->previous = timer->previous;
        }
        if (orphans != NULL) {
            timers->root = meld(timers->root, orphans);
        }
    }
    *timer = (struct tf_timer){0};
}

uint64_t tf_timers_next(const struct tf_timers *timers)
{
    return timers->root == NULL ? UINT64_MAX : timers->root->deadline_ns;
}

struct tf_timer *tf_timers_take_due(struct tf_timers *timers, uint64_t now_ns)
{
    struct tf_timer *timer = timers->root;
    if (timer == NULL || timer->deadline_ns > now_ns) {
        return NULL;
    }
    tf_timers_remove(timers, timer);
    return timer;
}
