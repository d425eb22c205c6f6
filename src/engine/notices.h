// SPDX-License-Identifier: MIT
// What the application is told: deliveries, returned messages, closing notices. The I/O thread only.
//
// Everything goes through the group's outbox, in the order in which it happened; the outbox is handed
// over as one chain at the end of the turn.
#ifndef TF_ENGINE_NOTICES_H
#define TF_ENGINE_NOTICES_H

#include "engine/group.h"
#include "engine/reactor.h"

/// Puts a message into the group's outbox, or back into the pool if the group is destroyed.
void tf_notices_deliver(
    struct tf_reactor *reactor, struct tofu_group *group, struct tofu_message *message);

/// Says, once for each, that a message which was delivered has left its group's receive queue, or outbox.
/// The last one of a channel frees its number. Threads: any.
void tf_notices_left(struct tf_channel_table *table, const struct tofu_message *message);

/// Returns an accepted message to its group with the status that says why; requests that open a channel
/// as their responses. Its load is the caller's affair.
void tf_notices_return(
    struct tf_reactor *reactor, struct tofu_message *message, enum tofu_status status);

/// Writes the reason into the reserved closing notice. `detail` may be NULL or "".
void tf_notices_fill_closing(
    struct tf_channel *channel, enum tofu_status reason, const char *detail);

/// Reserves a closing notice; NULL without memory. Threads: any.
struct tofu_message *tf_notices_reserve_closing(struct tf_pool *pool);

/// Tells a group, once per episode, that reading rests for want of messages.
void tf_notices_pool_empty(struct tf_reactor *reactor, struct tofu_group *group);

/// Tells a listener's group that it rests for want of descriptors. Returns false if the application still
/// holds the last notice of this kind: then the group is still to be told.
bool tf_notices_accept_failed(struct tf_reactor *reactor, struct tf_channel *listener);

/// Reserves a group's own notices. Threads: any.
///
/// @retval TOFU_ALLOCATION_FAILED  no memory; nothing is reserved.
TOFU_NODISCARD enum tofu_status tf_notices_reserve(struct tf_pool *pool, struct tofu_group *group);

/// Gives the reserved notices that are at home back to the pool. Threads: any.
void tf_notices_release(struct tf_pool *pool, struct tofu_group *group);

/// Takes a group's own notice home when it is put back; returns false if the message is none, or the
/// group has ended or has another by now: then it is the pool's. Threads: any.
bool tf_notices_come_home(struct tofu_message *message);

/// The application posts a group's own notice on as an ordinary message: the group gets another one if
/// there is memory, and does without if not. Threads: any.
void tf_notices_replace(struct tf_pool *pool, struct tofu_message *message);

/// Hands every outbox over to its mailbox.
void tf_notices_flush(struct tf_reactor *reactor);

#endif
