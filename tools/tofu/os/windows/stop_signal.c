// SPDX-License-Identifier: MIT
// The system tells on a thread that it makes for it, so the group can be told from there, under a lock
// that keeps the group alive meanwhile.
#include "os/stop_signal.h"

#include <stddef.h>
#include <windows.h>

static SRWLOCK lock = SRWLOCK_INIT;
static struct tofu_group *told_group; // NULL: nobody is to be told, yet or any more
static bool is_pending;               // asked before somebody could be told
static bool is_told;

static void tell(void)
{
    is_told = true;
    // A refusal means that the group ends already.
    enum tofu_status status = tofu_group_update(told_group, NULL);
    (void)status;
}

// Returns false if the one who asks does so a second time.
static bool take(void)
{
    AcquireSRWLockExclusive(&lock);
    bool is_first = !is_told && !is_pending;
    if (is_first && told_group != NULL) {
        tell();
    } else {
        is_pending = is_pending || is_first;
    }
    ReleaseSRWLockExclusive(&lock);
    return is_first;
}

static BOOL WINAPI on_event(DWORD event)
{
    bool is_first = take();
    if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT) {
        // The system ends the process when we return. The end of main() comes first, or the system loses
        // patience.
        Sleep(INFINITE);
    }
    // What nobody takes ends the process at once: a second Ctrl-C is meant so.
    return is_first;
}

void stop_signal_block(void)
{
    SetConsoleCtrlHandler(on_event, TRUE);
}

bool stop_signal_open(struct tofu_group *group)
{
    AcquireSRWLockExclusive(&lock);
    told_group = group;
    if (is_pending) {
        is_pending = false;
        tell();
    }
    ReleaseSRWLockExclusive(&lock);
    return true;
}

void stop_signal_close(void)
{
    SetConsoleCtrlHandler(on_event, FALSE);
    AcquireSRWLockExclusive(&lock);
    told_group = NULL;
    ReleaseSRWLockExclusive(&lock);
}
