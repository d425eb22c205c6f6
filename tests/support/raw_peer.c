// SPDX-License-Identifier: MIT
#include "support/raw_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/raw_socket.h"
#include "support/side.h"

#define OPEN_MAX_COUNT 2048

// What is open, so that a test that fails leaves nothing behind.
static int open_descriptors[OPEN_MAX_COUNT];
static size_t open_count;

static int adopt(int descriptor)
{
    if (descriptor == RAW_NONE) {
        fail_msg("no socket: %s", raw_socket_error());
    }
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
        raw_socket_close(open_descriptors[open_count]);
    }
}

void raw_close(int descriptor)
{
    release(descriptor);
    raw_socket_close(descriptor);
}

void raw_reset(int descriptor)
{
    raw_socket_reset_at_close(descriptor);
    raw_close(descriptor);
}

void raw_finish(int descriptor)
{
    assert_true(raw_socket_finish(descriptor));
}

static void address_read(const char *text, struct raw_address *address_out)
{
    if (strncmp(text, "tcp|", 4) != 0) {
        assert_memory_equal(text, "uds|", 4);
        assert_true(raw_address_path(text + 4, address_out));
        return;
    }
    char host[64];
    const char *bar = strrchr(text + 4, '|');
    assert_non_null(bar);
    size_t host_size = (size_t)(bar - (text + 4));
    assert_true(host_size < sizeof host);
    memcpy(host, text + 4, host_size);
    host[host_size] = '\0';
    uint16_t port = (uint16_t)strtoul(bar + 1, NULL, 10);
    assert_true(raw_address_tcp(host, port, address_out));
}

bool raw_has_ipv6(void)
{
    struct raw_address loopback;
    address_read("tcp|::1|0", &loopback);
    int descriptor = raw_socket_open(&loopback);
    bool has_ipv6 = descriptor != RAW_NONE && raw_socket_bind(descriptor, &loopback);
    if (descriptor != RAW_NONE) {
        raw_socket_close(descriptor);
    }
    return has_ipv6;
}

int raw_connect(const char *address)
{
    struct raw_address peer;
    address_read(address, &peer);
    int descriptor = adopt(raw_socket_open(&peer));
    if (!raw_socket_connect(descriptor, &peer)) {
        fail_msg("connect to %s: %s", address, raw_socket_error());
    }
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
    int descriptor = adopt(raw_socket_open(&own));
    assert_true(raw_socket_bind(descriptor, &own));
    if (is_tcp) {
        (void)snprintf(
            address_out, TOFU_ADDRESS_BYTES_MAX, "tcp|127.0.0.1|%u", raw_socket_port(descriptor));
    }
    // A negative backlog stands for an address that is taken, and refuses.
    if (backlog >= 0) {
        assert_true(raw_socket_listen(descriptor, backlog));
    }
    return descriptor;
}

// Waits until a socket is ready, or has failed; the call that follows tells which.
static void await(int descriptor, bool is_for_reading, uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now_ns = test_now();
        if (now_ns >= deadline_ns) {
            fail_msg("a raw socket is not ready for %s", is_for_reading ? "reading" : "writing");
        }
        if (raw_socket_await(descriptor, is_for_reading, deadline_ns - now_ns)) {
            return;
        }
    }
}

int raw_accept(int listener)
{
    await(listener, true, test_now() + TEST_DEADLINE_NS);
    return adopt(raw_socket_accept(listener));
}

void raw_send(int descriptor, const void *bytes, size_t size)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    const char *next = bytes;
    while (size > 0) {
        size_t sent = 0;
        enum raw_outcome outcome = raw_socket_send(descriptor, next, size, &sent);
        if (outcome == RAW_GONE || outcome == RAW_FAILED) {
            fail_msg("send: %s", raw_socket_error());
        }
        next += sent;
        size -= sent;
        if (outcome == RAW_NOT_NOW) {
            await(descriptor, false, deadline_ns);
        }
    }
}

size_t raw_send_some(int descriptor, const void *bytes, size_t size)
{
    size_t sent = 0;
    return raw_socket_send(descriptor, bytes, size, &sent) == RAW_DONE ? sent : 0;
}

void raw_send_urgent(int descriptor)
{
    assert_true(raw_socket_send_urgent(descriptor, '!'));
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
static ptrdiff_t receive_some(int descriptor, void *bytes, size_t size, uint64_t deadline_ns)
{
    for (;;) {
        size_t received = 0;
        await(descriptor, true, deadline_ns);
        switch (raw_socket_receive(descriptor, bytes, size, &received)) {
        case RAW_DONE:
            return (ptrdiff_t)received;
        case RAW_GONE:
            return -1;
        case RAW_FAILED:
            fail_msg("receive: %s", raw_socket_error());
            return -1;
        case RAW_NOT_NOW:
            break;
        }
    }
}

void raw_receive_bytes(int descriptor, void *bytes_out, size_t size)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    char *next = bytes_out;
    while (size > 0) {
        ptrdiff_t received = receive_some(descriptor, next, size, deadline_ns);
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
        ptrdiff_t received = receive_some(descriptor, bytes, sizeof bytes, deadline_ns);
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
    return !raw_socket_await(descriptor, true, TEST_SILENCE_NS);
}
