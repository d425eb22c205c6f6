// SPDX-License-Identifier: MIT
// Included before a source of the poller, by the compiler's option: every exchange and store of an atomic lets
// others in just before it, so that they come between two of them as well as into a call of the kernel.
#ifndef TF_NT_ATOMIC_STEPS_H
#define TF_NT_ATOMIC_STEPS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "nt/world.h"

static inline bool nt_step_exchange(_Atomic bool *flag, bool value, memory_order order)
{
    nt_world_step();
    return atomic_exchange_explicit(flag, value, order);
}

static inline void nt_step_store(_Atomic bool *flag, bool value, memory_order order)
{
    nt_world_step();
    atomic_store_explicit(flag, value, order);
}

#undef atomic_exchange
#undef atomic_exchange_explicit
#undef atomic_store
#undef atomic_store_explicit
#define atomic_exchange(flag, value)                 nt_step_exchange(flag, value, memory_order_seq_cst)
#define atomic_exchange_explicit(flag, value, order) nt_step_exchange(flag, value, order)
#define atomic_store(flag, value)                    nt_step_store(flag, value, memory_order_seq_cst)
#define atomic_store_explicit(flag, value, order)    nt_step_store(flag, value, order)

#endif
