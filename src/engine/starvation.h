// SPDX-License-Identifier: MIT
// Who waits for the receiving budget, and who holds it in the middle of a message. The I/O thread only.
//
// Channels that found the budget used up wait in line, first come first served. Frames that are not
// whole hold messages of the budget without anybody's profit: when the first in line has waited too long
// while they hold more than half of it, the one that has waited longest for bytes is closed.
#ifndef TF_ENGINE_STARVATION_H
#define TF_ENGINE_STARVATION_H

#include <stdbool.h>

#include "engine/channel.h"
#include "engine/reactor.h"

/// Puts a channel in line; its header is complete, its socket is not read meanwhile.
void tf_starvation_begin(struct tf_reactor *reactor, struct tf_channel *channel);

/// Feeds those in line while there is budget, each at most once, and sees to frames that hold too much.
void tf_starvation_feed(struct tf_reactor *reactor);

/// Says whether the first in line could go on now.
bool tf_starvation_can_end(struct tf_reactor *reactor);

/// Returns when the patience of the first in line ends; UINT64_MAX while nobody is to blame.
uint64_t tf_starvation_deadline(const struct tf_reactor *reactor);

/// Notes, after reading, whether the channel is in the middle of a message; bytes came for it.
void tf_starvation_note_unfinished(struct tf_reactor *reactor, struct tf_channel *channel);

#endif
