// SPDX-License-Identifier: MIT
// A child process of a test, and the echo server that it may be.
//
// A child is this very program, started once more: where there is no fork(), there is no other way. It
// must not use cmocka, and answers with lines on its standard output and with its exit status.
#ifndef SUPPORT_CHILD_H
#define SUPPORT_CHILD_H

#include <stddef.h>
#include <stdint.h>

struct child {
    intptr_t process; ///< process id, or HANDLE
    intptr_t
        told; ///< where the parent reads what the child writes; at its end when the child has ended
};

/// First in main() of a program that starts echo servers: where child_start_echo_server() has started it,
/// it is one, and ends as such.
void child_take_role(int argc, char **argv);

/// Starts an echo server that listens at an address; it tells the real address in a line.
void child_start_echo_server(struct child *child, const char *address);

/// Notes a child that was started in another way, for child_end_left().
void child_adopt(const struct child *child);

/// Reads one line that the child wrote, without its end.
void child_read_line(const struct child *child, char *line, size_t line_size);

/// Waits for the child's end and returns its exit status, or -1 if it did not end by itself.
int child_join(struct child *child);

/// Ends the child as a crash would.
void child_kill(struct child *child);

/// Ends and forgets a child that a failed test has left.
void child_end_left(void);

/// Serves echoes: listens at `address` and tells the real address. It answers Requests, Signals and Byes
/// until it has seen one channel end; returns 0 if all went well and no memory is left.
int echo_server_run(const char *address);

#endif
