// SPDX-License-Identifier: MIT
// How a platform writes its table of errors, fault_table.c in its folder: what it defines, and words that make
// a row one line. The table says what the application may be told by sets of statuses.
#ifndef TORTURE_FAULT_ROWS_H
#define TORTURE_FAULT_ROWS_H

#include "torture/fault_table.h"

extern const struct fault_row fault_rows[];
extern const size_t fault_row_count;

/// In the order of the platform's functions.
extern const char *const fault_function_names[];

// A set of statuses, as the table needs it: a constant.
#define BIT(status)  (UINT64_C(1) << (status))
#define LISTEN       (BIT(TOFU_LISTEN_FAILED) | BIT(TOFU_INVALID_ADDRESS))
#define CONNECT      (BIT(TOFU_CONNECT_FAILED) | LISTEN)
#define ACCEPT       BIT(TOFU_ACCEPT_FAILED)
#define OPTION       (BIT(TOFU_SETSOCKOPT_FAILED) | LISTEN)
#define RECEIVE      BIT(TOFU_RECV_FAILED)
#define SEND         BIT(TOFU_SEND_FAILED)
#define NOTIFICATION BIT(TOFU_NOTIFICATION_FAILED)
#define MEMORY       BIT(TOFU_ALLOCATION_FAILED)
#define NAME         BIT(TOFU_INVALID_ADDRESS)
#define BREAK        UINT64_C(0)

#define ROW(area, function, error, flags, statuses, why)                                           \
    {                                                                                              \
        AREA_##area, FAULT_##function, FAULT_INSTEAD, (error), (flags), (statuses), (why)          \
    }
#define ROW_AFTER(area, function, error, flags, statuses, why)                                     \
    {                                                                                              \
        AREA_##area, FAULT_##function, FAULT_AFTER, (error), (flags), (statuses), (why)            \
    }
#define ROW_VALUE(area, function, error, flags, statuses, why)                                     \
    {                                                                                              \
        AREA_##area, FAULT_##function, FAULT_VALUE, (error), (flags), (statuses), (why)            \
    }

#define INVISIBLE FAULT_IS_INVISIBLE
#define PASSES    (FAULT_IS_INVISIBLE | FAULT_PASSES)

#endif
