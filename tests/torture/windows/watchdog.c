// SPDX-License-Identifier: MIT
#include "torture/watchdog.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define MILLISECONDS_MAX (240 * 1000)

// The library's threads are counted, and this is none of them.
extern __typeof__(&CreateThread) __real___imp_CreateThread;

static char what[WATCHDOG_TEXT_BYTES];
static atomic_bool is_playing;
static HANDLE noted;

static void say_text(const char *text)
{
    DWORD written = 0;
    (void)WriteFile(GetStdHandle(STD_ERROR_HANDLE), text, (DWORD)strlen(text), &written, NULL);
}

// Nothing here may be a function that fails on purpose.
static void say(const char *why)
{
    say_text(why);
    say_text(what);
    say_text("\n");
}

// As long as notes come there is no play without an end.
static DWORD WINAPI watch(void *unused)
{
    (void)unused;
    DWORD result = WAIT_OBJECT_0;
    while (result == WAIT_OBJECT_0) {
        result = WaitForSingleObject(noted, atomic_load(&is_playing) ? MILLISECONDS_MAX : INFINITE);
    }
    say("hangs: ");
    (void)TerminateProcess(GetCurrentProcess(), EXIT_FAILURE);
    return 0;
}

static LONG WINAPI crashed(EXCEPTION_POINTERS *unused)
{
    (void)unused;
    say("crashes: ");
    return EXCEPTION_CONTINUE_SEARCH;
}

static void aborted(int signal_number)
{
    (void)signal_number;
    say("aborts: ");
}

// The watcher and its event are as old as the process, and are not those of a play.
void watchdog_open(void)
{
    noted = CreateEventW(NULL, FALSE, FALSE, NULL);
    HANDLE thread = noted == NULL ? NULL : __real___imp_CreateThread(NULL, 0, watch, NULL, 0, NULL);
    if (thread == NULL) {
        (void)fprintf(stderr, "the watchdog has no thread\n");
        exit(EXIT_FAILURE);
    }
    (void)CloseHandle(thread);
    (void)SetUnhandledExceptionFilter(crashed);
    (void)signal(SIGABRT, aborted);
}

void watchdog_note(const char *text)
{
    (void)snprintf(what, sizeof what, "%s", text == NULL ? "" : text);
    atomic_store(&is_playing, text != NULL);
    (void)SetEvent(noted);
}
