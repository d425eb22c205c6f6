// SPDX-License-Identifier: MIT
// WSAEventSelect and wait completion packets: the kernel itself puts a packet into the port when an
// event is set (Windows 8 and later). Two handles more per socket, and no thread. A packet comes
// once: after serving it is associated again.
#include "events.h"
#include "nt.h"
#include "port.h"

#include <stdlib.h>

const DWORD way_socket_flags = WSA_FLAG_OVERLAPPED;

enum { PACKET_ALL_ACCESS = 1 };

static struct {
    HANDLE port;
    HANDLE *events;
    HANDLE *packets;
    uint32_t count;
    nt_create_wait_completion_packet create;
    nt_associate_wait_completion_packet associate;
    nt_cancel_wait_completion_packet cancel;
} way;

void way_probe(void)
{
    lab_find("ntdll.dll", "NtCreateWaitCompletionPacket", &way.create);
    lab_find("ntdll.dll", "NtAssociateWaitCompletionPacket", &way.associate);
    lab_find("ntdll.dll", "NtCancelWaitCompletionPacket", &way.cancel);
}

static void check(NTSTATUS status, const char *call)
{
    if (status != 0) {
        lab_fail(call, (unsigned long)status);
    }
}

static void associate(uint32_t index)
{
    check(
        way.associate(
            way.packets[index],
            way.port,
            way.events[index],
            (void *)(ULONG_PTR)index,
            NULL,
            0,
            0,
            NULL),
        "NtAssociateWaitCompletionPacket");
}

void way_open(struct lab *lab)
{
    way.port = port_open();
    way.count = lab->count;
    // Cleared by WSAEnumNetworkEvents, whatever the association does to an event.
    way.events = events_open(lab, true);
    way.packets = lab_alloc(lab->count, sizeof *way.packets);
    for (uint32_t index = 0; index < lab->count; index++) {
        check(
            way.create(&way.packets[index], PACKET_ALL_ACCESS, NULL),
            "NtCreateWaitCompletionPacket");
        associate(index);
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
            continue;
        }
        events_serve(lab, (uint32_t)key, way.events[key]);
        if (lab->sockets[key] != INVALID_SOCKET) {
            associate((uint32_t)key);
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
    (void)lab;
    check(way.cancel(way.packets[index], TRUE), "NtCancelWaitCompletionPacket");
    associate(index);
    return true;
}

void way_close(void)
{
    for (uint32_t index = 0; index < way.count; index++) {
        CloseHandle(way.packets[index]);
    }
    free(way.packets);
    events_close(way.events, way.count);
    CloseHandle(way.port);
}
