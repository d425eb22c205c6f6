// SPDX-License-Identifier: MIT
#include "support/raw_socket.h"

#include <winsock2.h>

#include <afunix.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <ws2tcpip.h>

_Static_assert(sizeof(struct sockaddr_un) <= 128, "every address fits");

static const struct sockaddr *address_of(const struct raw_address *address)
{
    return (const struct sockaddr *)(const void *)address->bytes;
}

static void address_write(struct raw_address *address_out, const void *bytes, size_t size)
{
    memset(address_out, 0, sizeof *address_out);
    memcpy(address_out->bytes, bytes, size);
    address_out->size = (uint32_t)size;
}

// A test process uses sockets to its end, so this is never undone.
static bool start_winsock(void)
{
    static LONG is_started;
    WSADATA data;
    if (InterlockedCompareExchange(&is_started, 0, 0) != 0) {
        return true;
    }
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) {
        return false;
    }
    // Two threads that came at once have started it twice, which is as good.
    InterlockedExchange(&is_started, 1);
    return true;
}

bool raw_address_tcp(const char *host, uint16_t port, struct raw_address *address_out)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    if (!start_winsock()) {
        return false;
    }
    ipv6.sin6_port = htons(port);
    ipv4.sin_port = htons(port);
    if (inet_pton(AF_INET6, host, &ipv6.sin6_addr) == 1) {
        address_write(address_out, &ipv6, sizeof ipv6);
        return true;
    }
    bool is_ipv4 = inet_pton(AF_INET, host, &ipv4.sin_addr) == 1;
    address_write(address_out, &ipv4, sizeof ipv4);
    return is_ipv4;
}

bool raw_address_path(const char *path, struct raw_address *address_out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    // There are no abstract names.
    if (size >= sizeof address.sun_path || path[0] == '@') {
        return false;
    }
    memcpy(address.sun_path, path, size + 1);
    address_write(address_out, &address, sizeof address);
    return start_winsock();
}

// The flag makes it a socket of the usual kind: without it, it could not be watched from outside.
static int adopt(SOCKET opened)
{
    if (opened == INVALID_SOCKET) {
        return RAW_NONE;
    }
    const DWORD on = 1;
    (void)setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
    return (int)opened;
}

static void make_non_blocking(int descriptor)
{
    u_long on = 1;
    (void)ioctlsocket((SOCKET)descriptor, (long)FIONBIO, &on);
}

