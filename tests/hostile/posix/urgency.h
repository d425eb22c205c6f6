// SPDX-License-Identifier: MIT
// Threads that run before everybody else on the machine.
#ifndef HOSTILE_POSIX_URGENCY_H
#define HOSTILE_POSIX_URGENCY_H

#include <stdbool.h>

/// Has the calling thread, and all threads that it makes from then on, run before everybody else on the
/// machine, or no longer. Returns false where the system does not grant it.
bool urgency_raise(void);
void urgency_drop(void);

#endif
