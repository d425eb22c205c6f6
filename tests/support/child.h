// SPDX-License-Identifier: MIT
// A child process of a test, and the echo server that it may be.
//
// A child shares the test's code and nothing else: it must not use cmocka, whose failures would let it go
// on as a second copy of the test. It answers with its exit status.
#ifndef SUPPORT_CHILD_H
#define SUPPORT_CHILD_H

#include <stdint.h>
#include <sys/types.h>

struct child {
    pid_t process;
    int told; ///< where the parent reads what the child writes; at its end when the child has ended
};

/// Forks a child that runs run(argument, tell) and exits with what it returns; it may write to `tell`.
void child_start(struct child *child, int (*run)(void *argument, int tell), void *argument);

/// Reads one line that the child wrote, without its end.
void child_read_line(const struct child *child, char *line, size_t line_size);

/// Waits for the child's end and returns its exit status, or -1 if a signal ended it.
int child_join(struct child *child);

/// Ends the child as a crash would.
void child_kill(struct child *child);

/// Ends and forgets a child that a failed test has left.
void child_end_left(void);

/// run() of an echo server: listens at `argument`, a text, and tells the real address. It answers
/// Requests, Signals and Byes until it has seen one channel end; 0 if all went well and no memory is left.
int echo_server_run(void *argument, int tell);

#endif
