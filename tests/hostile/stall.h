// SPDX-License-Identifier: MIT
// A log sink that stands still on demand, and the engine's I/O thread with it: the test decides when and
// for how long. The engine has to log at TOFU_LOG_INFO and to listen somewhere.
#ifndef HOSTILE_STALL_H
#define HOSTILE_STALL_H

#include <pthread.h>
#include <stdbool.h>

#include <tofu/log.h>

struct stall {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_wanted;
    bool is_standing; ///< the I/O thread is in the sink
};

void stall_open(struct stall *stall);

/// Call when no engine has the sink any more.
void stall_close(struct stall *stall);

/// The sink; `context` is the stall.
void stall_sink(void *context, const struct tofu_log_record *record);

/// Makes the engine that listens at `address` stand, by a connection that ends without a hello; returns
/// when it does.
void stall_begin(struct stall *stall, const char *address);

/// Lets it go on.
void stall_end(struct stall *stall);

#endif
