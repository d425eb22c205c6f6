// SPDX-License-Identifier: MIT
// The receive queue of a group: many threads push, one waits.
//
// What was pushed since the last look comes over in one exchange and is then given out from a private
// chain. When a pusher says that the order in which messages came is not that of their rounds (rounds.h), they
// are given out in rounds until none is left, so that no channel keeps the others waiting. A pusher wakes
// the waiter only if it said that it sleeps. Where the application wants a descriptor for an event loop of
// its own, both sides set it right after each change, under a lock, from what the queue holds then:
// whoever comes last sees the last state.
#ifndef TF_ENGINE_MAILBOX_H
#define TF_ENGINE_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tofu/group.h>
#include <tofu/status.h>

#include "engine/message_stack.h"
#include "engine/rounds.h"
#include "os/event.h"
#include "os/thread.h"

/// Keeps what pushers write and what the waiter writes off each other's cache lines.
#define TF_CACHE_LINE_BYTES 128

struct tf_mailbox {
    struct tf_message_stack pushed;
    _Atomic uint32_t is_asleep;      ///< the waiter is about to park on this word
    _Atomic uint32_t closing_status; ///< what an empty closed mailbox answers; TOFU_OK: it is open
    _Atomic bool has_event;          ///< `event` is open
    _Atomic bool is_mixed;           ///< what was pushed has to be sorted
    char padding[TF_CACHE_LINE_BYTES];
    /// The private chain of the waiter; others only ask whether it is NULL.
    _Atomic(struct tofu_message *) ready;
    struct tf_rounds rounds;  ///< the waiter's own
    _Atomic uint64_t present; ///< of these, the present one, for pushers
    _Atomic bool has_sorted;  ///< there is something in them
    struct tf_mutex event_lock;
    struct tf_event event;
    bool event_is_set; ///< under event_lock
};

/// TOFU_NOTIFICATION_FAILED: no lock.
TOFU_NODISCARD enum tofu_status tf_mailbox_open(struct tf_mailbox *mailbox, uint32_t share_shift);

/// Closes an empty mailbox that nobody uses.
void tf_mailbox_close(struct tf_mailbox *mailbox);

/// Pushes a chain linked from its newest message to its oldest; each notes its flow, which stays in being
/// until the last message of it was given out, and when it is due. `is_mixed`: some are due before others that
/// were pushed before them. Threads: any.
void tf_mailbox_push(
    struct tf_mailbox *mailbox,
    struct tofu_message *newest,
    struct tofu_message *oldest,
    bool is_mixed);

/// Returns the present round, or one that was. Threads: any.
uint64_t tf_mailbox_round(struct tf_mailbox *mailbox);

/// Gives the next message; TOFU_OK with NULL on timeout; once empty and stopped, the closing status.
/// Threads: one at a time.
TOFU_NODISCARD enum tofu_status tf_mailbox_wait(
    struct tf_mailbox *mailbox, uint64_t timeout_ns, struct tofu_message **message_out);

/// Makes the empty mailbox answer `status` from now on, and wakes the waiter. Threads: any.
void tf_mailbox_stop(struct tf_mailbox *mailbox, enum tofu_status status);

/// As tofu_group_descriptor(). Threads: any.
TOFU_NODISCARD enum tofu_status tf_mailbox_descriptor(
    struct tf_mailbox *mailbox, tofu_descriptor *descriptor_out);

/// Takes everything that is left, in no order between channels. Once nobody waits any more, first while the
/// flows are still there; after that it needs none.
struct tofu_message *tf_mailbox_empty(struct tf_mailbox *mailbox);

#endif