int raw_socket_open(const struct raw_address *address)
{
    return adopt(WSASocketW(
        address_of(address)->sa_family,
        SOCK_STREAM,
        0,
        NULL,
        0,
        WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
}

void raw_socket_close(int descriptor)
{
    (void)closesocket((SOCKET)descriptor);
}

bool raw_socket_bind(int descriptor, const struct raw_address *address)
{
    return bind((SOCKET)descriptor, address_of(address), (int)address->size) == 0;
}

bool raw_socket_listen(int descriptor, int backlog)
{
    make_non_blocking(descriptor);
    return listen((SOCKET)descriptor, backlog) == 0;
}

uint16_t raw_socket_port(int descriptor)
{
    struct sockaddr_in6 address;
    int size = sizeof address;
    memset(&address, 0, sizeof address);
    // The port stands at the same place for IPv4.
    (void)getsockname((SOCKET)descriptor, (struct sockaddr *)&address, &size);
    return ntohs(address.sin6_port);
}

bool raw_socket_connect(int descriptor, const struct raw_address *address)
{
    if (connect((SOCKET)descriptor, address_of(address), (int)address->size) != 0) {
        return false;
    }
    make_non_blocking(descriptor);
    return true;
}

int raw_socket_accept(int listener)
{
    int descriptor = adopt(accept((SOCKET)listener, NULL, NULL));
    if (descriptor != RAW_NONE) {
        (void)SetHandleInformation((HANDLE)(intptr_t)descriptor, HANDLE_FLAG_INHERIT, 0);
        make_non_blocking(descriptor);
    }
    return descriptor;
}

bool raw_socket_await(int descriptor, bool is_for_reading, uint64_t timeout_ns)
{
    fd_set watched;
    fd_set failed;
    FD_ZERO(&watched);
    FD_ZERO(&failed);
    FD_SET((SOCKET)descriptor, &watched);
    FD_SET((SOCKET)descriptor, &failed);
    struct timeval timeout = {
        .tv_sec = (long)(timeout_ns / 1000000000),
        .tv_usec = (long)(timeout_ns % 1000000000 / 1000)};
    fd_set *to_read = is_for_reading ? &watched : NULL;
    fd_set *to_write = is_for_reading ? NULL : &watched;
    return select(0, to_read, to_write, is_for_reading ? NULL : &failed, &timeout) > 0;
}

// WSAPoll does not pass over an entry without a socket, and does not wait for none at all.
bool raw_socket_await_any(struct raw_watch *watched, size_t count, uint64_t timeout_ns)
{
    static WSAPOLLFD polled[RAW_WATCHED_MAX];
    ULONG polled_count = 0;
    for (size_t i = 0; i < count; i++) {
        watched[i].is_ready = false;
        if (watched[i].descriptor != RAW_NONE) {
            SOCKET socket = (SOCKET)watched[i].descriptor;
            polled[polled_count] = (WSAPOLLFD){.fd = socket, .events = POLLRDNORM};
            polled_count++;
        }
    }
    INT timeout = (INT)((timeout_ns + 999999) / 1000000);
    if (polled_count == 0 || WSAPoll(polled, polled_count, timeout) <= 0) {
        return false;
    }
    ULONG next = 0;
    for (size_t i = 0; i < count; i++) {
        if (watched[i].descriptor != RAW_NONE) {
            watched[i].is_ready = polled[next].revents != 0;
            next++;
        }
    }
    return true;
}

static enum raw_outcome failure(void)
{
    switch (WSAGetLastError()) {
    case WSAEWOULDBLOCK:
        return RAW_NOT_NOW;
    case WSAECONNRESET:
    case WSAECONNABORTED:
    case WSAESHUTDOWN:
        return RAW_GONE;
    default:
        return RAW_FAILED;
    }
}

enum raw_outcome raw_socket_send(int descriptor, const void *bytes, size_t size, size_t *sent_out)
{
    int sent = send((SOCKET)descriptor, bytes, (int)size, 0);
    if (sent < 0) {
        return failure();
    }
    *sent_out = (size_t)sent;
    return RAW_DONE;
}

// Wine's poll takes the error of a connection away from the socket, and what is read then is an end like
// any other. That nothing can be sent any more is still to be seen, also by sending nothing.
static bool is_reset(int descriptor)
{
    return send((SOCKET)descriptor, "", 0, 0) != 0 && WSAGetLastError() == WSAECONNRESET;
}

enum raw_outcome raw_socket_receive(int descriptor, void *bytes, size_t size, size_t *received_out)
{
    int received = recv((SOCKET)descriptor, bytes, (int)size, 0);
    if (received < 0) {
        return failure();
    }
    if (received == 0 && is_reset(descriptor)) {
        return RAW_GONE;
    }
    *received_out = (size_t)received;
    return RAW_DONE;
}

bool raw_socket_send_urgent(int descriptor, char byte)
{
    return send((SOCKET)descriptor, &byte, 1, MSG_OOB) == 1;
}

bool raw_socket_finish(int descriptor)
{
    return shutdown((SOCKET)descriptor, SD_SEND) == 0;
}

bool raw_socket_limit_receiving(int descriptor, int size)
{
    return setsockopt(
               (SOCKET)descriptor, SOL_SOCKET, SO_RCVBUF, (const char *)&size, sizeof size) == 0;
}

void raw_socket_reset_at_close(int descriptor)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(
        (SOCKET)descriptor, SOL_SOCKET, SO_LINGER, (const char *)&linger, sizeof linger);
}

const char *raw_socket_error(void)
{
    static _Thread_local char words[64];
    (void)snprintf(words, sizeof words, "Winsock error %d", WSAGetLastError());
    return words;
}
