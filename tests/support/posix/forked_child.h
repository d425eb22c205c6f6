// SPDX-License-Identifier: MIT
// A child that inherits everything, for the tests whose subject fork() is.
#ifndef SUPPORT_POSIX_FORKED_CHILD_H
#define SUPPORT_POSIX_FORKED_CHILD_H

#include "support/posix/fork.h"
#include "unit/expect.h"

/// As process_fork(), for a test.
static inline void child_fork(
    struct child *child, int (*run)(void *argument, int tell), void *argument)
{
    assert_true(process_fork(child, run, argument));
    child_adopt(child);
}

#endif
