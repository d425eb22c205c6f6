// SPDX-License-Identifier: MIT
// The program writes into a file without a name that anybody needs, which goes with its last handle. It belongs
// to a job, so that what it has started does not outlive it.
#include "real_windows/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define OUTPUT_BYTES_MAX (8u << 20)

// How a program ends that has taken too long.
#define KILLED 0xC0000420u

// Whoever is killed may take a moment to go.
#define KILL_MILLISECONDS_MAX 30000

static HANDLE output_open(void)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    WCHAR folder[MAX_PATH + 1];
    WCHAR path[MAX_PATH + 1];
    DWORD size = GetTempPathW(MAX_PATH + 1, folder);
    if (size == 0 || size > MAX_PATH || GetTempFileNameW(folder, L"tf", 0, path) == 0) {
        return INVALID_HANDLE_VALUE;
    }
    return CreateFileW(
        path,
        GENERIC_READ | GENERIC_WRITE,
        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        &inherited,
        CREATE_ALWAYS,
        FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE,
        NULL);
}

// What cannot be read is as good as not written: a test that has told nothing has not passed.
static char *output_read(HANDLE output)
{
    char *text = malloc(OUTPUT_BYTES_MAX + 1);
    if (text == NULL) {
        return NULL;
    }
    DWORD size = 0;
    DWORD part = 0;
    (void)SetFilePointer(output, 0, NULL, FILE_BEGIN);
    while (size < OUTPUT_BYTES_MAX &&
           ReadFile(output, text + size, OUTPUT_BYTES_MAX - size, &part, NULL) && part > 0) {
        size += part;
    }
    text[size] = '\0';
    return text;
}

static HANDLE job_open(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
        .BasicLimitInformation = {.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE}};
    HANDLE job = CreateJobObjectW(NULL, NULL);
    if (job != NULL &&
        !SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits)) {
        (void)CloseHandle(job);
        return NULL;
    }
    return job;
}

// The path has one, with either kind of slash.
static void folder_of(const char *path, char *folder, size_t room)
{
    size_t size = strlen(path);
    while (size > 0 && path[size] != '/' && path[size] != '\\') {
        size--;
    }
    (void)snprintf(folder, room, "%.*s", (int)size, path);
}

// Starts it in the job; the first of its instructions comes after that.
static bool start(const char *path, HANDLE job, HANDLE output, HANDLE *process_out)
{
    char folder[MAX_PATH];
    PROCESS_INFORMATION started;
    STARTUPINFOA startup = {
        .cb = sizeof startup,
        .dwFlags = STARTF_USESTDHANDLES,
        .hStdInput = GetStdHandle(STD_INPUT_HANDLE),
        .hStdOutput = output,
        .hStdError = output};
    folder_of(path, folder, sizeof folder);
    if (!CreateProcessA(
            path, NULL, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, folder, &startup, &started)) {
        return false;
    }
    bool is_in_job = AssignProcessToJobObject(job, started.hProcess) != FALSE;
    DWORD error = GetLastError();
    if (is_in_job) {
        (void)ResumeThread(started.hThread);
        *process_out = started.hProcess;
    } else {
        (void)TerminateProcess(started.hProcess, KILLED);
        (void)CloseHandle(started.hProcess);
    }
    (void)CloseHandle(started.hThread);
    SetLastError(error);
    return is_in_job;
}

static void await_end(
    HANDLE process, HANDLE job, uint32_t milliseconds_max, struct program_run *run)
{
    DWORD status = 0;
    run->end = PROGRAM_ENDED;
    if (WaitForSingleObject(process, milliseconds_max) != WAIT_OBJECT_0) {
        run->end = PROGRAM_TOOK_TOO_LONG;
        (void)TerminateJobObject(job, KILLED);
        (void)WaitForSingleObject(process, KILL_MILLISECONDS_MAX);
    }
    (void)GetExitCodeProcess(process, &status);
    run->status = status;
}

void program_run(const char *path, uint32_t milliseconds_max, struct program_run *run_out)
{
    *run_out = (struct program_run){.end = PROGRAM_NEVER_BEGAN};
    uint64_t begin = GetTickCount64();
    HANDLE process = NULL;
    HANDLE output = output_open();
    HANDLE job = job_open();
    if (output == INVALID_HANDLE_VALUE || job == NULL || !start(path, job, output, &process)) {
        run_out->status = GetLastError();
    } else {
        await_end(process, job, milliseconds_max, run_out);
        run_out->output = output_read(output);
        (void)CloseHandle(process);
    }
    run_out->milliseconds = GetTickCount64() - begin;
    if (job != NULL) {
        (void)CloseHandle(job);
    }
    if (output != INVALID_HANDLE_VALUE) {
        (void)CloseHandle(output);
    }
}
