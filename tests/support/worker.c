// SPDX-License-Identifier: MIT
// The linker sends the library's calls of tf_park() here first (--wrap), so that a test can know that a
// thread waits without asking the system, which not every system answers.
#include "support/worker.h"

#include <stdint.h>
#include <string.h>

#include "support/machine.h"
#include "support/side.h"

#define WORKERS_MAX 64

void __real_tf_park(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns);
void __wrap_tf_park(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns);

// Whose thread this is, if it is a worker's.
static _Thread_local struct worker *current;

// Those of the running test, in the order of their start.
static struct worker *workers[WORKERS_MAX];
static size_t worker_count;

void __wrap_tf_park(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
    struct worker *worker = current;
    if (worker != NULL) {
        atomic_store(&worker->is_parked, true);
    }
    __real_tf_park(word, expected, deadline_ns);
    if (worker != NULL) {
        atomic_store(&worker->is_parked, false);
    }
}

static void worker_main(void *argument)
{
    struct worker *worker = argument;
    current = worker;
    worker->run(worker->argument);
}

void worker_start(struct worker *worker, void (*run)(void *argument), void *argument)
{
    worker->run = run;
    worker->argument = argument;
    atomic_init(&worker->is_parked, false);
    atomic_init(&worker->is_dismissed, false);
    assert_true(worker_count < WORKERS_MAX);
    assert_true(test_thread_start(&worker->thread, worker_main, worker));
    workers[worker_count] = worker;
    worker_count++;
}

void worker_await_sleep(struct worker *worker)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    while (!atomic_load(&worker->is_parked)) {
        if (test_now() >= deadline_ns) {
            fail_msg("a thread of the test does not wait");
        }
        machine_yield();
    }
}

bool worker_is_wanted(void)
{
    return !atomic_load(&current->is_dismissed);
}

void worker_dismiss(struct worker *worker)
{
    atomic_store(&worker->is_dismissed, true);
}

void worker_join(struct worker *worker)
{
    for (size_t i = 0; i < worker_count; i++) {
        if (workers[i] == worker) {
            worker_count--;
            workers[i] = workers[worker_count];
        }
    }
    if (!test_thread_join(&worker->thread, 2 * TEST_DEADLINE_NS)) {
        fail_msg("a thread of the test does not end");
    }
}

bool workers_are_left(void)
{
    return worker_count > 0;
}

void workers_join_left(void)
{
    for (size_t i = 0; i < worker_count; i++) {
        worker_dismiss(workers[i]);
    }
    while (worker_count > 0) {
        worker_count--;
        if (!test_thread_join(&workers[worker_count]->thread, 2 * TEST_DEADLINE_NS)) {
            print_error("a thread of the test does not end\n");
        }
    }
}
