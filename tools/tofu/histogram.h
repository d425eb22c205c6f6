// SPDX-License-Identifier: MIT
// Counts times in buckets whose width grows with the time, so that any number of them fits in little
// memory and a quantile is at most 1/128 above the exact one.
#ifndef TOOL_HISTOGRAM_H
#define TOOL_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS_PER_OCTAVE 128
#define HISTOGRAM_BUCKET_COUNT     (58 * HISTOGRAM_STEPS_PER_OCTAVE)

/// `{0}` is an empty histogram.
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKET_COUNT];
    uint64_t count;
    uint64_t max_ns;
};

void histogram_add(struct histogram *histogram, uint64_t time_ns);

/// Adds all times of `other`.
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/// The time that `per_mille` of all times do not exceed, never less than the exact one; 0 if empty.
uint64_t histogram_quantile_ns(const struct histogram *histogram, uint64_t per_mille);

#endif
