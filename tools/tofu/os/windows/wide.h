// SPDX-License-Identifier: MIT
// UTF-8, which the tool speaks, and UTF-16, which the system speaks.
#ifndef TOOL_OS_WINDOWS_WIDE_H
#define TOOL_OS_WINDOWS_WIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#include "os/fault.h"

/// Makes UTF-16 of `text`, with `room` more units behind the NUL. The caller frees it with free(). NULL
/// without memory, or if it is no UTF-8: then the fault says so.
wchar_t *wide_of(const char *text, size_t room, struct fault *fault);

/// Makes UTF-8 of `text`, where half a surrogate pair becomes U+FFFD. The caller frees it with free().
/// NULL without memory.
char *narrow_of(const wchar_t *text);

#endif
