// SPDX-License-Identifier: MIT
// errno as a fault.
#ifndef TOOL_OS_POSIX_FAULT_H
#define TOOL_OS_POSIX_FAULT_H

#include <stdbool.h>

#include "os/fault.h"

/// Describes `error`. Returns false, so that a failing function ends with it.
bool fault_set(struct fault *fault, int error);

#endif
