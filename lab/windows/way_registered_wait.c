// SPDX-License-Identifier: MIT
// WSAEventSelect, and threads of the system's pool that wait: the pool calls back for each event
// that is set, and the callback posts the connection's number to the server's completion port. What
// NtAssociateWaitCompletionPacket does in the kernel (way_wait_packet.c), done by threads.
#include "events.h"
#include "port.h"

#include <stdlib.h>

const DWORD way_socket_flags = WSA_FLAG_OVERLAPPED;

static struct {
    HANDLE port;
    HANDLE *events;
    HANDLE *waits;
    uint32_t count;
} way;

void way_probe(void)
{
    // Every Windows has it.
}

/// Runs on the pool's thread.
static void CALLBACK post_ready(void *key, BOOLEAN is_timeout)
{
    (void)is_timeout;
    port_post(way.port, (ULONG_PTR)key);
}

void way_open(struct lab *lab)
{
    way.port = port_open();
    way.count = lab->count;
    way.events = events_open(lab, false);
    way.waits = lab_alloc(lab->count, sizeof *way.waits);
    for (uint32_t index = 0; index < lab->count; index++) {
        if (!RegisterWaitForSingleObject(
                &way.waits[index],
                way.events[index],
                post_ready,
                (void *)(ULONG_PTR)index,
                INFINITE,
                WT_EXECUTEINWAITTHREAD)) {
            lab_fail("RegisterWaitForSingleObject", GetLastError());
        }
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
        } else if (lab->sockets[key] != INVALID_SOCKET) {
            // An event may be set again while it is being served: a second packet may be one behind.
            events_serve(lab, (uint32_t)key, way.events[key]);
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
    events_rearm(lab, index, way.events[index]);
    return true;
}

void way_close(void)
{
    for (uint32_t index = 0; index < way.count; index++) {
        // Waits for a callback that is running.
        if (!UnregisterWaitEx(way.waits[index], INVALID_HANDLE_VALUE)) {
            lab_fail("UnregisterWaitEx", GetLastError());
        }
    }
    free(way.waits);
    events_close(way.events, way.count);
    CloseHandle(way.port);
}
