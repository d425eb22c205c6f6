// SPDX-License-Identifier: MIT
#include "engine/rounds.h"

#include "base/assert.h"

static void append(struct tf_flow *flow, struct tofu_message *message)
{
    if (flow->last == NULL) {
        message->next = message;
    } else {
        message->next = flow->last->next;
        flow->last->next = message;
    }
    flow->last = message;
}

static struct tofu_message *take_first(struct tf_flow *flow)
{
    struct tofu_message *first = flow->last->next;
    if (first == flow->last) {
        flow->last = NULL;
    } else {
        flow->last->next = first->next;
    }
    first->next = NULL;
    return first;
}

static uint64_t round_of(const struct tf_rounds *rounds, const struct tofu_message *message)
{
    return message->due >> rounds->share_shift;
}

// Behind those that have had their turn in this round: the newcomer's first is in the next one.
static void join_ring(struct tf_rounds *rounds, struct tf_flow *flow)
{
    TF_ASSERT(flow->next == NULL);

    if (rounds->last == NULL) {
        flow->next = flow;
    } else {
        flow->next = rounds->last->next;
        rounds->last->next = flow;
    }
    rounds->last = flow;
}

static void add_to_flow(
    struct tf_rounds *rounds, struct tf_flow *flow, struct tofu_message *message)
{
    uint64_t newest = 0;
    if (flow->last == NULL) {
        join_ring(rounds, flow);
    } else {
        newest = flow->last->due;
    }
    message->due = tf_rounds_due(newest, rounds->present, rounds->share_shift);
    append(flow, message);
    if (round_of(rounds, message) > rounds->newest) {
        rounds->newest = round_of(rounds, message);
    }
}

void tf_rounds_add(struct tf_rounds *rounds, struct tofu_message *message)
{
    if (rounds->last == NULL) {
        join_ring(rounds, &rounds->no_channel);
    }
    if (message->flow != NULL) {
        add_to_flow(rounds, message->flow, message);
    } else {
        message->due = rounds->newest << rounds->share_shift;
        append(&rounds->no_channel, message);
    }
    rounds->count++;
}

// What belongs to no channel comes at the end of the round that was the last one when it was added.
static bool has_due(const struct tf_rounds *rounds)
{
    const struct tf_flow *flow = &rounds->no_channel;
    return flow->last != NULL && round_of(rounds, flow->last->next) <= rounds->present;
}

static struct tofu_message *take_turn(struct tf_rounds *rounds, struct tf_flow *flow)
{
    struct tofu_message *message = take_first(flow);
    TF_ASSERT(round_of(rounds, message) == rounds->present);
    if (flow->last == NULL) {
        rounds->last->next = flow->next;
        flow->next = NULL; // It may be in the very message that is given out.
    } else if (round_of(rounds, flow->last->next) > rounds->present) {
        rounds->last = flow;
    }
    return message;
}

struct tofu_message *tf_rounds_take(struct tf_rounds *rounds)
{
    if (rounds->count == 0) {
        return NULL;
    }
    rounds->count--;
    if (rounds->last->next == &rounds->no_channel) {
        if (has_due(rounds)) {
            return take_first(&rounds->no_channel);
        }
        TF_ASSERT(rounds->present < rounds->newest);
        rounds->present++;
        rounds->last = &rounds->no_channel;
    }
    TF_ASSERT(rounds->last->next != &rounds->no_channel);
    return take_turn(rounds, rounds->last->next);
}
