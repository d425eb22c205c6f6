// SPDX-License-Identifier: MIT
// What the contract tests stand on: a listener, connections to it, and waits with a deadline.
//
// Everything here goes through src/os/*.h only, so that the same tests run over the real system and over
// a simulated one. It is a header because a test that is linked with another system then needs no list
// of files. One link at a time; what it opens, it closes.
#ifndef TF_TESTS_CONTRACT_LINK_H
#define TF_TESTS_CONTRACT_LINK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "contract/await.h"
#include "os/clock.h"
#include "os/network.h"
#include "os/poller.h"
#include "os/socket.h"
#include "support/machine.h"

#define CONTRACT_DEADLINE    (20 * TF_SECOND)
#define CONTRACT_SOCKETS_MAX 2048
#define CONTRACT_MODE        0600

// Longest name of a test, NUL included.
#define CONTRACT_NAME_BYTES_MAX 160

struct contract_link {
    struct tofu_allocator allocator;
    enum tofu_transport transport;
    bool is_network_open;
    char directory[80];
    struct tf_listener listener;
    uint32_t socket_count;
    tf_socket sockets[CONTRACT_SOCKETS_MAX]; ///< opened and not yet closed, or TF_SOCKET_NONE
};

/// Makes the name of a test from that of its function, so that it reads as a sentence:
/// "epoll over tcp: a disarmed listener is silent".
static inline void contract_name(
    char *name, const char *prefix, const char *separator, const char *function)
{
    (void)snprintf(name, CONTRACT_NAME_BYTES_MAX, "%s%s%s", prefix, separator, function);
    for (char *c = name; *c != '\0'; c++) {
        if (*c == '_') {
            *c = ' ';
        }
    }
}

/// Opens a poller whose ops are set.
static inline enum tofu_status contract_poller_open(
    struct tf_poller *poller, const struct tofu_allocator *allocator)
{
    return poller->ops->open(poller, &(struct tf_poller_options){.allocator = allocator});
}

/// Before and after a group of cases that open no link.
static inline int contract_open_network(void **state)
{
    (void)state;
    return tf_network_open() == TOFU_OK ? 0 : -1;
}

static inline int contract_close_network(void **state)
{
    (void)state;
    tf_network_close();
    return 0;
}

/// Stands for a case over Unix sockets where this system has none.
static inline void contract_skip_unix(void **state)
{
    (void)state;
    print_message("skipped: this machine has no Unix sockets\n");
    skip();
}

/// Says whether cases over this transport can run.
static inline bool contract_has(enum tofu_transport transport)
{
    if (transport == TOFU_TCP) {
        return true;
    }
    bool has_unix = tf_network_open() == TOFU_OK;
    if (has_unix) {
        has_unix = tf_network_has_unix();
        tf_network_close();
    }
    return has_unix;
}

/// Waits until a socket is ready; fails at the deadline.
static inline void contract_await(struct contract_link *link, tf_socket socket, uint8_t interest)
{
    (void)link;
    assert_true(contract_socket_await(socket, interest, CONTRACT_DEADLINE));
}

/// Takes charge of a socket: it is closed with the link.
static inline void contract_adopt(struct contract_link *link, tf_socket socket)
{
    assert_true(link->socket_count < CONTRACT_SOCKETS_MAX);
    link->sockets[link->socket_count] = socket;
    link->socket_count++;
}

/// Gives up charge of a socket, which the caller closes.
static inline void contract_release(struct contract_link *link, tf_socket socket)
{
    for (uint32_t i = 0; i < link->socket_count; i++) {
        if (link->sockets[i] == socket) {
            link->socket_count--;
            link->sockets[i] = link->sockets[link->socket_count];
            return;
        }
    }
    fail_msg("the socket is not one of this link");
}

static inline void contract_close(struct contract_link *link, tf_socket socket)
{
    contract_release(link, socket);
    tf_socket_close(socket);
}

static inline void contract_reset(struct contract_link *link, tf_socket socket)
{
    contract_release(link, socket);
    tf_socket_reset(socket);
}

/// Makes the address of a new listener: any free port, or `name` in the link's own directory.
static inline struct tofu_address contract_address(
    const struct contract_link *link, const char *name)
{
    struct tofu_address address = {.transport = link->transport};
    if (link->transport == TOFU_TCP) {
        (void)snprintf(address.host, sizeof address.host, "%s", TOFU_DEFAULT_HOST);
        return address;
    }
    int size = snprintf(address.path, sizeof address.path, "%s/%s", link->directory, name);
    assert_in_range(size, 1, sizeof address.path - 1);
    return address;
}

/// Starts a connection to the link's listener.
static inline tf_socket contract_connect_start(
    struct contract_link *link, enum tf_connect *result_out)
{
    struct tf_endpoint endpoint;
    tf_socket socket = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    assert_true(tf_endpoint_from_address(&link->listener.address, &endpoint));
    *result_out = tf_socket_connect(&endpoint, &socket, &status, &error);
    assert_true(*result_out == TF_CONNECT_DONE || *result_out == TF_CONNECT_PENDING);
    contract_adopt(link, socket);
    return socket;
}

/// Waits until a connection that was started is there.
static inline void contract_connect_end(
    struct contract_link *link, tf_socket socket, enum tf_connect result)
{
    enum tofu_status status = TOFU_OK;
    int error = 0;
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    while (result == TF_CONNECT_PENDING) {
        assert_true(tf_clock_now() < deadline_ns);
        contract_await(link, socket, TF_POLL_WRITE);
        result = tf_socket_connect_finish(socket, &status, &error);
    }
    assert_int_equal(result, TF_CONNECT_DONE);
}

