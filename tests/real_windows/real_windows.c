// SPDX-License-Identifier: MIT
// The check on a real Windows, in one command: runs the test programs that stand in the folders beside it, one
// after the other, each with a deadline, and says what each told.
//
//     real_windows.exe [--seconds N] [FOLDER | FOLDER\PROGRAM]...
//
// A program that fails, crashes, hangs, cannot be started or runs no case has failed, and so has a name that
// nothing stands behind. The exit status is the number of failures, 99 at most.
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "real_windows/program.h"
#include "real_windows/verdict.h"

#define SECONDS_EACH 900
#define SECONDS_MAX  86400
#define FAILURES_MAX 99

struct check {
    uint32_t milliseconds_max; ///< of one program
    uint32_t program_count;
    uint32_t failure_count;
    uint32_t case_count;
    uint32_t skip_count;
};

// What shows something of the system that it runs on. What imitates a system is elsewhere.
static const char *const all_folders[] = {"unit", "contract", "stages", "system", "hostile"};

static void run_one(struct check *check, const char *name)
{
    char path[MAX_PATH];
    struct program_run run;
    (void)snprintf(path, sizeof path, "%s.exe", name);
    program_run(path, check->milliseconds_max, &run);
    struct verdict verdict = verdict_tell(name, &run);
    free(run.output);
    check->program_count++;
    check->failure_count += verdict.has_failed ? 1 : 0;
    check->case_count += verdict.case_count;
    check->skip_count += verdict.skip_count;
}

// A folder, or one program without its `.exe`, which is its own pattern.
static void run_all(struct check *check, const char *name)
{
    char pattern[MAX_PATH];
    WIN32_FIND_DATAA found;
    DWORD attributes = GetFileAttributesA(name);
    bool is_folder =
        attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    (void)snprintf(pattern, sizeof pattern, "%s%s.exe", name, is_folder ? "\\*" : "");
    HANDLE search = FindFirstFileA(pattern, &found);
    if (search == INVALID_HANDLE_VALUE) {
        (void)printf("FAILED %s: there is no such program\n", pattern);
        check->failure_count++;
        return;
    }
    do {
        char program[2 * MAX_PATH];
        size_t size = strlen(found.cFileName) - strlen(".exe");
        (void)snprintf(program, sizeof program, "%s\\%.*s", name, (int)size, found.cFileName);
        run_one(check, is_folder ? program : name);
    } while (FindNextFileA(search, &found));
    (void)FindClose(search);
}

// All names are taken from the folder of this program, wherever it was started.
static bool enter_own_folder(void)
{
    WCHAR path[MAX_PATH];
    DWORD size = GetModuleFileNameW(NULL, path, MAX_PATH);
    if (size == 0 || size == MAX_PATH) {
        return false;
    }
    while (size > 0 && path[size - 1] != L'\\') {
        size--;
    }
    path[size] = L'\0';
    return SetCurrentDirectoryW(path) != FALSE;
}

static bool read_seconds(const char *text, uint32_t *milliseconds_out)
{
    char *end = NULL;
    unsigned long seconds = strtoul(text, &end, 10);
    if (*end != '\0' || seconds == 0 || seconds > SECONDS_MAX) {
        return false;
    }
    *milliseconds_out = (uint32_t)seconds * 1000;
    return true;
}

int main(int argument_count, char **arguments)
{
    struct check check = {.milliseconds_max = SECONDS_EACH * 1000};
    int first = 1;
    if (argument_count > 1 && strcmp(arguments[1], "--seconds") == 0) {
        first = 3;
    }
    bool is_understood =
        first == 1 || (argument_count > 2 && read_seconds(arguments[2], &check.milliseconds_max));
    if (!is_understood || !enter_own_folder()) {
        (void)fprintf(stderr, "usage: real_windows [--seconds N] [FOLDER | FOLDER\\PROGRAM]...\n");
        return FAILURES_MAX;
    }
    // A program that crashes ends, without a window that somebody has to close.
    (void)SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);

    for (int i = first; i < argument_count; i++) {
        run_all(&check, arguments[i]);
    }
    for (size_t i = 0; first == argument_count && i < sizeof all_folders / sizeof all_folders[0];
         i++) {
        run_all(&check, all_folders[i]);
    }

    (void)printf(
        "real_windows: %" PRIu32 " programs, %" PRIu32 " failures; cases %" PRIu32
        ", skipped %" PRIu32 "\n",
        check.program_count,
        check.failure_count,
        check.case_count,
        check.skip_count);
    return check.failure_count < FAILURES_MAX ? (int)check.failure_count : FAILURES_MAX;
}
