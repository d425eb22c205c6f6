// SPDX-License-Identifier: MIT
// Counters with one writer, the I/O thread, and any readers: a relaxed load and store, no locked
// operation, so counting costs next to nothing.
#ifndef TF_ENGINE_COUNT_H
#define TF_ENGINE_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

/// Threads: the counter's one writer.
static inline void tf_count(_Atomic uint64_t *counter, uint64_t amount)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + amount, memory_order_relaxed);
}

/// For gauges: one less.
static inline void tf_uncount(_Atomic uint64_t *counter)
{
    tf_count(counter, UINT64_MAX);
}

#endif
