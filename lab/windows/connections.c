// SPDX-License-Identifier: MIT
#include "lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lab_fail(const char *call, unsigned long code)
{
    printf("failed: %s: %lu (0x%08lx)\n", call, code, code);
    fflush(stdout);
    ExitProcess(1);
}

void lab_not_here(const char *what, unsigned long code)
{
    printf("not here: %s (%lu)\n", what, code);
    fflush(stdout);
    ExitProcess(LAB_EXIT_NOT_HERE);
}

void *lab_alloc(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (memory == NULL) {
        lab_fail("calloc", 0);
    }
    return memory;
}

void lab_find(const char *library, const char *name, void *function_out)
{
    HMODULE module = GetModuleHandleA(library);
    FARPROC function = module == NULL ? NULL : GetProcAddress(module, name);
    if (function == NULL) {
        lab_not_here(name, GetLastError());
    }
    memcpy(function_out, &function, sizeof function);
}

static SOCKET dial_one(uint16_t port)
{
    SOCKET dialled = WSASocketW(
        AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, way_socket_flags | WSA_FLAG_NO_HANDLE_INHERIT);
    if (dialled == INVALID_SOCKET) {
        lab_fail("WSASocketW", (unsigned long)WSAGetLastError());
    }
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(dialled, (struct sockaddr *)&peer, sizeof peer) != 0) {
        lab_fail("connect", (unsigned long)WSAGetLastError());
    }
    int yes = 1;
    u_long not_blocking = 1;
    if (setsockopt(dialled, IPPROTO_TCP, TCP_NODELAY, (const char *)&yes, sizeof yes) != 0 ||
        ioctlsocket(dialled, (long)FIONBIO, &not_blocking) != 0) {
        lab_fail("setsockopt, ioctlsocket", (unsigned long)WSAGetLastError());
    }
    return dialled;
}

void lab_dial(struct lab *lab, uint16_t port, uint32_t count)
{
    lab->sockets = lab_alloc(count, sizeof *lab->sockets);
    lab->count = count;
    lab->open_count = count;
    for (uint32_t index = 0; index < count; index++) {
        lab->sockets[index] = dial_one(port);
    }
}

void lab_end(struct lab *lab, uint32_t index)
{
    if (closesocket(lab->sockets[index]) != 0) {
        lab_fail("closesocket", (unsigned long)WSAGetLastError());
    }
    lab->sockets[index] = INVALID_SOCKET;
    lab->open_count--;
}

void lab_send(SOCKET target, const char *bytes, int byte_count)
{
    int sent = send(target, bytes, byte_count, 0);
    if (sent != byte_count) {
        lab_fail("send", (unsigned long)WSAGetLastError());
    }
}

bool lab_echo(struct lab *lab, uint32_t index)
{
    char bytes[LAB_BUFFER_BYTES];
    SOCKET source = lab->sockets[index];
    int received = recv(source, bytes, sizeof bytes, 0);
    if (received == 0) {
        lab_end(lab, index);
        return false;
    }
    if (received < 0) {
        // Readiness may be reported once too often; anything else is a failure.
        int code = WSAGetLastError();
        if (code != WSAEWOULDBLOCK) {
            lab_fail("recv", (unsigned long)code);
        }
        return true;
    }
    lab_send(source, bytes, received);
    lab->byte_count += (uint64_t)received;
    return true;
}
