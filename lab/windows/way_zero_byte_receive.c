// SPDX-License-Identifier: MIT
// A receive of zero bytes per socket: it completes when there is something to read, so the
// completion stands for readiness, and the socket is read without blocking afterwards. There is no
// such request for "may write": a send of zero bytes completes at once.
#include "port.h"

#include <stdlib.h>

const DWORD way_socket_flags = WSA_FLAG_OVERLAPPED;

static struct {
    HANDLE port;
    OVERLAPPED *requests;
} way;

void way_probe(void)
{
    // Winsock has had this from the start.
}

static void arm(struct lab *lab, uint32_t index)
{
    WSABUF nothing = {.len = 0, .buf = NULL};
    DWORD flags = 0;
    way.requests[index] = (OVERLAPPED){0};
    if (WSARecv(lab->sockets[index], &nothing, 1, NULL, &flags, &way.requests[index], NULL) != 0 &&
        WSAGetLastError() != WSA_IO_PENDING) {
        lab_fail("WSARecv of zero bytes", (unsigned long)WSAGetLastError());
    }
}

void way_open(struct lab *lab)
{
    way.port = port_open();
    way.requests = lab_alloc(lab->count, sizeof *way.requests);
    for (uint32_t index = 0; index < lab->count; index++) {
        port_add(way.port, (HANDLE)lab->sockets[index], index);
        arm(lab, index);
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
        } else if (lab_echo(lab, (uint32_t)key)) {
            arm(lab, (uint32_t)key);
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
    if (!CancelIoEx((HANDLE)lab->sockets[index], &way.requests[index])) {
        lab_fail("CancelIoEx", GetLastError());
    }
    port_wait_for(way.port, index);
    arm(lab, index);
    return true;
}

void way_close(void)
{
    free(way.requests);
    CloseHandle(way.port);
}
