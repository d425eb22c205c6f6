// SPDX-License-Identifier: MIT
// Random numbers that are the same in every run.
#ifndef UNIT_RANDOM_H
#define UNIT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/// `{0}` is a fine seed, and so is any other.
struct random_source {
    uint64_t state;
};

/// A counter through a mixer (splitmix64): neighbouring seeds have nothing in common.
static inline uint64_t random_next(struct random_source *source)
{
    source->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t value = source->state;
    value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
    return value ^ value >> 31;
}

/// Returns 0 .. count - 1; `count` is not 0.
static inline size_t random_below(struct random_source *source, size_t count)
{
    return (size_t)(random_next(source) % count);
}

#endif
