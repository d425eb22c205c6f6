// SPDX-License-Identifier: MIT
// A log sink that stands still on demand, and the engine's I/O thread with it: the test decides when and
// for how long. The engine has to log at TOFU_LOG_INFO and to listen somewhere.
#ifndef HOSTILE_STALL_H
#define HOSTILE_STALL_H

#include <stdatomic.h>

#include <tofu/log.h>

enum stall_state {
    STALL_NONE,    ///< the I/O thread is to go on
    STALL_WANTED,  ///< it is to stand, and does not yet
    STALL_STANDING ///< it is in the sink
};

/// Begins as {STALL_NONE}.
struct stall {
    _Atomic enum stall_state state;
};

/// The sink; `context` is the stall.
void stall_sink(void *context, const struct tofu_log_record *record);

/// Makes the engine that listens at `address` stand, by a connection that ends without a hello; returns
/// when it does.
void stall_begin(struct stall *stall, const char *address);

/// Lets it go on.
void stall_end(struct stall *stall);

#endif
