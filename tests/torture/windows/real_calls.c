// SPDX-License-Identifier: MIT
// What the tests need, and the wrapped functions whose results are counted for them.
#include "torture/windows/wrapping.h"

#include <afunix.h>
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "support/machine.h"
#include "torture/real_calls.h"

// A crash is to end the process, and not to ask somebody who is not there.
void real_open(void)
{
    (void)SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
}

struct monitor_layout {
    SRWLOCK lock;
    CONDITION_VARIABLE told;
};

static_assert(sizeof(struct monitor_layout) <= sizeof(struct real_monitor), "a monitor fits");

static struct monitor_layout *layout_of(struct real_monitor *monitor)
{
    return (struct monitor_layout *)(void *)monitor->storage;
}

void real_monitor_open(struct real_monitor *monitor)
{
    *layout_of(monitor) =
        (struct monitor_layout){.lock = SRWLOCK_INIT, .told = CONDITION_VARIABLE_INIT};
}

void real_monitor_enter(struct real_monitor *monitor)
{
    AcquireSRWLockExclusive(&layout_of(monitor)->lock);
}

void real_monitor_leave(struct real_monitor *monitor)
{
    ReleaseSRWLockExclusive(&layout_of(monitor)->lock);
}

void real_monitor_wait(struct real_monitor *monitor)
{
    struct monitor_layout *layout = layout_of(monitor);
    (void)SleepConditionVariableSRW(&layout->told, &layout->lock, 1000, 0);
}

void real_monitor_tell(struct real_monitor *monitor)
{
    WakeConditionVariable(&layout_of(monitor)->told);
}

static atomic_size_t live_block_count;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    void *memory = strikes(FAULT_malloc) ? NULL : __real_malloc(size);
    if (memory != NULL) {
        atomic_fetch_add(&live_block_count, 1);
    }
    return memory;
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    if (memory != NULL) {
        atomic_fetch_sub(&live_block_count, 1);
    }
    __real_free(memory);
}

static atomic_size_t network_count;

WRAP(int, WSAAPI, WSAStartup, (WORD version, LPWSADATA data))
{
    enum fault_way way = FAULT_INSTEAD;
    int error = 0;
    if (fault_strikes(FAULT_WSAStartup, &way, &error)) {
        return error;
    }
    error = __real___imp_WSAStartup(version, data);
    if (error == 0) {
        atomic_fetch_add(&network_count, 1);
    }
    return error;
}

// What was started is let go of, whatever this says: nobody would ask twice.
WRAP(int, WSAAPI, WSACleanup, (void))
{
    int result = __real___imp_WSACleanup();
    if (result == 0) {
        atomic_fetch_sub(&network_count, 1);
    }
    return strikes(FAULT_WSACleanup) ? SOCKET_ERROR : result;
}

static atomic_size_t library_thread_count;

struct thread_start {
    LPTHREAD_START_ROUTINE run;
    void *argument;
};

static DWORD WINAPI library_thread(void *argument)
{
    struct thread_start start = *(struct thread_start *)argument;
    __real_free(argument);
    DWORD result = start.run(start.argument);
    atomic_fetch_sub(&library_thread_count, 1);
    return result;
}

WRAP(
    HANDLE,
    WINAPI,
    CreateThread,
    (LPSECURITY_ATTRIBUTES security,
     SIZE_T stack_size,
     LPTHREAD_START_ROUTINE run,
     LPVOID argument,
     DWORD flags,
     LPDWORD number_out))
{
    if (strikes(FAULT_CreateThread)) {
        return NULL;
    }
    struct thread_start *start = __real_malloc(sizeof *start);
    if (start == NULL) {
        return NULL;
    }
    *start = (struct thread_start){.run = run, .argument = argument};
    atomic_fetch_add(&library_thread_count, 1);
    HANDLE thread =
        __real___imp_CreateThread(security, stack_size, library_thread, start, flags, number_out);
    if (thread == NULL) {
        atomic_fetch_sub(&library_thread_count, 1);
        __real_free(start);
    }
    return thread;
}

// The way in which a thread of the library ends that holds the library itself.
WRAP(_Noreturn void, WINAPI, FreeLibraryAndExitThread, (HMODULE module, DWORD result))
{
    atomic_fetch_sub(&library_thread_count, 1);
    __real___imp_FreeLibraryAndExitThread(module, result);
}

size_t real_library_thread_count(void)
{
    return atomic_load(&library_thread_count);
}

static DWORD WINAPI own_thread(void *argument)
{
    struct test_thread *thread = argument;
    thread->run(thread->argument);
    return 0;
}

bool real_thread_start(struct test_thread *thread, void (*run)(void *argument), void *argument)
{
    thread->run = run;
    thread->argument = argument;
    thread->handle = (uintptr_t)__real___imp_CreateThread(NULL, 0, own_thread, thread, 0, NULL);
    return thread->handle != 0;
}

// The system's are multiples of four.
uint32_t real_thread_number(void)
{
    return GetCurrentThreadId() / 4;
}

// What the library does with its events is not wrapped.
bool real_is_readable(intptr_t descriptor, uint64_t timeout_ns)
{
    return machine_await_descriptor(descriptor, timeout_ns);
}

extern __typeof__(&WSASocketW) __real___imp_WSASocketW;
extern __typeof__(&bind) __real___imp_bind;
extern __typeof__(&closesocket) __real___imp_closesocket;

bool real_leave_dead_socket(const char *path)
{
    SOCKADDR_UN address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return false;
    }
    strcpy(address.sun_path, path);
    SOCKET socket = __real___imp_WSASocketW(AF_UNIX, SOCK_STREAM, 0, NULL, 0, 0);
    if (socket == INVALID_SOCKET) {
        return false;
    }
    int result = __real___imp_bind(socket, (const struct sockaddr *)&address, (int)sizeof address);
    (void)__real___imp_closesocket(socket);
    return result == 0;
}

// More than a play opens. The system gives the lowest that is free, and they are multiples of four.
#define HANDLES_MAX 256

// Wine does not count them, so each is asked for.
static size_t handle_count(void)
{
    size_t count = 0;
    for (uintptr_t value = 4; value <= 4 * HANDLES_MAX; value += 4) {
        DWORD flags = 0;
        count += GetHandleInformation((HANDLE)value, &flags) != 0;
    }
    return count;
}

void real_count_holdings(struct real_holdings *holdings_out)
{
    *holdings_out = (struct real_holdings){
        .descriptor_count = handle_count(),
        .block_count = atomic_load(&live_block_count),
        .network_count = atomic_load(&network_count),
    };
}
