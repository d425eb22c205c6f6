// SPDX-License-Identifier: MIT
// Pings to an echo server: one Request after the other, in even intervals, whether the last one was
// answered or not. A ping without an answer in time is lost, even if the answer comes later. Those that are
// on their way when the pings end have time until the good-byes are said.
#ifndef TOOL_PING_RUN_H
#define TOOL_PING_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "histogram.h"

struct ping_plan {
    uint64_t count; // UINT64_MAX: until somebody updates the group
    size_t size;    // of the body, in bytes
    uint64_t interval_ns;
    uint64_t timeout_ns;
};

/// Called for every ping that was answered in time (`time_ns`) and for every lost one (UINT64_MAX).
typedef void (*ping_outcome)(void *context, uint64_t number, uint64_t time_ns);

#define PING_LOST UINT64_MAX

/// Pings on their way at a time. When so many wait for answers, the next one waits, too.
#define PING_WINDOW 1024

struct ping_run {
    struct client *client;
    const struct ping_plan *plan;
    ping_outcome on_outcome;
    void *context;
    unsigned char *body;           // what is sent, and expected
    uint64_t sent_ns[PING_WINDOW]; // by number modulo PING_WINDOW; 0: answered
    uint64_t sent;                 // pings sent: the next one has this number, counted from 0
    uint64_t settled;              // pings before this number are answered or lost
    uint64_t answered;
    uint64_t lost;
    uint64_t min_ns;
    struct histogram times;
    bool is_cut_short; // the server went, or said Bye
    bool has_failed;   // an answer was wrong, or the system refused something
};

/// Pings until all are settled, the group is updated, or the connection ends. Complains about what goes
/// wrong. The caller has filled in client, plan, on_outcome and context; the rest is 0.
enum exit_code ping_run_perform(struct ping_run *run);

/// Takes what the server still says while the client leaves; `context` is the run.
void ping_run_take_last_words(void *context, struct tofu_message *message);

/// Settles the pings that were still on their way: they are lost. Returns EXIT_CODE_OK if none was, and
/// nothing went wrong.
enum exit_code ping_run_finish(struct ping_run *run);

#endif
