// SPDX-License-Identifier: MIT
// Tells how a run went: a table for people, or one JSON object for machines.
#ifndef TOOL_ECHO_REPORT_H
#define TOOL_ECHO_REPORT_H

#include <stdbool.h>

#include "echo_run.h"

/// Writes the table to stdout and the failures to stderr.
void echo_report_print(const struct echo_run *run);

/// Writes the object, with the failures in it, to stdout. Returns false without memory.
bool echo_report_print_json(const struct echo_run *run, enum exit_code code);

#endif
