// SPDX-License-Identifier: MIT
#include "os/process.h"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#include <shellapi.h>

#include "os/windows/wide.h"

static char **arguments; // ours, ends with NULL

// What the console took output for before us; it outlives us. 0: there is no console.
static UINT console_code_page;

// The arguments as main() gets them are in the code page of the system, which cannot say everything.
static char **read_arguments(int *count_out)
{
    int count = 0;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
    char **texts = wide != NULL ? calloc((size_t)count + 1, sizeof *texts) : NULL;
    bool is_whole = texts != NULL;
    for (int index = 0; index < count && is_whole; index++) {
        texts[index] = narrow_of(wide[index]);
        is_whole = texts[index] != NULL;
    }
    LocalFree(wide);
    *count_out = is_whole ? count : 0;
    return texts;
}

bool process_open(int *argc, char ***argv)
{
    // A line ends with LF everywhere, so that what reads our output need not know where it comes from.
    _setmode(_fileno(stdout), _O_BINARY);
    _setmode(_fileno(stderr), _O_BINARY);
    // Without a buffer each letter would be a call of the system. Whoever writes to it flushes it.
    setvbuf(stderr, NULL, _IOFBF, BUFSIZ);
    console_code_page = GetConsoleOutputCP();
    SetConsoleOutputCP(CP_UTF8);
    arguments = read_arguments(argc);
    *argv = arguments;
    return *argc > 0;
}

void process_close(void)
{
    for (char **argument = arguments; argument != NULL && *argument != NULL; argument++) {
        free(*argument);
    }
    free(arguments);
    arguments = NULL;
    if (console_code_page != 0) {
        SetConsoleOutputCP(console_code_page);
    }
}

void process_outlive_output(void)
{
    // Both are errors of the call here, and never anything else.
}

uint64_t process_id(void)
{
    return GetCurrentProcessId();
}
