// SPDX-License-Identifier: MIT
// cmocka, and what the unit tests expect beyond it.
#ifndef UNIT_EXPECT_H
#define UNIT_EXPECT_H

// cmocka.h wants these before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tofu/status.h>

/// Statuses are compared by name, so that a failure reads well.
#define assert_status(expected, actual)                                                            \
    assert_string_equal(tofu_status_name(actual), tofu_status_name(expected))

/// For loops: says in which round it went wrong. The message is a format and its arguments.
#define assert_true_or(condition, ...)                                                             \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg(__VA_ARGS__);                                                                 \
        }                                                                                          \
    } while (0)

/// Skips the running test and says why: the reason is counted with it.
#define skip_because(...)                                                                          \
    do {                                                                                           \
        print_message("skipped: " __VA_ARGS__);                                                    \
        print_message("\n");                                                                       \
        skip();                                                                                    \
    } while (0)

#endif
