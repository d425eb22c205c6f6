// SPDX-License-Identifier: MIT
#include "support/raw_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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

bool raw_address_tcp(const char *host, uint16_t port, struct raw_address *address_out)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET6, host, &ipv6.sin6_addr) == 1) {
        address_write(address_out, &ipv6, sizeof ipv6);
        return true;
    }
    address_write(address_out, &ipv4, sizeof ipv4);
    return inet_pton(
               AF_INET, host, &((struct sockaddr_in *)(void *)address_out->bytes)->sin_addr) == 1;
}

bool raw_address_path(const char *path, struct raw_address *address_out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size >= sizeof address.sun_path) {
        return false;
    }
    memcpy(address.sun_path, path, size + 1);
    // An abstract name has no end but that of the address; the `@` stands for its NUL.
    bool is_abstract = path[0] == '@';
    if (is_abstract) {
        address.sun_path[0] = '\0';
    }
    address_write(
        address_out,
        &address,
        offsetof(struct sockaddr_un, sun_path) + size + (is_abstract ? 0 : 1));
    return true;
}

// Frames are small and the tests say where one write ends and the next begins.
static void no_delay(int descriptor)
{
    const int on = 1;
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int raw_socket_open(const struct raw_address *address)
{
    int descriptor = socket(address_of(address)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return descriptor >= 0 ? descriptor : RAW_NONE;
}

void raw_socket_close(int descriptor)
{
    (void)close(descriptor);
}

bool raw_socket_bind(int descriptor, const struct raw_address *address)
{
    return bind(descriptor, address_of(address), address->size) == 0;
}

bool raw_socket_listen(int descriptor, int backlog)
{
    return listen(descriptor, backlog) == 0;
}

uint16_t raw_socket_port(int descriptor)
{
    struct sockaddr_in6 address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    // The port stands at the same place for IPv4.
    (void)getsockname(descriptor, (struct sockaddr *)&address, &size);
    return ntohs(address.sin6_port);
}

bool raw_socket_connect(int descriptor, const struct raw_address *address)
{
    if (connect(descriptor, address_of(address), address->size) != 0) {
        return false;
    }
    no_delay(descriptor);
    return true;
}

int raw_socket_accept(int listener)
{
    int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (descriptor < 0) {
        return RAW_NONE;
    }
    no_delay(descriptor);
    return descriptor;
}

static int poll_timeout(uint64_t timeout_ns)
{
    uint64_t milliseconds = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
    return milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
}

bool raw_socket_await(int descriptor, bool is_for_reading, uint64_t timeout_ns)
{
    struct pollfd watched = {.fd = descriptor, .events = is_for_reading ? POLLIN : POLLOUT};
    return poll(&watched, 1, poll_timeout(timeout_ns)) == 1;
}

// An entry without a descriptor is passed over by poll, too.
bool raw_socket_await_any(struct raw_watch *watched, size_t count, uint64_t timeout_ns)
{
    static struct pollfd polled[RAW_WATCHED_MAX];
    for (size_t i = 0; i < count; i++) {
        polled[i] = (struct pollfd){.fd = watched[i].descriptor, .events = POLLIN};
    }
    bool is_any_ready = poll(polled, (nfds_t)count, poll_timeout(timeout_ns)) > 0;
    for (size_t i = 0; i < count; i++) {
        watched[i].is_ready = is_any_ready && polled[i].revents != 0;
    }
    return is_any_ready;
}

static enum raw_outcome failure(void)
{
    if (errno == EAGAIN || errno == EINTR) {
        return RAW_NOT_NOW;
    }
    return errno == ECONNRESET || errno == EPIPE ? RAW_GONE : RAW_FAILED;
}

enum raw_outcome raw_socket_send(int descriptor, const void *bytes, size_t size, size_t *sent_out)
{
    ssize_t sent = send(descriptor, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
        return failure();
    }
    *sent_out = (size_t)sent;
    return RAW_DONE;
}

enum raw_outcome raw_socket_receive(int descriptor, void *bytes, size_t size, size_t *received_out)
{
    ssize_t received = recv(descriptor, bytes, size, MSG_DONTWAIT);
    if (received < 0) {
        return failure();
    }
    *received_out = (size_t)received;
    return RAW_DONE;
}

bool raw_socket_send_urgent(int descriptor, char byte)
{
    return send(descriptor, &byte, 1, MSG_OOB | MSG_NOSIGNAL) == 1;
}

bool raw_socket_finish(int descriptor)
{
    return shutdown(descriptor, SHUT_WR) == 0;
}

bool raw_socket_limit_receiving(int descriptor, int size)
{
    return setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0;
}

void raw_socket_reset_at_close(int descriptor)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

const char *raw_socket_error(void)
{
    return strerror(errno);
}
