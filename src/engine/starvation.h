// SPDX-License-Identifier: MIT
// Who waits for the receiving budget, and who holds it in the middle of a message. The I/O thread only.
//
// A frame whose bytes are not all at hand holds a message of the budget until its peer has sent the rest,
// so it needs one of few places: half of the budget. Whole frames need none, and overtake those that wait
// for one; nobody overtakes who waits for the budget itself. Two lines, each first come first served:
//
//   for a place ---(one is free, or all bytes are at hand by now)---> for the budget ---> reading goes on
//
// When the first in line for a place has waited too long, frames that got no bytes meanwhile are closed.
#ifndef TF_ENGINE_STARVATION_H
#define TF_ENGINE_STARVATION_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/channel.h"
#include "engine/reactor.h"

/// Asks whether the frame that the channel's header announces may have a message now; `size` bytes of its
/// payload are in our hands. If not, the channel is in one of the lines when this returns, and its
/// socket is not read until it is fed.
bool tf_starvation_admit(struct tf_reactor *reactor, struct tf_channel *channel, size_t size);

/// Ends the episode of an empty pool if half of the budget is free again, and nobody waits for it. Comes
/// before reading, which may begin the next one.
void tf_starvation_end_episode(struct tf_reactor *reactor);

/// Feeds those in line while there is budget, each at most once: they share it. Comes after reading, so
/// that who has just come shares, too.
void tf_starvation_feed(struct tf_reactor *reactor);

/// Closes unfinished frames for whose place somebody waits too long. Comes after reading.
void tf_starvation_judge(struct tf_reactor *reactor);

/// Says whether somebody in line could go on now.
bool tf_starvation_can_end(struct tf_reactor *reactor);

/// Returns when somebody in line must be looked at even if nothing happens; UINT64_MAX: never.
uint64_t tf_starvation_deadline(const struct tf_reactor *reactor);

/// Notes, after reading, whether the channel is in the middle of a message; `has_bytes`: some came for it.
void tf_starvation_note_unfinished(
    struct tf_reactor *reactor, struct tf_channel *channel, bool has_bytes);

/// The frame that had a place is whole, or will never be.
void tf_starvation_leave_place(struct tf_reactor *reactor, struct tf_channel *channel);

/// Takes a channel that ends out of all this.
void tf_starvation_leave(struct tf_reactor *reactor, struct tf_channel *channel);

#endif
