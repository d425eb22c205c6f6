// SPDX-License-Identifier: MIT
#include "support/raw_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/side.h"

#define OPEN_MAX_COUNT 2048

// What is open, so that a test that fails leaves nothing behind.
static int open_descriptors[OPEN_MAX_COUNT];
static size_t open_count;

struct raw_address {
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_un path;
    } as;
    socklen_t size;
};

static int adopt(int descriptor)
{
    assert_true(descriptor >= 0);
    assert_true(open_count < OPEN_MAX_COUNT);
    open_descriptors[open_count] = descriptor;
    open_count++;
    return descriptor;
}

static void release(int descriptor)
{
    for (size_t i = 0; i < open_count; i++) {
        if (open_descriptors[i] == descriptor) {
            open_count--;
            open_descriptors[i] = open_descriptors[open_count];
            return;
        }
    }
    fail_msg("descriptor %d is not open", descriptor);
}

void raw_close_all(void)
{
    while (open_count > 0) {
        open_count--;
        (void)close(open_descriptors[open_count]);
    }
}

void raw_close(int descriptor)
{
    release(descriptor);
    (void)close(descriptor);
}

void raw_reset(int descriptor)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    raw_close(descriptor);
}

void raw_finish(int descriptor)
{
    assert_int_equal(shutdown(descriptor, SHUT_WR), 0);
}

static void tcp_address_read(const char *text, struct raw_address *address_out)
{
    char host[64];
    const char *bar = strrchr(text, '|');
    assert_non_null(bar);
    size_t host_size = (size_t)(bar - text);
    assert_true(host_size < sizeof host);
    memcpy(host, text, host_size);
    host[host_size] = '\0';
    uint16_t port = htons((uint16_t)strtoul(bar + 1, NULL, 10));
    if (inet_pton(AF_INET6, host, &address_out->as.ipv6.sin6_addr) == 1) {
        address_out->as.ipv6.sin6_family = AF_INET6;
        address_out->as.ipv6.sin6_port = port;
        address_out->size = sizeof address_out->as.ipv6;
        return;
    }
    assert_int_equal(inet_pton(AF_INET, host, &address_out->as.ipv4.sin_addr), 1);
    address_out->as.ipv4.sin_family = AF_INET;
    address_out->as.ipv4.sin_port = port;
    address_out->size = sizeof address_out->as.ipv4;
}

static void address_read(const char *text, struct raw_address *address_out)
{
    memset(address_out, 0, sizeof *address_out);
    if (strncmp(text, "tcp|", 4) == 0) {
        tcp_address_read(text + 4, address_out);
        return;
    }
    assert_memory_equal(text, "uds|", 4);
    const char *path = text + 4;
    size_t size = strlen(path);
    struct sockaddr_un *address = &address_out->as.path;
    assert_true(size < sizeof address->sun_path);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, size + 1);
    // An abstract name has no end but that of the address; the `@` stands for its NUL.
    bool is_abstract = path[0] == '@';
    if (is_abstract) {
        address->sun_path[0] = '\0';
    }
    size_t used = offsetof(struct sockaddr_un, sun_path) + size + (is_abstract ? 0 : 1);
    address_out->size = (socklen_t)used;
}

