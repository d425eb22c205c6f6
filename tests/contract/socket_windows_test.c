// SPDX-License-Identifier: MIT
// What Winsock alone can see of our sockets, or bring about: options, inheritance, whose port it is, how
// much one write takes.
#include <winsock2.h>
#include <ws2tcpip.h>

#include "contract/contract_link.h"

struct fixture {
    struct contract_link link;
    tf_socket client;
    tf_socket server;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    contract_open(&fixture.link, TOFU_TCP);
    contract_pair(&fixture.link, &fixture.client, &fixture.server);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    contract_shut(&fixture->link);
    return 0;
}

// Some systems write but one byte of a truth.
static int option_of(tf_socket socket, int level, int option)
{
    int value = 0;
    int size = (int)sizeof value;
    assert_int_equal(getsockopt((SOCKET)socket, level, option, (char *)&value, &size), 0);
    return value;
}

// A child that had one of them would keep the connection open after us, and the poller deaf to its end.
static void no_socket_is_inherited(void **state)
{
    struct fixture *fixture = *state;
    assert_false(machine_is_inherited(fixture->client));
    assert_false(machine_is_inherited(fixture->server));
    assert_false(machine_is_inherited(fixture->link.listener.socket));
    assert_false(machine_is_inherited(fixture->link.listener.reserve));
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

static void each_end_tells_who_is_at_the_other(void **state)
{
    struct fixture *fixture = *state;
    const struct tofu_address *listener = &fixture->link.listener.address;
    struct tofu_peer of_client = {0};
    struct tofu_peer of_server = {0};

    assert_true(tf_socket_peer(fixture->client, &of_client));
    assert_true(tf_socket_peer(fixture->server, &of_server));

    assert_int_equal(of_client.address.transport, TOFU_TCP);
    assert_string_equal(of_client.address.host, listener->host);
    assert_int_equal(of_client.address.port, listener->port);
    assert_string_equal(of_server.address.host, listener->host);
    assert_int_not_equal(of_server.address.port, 0);
    assert_false(of_client.has_credentials);
    assert_int_equal(of_client.process_id, 0);
}

static void an_unconnected_socket_has_no_peer(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_peer peer = {.process_id = 77};

    assert_false(tf_socket_peer(fixture->link.listener.socket, &peer));

    assert_int_equal(peer.process_id, 77);
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

// A client that reconnects to a free port of its own host may be given that port, and meets itself.
static void a_socket_that_is_connected_to_itself_was_refused(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in name;
    int size = (int)sizeof name;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    SOCKET raw = raw_socket(fixture, &name);
    assert_int_equal(bind(raw, (const struct sockaddr *)&name, (int)sizeof name), 0);
    assert_int_equal(getsockname(raw, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(connect(raw, (const struct sockaddr *)&name, (int)sizeof name), 0);

    enum tf_connect result = tf_socket_connect_finish((tf_socket)raw, &status, &error);

    assert_int_equal(result, TF_CONNECT_FAILED);
    assert_int_equal(status, TOFU_CONNECT_FAILED);
    assert_int_equal(error, WSAECONNREFUSED);
}

static void a_socket_that_was_never_connected_is_pending(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in name;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    SOCKET raw = raw_socket(fixture, &name);

    assert_int_equal(tf_socket_connect_finish((tf_socket)raw, &status, &error), TF_CONNECT_PENDING);
}

// Listens on one host, connects to another; says whether somebody was there.
static bool is_reached(struct fixture *fixture, const char *listen_host, const char *connect_host)
{
    struct contract_link *link = &fixture->link;
    struct tofu_address address = {.transport = TOFU_TCP};
    struct tf_listener listener;
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    (void)snprintf(address.host, sizeof address.host, "%s", listen_host);
    assert_int_equal(tf_listener_open(&listener, &address, CONTRACT_MODE, &error), TOFU_OK);
    address.port = listener.address.port;
    (void)snprintf(address.host, sizeof address.host, "%s", connect_host);
    assert_true(tf_endpoint_from_address(&address, &endpoint));
    enum tf_connect result = tf_socket_connect(&endpoint, &client, &status, &error);
    if (result == TF_CONNECT_PENDING || result == TF_CONNECT_DONE) {
        contract_adopt(link, client);
    }
    while (result == TF_CONNECT_PENDING) {
        contract_await(link, client, TF_POLL_WRITE);
        result = tf_socket_connect_finish(client, &status, &error);
    }
    tf_listener_close(&listener);
    return result == TF_CONNECT_DONE;
}

static bool has_version_6(void)
{
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    SOCKET raw = socket(AF_INET6, SOCK_STREAM, 0);
    bool has =
        raw != INVALID_SOCKET && bind(raw, (const struct sockaddr *)&name, (int)sizeof name) == 0;
    if (raw != INVALID_SOCKET) {
        assert_int_equal(closesocket(raw), 0);
    }
    return has;
}

static void an_empty_host_takes_both_versions_and_two_colons_only_one(void **state)
{
    struct fixture *fixture = *state;
    assert_true(is_reached(fixture, "", "127.0.0.1"));
    assert_true(is_reached(fixture, "0.0.0.0", "127.0.0.1"));
    if (!has_version_6()) {
        print_message("skipped in part: this system has no IPv6\n");
        return;
    }
    assert_true(is_reached(fixture, "", "::1"));
    assert_true(is_reached(fixture, "::", "::1"));
    assert_true(is_reached(fixture, "::1", "::1"));
    assert_false(is_reached(fixture, "::", "127.0.0.1"));
    assert_false(is_reached(fixture, "0.0.0.0", "::1"));
}

static void an_address_of_another_host_cannot_be_listened_on(void **state)
{
    struct tofu_address address = {.transport = TOFU_TCP, .host = "192.0.2.1"};
    struct tf_listener listener;
    int error = 0;
    (void)state;

    assert_int_equal(
        tf_listener_open(&listener, &address, CONTRACT_MODE, &error), TOFU_LISTEN_FAILED);

    assert_int_equal(error, WSAEADDRNOTAVAIL);
}

static void an_accepted_connection_survives_its_listener(void **state)
{
    struct fixture *fixture = *state;
    tf_listener_close(&fixture->link.listener);

    contract_send_text(&fixture->link, fixture->client, "still");

    contract_expect_text(&fixture->link, fixture->server, "still");
}

// A connection that was reset while it waited is skipped: it is no failure of the listener.
static void a_connection_that_was_reset_while_it_waited_harms_nobody(void **state)
{
    struct fixture *fixture = *state;
    enum tf_connect result = TF_CONNECT_FAILED;
    tf_socket gone = contract_connect_start(&fixture->link, &result);
    contract_connect_end(&fixture->link, gone, result);
    contract_reset(&fixture->link, gone);
    tf_socket client = contract_connect_start(&fixture->link, &result);
    contract_connect_end(&fixture->link, client, result);
    contract_send_text(&fixture->link, client, "served");

    // Systems differ in whether the first one is accepted, to be found dead, or never seen.
    tf_socket server = contract_accept(&fixture->link);
    char byte = 0;
    size_t size = 0;
    int error = 0;
    contract_await(&fixture->link, server, TF_POLL_READ);
    if (contract_receive(server, &byte, 1, &size, &error) != TF_IO_DONE) {
        server = contract_accept(&fixture->link);
        contract_await(&fixture->link, server, TF_POLL_READ);
        assert_int_equal(contract_receive(server, &byte, 1, &size, &error), TF_IO_DONE);
    }

    assert_int_equal(byte, 's');
    contract_expect_text(&fixture->link, server, "erved");
}

static void nothing_is_left_open(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address in_use = fixture->link.listener.address;
    size_t before = machine_descriptor_count();
    for (int i = 0; i < 20; i++) {
        struct tf_listener listener;
        tf_socket client = TF_SOCKET_NONE;
        tf_socket server = TF_SOCKET_NONE;
        int error = 0;
        assert_int_equal(
            tf_listener_open(&listener, &in_use, CONTRACT_MODE, &error), TOFU_LISTEN_FAILED);
        contract_pair(&fixture->link, &client, &server);
        contract_close(&fixture->link, client);
        contract_reset(&fixture->link, server);
    }

    assert_int_equal(machine_descriptor_count(), before);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_socket_is_inherited),
        CASE(every_connected_socket_is_non_blocking),
        CASE(tcp_sends_small_messages_at_once),
        CASE(keep_alive_is_off_until_it_is_asked_for),
        CASE(each_end_tells_who_is_at_the_other),
        CASE(an_unconnected_socket_has_no_peer),
        CASE(one_write_takes_a_bounded_amount),
        CASE(nobody_else_can_take_the_port_of_a_listener),
        CASE(a_refusal_on_the_own_host_comes_soon),
        CASE(a_socket_that_is_connected_to_itself_was_refused),
        CASE(a_socket_that_was_never_connected_is_pending),
        CASE(an_empty_host_takes_both_versions_and_two_colons_only_one),
        CASE(an_address_of_another_host_cannot_be_listened_on),
        CASE(an_accepted_connection_survives_its_listener),
        CASE(a_connection_that_was_reset_while_it_waited_harms_nobody),
        CASE(nothing_is_left_open),
    };
    return cmocka_run_group_tests_name("sockets: Windows", tests, NULL, NULL);
}
