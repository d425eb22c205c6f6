// SPDX-License-Identifier: MIT
#include "support/thread.h"

#include <windows.h>

static DWORD WINAPI thread_main(void *context)
{
    struct test_thread *thread = context;
    thread->run(thread->argument);
    return 0;
}

bool test_thread_start(struct test_thread *thread, void (*run)(void *argument), void *argument)
{
    thread->run = run;
    thread->argument = argument;
    thread->handle = (uintptr_t)CreateThread(NULL, 0, thread_main, thread, 0, NULL);
    return thread->handle != 0;
}

bool test_thread_join(struct test_thread *thread, uint64_t timeout_ns)
{
    HANDLE handle = (HANDLE)thread->handle;
    if (WaitForSingleObject(handle, (DWORD)(timeout_ns / 1000000)) != WAIT_OBJECT_0) {
        return false;
    }
    (void)CloseHandle(handle);
    return true;
}
