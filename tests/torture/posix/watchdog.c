// SPDX-License-Identifier: MIT
#include "torture/watchdog.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECONDS_MAX 240

static char what[WATCHDOG_TEXT_BYTES];

// Nothing here may be a function that fails on purpose.
static void say(const char *why)
{
    char new_line = '\n';
    struct iovec parts[] = {
        {.iov_base = (void *)(uintptr_t)why, .iov_len = strlen(why)},
        {.iov_base = what, .iov_len = strlen(what)},
        {.iov_base = &new_line, .iov_len = 1},
    };
    (void)!writev(STDERR_FILENO, parts, 3);
}

static void hung(int signal_number)
{
    (void)signal_number;
    say("hangs: ");
    _exit(EXIT_FAILURE);
}

// The second signal ends the process as it would have ended.
static void aborted(int signal_number)
{
    say("aborts: ");
    (void)signal(signal_number, SIG_DFL);
}

void watchdog_open(void)
{
    (void)signal(SIGALRM, hung);
    (void)signal(SIGABRT, aborted);
}

void watchdog_note(const char *text)
{
    (void)alarm(0);
    (void)snprintf(what, sizeof what, "%s", text == NULL ? "" : text);
    if (text != NULL) {
        (void)alarm(SECONDS_MAX);
    }
}
