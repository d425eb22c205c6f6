// SPDX-License-Identifier: MIT
#include "hostile/stopwatch.h"

#include "hostile/system.h"
#include "support/side.h"

// The delays are read around the time: a thread that is kept waiting between the two readings is forgiven
// for it, though the time that counts is over.
struct stopwatch stopwatch_start(const char *thread_name)
{
    struct stopwatch stopwatch = {
        .threads = {system_thread_number(thread_name), system_own_thread_number()}};
    assert_true_or(stopwatch.threads[0] != 0, "no thread has the name %s", thread_name);
    for (size_t i = 0; i < 2; i++) {
        stopwatch.delays_ns[i] = system_thread_delay_ns(stopwatch.threads[i]);
    }
    stopwatch.started_ns = test_now();
    return stopwatch;
}

struct span stopwatch_stop(const struct stopwatch *stopwatch)
{
    struct span span = {.time_ns = test_now() - stopwatch->started_ns};
    for (size_t i = 0; i < 2; i++) {
        uint64_t delay_ns = system_thread_delay_ns(stopwatch->threads[i]);
        if (delay_ns == UINT64_MAX || stopwatch->delays_ns[i] == UINT64_MAX) {
            span.delay_ns = UNTOLD_DELAY_NS;
            return span;
        }
        span.delay_ns += delay_ns - stopwatch->delays_ns[i];
    }
    return span;
}

void assert_on_time(const char *what, struct span span, uint64_t time_max_ns)
{
    print_message(
        "%s: %.1f ms of %.0f ms, and %.1f ms that the machine %s\n",
        what,
        (double)span.time_ns / 1e6,
        (double)time_max_ns / 1e6,
        (double)span.delay_ns / 1e6,
        span.delay_ns == UNTOLD_DELAY_NS ? "is forgiven, since it does not tell its part"
                                         : "kept its threads waiting");
    assert_in_range(span.time_ns, 0, time_max_ns + span.delay_ns);
}
