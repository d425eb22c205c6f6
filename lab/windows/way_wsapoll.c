// SPDX-License-Identifier: MIT
// WSAPoll: the whole list of sockets goes to the system in each call. Only sockets can end the
// wait, so the wake-up is one too: a datagram socket that sends to itself.
#include "lab.h"

#include <stdatomic.h>
#include <stdlib.h>

const DWORD way_socket_flags = WSA_FLAG_OVERLAPPED;

static struct {
    WSAPOLLFD *entries;  // [0] is the wake-up
    uint32_t *owners;    // the connection of each entry
    uint32_t *positions; // the entry of each connection
    uint32_t entry_count;
    SOCKET self;
    atomic_bool is_woken; // a datagram is under way
} way;

void way_probe(void)
{
    // Since Windows Vista.
}

static SOCKET open_self(void)
{
    SOCKET self = WSASocketW(
        AF_INET,
        SOCK_DGRAM,
        IPPROTO_UDP,
        NULL,
        0,
        WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    struct sockaddr_in name = {.sin_family = AF_INET};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int name_bytes = sizeof name;
    u_long not_blocking = 1;
    if (self == INVALID_SOCKET || bind(self, (struct sockaddr *)&name, sizeof name) != 0 ||
        getsockname(self, (struct sockaddr *)&name, &name_bytes) != 0 ||
        connect(self, (struct sockaddr *)&name, sizeof name) != 0 ||
        ioctlsocket(self, (long)FIONBIO, &not_blocking) != 0) {
        lab_fail("a datagram socket to itself", (unsigned long)WSAGetLastError());
    }
    return self;
}

static void add(SOCKET socket, uint32_t index)
{
    uint32_t position = way.entry_count++;
    way.entries[position] = (WSAPOLLFD){.fd = socket, .events = POLLRDNORM};
    way.owners[position] = index;
    way.positions[index] = position;
}

/// The last entry takes the place of the one that goes.
static void drop(uint32_t index)
{
    uint32_t position = way.positions[index];
    uint32_t last = --way.entry_count;
    way.entries[position] = way.entries[last];
    way.owners[position] = way.owners[last];
    way.positions[way.owners[position]] = position;
}

void way_open(struct lab *lab)
{
    way.entries = lab_alloc((size_t)lab->count + 1, sizeof *way.entries);
    way.owners = lab_alloc((size_t)lab->count + 1, sizeof *way.owners);
    way.positions = lab_alloc(lab->count, sizeof *way.positions);
    way.self = open_self();
    way.entries[0] = (WSAPOLLFD){.fd = way.self, .events = POLLRDNORM};
    way.entry_count = 1;
    for (uint32_t index = 0; index < lab->count; index++) {
        add(lab->sockets[index], index);
    }
}

/// The flag goes before what the caller does next, so that no wake-up is lost.
static void take_datagram(void)
{
    char byte;
    int received = recv(way.self, &byte, 1, 0);
    if (received != 1) {
        lab_fail("recv of the wake-up", (unsigned long)WSAGetLastError());
    }
    atomic_store(&way.is_woken, false);
}

bool way_turn(struct lab *lab)
{
    int ready_count = WSAPoll(way.entries, way.entry_count, LAB_WAIT_MS);
    if (ready_count <= 0) {
        lab_fail("WSAPoll", (unsigned long)WSAGetLastError());
    }
    bool is_woken = way.entries[0].revents != 0;
    if (is_woken) {
        take_datagram();
        ready_count--;
    }
    // From the end, because dropping one moves the last into its place.
    for (uint32_t position = way.entry_count - 1; position > 0 && ready_count > 0; position--) {
        if (way.entries[position].revents == 0) {
            continue;
        }
        ready_count--;
        uint32_t index = way.owners[position];
        if (!lab_echo(lab, index)) {
            drop(index);
        }
    }
    return is_woken;
}

void way_wake(void)
{
    if (!atomic_exchange(&way.is_woken, true)) {
        lab_send(way.self, "w", 1);
    }
}

bool way_rearm(struct lab *lab, uint32_t index)
{
    drop(index);
    add(lab->sockets[index], index);
    return true;
}

void way_close(void)
{
    closesocket(way.self);
    free(way.entries);
    free(way.owners);
    free(way.positions);
}
