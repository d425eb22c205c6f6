// SPDX-License-Identifier: MIT
// Whether somebody is watching.
#ifndef TOOL_OS_TERMINAL_H
#define TOOL_OS_TERMINAL_H

#include <stdbool.h>

/// Tells whether stderr is a terminal on which a line can be erased.
bool terminal_is_there(void);

#endif
