// SPDX-License-Identifier: MIT
#include "hostile/system.h"

#include <windows.h>

#include <psapi.h>
#include <stdbool.h>
#include <string.h>
#include <tlhelp32.h>

#include "support/machine.h"

#define MILLISECOND_NS UINT64_C(1000000)

typedef HRESULT(WINAPI *read_description)(HANDLE thread, PWSTR *text_out);

// A thread that has ended, as seen by itself, never ends while it waits: only the time passes.
void interval_pass(uint64_t interval_ns)
{
    uint64_t end_ns = machine_now() + interval_ns;
    for (uint64_t now_ns = machine_now(); now_ns < end_ns; now_ns = machine_now()) {
        (void)WaitForSingleObject(
            GetCurrentThread(), (DWORD)((end_ns - now_ns) / MILLISECOND_NS) + 1);
    }
}

static read_description find_read_description(void)
{
    read_description read = NULL;
    HMODULE module = GetModuleHandleW(L"kernelbase.dll");
    FARPROC found = module != NULL ? GetProcAddress(module, "GetThreadDescription") : NULL;
    memcpy(&read, &found, sizeof read);
    return read;
}

static bool has_name(DWORD number, const char *name, read_description read)
{
    PWSTR wide = NULL;
    char text[256] = "";
    HANDLE thread = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, number);
    if (thread == NULL) {
        return false;
    }
    if (read(thread, &wide) >= 0) {
        (void)WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, sizeof text, NULL, NULL);
        (void)LocalFree(wide);
    }
    (void)CloseHandle(thread);
    return strcmp(text, name) == 0;
}

uint32_t system_thread_number(const char *name)
{
    uint32_t number = 0;
    THREADENTRY32 entry = {.dwSize = sizeof entry};
    read_description read = find_read_description();
    HANDLE threads = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    if (read == NULL || threads == INVALID_HANDLE_VALUE) {
        return 0;
    }
    for (BOOL is_there = Thread32First(threads, &entry); is_there;
         is_there = Thread32Next(threads, &entry)) {
        if (entry.th32OwnerProcessID == GetCurrentProcessId() &&
            has_name(entry.th32ThreadID, name, read)) {
            number = entry.th32ThreadID;
        }
    }
    (void)CloseHandle(threads);
    return number;
}

static uint64_t nanoseconds(FILETIME time)
{
    return ((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime) * 100;
}

uint64_t system_thread_processor_ns(uint32_t number)
{
    FILETIME created;
    FILETIME ended;
    FILETIME in_kernel;
    FILETIME in_program;
    HANDLE thread = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, number);
    bool is_known =
        thread != NULL && GetThreadTimes(thread, &created, &ended, &in_kernel, &in_program);
    if (thread != NULL) {
        (void)CloseHandle(thread);
    }
    return is_known ? nanoseconds(in_kernel) + nanoseconds(in_program) : UINT64_MAX;
}

// 64 ticks a second, unless a program has asked for shorter ones.
uint64_t system_processor_tick_ns(void)
{
    return UINT64_C(1000000000) / 64;
}

uint32_t system_own_thread_number(void)
{
    return GetCurrentThreadId();
}

// Windows tells it to those who trace the whole machine, and to nobody else.
uint64_t system_thread_delay_ns(uint32_t number)
{
    (void)number;
    return UINT64_MAX;
}

uint64_t system_resident_bytes(void)
{
    PROCESS_MEMORY_COUNTERS counters = {.cb = sizeof counters};
    bool is_known = K32GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters);
    return is_known ? counters.WorkingSetSize : 0;
}

// A process has as many handles as it likes.
uint64_t system_allow_descriptors(uint64_t count)
{
    return count;
}

void system_go_first(void)
{
    (void)SetPriorityClass(GetCurrentProcess(), HIGH_PRIORITY_CLASS);
}

void system_take_turns(void)
{
    (void)SetPriorityClass(GetCurrentProcess(), NORMAL_PRIORITY_CLASS);
}
