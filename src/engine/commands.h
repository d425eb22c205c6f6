// SPDX-License-Identifier: MIT
// What other threads ask of the I/O thread besides sending messages, and how they wait for it.
//
// A command lives with its issuer until it is done. The I/O thread takes the commands before the posts of
// a turn and runs them after, so whatever was posted before a command was issued is seen before it.
#ifndef TF_ENGINE_COMMANDS_H
#define TF_ENGINE_COMMANDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tofu/status.h>

#include "base/list.h"
#include "os/thread.h"

enum tf_command_kind {
    TF_COMMAND_DESTROY_GROUP, ///< abort the group's channels, drop what is queued
    TF_COMMAND_SHUTDOWN,      ///< of a struct tf_shutdown; done when the last channel has ended
    TF_COMMAND_ABORT,         ///< end everything at once: a shutdown waits for nobody any more
    TF_COMMAND_STOP,          ///< end everything and the loop
};

struct tf_command {
    struct tf_list link;
    enum tf_command_kind kind;
    struct tofu_group *group; ///< DESTROY_GROUP
    _Atomic uint32_t is_done; ///< parked on by the issuer
};

struct tf_command_queue {
    struct tf_mutex lock;
    struct tf_list list;       ///< under the lock
    _Atomic bool has_commands; ///< so that looking costs no lock
};

TOFU_NODISCARD enum tofu_status tf_commands_open(struct tf_command_queue *queue);
void tf_commands_close(struct tf_command_queue *queue);

/// Queues a command; the caller then wakes the I/O thread. Threads: any.
void tf_commands_add(struct tf_command_queue *queue, struct tf_command *command);

/// Moves all queued commands to `taken`, an empty list. Threads: the I/O thread.
void tf_commands_take(struct tf_command_queue *queue, struct tf_list *taken);

/// Parks until the command is done or the deadline; returns whether it is done.
bool tf_command_wait(struct tf_command *command, uint64_t deadline_ns);

/// Says that a command is done; it may be gone right after. Threads: the I/O thread.
void tf_command_finish(struct tf_command *command);

#endif
