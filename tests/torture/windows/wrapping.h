// SPDX-License-Identifier: MIT
// For those who define wrapped functions. What is called through a pointer is wrapped by a pointer:
// __wrap___imp_X takes the place of __imp_X, and __real___imp_X leads to X.
#ifndef TORTURE_WINDOWS_WRAPPING_H
#define TORTURE_WINDOWS_WRAPPING_H

#include <winsock2.h>
#include <ws2tcpip.h>

#include "torture/fault_layer.h"
#include "torture/windows/fault_functions.h"

/// Declares wrapped_X, lets the program call it for X, and declares the real one.
#define WRAP(type, convention, name, parameters)                                                   \
    extern __typeof__(&name) __real___imp_##name;                                                  \
    extern __typeof__(&name) __wrap___imp_##name;                                                  \
    static type convention wrapped_##name parameters;                                              \
    __typeof__(&name) __wrap___imp_##name = wrapped_##name;                                        \
    static type convention wrapped_##name parameters

/// Says whether this call fails, and sets the thread's error, which Winsock shares, if it does.
static inline bool strikes(fault_function function)
{
    enum fault_way way = FAULT_INSTEAD;
    int error = 0;
    bool is_struck = fault_strikes(function, &way, &error);
    if (is_struck) {
        SetLastError((DWORD)error);
    }
    return is_struck;
}

#endif
