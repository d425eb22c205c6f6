// SPDX-License-Identifier: MIT
// A completion port, for the ways that have one: key = a connection's index, or the wake-up.
#ifndef PORT_H
#define PORT_H

#include "lab.h"

#define PORT_KEY_WAKE ((ULONG_PTR)-1)

/// What one wait took out of the port.
struct port_batch {
    OVERLAPPED_ENTRY entries[LAB_BATCH];
    ULONG count;
};

/// A port for one thread at a time. The caller closes it.
HANDLE port_open(void);

/// Completions on `file` come with `key`.
void port_add(HANDLE port, HANDLE file, ULONG_PTR key);

/// Waits for one packet at least, at most LAB_WAIT_MS.
void port_wait(HANDLE port, struct port_batch *batch);

/// Waits for the one packet that is under way and comes for `key`: nothing else may come.
OVERLAPPED_ENTRY port_wait_for(HANDLE port, ULONG_PTR key);

/// Threads: any.
void port_post(HANDLE port, ULONG_PTR key);

#endif
