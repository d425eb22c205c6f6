// SPDX-License-Identifier: MIT
// JSON on stdout, one object per line.
#ifndef TOOL_JSON_LINE_H
#define TOOL_JSON_LINE_H

#include <jansson.h>
#include <stdbool.h>

/// Writes the object and flushes it, because who reads our output waits for the line. Takes the object,
/// which is NULL when there was no memory for it: then it complains and returns false.
bool json_line_print(json_t *object);

#endif
