// SPDX-License-Identifier: MIT
// Threads for tests, not the library's: a seam with one implementation per platform.
#ifndef SUPPORT_THREAD_H
#define SUPPORT_THREAD_H

#include <stdbool.h>
#include <stdint.h>

struct test_thread {
    void (*run)(void *argument);
    void *argument;
    uintptr_t handle; ///< pthread_t, or the HANDLE of the thread
};

/// Starts run(argument) on a thread; `thread` stays where it is until the join.
bool test_thread_start(struct test_thread *thread, void (*run)(void *argument), void *argument);

/// Waits for the end of a thread; false if it has not come within the time.
bool test_thread_join(struct test_thread *thread, uint64_t timeout_ns);

#endif
