// SPDX-License-Identifier: MIT
// Threads and locks of POSIX, and a number that a fork changes.
//
// A thread knows itself by a thread-local pointer to its struct tf_thread: comparing pthread_t would
// read what pthread_create may not have written yet when the first step asks.
#include "os/thread.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "os/posix/native.h"

// How a struct tf_thread is used: the starter alone reads and writes the identity, the new thread alone
// reads the rest.
struct thread_start {
    const char *name;
    tf_thread_step step;
    void *context;
};

struct thread_layout {
    pthread_t identity;
    struct thread_start start;
};

static_assert(sizeof(struct thread_layout) <= sizeof(struct tf_thread), "a thread fits");
static_assert(sizeof(pthread_mutex_t) <= sizeof(struct tf_mutex), "a mutex fits");
static_assert(_Alignof(pthread_mutex_t) <= _Alignof(struct tf_mutex), "a mutex is aligned");

static _Thread_local const struct tf_thread *current_thread;

// What a thread itself brings about, or a crash sends to it. Were they blocked, the system would end the
// process without the handler with which the host reports its crashes.
static const int crash_signals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

// All other signals are the host's: its handlers must not run on our threads. A new thread takes its mask
// from its maker, so there is no moment in which it could be interrupted.
int tf_native_thread_start(
    pthread_t *thread, bool is_detached, void *(*run)(void *context), void *context)
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        return error;
    }
    error = pthread_attr_setdetachstate(
        &attributes, is_detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
    TF_ASSERT(error == 0);

    sigset_t mask;
    sigset_t before;
    (void)sigfillset(&mask);
    for (size_t i = 0; i < sizeof crash_signals / sizeof crash_signals[0]; i++) {
        (void)sigdelset(&mask, crash_signals[i]);
    }
    error = pthread_sigmask(SIG_SETMASK, &mask, &before);
    if (error == 0) {
        error = pthread_create(thread, &attributes, run, context);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    (void)pthread_attr_destroy(&attributes);
    return error;
}

static void *thread_run(void *argument)
{
    const struct tf_thread *thread = argument;
    struct thread_start start;
    memcpy(
        &start,
        (const char *)thread->storage + offsetof(struct thread_layout, start),
        sizeof start);
    if (start.name != NULL) {
        tf_native_name_thread(start.name);
    }

    current_thread = thread;
    while (start.step(start.context)) {
        // The step says when to end.
    }
    current_thread = NULL;
    return NULL;
}

enum tofu_status tf_thread_start(
    struct tf_thread *thread, const char *name, tf_thread_step step, void *context)
{
    TF_ASSERT(thread != NULL);
    TF_ASSERT(step != NULL);

    struct thread_start start = {.name = name, .step = step, .context = context};
    memcpy((char *)thread->storage + offsetof(struct thread_layout, start), &start, sizeof start);

    pthread_t identity;
    if (tf_native_thread_start(&identity, false, thread_run, thread) != 0) {
        return TOFU_NOTIFICATION_FAILED;
    }
    memcpy(thread->storage, &identity, sizeof identity);
    return TOFU_OK;
}

void tf_thread_join(struct tf_thread *thread)
{
    TF_ASSERT(!tf_thread_is_current(thread));

    pthread_t identity;
    memcpy(&identity, thread->storage, sizeof identity);
    int error = pthread_join(identity, NULL);
    TF_ASSERT(error == 0);
    (void)error;
}

bool tf_thread_is_current(const struct tf_thread *thread)
{
    return current_thread == thread;
}

static pthread_mutex_t *mutex_of(struct tf_mutex *mutex)
{
    return (pthread_mutex_t *)(void *)mutex->storage;
}

enum tofu_status tf_mutex_open(struct tf_mutex *mutex)
{
    int error = pthread_mutex_init(mutex_of(mutex), NULL);
    return error == 0 ? TOFU_OK : TOFU_ALLOCATION_FAILED;
}

void tf_mutex_close(struct tf_mutex *mutex)
{
    int error = pthread_mutex_destroy(mutex_of(mutex));
    TF_ASSERT(error == 0);
    (void)error;
}

void tf_mutex_lock(struct tf_mutex *mutex)
{
    int error = pthread_mutex_lock(mutex_of(mutex));
    TF_ASSERT(error == 0);
    (void)error;
}

void tf_mutex_unlock(struct tf_mutex *mutex)
{
    int error = pthread_mutex_unlock(mutex_of(mutex));
    TF_ASSERT(error == 0);
    (void)error;
}

static _Atomic uint32_t process_generation = 1;

static void process_forked(void)
{
    atomic_fetch_add_explicit(&process_generation, 1, memory_order_relaxed);
}

static bool fork_is_noticed;

static void process_watch_forks(void)
{
    fork_is_noticed = pthread_atfork(NULL, NULL, process_forked) == 0;
}

// Without memory for the handler the process id does the same work, for the price of a system call.
uint32_t tf_process_generation(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int error = pthread_once(&once, process_watch_forks);
    TF_ASSERT(error == 0);
    (void)error;

    if (!fork_is_noticed) {
        return (uint32_t)getpid();
    }
    return atomic_load_explicit(&process_generation, memory_order_relaxed);
}
