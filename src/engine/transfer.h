// SPDX-License-Identifier: MIT
// Bytes in and out of a connection, and what the messages in them mean. The I/O thread only.
//
// send.c writes queued messages until the system would block or the turn's bound; receive.c reads until
// it would block, the turn's bound, or the receiving budget is used up; delivery.c acts on each whole
// message. Receiving may end the channel; then it returns false and the channel must not be touched.
#ifndef TF_ENGINE_TRANSFER_H
#define TF_ENGINE_TRANSFER_H

#include <stdbool.h>

#include "engine/channel.h"
#include "engine/reactor.h"

/// Does all a connection can do in this turn. Returns false if the channel has ended.
bool tf_transfer_step(struct tf_reactor *reactor, struct tf_channel *channel);

/// Goes on with a channel that was in line for the budget.
void tf_transfer_resume(struct tf_reactor *reactor, struct tf_channel *channel);

/// Notes, while the channel ends, whether the peer has taken more of what the kernel has to send since the
/// last look: that is progress.
void tf_transfer_look_at_unsent(struct tf_reactor *reactor, struct tf_channel *channel);

/// Writes the queue; a failure is noted in the channel.
void tf_send(struct tf_reactor *reactor, struct tf_channel *channel);

/// Reads frames.
bool tf_receive(struct tf_reactor *reactor, struct tf_channel *channel);

/// Goes on reading, and with what follows from that, although nothing said that there is something to
/// read. Returns false if the channel has ended.
bool tf_transfer_look_again(struct tf_reactor *reactor, struct tf_channel *channel);

/// Checks the header of an announced frame.
///
/// @retval others than TOFU_OK: the peer broke a rule: the channel must end with this reason.
TOFU_NODISCARD enum tofu_status tf_delivery_check(
    struct tf_reactor *reactor, struct tf_channel *channel);

/// Takes a message of the budget for the announced frame. A shutdown does not wait for the budget: what
/// is beyond it is skipped.
///
/// @retval TOFU_OK  the reader has its message, or skips;
/// others: there is no memory: the channel must end with this reason.
TOFU_NODISCARD enum tofu_status tf_delivery_begin(
    struct tf_reactor *reactor, struct tf_channel *channel);

/// Takes a whole message from the reader and delivers it; a HelloRequest makes the connection a channel.
///
/// @retval TOFU_INVALID_MESSAGE  the peer broke a rule: the channel must end with this reason;
/// others than TOFU_OK: there is no memory, or no channel number: the same, but the peer is not to blame.
TOFU_NODISCARD enum tofu_status tf_delivery_finish(
    struct tf_reactor *reactor, struct tf_channel *channel);

/// Drops and counts the message that the reader has skipped, which moves the session all the same.
///
/// @retval others than TOFU_OK: the channel must end with this reason.
TOFU_NODISCARD enum tofu_status tf_delivery_skip(
    struct tf_reactor *reactor, struct tf_channel *channel);

#endif
