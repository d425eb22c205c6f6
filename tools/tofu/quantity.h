// SPDX-License-Identifier: MIT
// Numbers as people write them: 1024, 8MiB, 500ms, 0660.
#ifndef TOOL_QUANTITY_H
#define TOOL_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

/// What a number counts, and so how it is written.
enum unit {
    UNIT_NONE,  // 1024
    UNIT_BYTES, // 65536, 64KiB, 8MiB: without a unit it is bytes
    UNIT_TIME,  // 500ms, 10s, 5min: in nanoseconds, and never without a unit
    UNIT_MODE   // 0660: permission bits, octal
};

/// Reads a whole number and its unit. Digits only: no blank, no sign, no fraction. Returns false, and
/// leaves `*value` alone, if `text` is anything else or too large.
bool quantity_read(const char *text, enum unit unit, uint64_t *value);

#endif
