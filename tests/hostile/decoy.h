// SPDX-License-Identifier: MIT
// A server that is not ours, in a process of its own: the plain work that any server has with a crowd. An
// attack on it is the load that the same attack on an engine is compared with.
//
// It takes every connection, reads what comes and throws it away, and ends connections by age or by
// number. It waits with the system call that the engine waits with. Open it before there is any engine: it is
// a fork of the test.
#ifndef HOSTILE_DECOY_H
#define HOSTILE_DECOY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "support/link_fixture.h"

struct decoy {
    pid_t process;
    char address[TOFU_ADDRESS_BYTES_MAX];
};

/// What the decoy does with connections.
struct decoy_rules {
    uint64_t lifetime_ns; ///< each is reset when it is as old; UINT64_MAX: never
    uint64_t held_max;    ///< with more than these the oldest is reset
    bool
        serves_first; ///< with poll(2): the first that comes is no attacker, and gets back what it says
};

void decoy_open(struct decoy *decoy, const struct link_fixture *link, struct decoy_rules rules);

/// Ends the process, and its connections with it.
void decoy_close(struct decoy *decoy);

#endif