// Frames are small and the tests say where one write ends and the next begins.
static void no_delay(int descriptor)
{
    const int on = 1;
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int socket_open(int family)
{
    return adopt(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

bool raw_has_ipv6(void)
{
    struct raw_address loopback;
    address_read("tcp|::1|0", &loopback);
    int descriptor = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has_ipv6 = descriptor >= 0 && bind(descriptor, &loopback.as.any, loopback.size) == 0;
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    return has_ipv6;
}

int raw_connect(const char *address)
{
    struct raw_address peer;
    address_read(address, &peer);
    int descriptor = socket_open(peer.as.any.sa_family);
    if (connect(descriptor, &peer.as.any, peer.size) != 0) {
        fail_msg("connect to %s: %s", address, strerror(errno));
    }
    no_delay(descriptor);
    return descriptor;
}

int raw_listen(bool is_tcp, const char *directory, const char *name, int backlog, char *address_out)
{
    struct raw_address own;
    if (is_tcp) {
        address_read("tcp|127.0.0.1|0", &own);
    } else {
        (void)snprintf(address_out, TOFU_ADDRESS_BYTES_MAX, "uds|%s/%s", directory, name);
        address_read(address_out, &own);
    }
    int descriptor = socket_open(own.as.any.sa_family);
    assert_int_equal(bind(descriptor, &own.as.any, own.size), 0);
    if (is_tcp) {
        assert_int_equal(getsockname(descriptor, &own.as.any, &own.size), 0);
        (void)snprintf(
            address_out, TOFU_ADDRESS_BYTES_MAX, "tcp|127.0.0.1|%u", ntohs(own.as.ipv4.sin_port));
    }
    // A negative backlog stands for an address that is taken, and refuses.
    if (backlog >= 0) {
        assert_int_equal(listen(descriptor, backlog), 0);
    }
    return descriptor;
}

// Waits until a descriptor is ready, or has failed; the call that follows tells which.
static void await(int descriptor, short events, uint64_t deadline_ns)
{
    struct pollfd watched = {.fd = descriptor, .events = events};
    for (;;) {
        uint64_t now_ns = test_now();
        if (now_ns >= deadline_ns) {
            fail_msg("a raw socket is not ready for %s", events == POLLIN ? "reading" : "writing");
        }
        int milliseconds = (int)((deadline_ns - now_ns) / MILLISECOND_NS) + 1;
        if (poll(&watched, 1, milliseconds) == 1) {
            return;
        }
    }
}

int raw_accept(int listener)
{
    await(listener, POLLIN, test_now() + TEST_DEADLINE_NS);
    int descriptor = adopt(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
    no_delay(descriptor);
    return descriptor;
}

void raw_send(int descriptor, const void *bytes, size_t size)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    const char *next = bytes;
    while (size > 0) {
        ssize_t sent = send(descriptor, next, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            next += sent;
            size -= (size_t)sent;
        } else if (errno == EAGAIN) {
            await(descriptor, POLLOUT, deadline_ns);
        } else if (errno != EINTR) {
            fail_msg("send: %s", strerror(errno));
        }
    }
}

size_t raw_send_some(int descriptor, const void *bytes, size_t size)
{
    ssize_t sent = send(descriptor, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? (size_t)sent : 0;
}

static void number_pack(uint8_t *bytes, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> 8 * (size - 1 - i));
    }
}

static uint64_t number_unpack(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

size_t raw_pack(const struct raw_frame *frame, void *bytes_out)
{
    uint8_t *bytes = bytes_out;
    number_pack(bytes, frame->channel, 2);
    bytes[2] = frame->proto;
    bytes[3] = frame->status;
    number_pack(bytes + 4, frame->id, 8);
    number_pack(bytes + 12, frame->text_bytes, 2);
    number_pack(bytes + 14, frame->body_bytes, 2);
    if (frame->text_bytes > 0) {
        memcpy(bytes + RAW_HEADER_BYTES, frame->text, frame->text_bytes);
    }
    if (frame->body_bytes > 0) {
        memcpy(bytes + RAW_HEADER_BYTES + frame->text_bytes, frame->body, frame->body_bytes);
    }
    return RAW_HEADER_BYTES + frame->text_bytes + frame->body_bytes;
}

void raw_send_frame(int descriptor, const struct raw_frame *frame)
{
    static uint8_t bytes[RAW_FRAME_BYTES_MAX];
    raw_send(descriptor, bytes, raw_pack(frame, bytes));
}

void raw_send_proto(int descriptor, uint8_t proto, uint64_t id)
{
    const struct raw_frame frame = {.channel = 1, .proto = proto, .id = id};
    raw_send_frame(descriptor, &frame);
}

void raw_send_hello(int descriptor, uint64_t id)
{
    static const char text[] = "~connect_to:tcp|127.0.0.1|7099\r\n";
    const struct raw_frame frame = {
        .channel = 1,
        .proto = RAW_HELLO_REQUEST,
        .id = id,
        .text = text,
        .text_bytes = sizeof text - 1};
    raw_send_frame(descriptor, &frame);
}

// Returns the number of bytes, 0 at the end, or -1 after a reset.
static ssize_t receive_some(int descriptor, void *bytes, size_t size, uint64_t deadline_ns)
{
    for (;;) {
        await(descriptor, POLLIN, deadline_ns);
        ssize_t received = recv(descriptor, bytes, size, MSG_DONTWAIT);
        if (received >= 0) {
            return received;
        }
        if (errno == ECONNRESET || errno == EPIPE) {
            return -1;
        }
        if (errno != EAGAIN && errno != EINTR) {
            fail_msg("recv: %s", strerror(errno));
        }
    }
}

void raw_receive_bytes(int descriptor, void *bytes_out, size_t size)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    char *next = bytes_out;
    while (size > 0) {
        ssize_t received = receive_some(descriptor, next, size, deadline_ns);
        if (received <= 0) {
            fail_msg("the connection ended with a %s", received == 0 ? "FIN" : "reset");
        }
        next += received;
        size -= (size_t)received;
    }
}

const struct raw_message *raw_receive(int descriptor)
{
    static struct raw_message message;
    uint8_t header[RAW_HEADER_BYTES];
    raw_receive_bytes(descriptor, header, sizeof header);
    message.channel = (uint16_t)number_unpack(header, 2);
    message.proto = header[2];
    message.status = header[3];
    message.id = number_unpack(header + 4, 8);
    message.text_bytes = (size_t)number_unpack(header + 12, 2);
    message.body_bytes = (size_t)number_unpack(header + 14, 2);
    raw_receive_bytes(descriptor, message.text, message.text_bytes);
    raw_receive_bytes(descriptor, message.body, message.body_bytes);
    message.text[message.text_bytes] = '\0';
    message.body[message.body_bytes] = '\0';
    return &message;
}

uint64_t raw_expect(int descriptor, uint8_t proto)
{
    const struct raw_message *message = raw_receive(descriptor);
    assert_int_equal(message->proto, proto);
    return message->id;
}

enum raw_end raw_await_end(int descriptor, size_t *discarded_bytes_out)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    char bytes[4096];
    size_t discarded = 0;
    for (;;) {
        ssize_t received = receive_some(descriptor, bytes, sizeof bytes, deadline_ns);
        if (received > 0) {
            discarded += (size_t)received;
            continue;
        }
        if (discarded_bytes_out != NULL) {
            *discarded_bytes_out = discarded;
        }
        return received == 0 ? RAW_FIN : RAW_RESET;
    }
}

bool raw_is_silent(int descriptor)
{
    struct pollfd watched = {.fd = descriptor, .events = POLLIN};
    return poll(&watched, 1, (int)(TEST_SILENCE_NS / MILLISECOND_NS)) == 0;
}
