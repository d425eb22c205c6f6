// SPDX-License-Identifier: MIT
// A queue of messages that is fair between channels: however much one of them has in it, the others wait
// for a share of that.
//
// Messages are given out in rounds. A channel has one share of messages in a round; what it has beyond
// that goes to the rounds that follow. Who has nothing in the queue begins with the next round, so before
// his message stands what is left of the present one, and a share of each other channel. The
// present round takes nothing more: it ends, and so does everybody's wait, however many newcomers there are.
// Within a channel the order stays as it was, since its rounds never go back.
//
// Two threads: whoever pushes chooses the round, with what it last heard of the present one; the taker
// keeps the rounds, and moves up what comes too late for its own.
#ifndef TF_ENGINE_ROUNDS_H
#define TF_ENGINE_ROUNDS_H

#include <stdint.h>

#include "base/assert.h"
#include "wire/message.h"

/// Rounds that there can be behind the present one.
#define TF_ROUNDS_AHEAD 64

/// Of a message that belongs to no channel: it goes behind all that is there.
#define TF_ROUND_LAST UINT64_MAX

/// Where a channel stands. `{0}` is a channel that has nothing in the queue.
struct tf_flow {
    uint64_t round; ///< of its last message
    uint64_t count; ///< of its messages in that round
};

/// Returns the share with which so many messages of one channel, at least one, have room in the rounds ahead.
static inline uint64_t tf_rounds_share(uint64_t messages_max)
{
    return (messages_max - 1) / TF_ROUNDS_AHEAD + 1;
}

/// Returns the round of a channel's next message. `present` is the present round as last heard of. The last
/// of the rounds ahead takes any number.
static inline uint64_t tf_flow_next(struct tf_flow *flow, uint64_t present, uint64_t share)
{
    TF_ASSERT(share > 0);

    // A round that cannot be yet is that of another queue: the number was another group's.
    if (flow->round <= present || flow->round - present > TF_ROUNDS_AHEAD) {
        *flow = (struct tf_flow){.round = present + 1};
    } else if (flow->count >= share && flow->round - present < TF_ROUNDS_AHEAD) {
        *flow = (struct tf_flow){.round = flow->round + 1};
    }
    flow->count++;
    return flow->round;
}

/// The taker's. `{0}` is empty. A round is the last message of a ring, or NULL: there are many groups.
struct tf_rounds {
    struct tofu_message
        *rounds[TF_ROUNDS_AHEAD + 1]; ///< a ring itself: the present one is at `place`
    uint32_t place;
    uint64_t present; ///< number of the round that is given out
    uint64_t newest;  ///< the highest number that there was
    uint64_t count;   ///< of all messages
};

/// Adds a message to the round that it notes, or to the next one if that has begun.
void tf_rounds_add(struct tf_rounds *rounds, struct tofu_message *message);

/// Notes that a message went by which would have been the next one. Nothing is in the rounds.
static inline void tf_rounds_pass(struct tf_rounds *rounds, const struct tofu_message *message)
{
    TF_ASSERT(rounds->count == 0);

    if (message->round != TF_ROUND_LAST && message->round > rounds->present) {
        rounds->present = message->round;
    }
    rounds->newest = rounds->present;
}

/// Takes the next message; NULL: there is none.
struct tofu_message *tf_rounds_take(struct tf_rounds *rounds);

#endif
