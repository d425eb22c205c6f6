// SPDX-License-Identifier: MIT
// Processes for tests: a seam with one implementation per platform. It fails no test by itself.
#ifndef SUPPORT_PROCESS_H
#define SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "support/child.h"

/// Starts this program once more with these two arguments and its standard output to be read by us.
bool process_start(struct child *child, const char *first, const char *second);

/// Reads a byte of what the child wrote: 1, 0 at the end, -1 when the time is over.
int process_read(const struct child *child, char *byte_out, uint64_t timeout_ns);

/// Waits for a child that has ended or is about to; returns its exit status, or -1 if it was killed.
int process_join(const struct child *child);

bool process_kill(const struct child *child);

#endif
