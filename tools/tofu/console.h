// SPDX-License-Identifier: MIT
// What goes to the terminal: complaints to stderr, results to stdout.
#ifndef TOOL_CONSOLE_H
#define TOOL_CONSOLE_H

#include <stdbool.h>

/// Writes one line to stderr, behind the name of the tool; `format` is printf's.
void complain(const char *format, ...);

/// Writes what stdout still holds. Returns false, with a complaint, if any of it did not arrive.
bool flush_output(void);

#endif
