// SPDX-License-Identifier: MIT
// WSAEventSelect, for the ways that have an event per socket.
#ifndef EVENTS_H
#define EVENTS_H

#include "lab.h"

/// Creates an event per connection, with the events a reader needs selected. The caller closes them.
HANDLE *events_open(const struct lab *lab, bool is_manual_reset);

void events_close(HANDLE *events, uint32_t count);

/// Does what the event of this connection was set for; clears it if it needs that.
void events_serve(struct lab *lab, uint32_t index, HANDLE event);

/// Selects nothing, and then again what events_open() selected.
void events_rearm(const struct lab *lab, uint32_t index, HANDLE event);

#endif
