// SPDX-License-Identifier: MIT
// select() with a "self-pipe": Windows has no pipe that select() could wait for, so a connected pair
// of TCP sockets takes its place. Whoever wakes the server writes a byte into it.
#include "lab.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

const DWORD way_socket_flags = WSA_FLAG_OVERLAPPED;

// A set in Windows is a list of sockets, as long as its declaration says (CMakeLists.txt).
_Static_assert(FD_SETSIZE > LAB_CONNECTIONS_MAX, "the connections and the pipe fit into a set");

struct watched {
    SOCKET socket;
    uint32_t index;
};

static struct {
    fd_set wanted;
    fd_set ready;
    struct watched *by_socket; // sorted, to find the connection of a ready socket
    uint32_t watched_count;
    SOCKET read_end;
    SOCKET write_end;
    atomic_bool is_woken; // a byte is in the pipe
} way;

void way_probe(void)
{
    // Winsock has had this from the start.
}

static SOCKET stream(void)
{
    SOCKET opened = WSASocketW(
        AF_INET,
        SOCK_STREAM,
        IPPROTO_TCP,
        NULL,
        0,
        WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (opened == INVALID_SOCKET) {
        lab_fail("WSASocketW", (unsigned long)WSAGetLastError());
    }
    return opened;
}

/// Anybody on this machine may connect to the listener while it is there: only our own end counts.
static bool is_the_other_end(const struct sockaddr_in *accepted)
{
    struct sockaddr_in ours;
    int ours_bytes = sizeof ours;
    return getsockname(way.write_end, (struct sockaddr *)&ours, &ours_bytes) == 0 &&
           ours.sin_port == accepted->sin_port && ours.sin_addr.s_addr == accepted->sin_addr.s_addr;
}

static void open_pipe(void)
{
    SOCKET listener = stream();
    struct sockaddr_in name = {.sin_family = AF_INET};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int name_bytes = sizeof name;
    struct sockaddr_in accepted;
    int accepted_bytes = sizeof accepted;
    way.write_end = stream();
    if (bind(listener, (struct sockaddr *)&name, sizeof name) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&name, &name_bytes) != 0 ||
        connect(way.write_end, (struct sockaddr *)&name, sizeof name) != 0) {
        lab_fail("a pair of sockets", (unsigned long)WSAGetLastError());
    }
    way.read_end = accept(listener, (struct sockaddr *)&accepted, &accepted_bytes);
    if (way.read_end == INVALID_SOCKET || !is_the_other_end(&accepted)) {
        lab_fail("accept of a pair of sockets", (unsigned long)WSAGetLastError());
    }
    closesocket(listener);
    int yes = 1;
    u_long not_blocking = 1;
    if (setsockopt(way.write_end, IPPROTO_TCP, TCP_NODELAY, (const char *)&yes, sizeof yes) != 0 ||
        ioctlsocket(way.read_end, (long)FIONBIO, &not_blocking) != 0 ||
        ioctlsocket(way.write_end, (long)FIONBIO, &not_blocking) != 0) {
        lab_fail("setsockopt, ioctlsocket", (unsigned long)WSAGetLastError());
    }
}

static int compare_sockets(const void *left, const void *right)
{
    SOCKET a = ((const struct watched *)left)->socket;
    SOCKET b = ((const struct watched *)right)->socket;
    return (a > b) - (a < b);
}

static struct watched *find(SOCKET socket)
{
    struct watched key = {.socket = socket};
    return bsearch(&key, way.by_socket, way.watched_count, sizeof *way.by_socket, compare_sockets);
}

void way_open(struct lab *lab)
{
    open_pipe();
    way.by_socket = lab_alloc(lab->count, sizeof *way.by_socket);
    way.watched_count = lab->count;
    way.wanted.fd_array[way.wanted.fd_count++] = way.read_end;
    for (uint32_t index = 0; index < lab->count; index++) {
        way.by_socket[index] = (struct watched){.socket = lab->sockets[index], .index = index};
        way.wanted.fd_array[way.wanted.fd_count++] = lab->sockets[index];
    }
    qsort(way.by_socket, lab->count, sizeof *way.by_socket, compare_sockets);
}

static void drop(SOCKET socket)
{
    struct watched *gone = find(socket);
    struct watched *end = &way.by_socket[way.watched_count--];
    memmove(gone, gone + 1, (size_t)(end - (gone + 1)) * sizeof *gone);
    FD_CLR(socket, &way.wanted);
}

/// The flag goes before what the caller does next, so that no wake-up is lost.
static void take_byte(void)
{
    char byte;
    if (recv(way.read_end, &byte, 1, 0) != 1) {
        lab_fail("recv of the wake-up", (unsigned long)WSAGetLastError());
    }
    atomic_store(&way.is_woken, false);
}

bool way_turn(struct lab *lab)
{
    struct timeval timeout = {.tv_sec = LAB_WAIT_MS / 1000};
    // What goes in is overwritten with what is ready.
    way.ready.fd_count = way.wanted.fd_count;
    memcpy(
        way.ready.fd_array,
        way.wanted.fd_array,
        way.wanted.fd_count * sizeof way.wanted.fd_array[0]);
    if (select(0, &way.ready, NULL, NULL, &timeout) <= 0) {
        lab_fail("select", (unsigned long)WSAGetLastError());
    }
    bool is_woken = false;
    for (u_int at = 0; at < way.ready.fd_count; at++) {
        SOCKET ready = way.ready.fd_array[at];
        if (ready == way.read_end) {
            take_byte();
            is_woken = true;
        } else if (!lab_echo(lab, find(ready)->index)) {
            drop(ready);
        }
    }
    return is_woken;
}

void way_wake(void)
{
    if (!atomic_exchange(&way.is_woken, true)) {
        lab_send(way.write_end, "w", 1);
    }
}

bool way_rearm(struct lab *lab, uint32_t index)
{
    // Finding and closing the gap is what a set costs.
    FD_CLR(lab->sockets[index], &way.wanted);
    way.wanted.fd_array[way.wanted.fd_count++] = lab->sockets[index];
    return true;
}

void way_close(void)
{
    closesocket(way.write_end);
    closesocket(way.read_end);
    free(way.by_socket);
}
