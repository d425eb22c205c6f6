// SPDX-License-Identifier: MIT
// An allocator that fails when a test wants it to, and keeps the books: what is not given back, or
// given back with another size than it was asked for, shows.
#ifndef SUPPORT_FAULT_ALLOCATOR_H
#define SUPPORT_FAULT_ALLOCATOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <tofu/allocator.h>

/// Open it before use; read the counters at will. Threads: any.
struct fault_allocator {
    atomic_size_t allocation_count; ///< asked for, granted or not
    atomic_size_t failure_count;    ///< of these, refused
    atomic_size_t live_count;       ///< granted and not given back
    atomic_size_t live_bytes;
    atomic_size_t peak_bytes;    ///< the most that live_bytes has been
    atomic_size_t mistake_count; ///< given back with a wrong size
    atomic_size_t fail_from;     ///< number of the first allocation that fails; 0: none
    atomic_size_t fail_until;    ///< and of the first behind it that is granted again
};

/// Starts the books; nothing fails. There is nothing to close: see fault_allocator_is_clean().
void fault_allocator_open(struct fault_allocator *fault);

/// Returns the allocator for the library; it lives as long as `fault`.
struct tofu_allocator fault_allocator_functions(struct fault_allocator *fault);

/// Lets `count` allocations fail, from the `nth` from now on; 1 is the next. SIZE_MAX: all.
void fault_allocator_fail(struct fault_allocator *fault, size_t nth, size_t count);

/// Lets nothing fail any more.
void fault_allocator_mend(struct fault_allocator *fault);

/// Says whether everything was given back with its right size.
bool fault_allocator_is_clean(struct fault_allocator *fault);

#endif
