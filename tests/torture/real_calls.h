// SPDX-License-Identifier: MIT
// What the tests themselves need of the system while it fails for the library: never counted, never failed. A
// seam with one implementation per platform.
#ifndef TORTURE_REAL_CALLS_H
#define TORTURE_REAL_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/thread.h"

/// Gets this process ready: call it once, before all others.
void real_open(void);

/// A lock, and a word to those who wait under it. It holds nothing that must be given back.
struct real_monitor {
    uint64_t storage[16];
};

void real_monitor_open(struct real_monitor *monitor);
void real_monitor_enter(struct real_monitor *monitor);
void real_monitor_leave(struct real_monitor *monitor);

/// Leaves, waits for a word of real_monitor_tell(), a second at most, or for nothing, and enters again.
void real_monitor_wait(struct real_monitor *monitor);
void real_monitor_tell(struct real_monitor *monitor);

/// Starts a thread, which test_thread_join() joins. Returns whether there is one.
bool real_thread_start(struct test_thread *thread, void (*run)(void *argument), void *argument);

/// Returns a number that the calling thread keeps. Two threads may have the same one, which few have.
uint32_t real_thread_number(void);

/// Waits until what tofu_group_descriptor() gave is readable, or signalled, and returns whether it is.
bool real_is_readable(intptr_t descriptor, uint64_t timeout_ns);

/// Leaves the socket file of a listener that is gone. Returns whether it is there.
bool real_leave_dead_socket(const char *path);

/// What the process holds.
struct real_holdings {
    size_t descriptor_count; ///< or handles
    size_t
        block_count; ///< of memory that the objects of this program took with malloc and did not free
    size_t
        network_count; ///< times the network was started and not stopped, where there is such a thing
};

/// Counts them, the same way each time.
void real_count_holdings(struct real_holdings *holdings_out);

/// Returns how many threads that the library started are running.
size_t real_library_thread_count(void);

#endif
