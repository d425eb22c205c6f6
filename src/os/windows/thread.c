// SPDX-License-Identifier: MIT
// Threads and locks of Windows.
//
// A thread knows itself by its number, which it writes down itself before its first step and wipes after
// its last one: the starter may not have it yet when the first step asks, and the system gives the
// number of a thread that has ended to the next one.
#include "os/thread.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <windows.h>

#include "base/assert.h"
#include "os/windows/thread_name.h"

// How a struct tf_thread is used: the starter alone reads and writes the handle, the new thread alone
// reads what comes next, and anybody may look at the number.
struct thread_layout {
    HANDLE handle;
    const char *name;
    tf_thread_step step;
    void *context;
    _Atomic DWORD number; ///< 0 while no step is running: no thread has that number
};

static_assert(sizeof(struct thread_layout) <= sizeof(struct tf_thread), "a thread fits");
static_assert(_Alignof(struct thread_layout) <= _Alignof(struct tf_thread), "a thread is aligned");
static_assert(sizeof(SRWLOCK) <= sizeof(struct tf_mutex), "a mutex fits");
static_assert(_Alignof(SRWLOCK) <= _Alignof(struct tf_mutex), "a mutex is aligned");

static struct thread_layout *layout_of(struct tf_thread *thread)
{
    return (struct thread_layout *)(void *)thread->storage;
}

static DWORD WINAPI thread_run(void *argument)
{
    struct thread_layout *thread = argument;
    if (thread->name != NULL) {
        tf_thread_name_self(thread->name);
    }
    atomic_store_explicit(&thread->number, GetCurrentThreadId(), memory_order_relaxed);
    while (thread->step(thread->context)) {
        // The step says when to end.
    }
    atomic_store_explicit(&thread->number, 0, memory_order_relaxed);
    return 0;
}

enum tofu_status tf_thread_start(
    struct tf_thread *thread, const char *name, tf_thread_step step, void *context)
{
    TF_ASSERT(thread != NULL);
    TF_ASSERT(step != NULL);

    struct thread_layout *layout = layout_of(thread);
    layout->name = name;
    layout->step = step;
    layout->context = context;
    atomic_init(&layout->number, 0);
    HANDLE handle = CreateThread(NULL, 0, thread_run, layout, 0, NULL);
    if (handle == NULL) {
        return TOFU_NOTIFICATION_FAILED;
    }
    layout->handle = handle;
    return TOFU_OK;
}

void tf_thread_join(struct tf_thread *thread)
{
    TF_ASSERT(!tf_thread_is_current(thread));

    HANDLE handle = layout_of(thread)->handle;
    DWORD result = WaitForSingleObject(handle, INFINITE);
    TF_ASSERT(result == WAIT_OBJECT_0);
    (void)result;
    (void)CloseHandle(handle);
}

bool tf_thread_is_current(const struct tf_thread *thread)
{
    const struct thread_layout *layout =
        (const struct thread_layout *)(const void *)thread->storage;
    return atomic_load_explicit(&layout->number, memory_order_relaxed) == GetCurrentThreadId();
}

static SRWLOCK *lock_of(struct tf_mutex *mutex)
{
    return (SRWLOCK *)(void *)mutex->storage;
}

enum tofu_status tf_mutex_open(struct tf_mutex *mutex)
{
    InitializeSRWLock(lock_of(mutex));
    return TOFU_OK;
}

// Such a lock is a word of memory and holds nothing else.
void tf_mutex_close(struct tf_mutex *mutex)
{
    TF_ASSERT(mutex != NULL);
    (void)mutex;
}

void tf_mutex_lock(struct tf_mutex *mutex)
{
    AcquireSRWLockExclusive(lock_of(mutex));
}

void tf_mutex_unlock(struct tf_mutex *mutex)
{
    ReleaseSRWLockExclusive(lock_of(mutex));
}

// No process of Windows is a copy of another.
uint32_t tf_process_generation(void)
{
    return 1;
}
