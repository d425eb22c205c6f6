// SPDX-License-Identifier: MIT
// The tool as a process among others.
#ifndef TOOL_OS_PROCESS_H
#define TOOL_OS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/// Gets the process ready: arguments are UTF-8, output is written byte for byte as it is, and there are as
/// many descriptors as may be. Returns false without memory. process_close() is due whatever the result.
bool process_open(int *argc, char ***argv);

void process_close(void);

/// From now on output that nobody reads any more and files that may not grow are errors of the call that
/// writes, and not the end of the process.
void process_outlive_output(void);

uint64_t process_id(void);

#endif
