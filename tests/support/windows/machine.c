// SPDX-License-Identifier: MIT
// Paths are ASCII here: the directory for temporary files and names that tests make up.
#include "support/machine.h"

#include <winsock2.h>

#include <assert.h>
#include <mstcpip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

// More than a test opens.
#define HANDLES_MAX 4096

uint64_t machine_now(void)
{
    LARGE_INTEGER frequency;
    LARGE_INTEGER counter;
    (void)QueryPerformanceFrequency(&frequency);
    (void)QueryPerformanceCounter(&counter);
    uint64_t ticks = (uint64_t)counter.QuadPart;
    uint64_t per_second = (uint64_t)frequency.QuadPart;
    // In two steps, since the product of all ticks and 10^9 does not fit.
    return ticks / per_second * UINT64_C(1000000000) +
           ticks % per_second * UINT64_C(1000000000) / per_second;
}

// In units of 100 ns: the coarsest, the finest, and what it is now, which programs may have made finer. Wine
// says what it keeps to, too.
typedef LONG(NTAPI *timer_query)(ULONG *coarsest, ULONG *finest, ULONG *now);

uint64_t machine_timer_tick_ns(void)
{
    ULONG coarsest = 0;
    ULONG finest = 0;
    ULONG now = 156250;
    HMODULE module = GetModuleHandleA("ntdll.dll");
    FARPROC found = module != NULL ? GetProcAddress(module, "NtQueryTimerResolution") : NULL;
    timer_query query = NULL;
    static_assert(sizeof query == sizeof found, "pointers to functions are alike");
    memcpy(&query, &found, sizeof query);
    if (query != NULL) {
        (void)query(&coarsest, &finest, &now);
    }
    return now * UINT64_C(100);
}

void machine_yield(void)
{
    (void)SwitchToThread();
}

// The C library has a copy of the environment, which getenv() reads; it tells the system.
bool machine_set_variable(const char *name, const char *value)
{
    return _putenv_s(name, value == NULL ? "" : value) == 0;
}

bool machine_await_descriptor(intptr_t descriptor, uint64_t timeout_ns)
{
    uint64_t milliseconds = timeout_ns / 1000000;
    DWORD timeout = milliseconds >= INFINITE ? INFINITE - 1 : (DWORD)milliseconds;
    return WaitForSingleObject((HANDLE)descriptor, timeout) == WAIT_OBJECT_0;
}

// Wine does not count a process' handles, so each is asked for. Their values are multiples of four.
size_t machine_descriptor_count(void)
{
    size_t count = 0;
    for (uintptr_t value = 4; value < 4 * HANDLES_MAX; value += 4) {
        DWORD flags = 0;
        count += GetHandleInformation((HANDLE)value, &flags) != 0;
    }
    return count;
}

bool machine_is_inherited(intptr_t descriptor)
{
    DWORD flags = HANDLE_FLAG_INHERIT;
    (void)GetHandleInformation((HANDLE)descriptor, &flags);
    return (flags & HANDLE_FLAG_INHERIT) != 0;
}

bool machine_has_ids(struct machine_ids *own_out)
{
    *own_out = (struct machine_ids){.process = GetCurrentProcessId()};
    return false;
}

static bool connect_pair(SOCKET listener, SOCKET client)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0 &&
           getsockname(listener, (struct sockaddr *)&address, &size) == 0 &&
           connect(client, (struct sockaddr *)&address, size) == 0;
}

bool machine_tells_unsent(void)
{
    WSADATA data;
    DWORD version = 0;
    TCP_INFO_v0 info;
    DWORD size = 0;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) {
        return false;
    }
    SOCKET listener = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_NO_HANDLE_INHERIT);
    SOCKET client = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_NO_HANDLE_INHERIT);
    bool is_told = connect_pair(listener, client) && WSAIoctl(
                                                         client,
                                                         SIO_TCP_INFO,
                                                         &version,
                                                         sizeof version,
                                                         &info,
                                                         sizeof info,
                                                         &size,
                                                         NULL,
                                                         NULL) == 0;
    (void)closesocket(client);
    (void)closesocket(listener);
    (void)WSACleanup();
    return is_told;
}

bool machine_make_directory(char *path_out, size_t path_size)
{
    static LONG number;
    char parent[MAX_PATH + 1];
    DWORD parent_size = GetTempPathA(sizeof parent, parent);
    if (parent_size == 0 || parent_size >= sizeof parent) {
        return false;
    }
    // A process that ended may have had our number and left its directory: then the next name is free.
    for (int tries = 0; tries < 1000; tries++) {
        int size = snprintf(
            path_out,
            path_size,
            "%stofu-%lx-%lx",
            parent,
            GetCurrentProcessId(),
            InterlockedIncrement(&number));
        if (size <= 0 || (size_t)size >= path_size) {
            return false;
        }
        if (CreateDirectoryA(path_out, NULL)) {
            return true;
        }
    }
    return false;
}

void machine_remove_directory(const char *path)
{
    WIN32_FIND_DATAA found;
    char name[MACHINE_PATH_BYTES_MAX];
    (void)snprintf(name, sizeof name, "%s\\*", path);
    HANDLE search = FindFirstFileA(name, &found);
    if (search == INVALID_HANDLE_VALUE) {
        return;
    }
    do {
        int size = snprintf(name, sizeof name, "%s\\%s", path, found.cFileName);
        if (size > 0 && (size_t)size < sizeof name) {
            (void)DeleteFileA(name);
        }
    } while (FindNextFileA(search, &found));
    (void)FindClose(search);
    (void)RemoveDirectoryA(path);
}

bool machine_has_file(const char *path)
{
    return GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES;
}

// A socket or a link is a reparse point.
bool machine_has_ordinary_file(const char *path)
{
    DWORD attributes = GetFileAttributesA(path);
    return attributes != INVALID_FILE_ATTRIBUTES &&
           (attributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) == 0;
}

bool machine_remove_file(const char *path)
{
    return DeleteFileA(path);
}

intptr_t machine_lock_file(const char *path)
{
    return (intptr_t)CreateFileA(
        path, GENERIC_READ, 0, NULL, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
}

void machine_unlock_file(intptr_t lock)
{
    (void)CloseHandle((HANDLE)lock);
}
