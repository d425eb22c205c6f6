// SPDX-License-Identifier: MIT
// Runs one way: PROGRAM PORT CONNECTIONS dials 127.0.0.1:PORT and does what it reads from the
// standard input, a command a line, with a line as the answer to each:
//
//     serve        starts the server
//     needs        how many handles and threads have come since
//     wake COUNT   wakes the waiting server COUNT times; answers the median of the nanoseconds
//     rearm COUNT  stops and starts watching COUNT connections in turn; the median of the nanoseconds
//     usage        CPU nanoseconds and private bytes of this process so far
//     end          expects the peer to have closed everything; answers the bytes sent back
//
// Whoever calls it measures the echoes from outside (measure). Exit status: 0, 1 after a failure,
// LAB_EXIT_NOT_HERE if this system lacks what the way needs.
#include "lab.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlhelp32.h>
// psapi.h and tlhelp32.h need windows.h before them, which lab.h brings.
#include <psapi.h>

enum { PROGRAM_MINUTES_MAX = 10, COUNT_MAX = 100000, HANDLE_VALUE_MAX = 1 << 14 };

/// What the main thread and the server's thread tell each other.
struct server {
    struct lab lab;
    HANDLE thread;
    uint32_t handles_before; // there were as many before the server started
    uint32_t threads_before;
    HANDLE woken;           // set by the server for each wake-up it saw
    uint64_t woken_at_ns;   // valid once `woken` is set
    uint32_t rearm_count;   // what the next wake-up is for: 0 is nothing but the wake-up
    uint64_t rearm_ns;      // the answer; UINT64_MAX: this way cannot
    atomic_bool is_waiting; // about to wait, or waiting
};

static uint64_t now_ns(void)
{
    LARGE_INTEGER count;
    LARGE_INTEGER per_second;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&per_second);
    uint64_t ticks = (uint64_t)count.QuadPart;
    uint64_t rate = (uint64_t)per_second.QuadPart;
    return ticks / rate * 1000000000 + ticks % rate * 1000000000 / rate;
}

static int compare_ns(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static uint64_t median(uint64_t *values, uint32_t value_count)
{
    qsort(values, value_count, sizeof *values, compare_ns);
    return values[value_count / 2];
}

/// @return the median of the nanoseconds one takes; UINT64_MAX if this way cannot.
static uint64_t rearm(struct lab *lab, uint32_t rearm_count)
{
    uint64_t *rearms_ns = lab_alloc(rearm_count, sizeof *rearms_ns);
    uint64_t result_ns = UINT64_MAX;
    for (uint32_t done = 0; done < rearm_count; done++) {
        uint64_t start_ns = now_ns();
        if (!way_rearm(lab, done % lab->count)) {
            goto out;
        }
        rearms_ns[done] = now_ns() - start_ns;
    }
    result_ns = median(rearms_ns, rearm_count);
out:
    free(rearms_ns);
    return result_ns;
}

static DWORD WINAPI serve(void *argument)
{
    struct server *server = argument;
    way_open(&server->lab);
    SetEvent(server->woken);
    while (server->lab.open_count > 0) {
        atomic_store(&server->is_waiting, true);
        bool is_woken = way_turn(&server->lab);
        if (!is_woken) {
            continue;
        }
        server->woken_at_ns = now_ns();
        atomic_store(&server->is_waiting, false);
        if (server->rearm_count > 0) {
            server->rearm_ns = rearm(&server->lab, server->rearm_count);
        }
        SetEvent(server->woken);
    }
    way_close();
    return 0;
}

static void await(HANDLE handle, const char *what)
{
    DWORD result = WaitForSingleObject(handle, LAB_WAIT_MS);
    if (result != WAIT_OBJECT_0) {
        lab_fail(what, result);
    }
}

static uint32_t thread_count(void)
{
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    if (snapshot == INVALID_HANDLE_VALUE) {
        lab_fail("CreateToolhelp32Snapshot", GetLastError());
    }
    uint32_t count = 0;
    THREADENTRY32 entry = {.dwSize = sizeof entry};
    for (BOOL is_one = Thread32First(snapshot, &entry); is_one;
         is_one = Thread32Next(snapshot, &entry)) {
        count += entry.th32OwnerProcessID == GetCurrentProcessId() ? 1 : 0;
    }
    CloseHandle(snapshot);
    return count;
}

/// Wine answers 0, so the values that a handle may have are tried there. Its list of all handles in the
/// system would tell too, but asking for it now and then crashes wineserver while processes start.
static uint32_t handle_count(void)
{
    DWORD count = 0;
    if (!GetProcessHandleCount(GetCurrentProcess(), &count)) {
        lab_fail("GetProcessHandleCount", GetLastError());
    }
    if (count > 0) {
        return count;
    }
    for (ULONG_PTR value = 4; value < HANDLE_VALUE_MAX; value += 4) {
        DWORD flags;
        count += GetHandleInformation((HANDLE)value, &flags) ? 1 : 0;
    }
    return count;
}

static void command_serve(struct server *server)
{
    server->handles_before = handle_count();
    server->threads_before = thread_count();
    server->thread = CreateThread(NULL, 0, serve, server, 0, NULL);
    if (server->thread == NULL) {
        lab_fail("CreateThread", GetLastError());
    }
    await(server->woken, "the server has not started before the deadline");
    printf("is_serving=1\n");
}

/// What has come since before the server started; the handle of its thread is ours.
static void command_needs(const struct server *server)
{
    printf(
        "handles=%u threads=%u\n",
        handle_count() - server->handles_before - 1,
        thread_count() - server->threads_before);
}

/// Wakes the server, which is waiting or just about to.
/// @return nanoseconds from before the call until the server had seen it.
static uint64_t wake_once(struct server *server)
{
    while (!atomic_load(&server->is_waiting)) {
        SwitchToThread();
    }
    uint64_t start_ns = now_ns();
    way_wake();
    await(server->woken, "the wake-up has not been seen before the deadline");
    return server->woken_at_ns - start_ns;
}

static void command_wake(struct server *server, uint32_t wake_count)
{
    uint64_t *wakes_ns = lab_alloc(wake_count, sizeof *wakes_ns);
    for (uint32_t done = 0; done < wake_count; done++) {
        wakes_ns[done] = wake_once(server);
    }
    printf("wake_ns=%llu\n", median(wakes_ns, wake_count));
    free(wakes_ns);
}

static void command_rearm(struct server *server, uint32_t rearm_count)
{
    server->rearm_count = rearm_count;
    wake_once(server);
    server->rearm_count = 0;
    if (server->rearm_ns == UINT64_MAX) {
        printf("rearm_ns=cannot\n");
    } else {
        printf("rearm_ns=%llu\n", server->rearm_ns);
    }
}

static uint64_t nanoseconds(const FILETIME *time)
{
    return (((uint64_t)time->dwHighDateTime << 32) | time->dwLowDateTime) * 100;
}

static void command_usage(void)
{
    FILETIME created, ended, kernel, user;
    if (!GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user)) {
        lab_fail("GetProcessTimes", GetLastError());
    }
    PROCESS_MEMORY_COUNTERS_EX memory = {.cb = sizeof memory};
    if (!GetProcessMemoryInfo(
            GetCurrentProcess(), (PROCESS_MEMORY_COUNTERS *)&memory, sizeof memory)) {
        lab_fail("GetProcessMemoryInfo", GetLastError());
    }
    printf(
        "cpu_ns=%llu private_bytes=%llu\n",
        nanoseconds(&kernel) + nanoseconds(&user),
        (unsigned long long)memory.PrivateUsage);
}

