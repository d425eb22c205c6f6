// SPDX-License-Identifier: MIT
// Blocking on a word of memory: futex, WaitOnAddress, or a mutex and a condition.
//
// The sleeper says in the word that it is about to sleep, looks once more at what it waits for, and
// parks; the other side changes the word, then unparks. Changes before the park are never missed,
// because the park compares the word with what the sleeper last saw.
#ifndef TF_OS_PARK_H
#define TF_OS_PARK_H

#include <stdatomic.h>
#include <stdint.h>

/// A deadline that never comes.
#define TF_NEVER UINT64_MAX

/// Blocks while `*word` is `expected`, until an unpark or `deadline_ns` (of tf_clock_now()). It may
/// return early for no reason: look again. Threads: any; the I/O thread only
/// once its poller has failed.
void tf_park(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns);

/// Wakes one, or all, of those parked on `word`. The word may be freed memory by the time the call is
/// made only if it is still mapped: callers keep it alive. Threads: any.
void tf_unpark_one(_Atomic uint32_t *word);
void tf_unpark_all(_Atomic uint32_t *word);

#endif
