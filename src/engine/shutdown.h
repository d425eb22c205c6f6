// SPDX-License-Identifier: MIT
// Ending everything: with Byes (shutdown), or at once (abort, destroy). The I/O thread only, but for the
// estimate.
#ifndef TF_ENGINE_SHUTDOWN_H
#define TF_ENGINE_SHUTDOWN_H

#include "engine/channel.h"
#include "engine/reactor.h"

/// Estimates how long before its deadline a shutdown must abort this many channels for the abort to end in
/// time: nothing for few of them, never more than half of the time that there is. Threads: any.
uint64_t tf_shutdown_abort_lead(uint64_t channel_count, uint64_t timeout_ns);

/// Runs the commands that were taken in this turn; those that are done are finished at its end.
void tf_shutdown_run_commands(struct tf_reactor *reactor, struct tf_list *taken);

/// Finishes the commands of this turn, and the shutdown when nothing is left to end.
void tf_shutdown_finish_commands(struct tf_reactor *reactor);

/// Says whether a shutdown waits for nothing any more.
bool tf_shutdown_can_finish(struct tf_reactor *reactor);

/// Ends every channel of every group for `reason`.
void tf_shutdown_end_all(struct tf_reactor *reactor, enum tofu_status reason);

/// Answers the peer's ByeRequest if there is one, or else says Bye, if the session allows it.
///
/// @retval TOFU_ALLOCATION_FAILED  no memory: the channel must be aborted.
TOFU_NODISCARD enum tofu_status tf_shutdown_say_bye(
    struct tf_reactor *reactor, struct tf_channel *channel);

#endif
