// SPDX-License-Identifier: MIT
#include "engine/rounds.h"

#include "base/assert.h"

static struct tofu_message **find_round(struct tf_rounds *rounds, uint64_t round)
{
    uint64_t place = rounds->place + (round - rounds->present);
    return &rounds->rounds[place > TF_ROUNDS_AHEAD ? place - (TF_ROUNDS_AHEAD + 1) : place];
}

static void append(struct tofu_message **last, struct tofu_message *message)
{
    if (*last == NULL) {
        message->next = message;
    } else {
        message->next = (*last)->next;
        (*last)->next = message;
    }
    *last = message;
}

void tf_rounds_add(struct tf_rounds *rounds, struct tofu_message *message)
{
    uint64_t round = message->round == TF_ROUND_LAST ? rounds->newest : message->round;
    round = round > rounds->present ? round : rounds->present + 1;
    TF_ASSERT(round - rounds->present <= TF_ROUNDS_AHEAD);

    append(find_round(rounds, round), message);
    rounds->newest = round > rounds->newest ? round : rounds->newest;
    rounds->count++;
}

static struct tofu_message *take_first(struct tofu_message **last)
{
    struct tofu_message *first = (*last)->next;
    if (first == *last) {
        *last = NULL;
    } else {
        (*last)->next = first->next;
    }
    first->next = NULL;
    return first;
}

struct tofu_message *tf_rounds_take(struct tf_rounds *rounds)
{
    if (rounds->count == 0) {
        return NULL;
    }
    while (rounds->rounds[rounds->place] == NULL) {
        TF_ASSERT(rounds->present < rounds->newest);
        rounds->present++;
        rounds->place = rounds->place < TF_ROUNDS_AHEAD ? rounds->place + 1 : 0;
    }
    rounds->count--;
    return take_first(&rounds->rounds[rounds->place]);
}
