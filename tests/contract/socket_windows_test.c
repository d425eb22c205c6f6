// SPDX-License-Identifier: MIT
// What Winsock alone can see of our sockets, or bring about: options, whose port it is, how much one write
// takes.
#include <winsock2.h>
#include <ws2tcpip.h>

#include "contract/socket_fixture.h"

// Some systems write but one byte of a truth.
static int option_of(tf_socket socket, int level, int option)
{
    int value = 0;
    int size = (int)sizeof value;
    assert_int_equal(getsockopt((SOCKET)socket, level, option, (char *)&value, &size), 0);
    return value;
}

// Asked to receive, a blocking socket would hang here until the test's deadline.
static void every_connected_socket_is_non_blocking(void **state)
{
    struct fixture *fixture = *state;
    tf_socket sockets[] = {fixture->client, fixture->server};
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
        char byte = 0;
        assert_int_equal(recv((SOCKET)sockets[i], &byte, 1, 0), SOCKET_ERROR);
        assert_int_equal(WSAGetLastError(), WSAEWOULDBLOCK);
    }
}

static void tcp_sends_small_messages_at_once(void **state)
{
    struct fixture *fixture = *state;
    assert_int_not_equal(option_of(fixture->client, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_not_equal(option_of(fixture->server, IPPROTO_TCP, TCP_NODELAY), 0);
}

static void keep_alive_is_off_until_it_is_asked_for(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(option_of(fixture->client, SOL_SOCKET, SO_KEEPALIVE), 0);

    tf_socket_keep_alive(fixture->client);

    assert_int_not_equal(option_of(fixture->client, SOL_SOCKET, SO_KEEPALIVE), 0);
}

// Windows would take the 8 MiB, and a peer that never reads would cost us as much memory as we offer it.
static void one_write_takes_a_bounded_amount(void **state)
{
    enum { OFFERED_BYTES = 8 << 20, TAKEN_BYTES_MAX = 256 << 10 };
    static uint8_t bytes[OFFERED_BYTES];
    struct fixture *fixture = *state;
    struct tf_segment segments[2] = {{bytes, 100000}, {bytes + 100000, OFFERED_BYTES - 100000}};
    size_t size = 0;
    int error = 0;

    assert_int_equal(tf_socket_send(fixture->client, segments, 2, &size, &error), TF_IO_DONE);

    assert_in_range(size, 1, TAKEN_BYTES_MAX);
}

static SOCKET raw_socket(struct fixture *fixture, struct sockaddr_in *name_out)
{
    *name_out = (struct sockaddr_in){.sin_family = AF_INET};
    name_out->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SOCKET raw = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(raw != INVALID_SOCKET);
    contract_adopt(&fixture->link, (tf_socket)raw);
    return raw;
}

// With SO_REUSEADDR on our side too, any program could take our port, and our peers, away.
static void nobody_else_can_take_the_port_of_a_listener(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in name;
    SOCKET thief = raw_socket(fixture, &name);
    BOOL yes = TRUE;
    name.sin_port = htons(fixture->link.listener.address.port);
    assert_int_equal(
        setsockopt(thief, SOL_SOCKET, SO_REUSEADDR, (const char *)&yes, (int)sizeof yes), 0);

    bool is_taken =
        bind(thief, (const struct sockaddr *)&name, (int)sizeof name) == 0 && listen(thief, 1) == 0;

    assert_false(is_taken);
    contract_pair(&fixture->link, &fixture->client, &fixture->server);
}

// Unasked, Windows tries three times and takes two seconds.
static void a_refusal_on_the_own_host_comes_soon(void **state)
{
    struct fixture *fixture = *state;
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    assert_true(tf_endpoint_from_address(&fixture->link.listener.address, &endpoint));
    tf_listener_close(&fixture->link.listener);
    uint64_t start_ns = tf_clock_now();

    enum tf_connect result = tf_socket_connect(&endpoint, &client, &status, &error);
    if (result == TF_CONNECT_PENDING) {
        contract_adopt(&fixture->link, client);
    }
    while (result == TF_CONNECT_PENDING) {
        contract_await(&fixture->link, client, TF_POLL_WRITE);
        result = tf_socket_connect_finish(client, &status, &error);
    }

    assert_int_equal(result, TF_CONNECT_FAILED);
    assert_int_equal(status, TOFU_CONNECT_FAILED);
    assert_int_equal(error, WSAECONNREFUSED);
    assert_true(tf_clock_now() - start_ns < TF_SECOND);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up_tcp, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_connected_socket_is_non_blocking),
        CASE(tcp_sends_small_messages_at_once),
        CASE(keep_alive_is_off_until_it_is_asked_for),
        CASE(one_write_takes_a_bounded_amount),
        CASE(nobody_else_can_take_the_port_of_a_listener),
        CASE(a_refusal_on_the_own_host_comes_soon),
    };
    return cmocka_run_group_tests_name("sockets: Windows", tests, NULL, NULL);
}
