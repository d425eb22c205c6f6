// SPDX-License-Identifier: MIT
// A thread of a test. It never fails by itself, since cmocka can end a test in its own thread only: it
// leaves results, which the test looks at after worker_join().
#ifndef SUPPORT_WORKER_H
#define SUPPORT_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "support/thread.h"

struct worker {
    struct test_thread thread;
    void (*run)(void *argument);
    void *argument;
    atomic_bool is_parked;    ///< inside tf_park()
    atomic_bool is_dismissed; ///< shall end
};

/// Starts run(argument) on a thread; `worker` stays where it is until worker_join().
void worker_start(struct worker *worker, void (*run)(void *argument), void *argument);

/// Waits until the thread is inside tf_park(), where every call of the library blocks that does. What
/// run() calls first is then known to be under way, if it can do nothing but wait.
void worker_await_sleep(struct worker *worker);

/// What a worker asks that goes on for as long as the test wants it: says whether its thread shall go on.
/// Threads: a worker's.
bool worker_is_wanted(void);

/// Lets worker_is_wanted() say no.
void worker_dismiss(struct worker *worker);

/// Waits for the end of the thread, and ends the test when that takes too long.
void worker_join(struct worker *worker);

/// Says whether threads are left that were not joined: the test has failed before.
bool workers_are_left(void);

/// Dismisses those and waits for them, for a while; what is left then is lost.
void workers_join_left(void);

#endif
