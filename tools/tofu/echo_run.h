// SPDX-License-Identifier: MIT
// A run of echo clients: connect them all, send the payload, check every byte that comes back, say Bye.
//
// One engine, one group, one thread. Each client keeps at most a window of parts on their way, so the
// times measured are those of an answer and not of a queue, and both ends always have room to go on.
// The clock starts when all clients are connected and stops with the last answer. A client that finds a
// wrong byte, or loses its connection, fails alone; the others go on.
#ifndef TOOL_ECHO_RUN_H
#define TOOL_ECHO_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/tofu.h>

#include "engine.h"
#include "exit_code.h"
#include "histogram.h"
#include "payload.h"
#include "progress.h"
#include "text_list.h"

struct echo_plan {
    const struct text_list *addresses;
    const struct payload *payload;
    uint32_t clients_per_address;
    uint64_t window;     // parts on their way, per client
    uint64_t timeout_ns; // for anything at all to come
    const struct engine_settings *engine;
};

/// What the clients of one address achieved.
struct echo_result {
    uint64_t parts_verified;
    uint64_t bytes_verified;
    uint64_t streams_verified;
    uint64_t ended_gracefully; // clients
    uint64_t last_answer_ns;   // since the start
    struct histogram round_trips;
};

enum client_state {
    CLIENT_NEW,
    CLIENT_CONNECTING,
    CLIENT_CONNECTED,
    CLIENT_RUNNING,
    CLIENT_ENDING, // all is verified and Bye is said
    CLIENT_ENDED
};

struct echo_client {
    uint32_t number;
    uint16_t channel;
    enum client_state state;
    bool has_failed;
    uint64_t sent;     // parts
    uint64_t verified; // parts
    uint64_t *sent_ns; // when the parts on their way were sent, by number modulo window
};

struct echo_run {
    const struct echo_plan *plan;
    struct tofu_engine *engine;
    struct tofu_group *group;
    struct echo_client *clients;
    uint32_t client_count;
    uint64_t *sent_ns;               // of all clients
    struct echo_client **by_channel; // NULL where no client is
    unsigned char *expected;         // room for a part
    struct echo_result *results;     // by address
    struct progress progress;
    uint32_t begun_count; // clients that began to connect
    uint32_t connected_count;
    uint32_t ended_count;
    uint64_t start_ns;
    bool is_unreachable; // a client could not connect
    bool is_over;        // nothing more is to be waited for
    bool has_system_failed;
    uint64_t mismatch_count;
    uint64_t failure_count;
    struct text_list failures; // the first of them, as text
};

/// Makes everything but the connections. Complains and returns false, with `*exit_code`, if something
/// cannot be had. echo_run_close() is due whatever the result.
bool echo_run_open(struct echo_run *run, const struct echo_plan *plan, enum exit_code *exit_code);

void echo_run_close(struct echo_run *run);

/// Does it all. What went wrong is in the run, and in the exit code that it returns.
enum exit_code echo_run_perform(struct echo_run *run);

/// The address that a client talks to, as a number.
size_t echo_run_address_of(const struct echo_run *run, const struct echo_client *client);

#endif
