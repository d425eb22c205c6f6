// SPDX-License-Identifier: MIT
// A crowd: thousands of raw connections in a process of their own, so that their descriptors and their
// work are not the test's. It does what it is told, one order at a time.
//
// It is the test's program once more, and takes its orders over a connection of its own. Every wait has a
// deadline and fails the test when it passes.
#ifndef HOSTILE_CROWD_H
#define HOSTILE_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/child.h"
#include "support/raw_socket.h"

#define CROWD_CONNECTIONS_MAX RAW_WATCHED_MAX
#define CROWD_BYTES_MAX       256

struct crowd {
    struct child process;
    int control; ///< our end of the connection
};

/// What the crowd knows after an order.
struct crowd_report {
    uint64_t connected;  ///< connections that were ever made
    uint64_t failed;     ///< attempts that did not become one
    uint64_t ended;      ///< of the connections, those that the other side has ended
    uint64_t last_ended; ///< the highest number of those; the first connection has number 1
    uint64_t soonest_ns; ///< shortest time from before a connect to its seen end; UINT64_MAX: none
    uint64_t latest_ns;  ///< the longest one
};

/// First in main() of a program that opens crowds: where crowd_open() has started it, it is one, and ends
/// as such.
void crowd_take_role(int argc, char **argv);

void crowd_open(struct crowd *crowd);

/// Ends the process, and all its connections with it.
void crowd_close(struct crowd *crowd);

/// Has it make connections, and send these bytes on each; the report comes when it has done so.
void crowd_order_connect(
    struct crowd *crowd, const char *address, uint64_t count, const void *bytes, size_t size);

/// Has it wait until the other side has ended this many connections, in all.
void crowd_order_await(struct crowd *crowd, uint64_t ended);

/// Has it wait for a while, and then send these bytes on each connection and end its direction.
void crowd_order_answer(struct crowd *crowd, uint64_t after_ns, const void *bytes, size_t size);

/// Has it close this many connections, the oldest first.
void crowd_order_leave(struct crowd *crowd, uint64_t count);

/// Says whether the report on the last order is there.
bool crowd_has_report(const struct crowd *crowd);

/// Waits for the report on the last order.
struct crowd_report crowd_take_report(struct crowd *crowd);

#endif