static void run(struct server *server)
{
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char name[16] = "";
        unsigned count = 0;
        bool is_counted = sscanf(line, "%15s %u", name, &count) == 2;
        if (is_counted && (count == 0 || count > COUNT_MAX)) {
            lab_fail("count of a command", count);
        } else if (strcmp(name, "serve") == 0) {
            command_serve(server);
        } else if (strcmp(name, "needs") == 0) {
            command_needs(server);
        } else if (is_counted && strcmp(name, "wake") == 0) {
            command_wake(server, count);
        } else if (is_counted && strcmp(name, "rearm") == 0) {
            command_rearm(server, count);
        } else if (strcmp(name, "usage") == 0) {
            command_usage();
        } else if (strcmp(name, "end") == 0) {
            await(server->thread, "connections are open at the deadline");
            printf("bytes=%llu\n", server->lab.byte_count);
            fflush(stdout);
            return;
        } else {
            lab_fail("unknown command", 0);
        }
        fflush(stdout);
    }
    lab_fail("the input ended without the command end", 0);
}

/// Ends the program if whoever runs it has forgotten it.
static DWORD WINAPI watch_the_time(void *ended)
{
    if (WaitForSingleObject(ended, PROGRAM_MINUTES_MAX * 60 * 1000) == WAIT_TIMEOUT) {
        lab_fail("the program has not ended before its deadline", PROGRAM_MINUTES_MAX);
    }
    return 0;
}

int main(int argument_count, char **arguments)
{
    static struct server server;
    WSADATA data;
    int code = WSAStartup(MAKEWORD(2, 2), &data);
    if (code != 0) {
        lab_fail("WSAStartup", (unsigned long)code);
    }
    way_probe();
    unsigned long port = argument_count == 3 ? strtoul(arguments[1], NULL, 10) : 0;
    unsigned long count = argument_count == 3 ? strtoul(arguments[2], NULL, 10) : 0;
    if (port == 0 || port > UINT16_MAX || count == 0 || count > LAB_CONNECTIONS_MAX) {
        lab_fail("usage: PROGRAM PORT CONNECTIONS", 0);
    }
    HANDLE ended = CreateEventW(NULL, TRUE, FALSE, NULL);
    server.woken = CreateEventW(NULL, FALSE, FALSE, NULL);
    HANDLE watchdog = CreateThread(NULL, 0, watch_the_time, ended, 0, NULL);
    if (ended == NULL || server.woken == NULL || watchdog == NULL) {
        lab_fail("CreateEventW, CreateThread", GetLastError());
    }
    lab_dial(&server.lab, (uint16_t)port, (uint32_t)count);
    printf("dialled\n");
    fflush(stdout);
    run(&server);
    SetEvent(ended);
    await(watchdog, "the watchdog has not ended before its deadline");
    WSACleanup();
    return 0;
}
