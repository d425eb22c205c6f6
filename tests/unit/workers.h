// SPDX-License-Identifier: MIT
// Threads of a test. They assert nothing, because a failed assertion belongs to the test's own thread:
// they note what went wrong, and the test looks when they have ended. Nobody waits without a deadline.
#ifndef UNIT_WORKERS_H
#define UNIT_WORKERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/clock.h"
#include "os/thread.h"
#include "support/machine.h"
#include "unit/expect.h"

/// Longer than anything takes that works, on a machine that is busy with other things too.
#define PATIENCE_NS (30 * TF_SECOND)

static inline uint64_t patience_end(void)
{
    return tf_clock_now() + PATIENCE_NS;
}

/// Lets others run; returns false once the time is over. For loops that wait for another thread.
static inline bool go_on_until(uint64_t deadline_ns)
{
    machine_yield();
    return tf_clock_now() < deadline_ns;
}

/// Says whether a wait that began at `begin_ns` and could last for PATIENCE_NS was ended by somebody, and
/// not by its deadline, at which it may find by itself what nobody told it.
static inline bool was_woken(uint64_t begin_ns)
{
    return tf_clock_now() - begin_ns < PATIENCE_NS;
}

/// Waits without giving the processor away for as long as others usually need, so that both sides of a
/// race arrive together; then as go_on_until().
static inline bool go_on_hot(uint32_t *tries, uint64_t deadline_ns)
{
    (*tries)++;
    return *tries % 1024 != 0 || go_on_until(deadline_ns);
}

static inline void worker_start(struct tf_thread *thread, tf_thread_step step, void *context)
{
    assert_status(TOFU_OK, tf_thread_start(thread, NULL, step, context));
}

/// Waits until a word has a value; returns false if it did not get it in time.
static inline bool word_becomes(_Atomic uint32_t *word, uint32_t value)
{
    uint64_t deadline_ns = patience_end();
    while (atomic_load(word) != value) {
        if (!go_on_until(deadline_ns)) {
            return false;
        }
    }
    return true;
}

/// As word_becomes(), but sees it within nanoseconds.
static inline bool word_becomes_hot(_Atomic uint32_t *word, uint32_t value)
{
    uint64_t deadline_ns = patience_end();
    uint32_t tries = 0;
    while (atomic_load(word) != value) {
        if (!go_on_hot(&tries, deadline_ns)) {
            return false;
        }
    }
    return true;
}

#endif
