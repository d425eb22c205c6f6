// SPDX-License-Identifier: MIT
// A stopwatch for what an engine promises to have done by a deadline. What a busy machine adds is told apart
// from what the engine takes: it is the time that the engine's thread, or the one that asks and waits,
// stood ready while the system ran others. Nothing else is forgiven.
#ifndef HOSTILE_STOPWATCH_H
#define HOSTILE_STOPWATCH_H

#include <stdint.h>

/// What a system that does not tell how long a thread stood ready is forgiven at once.
#define UNTOLD_DELAY_NS (2 * UINT64_C(1000000000))

struct stopwatch {
    uint32_t threads[2]; ///< the engine's I/O thread, and the caller
    uint64_t delays_ns[2];
    uint64_t started_ns;
};

struct span {
    uint64_t time_ns;
    uint64_t delay_ns; ///< how much of it was the machine's; UNTOLD_DELAY_NS: not told
};

/// Starts, for the calling thread and the engine whose I/O thread has this name.
struct stopwatch stopwatch_start(const char *thread_name);

/// Returns what went by. The engine must still be there.
struct span stopwatch_stop(const struct stopwatch *stopwatch);

/// Prints the span, and fails when it was longer than `time_max_ns` and the machine's part together.
void assert_on_time(const char *what, struct span span, uint64_t time_max_ns);

#endif
