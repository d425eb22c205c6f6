// SPDX-License-Identifier: MIT
// Figures for people.
#ifndef TOOL_HUMAN_H
#define TOOL_HUMAN_H

#include <stddef.h>
#include <stdint.h>

#define MEBIBYTE 1048576.0

/// Writes a time to stdout: four digits and a unit, in a column of ten.
void print_time(uint64_t time_ns);

/// Copies bytes that come from a peer so that a terminal shows them and does nothing else: what is not
/// printable ASCII becomes `\xNN`. What does not fit is left out.
void make_printable(const char *bytes, size_t size, char *text, size_t room);

#endif
