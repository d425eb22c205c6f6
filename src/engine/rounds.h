// SPDX-License-Identifier: MIT
// A queue of messages that is fair between channels: however much one of them has in it, the others wait
// for a share of that.
//
// Messages are given out in rounds, in which each channel that has some has one turn: a few messages, its
// share. Who has nothing in the queue joins behind the others, so before his message stands a share of each
// other channel, however many they have and however many newcomers there are. Within a channel the
// order stays as it was.
//
// A channel's own queue, its flow, lies in its closing notice: that is the channel's last message, so it is
// there as long as anything of the channel waits, and no number has to be looked up.
//
// Two threads: whoever pushes says when each message is due, with what it last heard of the present round,
// and so learns whether it is due before others that were pushed before; the taker keeps the rounds, and
// corrects what came too late for its own.
#ifndef TF_ENGINE_ROUNDS_H
#define TF_ENGINE_ROUNDS_H

#include <stdint.h>

#include "base/assert.h"
#include "wire/message.h"

/// A share is 2 to the power of this at most: few, for the sake of those who wait, and not one, because
/// each turn costs.
#define TF_SHARE_SHIFT_MAX 4

/// Returns the power of two that is the share: about a 64th of the budget, which is one message of the
/// default.
static inline uint32_t tf_rounds_share_shift(uint64_t messages_max)
{
    uint64_t share = (messages_max - 1) / 64 + 1;
    uint32_t shift = 0;
    while (shift < TF_SHARE_SHIFT_MAX && share >> (shift + 1) != 0) {
        shift++;
    }
    return shift;
}

/// Returns when a channel's next message is due: its round, times the share, and which one it is in that.
/// `newest` is when its last one was, which may be in the queue or not; `present` is the present round as
/// last heard of.
static inline uint64_t tf_rounds_due(uint64_t newest, uint64_t present, uint32_t share_shift)
{
    uint64_t next_round = (present + 1) << share_shift;
    return newest < next_round ? next_round : newest + 1;
}

/// The taker's. Zero but for the shift it is empty.
struct tf_rounds {
    uint32_t share_shift;
    struct tf_flow *last; ///< of the ring of flows that have messages: the next one has its turn
    struct tf_flow no_channel; ///< always in the ring, once there is one: its turn ends the round
    uint64_t present;          ///< number of the round that is given out
    uint64_t newest;           ///< the highest round of a message
    uint64_t count;            ///< of all messages
};

/// Adds a message to the flow that it notes. Without one it belongs to no channel, and goes behind all that
/// is there.
void tf_rounds_add(struct tf_rounds *rounds, struct tofu_message *message);

/// Notes that a message went by which would have been the next one. Nothing is in the rounds.
static inline void tf_rounds_pass(struct tf_rounds *rounds, const struct tofu_message *message)
{
    TF_ASSERT(rounds->count == 0);

    if (message->flow != NULL && message->due >> rounds->share_shift > rounds->present) {
        rounds->present = message->due >> rounds->share_shift;
    }
    rounds->newest = rounds->present;
}

/// Takes the next message; NULL: there is none.
struct tofu_message *tf_rounds_take(struct tf_rounds *rounds);

#endif
