// SPDX-License-Identifier: MIT
// An error code of the system as a fault.
#ifndef TOOL_OS_WINDOWS_FAULT_H
#define TOOL_OS_WINDOWS_FAULT_H

#include <stdbool.h>

#include "os/fault.h"

/// Describes `error`, a DWORD. Returns false, so that a failing function ends with it.
bool fault_set(struct fault *fault, unsigned long error);

#endif
