// SPDX-License-Identifier: MIT
#ifndef SUPPORT_POSIX_FORK_H
#define SUPPORT_POSIX_FORK_H

#include <stdbool.h>

#include "support/child.h"

/// Forks a child that runs run(argument, tell) and exits with what it returns; what it writes to the
/// descriptor `tell` is what process_read() reads. False: the system refused.
bool process_fork(struct child *child, int (*run)(void *argument, int tell), void *argument);

#endif
