// SPDX-License-Identifier: MIT
// Turns the user's wish to end the process into a notice that the thread which waits on a group gets.
//
// POSIX: SIGINT and SIGTERM. Windows: Ctrl-C and Ctrl-Break, and what comes when the console is closed,
// the user logs off or the system shuts down.
#ifndef TOOL_OS_STOP_SIGNAL_H
#define TOOL_OS_STOP_SIGNAL_H

#include <stdbool.h>

#include <tofu/tofu.h>

/// Keeps the stop signals from ending the process. Call it before any thread is started, the engine's
/// included, because threads inherit what is blocked.
void stop_signal_block(void);

/// From now on the first stop signal, or one that came since stop_signal_block(), becomes
/// tofu_group_update(group, NULL). Returns false if there is no thread to be had.
bool stop_signal_open(struct tofu_group *group);

/// Ends that, whether a signal came or not; another stop signal ends the process as it always did.
/// Call it before the group is destroyed.
void stop_signal_close(void);

#endif
