// SPDX-License-Identifier: MIT
// Signals at every call: invisible (F17).
#include <errno.h>

#include "torture/disturbance.h"
#include "torture/posix/fault_functions.h"
#include "torture/sweep.h"

static const fault_function interruptible[] = {
    FAULT_accept4,
    FAULT_close,
    FAULT_connect,
    FAULT_epoll_wait,
    FAULT_flock,
    FAULT_openat,
    FAULT_poll,
    FAULT_read,
    FAULT_recv,
    FAULT_recvmsg,
    FAULT_send,
    FAULT_sendmsg,
    FAULT_syscall,
    FAULT_write,
};

static const struct fault_turns signals = {
    .error = EINTR,
    .function_count = sizeof interruptible / sizeof interruptible[0],
    .functions = interruptible};

static void a_signal_at_every_call_is_invisible(void **state)
{
    disturbance_expect_invisible(*state, &signals, 0, "interrupted");
}

static void bytes_one_by_one_with_signals_are_invisible(void **state)
{
    disturbance_expect_invisible(*state, &signals, 1, "one byte at a time, interrupted");
}

int main(void)
{
    static const struct sweep_case cases[] = {
        SWEEP_CASE(a_signal_at_every_call_is_invisible),
        SWEEP_CASE(bytes_one_by_one_with_signals_are_invisible),
    };
    return sweep_run("signals", cases, sizeof cases / sizeof cases[0]);
}
