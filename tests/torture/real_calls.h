// SPDX-License-Identifier: MIT
// What the tests themselves need of the system while it fails for the library: never counted, never failed.
#ifndef TORTURE_REAL_CALLS_H
#define TORTURE_REAL_CALLS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Starts a thread. Returns whether there is one.
bool real_thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument);

/// Waits until the descriptor is readable, and returns whether it is.
bool real_is_readable(int descriptor, int timeout_milliseconds);

/// Leaves the socket file of a listener that is gone. Returns whether it is there.
bool real_leave_dead_socket(const char *path);

/// Returns how many descriptors the process has open.
size_t real_descriptor_count(void);

/// Returns how many threads that the library started are running, and how many blocks of memory that the
/// objects of this program took with malloc are not freed.
size_t real_library_thread_count(void);
size_t real_live_block_count(void);

#endif
