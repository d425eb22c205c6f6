// SPDX-License-Identifier: MIT
// What the hostile tests measure: what an engine costs while nothing should happen, how long honest
// clients wait, what is open. All belongs to the test's own thread.
#ifndef HOSTILE_MEASURE_H
#define HOSTILE_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostile/system.h"
#include "support/link_fixture.h"

#define SECOND_NS UINT64_C(1000000000)

/// What a machine that is busy with other things may add to a deadline before a test calls it missed.
#define MACHINE_SLACK_NS (2 * SECOND_NS)

/// Returns `count` times TOFU_TEST_PERCENT of the environment, at least 1: sanitizers take less, a soak
/// run takes more. Prints what it made of it.
uint64_t scaled(const char *what, uint64_t count);

/// Returns `count`, or TOFU_TEST_CONNECTIONS of the environment if that is less: systems differ in how many
/// connections they bear. Prints what it made of it.
uint64_t connection_count(uint64_t count);

/// An engine that is measured. Opened by the name of its I/O thread, while there are descriptors.
struct meter {
    const struct side *side;
    uint32_t thread; ///< the system's number of that thread
};

/// What an engine's I/O thread did in an interval.
struct cost {
    uint64_t turns;
    uint64_t processor_ns;
};

struct meter meter_open(const struct side *side, const char *thread_name);

/// Lets an interval pass and returns what it cost the engine.
struct cost meter_interval(const struct meter *meter, uint64_t interval_ns);

/// Both at once.
struct cost cost_of_interval(
    const struct side *side, const char *thread_name, uint64_t interval_ns);

/// Prints the cost and fails unless it is that of an engine that has nothing to do.
void assert_idle(const char *what, struct cost cost);

/// Waits until a member of the engine's stats is at least this large, without keeping a processor busy.
#define await_at_least(side, member, value)                                                        \
    await_at_least_at((side), offsetof(struct tofu_stats, member), #member, (value))
void await_at_least_at(const struct side *side, size_t offset, const char *name, uint64_t value);

/// Waits until the counters of the engine have not moved for a while: it has done all it can.
void await_quiet(const struct side *side);

#define LATENCIES_MAX 65536

/// Times of one kind of event.
struct latencies {
    size_t count;
    uint64_t values_ns[LATENCIES_MAX];
};

/// Notes a time; beyond LATENCIES_MAX it is left out.
void latencies_add(struct latencies *latencies, uint64_t value_ns);

/// Returns the time that `percent` of the events did not exceed; sorts them.
uint64_t latencies_percentile(struct latencies *latencies, unsigned percent);

/// Sends a request over the link and its answer back, both by this thread; notes how long that took.
/// Both messages must arrive next and intact. `latencies` may be NULL.
void round_trip(const struct link_fixture *link, struct latencies *latencies);

#endif
