// SPDX-License-Identifier: MIT
// The figures of a stage: measured, sorted, printed. Rates are for reading, since machines differ; only what
// a poller promises is asserted.
#ifndef TF_TESTS_STAGES_FIGURES_H
#define TF_TESTS_STAGES_FIGURES_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline int figures_compare(const void *first, const void *second)
{
    uint64_t a = *(const uint64_t *)first;
    uint64_t b = *(const uint64_t *)second;
    return a < b ? -1 : a > b;
}

/// The time that nine in ten keep, of some that are sorted.
static inline uint64_t figures_nine_in_ten(const uint64_t *times_ns, size_t count)
{
    return times_ns[(count * 9 + 9) / 10 - 1];
}

/// Sorts some times and prints them in microseconds: the median, what nine in ten keep, the extremes.
static inline void figures_print_times(
    const char *poller, const char *what, uint64_t *times_ns, size_t count)
{
    qsort(times_ns, count, sizeof *times_ns, figures_compare);
    (void)printf(
        "figure: %s: %s: median %.1f us, nine in ten %.1f us, least %.1f us, greatest %.1f us, of "
        "%zu\n",
        poller,
        what,
        (double)times_ns[count / 2] / 1000,
        (double)figures_nine_in_ten(times_ns, count) / 1000,
        (double)times_ns[0] / 1000,
        (double)times_ns[count - 1] / 1000,
        count);
}

static inline void figures_print_bytes(const char *poller, const char *what, size_t bytes)
{
    (void)printf("figure: %s: %s: %zu bytes\n", poller, what, bytes);
}

static inline void figures_print_rate(
    const char *poller, const char *what, uint64_t count, uint64_t elapsed_ns)
{
    (void)printf(
        "figure: %s: %" PRIu64 " %s in %.3f ms: %.0f per second\n",
        poller,
        count,
        what,
        (double)elapsed_ns / 1000000,
        elapsed_ns == 0 ? 0.0 : (double)count * 1e9 / (double)elapsed_ns);
}

#endif
