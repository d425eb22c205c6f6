// SPDX-License-Identifier: MIT
// Times below 128 ns have a bucket each. Above, every doubling is cut into 128 steps: 57 octaves more
// reach the end of 64 bits.
#include "histogram.h"

#include <assert.h>
#include <stddef.h>

static_assert(HISTOGRAM_STEPS_PER_OCTAVE == 128, "bucket_of() counts with 7 bits");

static size_t bucket_of(uint64_t time_ns)
{
    size_t octave = 0;
    while (time_ns >> octave >= 2 * HISTOGRAM_STEPS_PER_OCTAVE) {
        octave++;
    }
    if (time_ns < HISTOGRAM_STEPS_PER_OCTAVE) {
        return (size_t)time_ns;
    }
    size_t step = (size_t)(time_ns >> octave) - HISTOGRAM_STEPS_PER_OCTAVE;
    return (octave + 1) * HISTOGRAM_STEPS_PER_OCTAVE + step;
}

// The longest time that falls into a bucket.
static uint64_t bucket_end_ns(size_t bucket)
{
    if (bucket < HISTOGRAM_STEPS_PER_OCTAVE) {
        return bucket;
    }
    size_t octave = bucket / HISTOGRAM_STEPS_PER_OCTAVE - 1;
    uint64_t step = bucket % HISTOGRAM_STEPS_PER_OCTAVE + HISTOGRAM_STEPS_PER_OCTAVE;
    return (step << octave) + ((1ull << octave) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t time_ns)
{
    histogram->counts[bucket_of(time_ns)]++;
    histogram->count++;
    if (time_ns > histogram->max_ns) {
        histogram->max_ns = time_ns;
    }
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    for (size_t bucket = 0; bucket < HISTOGRAM_BUCKET_COUNT; bucket++) {
        histogram->counts[bucket] += other->counts[bucket];
    }
    histogram->count += other->count;
    if (other->max_ns > histogram->max_ns) {
        histogram->max_ns = other->max_ns;
    }
}

uint64_t histogram_quantile_ns(const struct histogram *histogram, uint64_t per_mille)
{
    // The rank, rounded up: of 10 times, p50 is the fifth and p99 the tenth.
    uint64_t whole = histogram->count / 1000 * per_mille;
    uint64_t rank = whole + (histogram->count % 1000 * per_mille + 999) / 1000;
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < HISTOGRAM_BUCKET_COUNT; bucket++) {
        seen += histogram->counts[bucket];
        if (seen >= rank && seen > 0) {
            uint64_t end_ns = bucket_end_ns(bucket);
            return end_ns < histogram->max_ns ? end_ns : histogram->max_ns;
        }
    }
    return 0;
}
