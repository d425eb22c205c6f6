// SPDX-License-Identifier: MIT
// For those who define wrapped functions: __wrap_X is called for X, __real_X is X.
#ifndef TORTURE_POSIX_WRAPPING_H
#define TORTURE_POSIX_WRAPPING_H

#include <errno.h>

#include "torture/fault_layer.h"
#include "torture/posix/fault_functions.h"

#define DECLARE(result, name, parameters)                                                          \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters

/// Says whether this call fails, and sets errno if it does.
static inline bool strikes(fault_function function)
{
    enum fault_way way = FAULT_INSTEAD;
    int error = 0;
    bool is_struck = fault_strikes(function, &way, &error);
    if (is_struck) {
        errno = error;
    }
    return is_struck;
}

#endif
