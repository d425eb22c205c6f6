// SPDX-License-Identifier: MIT
// Which errors the system may plausibly give, call by call, and what the application may be told of each: a seam,
// with one table per platform.
#ifndef TORTURE_FAULT_TABLE_H
#define TORTURE_FAULT_TABLE_H

#include "torture/scene.h"

#include "torture/fault_layer.h"

enum fault_area {
    AREA_OPENING,   ///< sockets that are made, bound, listening, connected
    AREA_ACCEPTING, ///< connections that come
    AREA_RECEIVING, ///< bytes that come
    AREA_SENDING,   ///< bytes that go, and ends
    AREA_POLLING,   ///< pollers, wake-ups, parking
    AREA_THREADS,   ///< threads, locks, memory, names
    AREA_PATHS,     ///< the file system under Unix sockets
    AREA_COUNT
};

enum {
    FAULT_IS_INVISIBLE = 1, ///< nothing but time may tell that it happened once
    FAULT_PASSES = 2,       ///< for ever is not plausible: the call would be made again without end
    FAULT_KILLS_ENGINE = 4, ///< the poller is lost (F28)
    FAULT_KEEPS_MEMORY = 16, ///< for ever, what the system has in hand does not come back
    FAULT_IS_SAMPLED =
        32, ///< other tests are thorough: nor need this one be where not all is wanted
    FAULT_SPARES_LEVELS = 8, ///< not where a group has a descriptor: what sets it cannot fail so
};

struct fault_row {
    enum fault_area area;
    fault_function function;
    enum fault_way way;
    int error;
    unsigned flags;
    uint64_t statuses; ///< besides what follows from any failure
    const char *why;   ///< how it comes to pass
};

/// Gives the platform's table and its length. The rows of a function stand together.
const struct fault_row *fault_table(size_t *count_out);

const char *fault_function_name(fault_function function);

// The rest each platform has for itself, in PLATFORM/fault_table.c, which is written with fault_rows.h.

/// Says whether the poller of this name (NULL: the platform's best) calls the function at all.
bool fault_function_is_of(fault_function function, const char *poller);

/// Readiness for nothing: what moves bytes or accepts, and the error that says "not now".
extern const struct fault_turns fault_blocking;

#endif