static inline tf_socket contract_accept(struct contract_link *link)
{
    tf_socket socket = TF_SOCKET_NONE;
    int error = 0;
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    for (;;) {
        enum tf_io result = tf_listener_accept(&link->listener, &socket, &error);
        if (result == TF_IO_DONE) {
            contract_adopt(link, socket);
            return socket;
        }
        assert_int_equal(result, TF_IO_WOULD_BLOCK);
        assert_true(tf_clock_now() < deadline_ns);
        contract_await(link, link->listener.socket, TF_POLL_READ);
    }
}

/// Opens a connection and gives both ends.
static inline void contract_pair(
    struct contract_link *link, tf_socket *client_out, tf_socket *server_out)
{
    enum tf_connect result = TF_CONNECT_FAILED;
    tf_socket client = contract_connect_start(link, &result);
    *server_out = contract_accept(link);
    contract_connect_end(link, client, result);
    *client_out = client;
}

/// Sends what the system takes at once; returns how much.
static inline size_t contract_send_some(tf_socket socket, uint8_t *bytes, size_t size)
{
    size_t sent = 0;
    int error = 0;
    struct tf_segment segment = {.data = bytes, .size = size};
    enum tf_io result = tf_socket_send(socket, &segment, 1, &sent, &error);
    assert_true(result == TF_IO_DONE || result == TF_IO_WOULD_BLOCK);
    return result == TF_IO_DONE ? sent : 0;
}

/// Sends all of a text.
static inline void contract_send_text(
    struct contract_link *link, tf_socket socket, const char *text)
{
    uint8_t bytes[64];
    size_t size = strlen(text);
    size_t sent = 0;
    assert_in_range(size, 1, sizeof bytes);
    memcpy(bytes, text, size);
    for (;;) {
        sent += contract_send_some(socket, bytes + sent, size - sent);
        if (sent == size) {
            return;
        }
        contract_await(link, socket, TF_POLL_WRITE);
    }
}

/// Sends zeros until the system takes no more; returns how many.
static inline size_t contract_fill(tf_socket socket)
{
    static uint8_t zeros[16384];
    size_t total = 0;
    for (;;) {
        size_t sent = contract_send_some(socket, zeros, sizeof zeros);
        if (sent == 0) {
            return total;
        }
        total += sent;
    }
}

/// Receives into `bytes` what is there now.
static inline enum tf_io contract_receive(
    tf_socket socket, void *bytes, size_t size, size_t *size_out, int *error_out)
{
    struct tf_segment segment = {.data = bytes, .size = size};
    return tf_socket_receive(socket, &segment, 1, size_out, error_out);
}

/// Receives and throws away until "would block" or the end; returns how many bytes there were.
static inline size_t contract_drain(tf_socket socket, enum tf_io *last_out)
{
    static uint8_t bytes[65536];
    size_t total = 0;
    for (;;) {
        size_t size = 0;
        int error = 0;
        *last_out = contract_receive(socket, bytes, sizeof bytes, &size, &error);
        if (*last_out != TF_IO_DONE) {
            return total;
        }
        total += size;
    }
}

/// Waits for exactly these bytes.
static inline void contract_expect_text(
    struct contract_link *link, tf_socket socket, const char *text)
{
    char bytes[64] = {0};
    size_t wanted = strlen(text);
    size_t total = 0;
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    assert_true(wanted < sizeof bytes);
    while (total < wanted) {
        size_t size = 0;
        int error = 0;
        enum tf_io result = contract_receive(socket, bytes + total, wanted - total, &size, &error);
        if (result == TF_IO_WOULD_BLOCK) {
            assert_true(tf_clock_now() < deadline_ns);
            contract_await(link, socket, TF_POLL_READ);
            continue;
        }
        assert_int_equal(result, TF_IO_DONE);
        total += size;
    }
    assert_string_equal(bytes, text);
}

/// Waits until receiving no longer would block; gives its result, and throws the bytes away.
static inline enum tf_io contract_await_outcome(
    struct contract_link *link, tf_socket socket, int *error_out)
{
    uint8_t bytes[64];
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    for (;;) {
        size_t size = 0;
        enum tf_io result = contract_receive(socket, bytes, sizeof bytes, &size, error_out);
        if (result != TF_IO_WOULD_BLOCK) {
            return result;
        }
        assert_true(tf_clock_now() < deadline_ns);
        contract_await(link, socket, TF_POLL_READ);
    }
}

/// Opens the link: a directory of its own and a listener.
static inline void contract_open(struct contract_link *link, enum tofu_transport transport)
{
    *link = (struct contract_link){.transport = transport, .listener = {.socket = TF_SOCKET_NONE}};
    link->allocator = tf_allocator_or_default((struct tofu_allocator){0});
    assert_int_equal(tf_network_open(), TOFU_OK);
    link->is_network_open = true;
    assert_true(machine_make_directory(link->directory, sizeof link->directory));
    struct tofu_address address = contract_address(link, "listener");
    int error = 0;
    assert_int_equal(tf_listener_open(&link->listener, &address, CONTRACT_MODE, &error), TOFU_OK);
}

/// Closes all that the link has open. After a failed contract_open() too.
static inline void contract_shut(struct contract_link *link)
{
    for (uint32_t i = 0; i < link->socket_count; i++) {
        tf_socket_close(link->sockets[i]);
    }
    link->socket_count = 0;
    if (link->listener.socket != TF_SOCKET_NONE) {
        tf_listener_close(&link->listener);
    }
    machine_remove_directory(link->directory);
    if (link->is_network_open) {
        tf_network_close();
        link->is_network_open = false;
    }
}

#endif
