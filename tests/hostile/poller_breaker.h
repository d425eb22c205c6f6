// SPDX-License-Identifier: MIT
// Breaks the poller of the only engine in this process: a seam with one implementation per platform.
#ifndef HOSTILE_POLLER_BREAKER_H
#define HOSTILE_POLLER_BREAKER_H

#include <stdbool.h>

/// Breaks it: a wait that is on goes on, and the next one fails. False: there is not one poller.
bool poller_break(void);

/// Lets the system be as before, as far as that goes; an engine that has noticed stays as it is.
void poller_mend(void);

#endif
