// SPDX-License-Identifier: MIT
// The child writes into a pipe that has a name, because only such a one can be read with a deadline.
#include "support/process.h"

#include <windows.h>

#include <stdio.h>

// How a child ends that we end.
#define KILLED 0xC0000420u

#define START_ATTEMPTS_MAX 3

static HANDLE pipe_open(char *name, size_t name_size)
{
    static LONG number;
    (void)snprintf(
        name,
        name_size,
        "\\\\.\\pipe\\tofu-test-%lx-%lx",
        GetCurrentProcessId(),
        InterlockedIncrement(&number));
    return CreateNamedPipeA(
        name,
        PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
        PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS,
        1,
        4096,
        4096,
        0,
        NULL);
}

// Why no child was started, which nobody else could tell.
static bool tell_failure(const char *function)
{
    (void)fprintf(stderr, "%s: error %lu\n", function, GetLastError());
    return false;
}

// Under load Wine loses a child now and then before its first instruction, and calls that an internal error of
// its own. Nothing has run then.
static bool create_process(
    const char *program, char *line, STARTUPINFOA *startup, PROCESS_INFORMATION *started_out)
{
    for (int attempt = 0; attempt < START_ATTEMPTS_MAX; attempt++) {
        if (CreateProcessA(program, line, NULL, NULL, TRUE, 0, NULL, NULL, startup, started_out)) {
            return true;
        }
        if (GetLastError() != ERROR_INTERNAL_ERROR) {
            return false;
        }
    }
    return false;
}

static bool start_program(const char *arguments, HANDLE output, HANDLE *process_out)
{
    char program[MAX_PATH];
    char line[3 * MAX_PATH];
    PROCESS_INFORMATION started;
    STARTUPINFOA startup = {
        .cb = sizeof startup,
        .dwFlags = STARTF_USESTDHANDLES,
        .hStdInput = GetStdHandle(STD_INPUT_HANDLE),
        .hStdOutput = output,
        .hStdError = GetStdHandle(STD_ERROR_HANDLE)};
    DWORD size = GetModuleFileNameA(NULL, program, sizeof program);
    if (size == 0 || size == sizeof program) {
        return false;
    }
    int written = snprintf(line, sizeof line, "\"%s\" %s", program, arguments);
    if (written < 0 || (size_t)written >= sizeof line) {
        return false;
    }
    if (!create_process(program, line, &startup, &started)) {
        return tell_failure("CreateProcess");
    }
    (void)CloseHandle(started.hThread);
    *process_out = started.hProcess;
    return true;
}

bool process_start(struct child *child, const char *first, const char *second)
{
    char name[64];
    char arguments[2 * MAX_PATH];
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    HANDLE process = NULL;
    int size = snprintf(arguments, sizeof arguments, "%s \"%s\"", first, second);
    if (size < 0 || (size_t)size >= sizeof arguments) {
        return false;
    }
    HANDLE told = pipe_open(name, sizeof name);
    if (told == INVALID_HANDLE_VALUE) {
        return tell_failure("CreateNamedPipe");
    }
    HANDLE output = CreateFileA(name, GENERIC_WRITE, 0, &inherited, OPEN_EXISTING, 0, NULL);
    bool is_open = output != INVALID_HANDLE_VALUE || tell_failure("CreateFile of a pipe");
    bool is_started = is_open && start_program(arguments, output, &process);
    if (is_open) {
        (void)CloseHandle(output);
    }
    if (!is_started) {
        (void)CloseHandle(told);
        return false;
    }
    *child = (struct child){.process = (intptr_t)process, .told = (intptr_t)told};
    return true;
}

int process_read(const struct child *child, char *byte_out, uint64_t timeout_ns)
{
    HANDLE told = (HANDLE)child->told;
    DWORD count = 0;
    OVERLAPPED reading = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    if (!ReadFile(told, byte_out, 1, NULL, &reading) && GetLastError() != ERROR_IO_PENDING) {
        (void)CloseHandle(reading.hEvent);
        return 0;
    }
    bool is_late =
        WaitForSingleObject(reading.hEvent, (DWORD)(timeout_ns / 1000000)) != WAIT_OBJECT_0;
    if (is_late) {
        (void)CancelIoEx(told, &reading);
    }
    bool is_read = GetOverlappedResult(told, &reading, &count, TRUE) && count == 1;
    (void)CloseHandle(reading.hEvent);
    return is_read ? 1 : is_late ? -1 : 0;
}

// An exception ends a program with a status of this kind, and so do we.
static bool is_exception(DWORD status)
{
    return status >= 0xC0000000;
}

int process_join(const struct child *child)
{
    DWORD status = KILLED;
    (void)WaitForSingleObject((HANDLE)child->process, INFINITE);
    (void)GetExitCodeProcess((HANDLE)child->process, &status);
    (void)CloseHandle((HANDLE)child->process);
    (void)CloseHandle((HANDLE)child->told);
    return is_exception(status) ? -1 : (int)status;
}

bool process_kill(const struct child *child)
{
    return TerminateProcess((HANDLE)child->process, KILLED);
}
