// SPDX-License-Identifier: MIT
#include "support/thread.h"

#include <pthread.h>
#include <time.h>

static void *thread_main(void *context)
{
    struct test_thread *thread = context;
    thread->run(thread->argument);
    return NULL;
}

bool test_thread_start(struct test_thread *thread, void (*run)(void *argument), void *argument)
{
    pthread_t handle;
    thread->run = run;
    thread->argument = argument;
    if (pthread_create(&handle, NULL, thread_main, thread) != 0) {
        return false;
    }
    thread->handle = handle;
    return true;
}

bool test_thread_join(struct test_thread *thread, uint64_t timeout_ns)
{
    struct timespec deadline;
    if (clock_gettime(CLOCK_REALTIME, &deadline) != 0) {
        return false;
    }
    deadline.tv_sec += (time_t)(timeout_ns / UINT64_C(1000000000));
    return pthread_timedjoin_np(thread->handle, NULL, &deadline) == 0;
}
