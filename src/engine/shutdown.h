// SPDX-License-Identifier: MIT
// Ending everything: with Byes (shutdown), or at once (abort, destroy). The I/O thread only, but for what
// whoever asked for a shutdown does when that takes too long.
//
// A shutdown keeps its deadline by taking it apart. Until the deadline Byes are waited for. Then, in one
// turn, every channel that is left is told to have ended: its messages and its notice come back, its number
// is free, the report has it. That costs little, however many there are. What the system takes its time
// for, resetting the connections, comes after that, in slices; the shutdown waits for it for some time, and
// the rest is done while its caller goes on. Should the I/O thread itself not get that far, held up by
// the machine or by the application's log sink, the caller returns all the same.
#ifndef TF_ENGINE_SHUTDOWN_H
#define TF_ENGINE_SHUTDOWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tofu/engine.h>

#include "engine/channel.h"
#include "engine/commands.h"
#include "engine/reactor.h"
#include "os/clock.h"

/// What a shutdown does after its deadline, of the 100 ms that there are: the turn in which the deadline comes
/// goes on for some channels more, so that one without any time says Bye at least; connections are reset;
/// and then its caller waits no longer.
#define TF_SHUTDOWN_TURN_NS  (10 * TF_MILLISECOND)
#define TF_SHUTDOWN_RESET_NS (40 * TF_MILLISECOND)
#define TF_SHUTDOWN_LEAVE_NS (80 * TF_MILLISECOND)

/// A shutdown, under way or over. It is the engine's, because whoever asked for it may be gone before its end.
struct tf_shutdown {
    struct tf_command command;
    uint64_t deadline_ns;
    struct tofu_shutdown_report before; ///< the counters when it began
    uint64_t channel_count;             ///< when it began
    _Atomic bool has_begun;             ///< the two above are there
    struct tofu_shutdown_report report; ///< what it came to, once the command is done
};

/// Has an engine shut down, and waits until that is done, but no longer than its deadline and
/// TF_SHUTDOWN_LEAVE_NS. Returns whether it is done. If not, what is left still ends, and counts as forced and
/// as left. Threads: any other.
bool tf_shutdown_run(
    struct tf_shutdown *shutdown,
    struct tf_reactor *reactor,
    uint64_t timeout_ns,
    struct tofu_shutdown_report *report_out);

/// Runs the commands that were taken in this turn; those that are done are finished at its end.
void tf_shutdown_run_commands(struct tf_reactor *reactor, struct tf_list *taken);

/// Finishes the commands of this turn, and the shutdown when nothing is left to end.
void tf_shutdown_finish_commands(struct tf_reactor *reactor);

/// Says whether a shutdown waits for nothing any more.
bool tf_shutdown_can_finish(struct tf_reactor *reactor);

/// Returns when a shutdown that is under way stops waiting for Byes; UINT64_MAX: there is none.
uint64_t tf_shutdown_deadline(const struct tf_reactor *reactor);

/// Says whether this turn must not step further channels, because a shutdown's deadline has come in it.
bool tf_shutdown_cuts_turn(const struct tf_reactor *reactor);

/// Ends what is left if a shutdown's deadline has come.
void tf_shutdown_keep_deadline(struct tf_reactor *reactor);

/// Ends every channel of every group for `reason`.
void tf_shutdown_end_all(struct tf_reactor *reactor, enum tofu_status reason);

/// Answers the peer's ByeRequest if there is one, or else says Bye, if the session allows it.
///
/// @retval TOFU_ALLOCATION_FAILED  no memory: the channel must be aborted.
TOFU_NODISCARD enum tofu_status tf_shutdown_say_bye(
    struct tf_reactor *reactor, struct tf_channel *channel);

#endif
