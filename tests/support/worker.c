// SPDX-License-Identifier: MIT
#include "support/worker.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support/side.h"

#define WORKERS_MAX 64

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    atomic_store(&worker->system_id, (int)gettid());
    worker->run(worker->argument);
    return NULL;
}

// Those of the running test, in the order of their start.
static struct worker *workers[WORKERS_MAX];
static size_t worker_count;

void worker_start(struct worker *worker, void (*run)(void *argument), void *argument)
{
    worker->run = run;
    worker->argument = argument;
    atomic_init(&worker->system_id, 0);
    assert_true(worker_count < WORKERS_MAX);
    assert_int_equal(pthread_create(&worker->thread, NULL, worker_main, worker), 0);
    workers[worker_count] = worker;
    worker_count++;
}

// Returns the state letter of a thread: R for running, S for sleeping.
static char thread_state(int system_id)
{
    char path[64];
    char line[256] = "";
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", system_id);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return '?';
    }
    bool has_line = fgets(line, sizeof line, file) != NULL;
    (void)fclose(file);
    // The name before the state is in brackets and may hold anything.
    const char *name_end = has_line ? strrchr(line, ')') : NULL;
    return name_end != NULL && name_end[1] == ' ' ? name_end[2] : '?';
}

void worker_await_sleep(struct worker *worker)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    while (atomic_load(&worker->system_id) == 0 ||
           thread_state(atomic_load(&worker->system_id)) != 'S') {
        if (test_now() >= deadline_ns) {
            fail_msg("a thread of the test does not wait");
        }
        (void)sched_yield();
    }
}

static bool join(struct worker *worker)
{
    struct timespec deadline;
    if (clock_gettime(CLOCK_REALTIME, &deadline) != 0) {
        return false;
    }
    deadline.tv_sec += (time_t)(2 * TEST_DEADLINE_NS / UINT64_C(1000000000));
    return pthread_timedjoin_np(worker->thread, NULL, &deadline) == 0;
}

void worker_join(struct worker *worker)
{
    for (size_t i = 0; i < worker_count; i++) {
        if (workers[i] == worker) {
            worker_count--;
            workers[i] = workers[worker_count];
        }
    }
    if (!join(worker)) {
        fail_msg("a thread of the test does not end");
    }
}

bool workers_are_left(void)
{
    return worker_count > 0;
}

void workers_join_left(void)
{
    while (worker_count > 0) {
        worker_count--;
        if (!join(workers[worker_count])) {
            print_error("a thread of the test does not end\n");
        }
    }
}
