// SPDX-License-Identifier: MIT
// Turns SIGINT and SIGTERM into a notice that the thread which waits on a group gets.
#ifndef TOOL_STOP_SIGNAL_H
#define TOOL_STOP_SIGNAL_H

#include <pthread.h>
#include <stdbool.h>

#include <tofu/tofu.h>

struct stop_signal {
    pthread_t thread;
    struct tofu_group *group;
};

/// Keeps the stop signals from ending the process. Call it before any thread is started, the engine's
/// included, because threads inherit what is blocked.
void stop_signal_block(void);

/// From now on the first stop signal becomes tofu_group_update(group, NULL). Returns false if there is
/// no thread to be had.
bool stop_signal_open(struct stop_signal *stop, struct tofu_group *group);

/// Ends that, whether a signal came or not; another stop signal ends the process as it always did.
/// Call it before the group is destroyed.
void stop_signal_close(struct stop_signal *stop);

#endif
