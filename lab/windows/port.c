// SPDX-License-Identifier: MIT
#include "port.h"

HANDLE port_open(void)
{
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    if (port == NULL) {
        lab_fail("CreateIoCompletionPort", GetLastError());
    }
    return port;
}

void port_add(HANDLE port, HANDLE file, ULONG_PTR key)
{
    if (CreateIoCompletionPort(file, port, key, 0) == NULL) {
        lab_fail("CreateIoCompletionPort of a socket", GetLastError());
    }
}

void port_wait(HANDLE port, struct port_batch *batch)
{
    if (!GetQueuedCompletionStatusEx(
            port, batch->entries, LAB_BATCH, &batch->count, LAB_WAIT_MS, FALSE)) {
        lab_fail("GetQueuedCompletionStatusEx", GetLastError());
    }
}

OVERLAPPED_ENTRY port_wait_for(HANDLE port, ULONG_PTR key)
{
    struct port_batch batch;
    port_wait(port, &batch);
    if (batch.count != 1 || batch.entries[0].lpCompletionKey != key) {
        lab_fail("packets while there is no traffic", batch.count);
    }
    return batch.entries[0];
}

void port_post(HANDLE port, ULONG_PTR key)
{
    if (!PostQueuedCompletionStatus(port, 0, key, NULL)) {
        lab_fail("PostQueuedCompletionStatus", GetLastError());
    }
}
