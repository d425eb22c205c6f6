// SPDX-License-Identifier: MIT
// How channels end. The I/O thread only.
//
// Two phases: first the socket goes and the number takes no more posts, and what was accepted comes back
// in order; then, when nothing for the number can be under way any more, the closing notice is delivered
// and the number is free.
#ifndef TF_ENGINE_ENDING_H
#define TF_ENGINE_ENDING_H

#include "engine/channel.h"
#include "engine/reactor.h"

enum tf_ending {
    TF_ENDING_CLOSE,   ///< what was sent arrives
    TF_ENDING_RESET,   ///< the peer gets a reset
    TF_ENDING_ABANDON, ///< the same, but later: from tf_ending_reset_abandoned()
};

/// Ends a channel for `reason`; TOFU_OK is a graceful end. Unsent messages go back with the reason.
/// `detail` (may be NULL) is what the system said. A half-open connection is gone when this returns;
/// any other channel stays until tf_ending_finish().
void tf_ending_begin(
    struct tf_reactor *reactor,
    struct tf_channel *channel,
    enum tofu_status reason,
    const char *detail,
    enum tf_ending how);

/// As tf_ending_begin(), with the system's words for `error` as the detail.
void tf_ending_begin_error(
    struct tf_reactor *reactor,
    struct tf_channel *channel,
    enum tofu_status reason,
    int error,
    enum tf_ending how);

/// Resets the connection of a channel that was abandoned, if that is still to be done. Frees the channel if it
/// has given its notice.
void tf_ending_reset(struct tf_reactor *reactor, struct tf_channel *channel);

/// Resets abandoned connections, for a slice of time.
void tf_ending_reset_abandoned(struct tf_reactor *reactor);

/// Says whether a closing notice is due. A poster that stepped back may have made it so since the last
/// look, and its wake-up may have come while we were awake.
bool tf_ending_can_finish(struct tf_reactor *reactor);

/// Delivers the closing notices that are due, and frees their channels but for abandoned ones.
void tf_ending_finish(struct tf_reactor *reactor);

/// Gives all that is queued on a channel its fate: nothing more will be sent.
void tf_ending_return_queue(
    struct tf_reactor *reactor, struct tf_channel *channel, enum tofu_status status);

/// Gives an accepted message that can no longer be sent its fate, its load included.
void tf_ending_return_message(
    struct tf_reactor *reactor, struct tofu_message *message, enum tofu_status status);

#endif
