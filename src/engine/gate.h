// SPDX-License-Identifier: MIT
// Counts the calls that are inside an object, so that ending it can wait for them.
//
// One word: the lowest bit says closed, the rest count. Entering is one atomic addition; a call that
// finds the gate closed steps back out. Whoever closes it waits until the count is zero.
#ifndef TF_ENGINE_GATE_H
#define TF_ENGINE_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "os/park.h"

#define TF_GATE_CLOSED 1u
#define TF_GATE_CALL   2u

/// Zero is open and empty.
struct tf_gate {
    _Atomic uint32_t word;
};

static inline void tf_gate_leave(struct tf_gate *gate)
{
    // The last one out of a closed gate wakes the closer. Only the address is used after the
    // subtraction: the closer may be freeing the object by then, and a wake-up at an address where
    // nobody waits does nothing.
    if (atomic_fetch_sub(&gate->word, TF_GATE_CALL) == (TF_GATE_CLOSED | TF_GATE_CALL)) {
        tf_unpark_all(&gate->word);
    }
}

/// Returns false, and is not inside, when the gate is closed.
static inline bool tf_gate_enter(struct tf_gate *gate)
{
    if ((atomic_fetch_add(&gate->word, TF_GATE_CALL) & TF_GATE_CLOSED) != 0) {
        tf_gate_leave(gate);
        return false;
    }
    return true;
}

/// Enters a gate even if it is closed: for what must be done while its closer still waits.
static inline void tf_gate_enter_late(struct tf_gate *gate)
{
    atomic_fetch_add(&gate->word, TF_GATE_CALL);
}

static inline bool tf_gate_is_closed(struct tf_gate *gate)
{
    return (atomic_load(&gate->word) & TF_GATE_CLOSED) != 0;
}

/// Lets no more calls in. Returns false if it was closed before.
static inline bool tf_gate_close(struct tf_gate *gate)
{
    return (atomic_fetch_or(&gate->word, TF_GATE_CLOSED) & TF_GATE_CLOSED) == 0;
}

/// Waits until every call has left a closed gate.
static inline void tf_gate_drain(struct tf_gate *gate)
{
    TF_ASSERT(tf_gate_is_closed(gate));

    for (;;) {
        uint32_t word = atomic_load(&gate->word);
        if (word == TF_GATE_CLOSED) {
            return;
        }
        tf_park(&gate->word, word, TF_NEVER);
    }
}

/// Opens a closed, drained gate again. A late call may just be stepping back out, so the count stays.
static inline void tf_gate_reopen(struct tf_gate *gate)
{
    atomic_fetch_and(&gate->word, ~TF_GATE_CLOSED);
}

#endif
