// SPDX-License-Identifier: MIT
// In place of src/engine/count.h: what is counted is not.
//
// Only for measuring what recording costs (bench/CMakeLists.txt puts this folder in front of src/). An engine
// built with it keeps no count of half-open connections, and so has no limit on them.
#ifndef TF_ENGINE_COUNT_H
#define TF_ENGINE_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

static inline void tf_count(_Atomic uint64_t *counter, uint64_t amount)
{
    (void)counter;
    (void)amount;
}

static inline void tf_uncount(_Atomic uint64_t *counter)
{
    (void)counter;
}

#endif
