// SPDX-License-Identifier: MIT
// A proactor: the kernel fills a buffer the program left with it, and says when it has. Each
// connection has a buffer and a receive under way for as long as it is idle; the answer is sent
// from the same buffer, and the next receive starts when the send has completed.
#include "port.h"

#include <stdlib.h>

const DWORD way_socket_flags = WSA_FLAG_OVERLAPPED;

struct connection {
    OVERLAPPED request;
    bool is_sending;
    DWORD sending_bytes;
    char bytes[LAB_BUFFER_BYTES];
};

static struct {
    HANDLE port;
    struct connection *connections;
} way;

void way_probe(void)
{
    // Winsock has had this from the start.
}

static void receive(struct lab *lab, uint32_t index)
{
    struct connection *connection = &way.connections[index];
    WSABUF buffer = {.len = sizeof connection->bytes, .buf = connection->bytes};
    DWORD flags = 0;
    connection->request = (OVERLAPPED){0};
    connection->is_sending = false;
    if (WSARecv(lab->sockets[index], &buffer, 1, NULL, &flags, &connection->request, NULL) != 0 &&
        WSAGetLastError() != WSA_IO_PENDING) {
        lab_fail("WSARecv", (unsigned long)WSAGetLastError());
    }
}

static void answer(struct lab *lab, uint32_t index, DWORD byte_count)
{
    struct connection *connection = &way.connections[index];
    WSABUF buffer = {.len = byte_count, .buf = connection->bytes};
    connection->request = (OVERLAPPED){0};
    connection->is_sending = true;
    connection->sending_bytes = byte_count;
    if (WSASend(lab->sockets[index], &buffer, 1, NULL, 0, &connection->request, NULL) != 0 &&
        WSAGetLastError() != WSA_IO_PENDING) {
        lab_fail("WSASend", (unsigned long)WSAGetLastError());
    }
}

void way_open(struct lab *lab)
{
    way.port = port_open();
    way.connections = lab_alloc(lab->count, sizeof *way.connections);
    for (uint32_t index = 0; index < lab->count; index++) {
        port_add(way.port, (HANDLE)lab->sockets[index], index);
        receive(lab, index);
    }
}

static void complete(struct lab *lab, uint32_t index, const OVERLAPPED_ENTRY *entry)
{
    struct connection *connection = &way.connections[index];
    DWORD byte_count = entry->dwNumberOfBytesTransferred;
    if (connection->request.Internal != 0) {
        lab_fail("a completed request", (unsigned long)connection->request.Internal);
    }
    if (connection->is_sending) {
        if (byte_count != connection->sending_bytes) {
            lab_fail("WSASend sent a part only", byte_count);
        }
        lab->byte_count += byte_count;
        receive(lab, index);
    } else if (byte_count == 0) {
        lab_end(lab, index);
    } else {
        answer(lab, index, byte_count);
    }
}

bool way_turn(struct lab *lab)
{
    struct port_batch batch;
    port_wait(way.port, &batch);
    bool is_woken = false;
    for (ULONG at = 0; at < batch.count; at++) {
        ULONG_PTR key = batch.entries[at].lpCompletionKey;
        if (key == PORT_KEY_WAKE) {
            is_woken = true;
        } else {
            complete(lab, (uint32_t)key, &batch.entries[at]);
        }
    }
    return is_woken;
}

void way_wake(void)
{
    port_post(way.port, PORT_KEY_WAKE);
}

bool way_rearm(struct lab *lab, uint32_t index)
{
    if (!CancelIoEx((HANDLE)lab->sockets[index], &way.connections[index].request)) {
        lab_fail("CancelIoEx", GetLastError());
    }
    port_wait_for(way.port, index);
    receive(lab, index);
    return true;
}

void way_close(void)
{
    free(way.connections);
    CloseHandle(way.port);
}
