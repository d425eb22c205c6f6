// SPDX-License-Identifier: MIT
// The contract of listeners, case by case, over TCP and over Unix sockets: os/socket.h, and nothing else.
//
// The care taken of a Unix path is in unix_path_test.c and unix_windows_test.c.
#include "contract/socket_fixture.h"
#include "os/error.h"
#include "support/raw_socket.h"

static void a_listener_reports_its_real_address(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address asked = contract_address(&fixture->link, "other");
    struct tf_listener listener;
    int error = 0;

    assert_int_equal(tf_listener_open(&listener, &asked, CONTRACT_MODE, &error), TOFU_OK);

    assert_int_equal(listener.address.transport, asked.transport);
    assert_string_equal(listener.address.host, asked.host);
    assert_string_equal(listener.address.path, asked.path);
    assert_int_equal(listener.address.port != 0, asked.transport == TOFU_TCP);
    tf_listener_close(&listener);
}

static void two_listeners_get_different_addresses_and_their_own_peers(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address asked = contract_address(&fixture->link, "other");
    struct tf_listener other;
    tf_socket socket = TF_SOCKET_NONE;
    int error = 0;
    assert_int_equal(tf_listener_open(&other, &asked, CONTRACT_MODE, &error), TOFU_OK);

    tf_socket client = TF_SOCKET_NONE;
    tf_socket server = TF_SOCKET_NONE;
    contract_pair(&fixture->link, &client, &server);

    assert_int_equal(tf_listener_accept(&other, &socket, &error), TF_IO_WOULD_BLOCK);
    assert_memory_not_equal(&other.address, &fixture->link.listener.address, sizeof other.address);
    tf_listener_close(&other);
}

static void an_address_that_is_in_use_is_refused_with_words(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    char words[TF_ERROR_TEXT_BYTES_MAX];
    int error = 0;

    enum tofu_status status =
        tf_listener_open(&listener, &fixture->link.listener.address, CONTRACT_MODE, &error);
    tf_error_text(error, words, sizeof words);

    assert_int_equal(status, TOFU_LISTEN_FAILED);
    assert_string_not_equal(words, "");
}

// A server that is started again must not have to wait for the system to forget its old connections.
static void an_address_can_be_listened_on_again_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address address = fixture->link.listener.address;
    int error = 0;
    tf_socket_shutdown_send(fixture->server);
    assert_int_equal(contract_await_outcome(&fixture->link, fixture->client, &error), TF_IO_END);
    contract_close(&fixture->link, fixture->server);
    tf_listener_close(&fixture->link.listener);

    enum tofu_status status =
        tf_listener_open(&fixture->link.listener, &address, CONTRACT_MODE, &error);

    assert_int_equal(status, TOFU_OK);
    contract_pair(&fixture->link, &fixture->client, &fixture->server);
}

static void accepting_when_nobody_waits_would_block(void **state)
{
    struct fixture *fixture = *state;
    tf_socket socket = TF_SOCKET_NONE;
    int error = 0;

    assert_int_equal(
        tf_listener_accept(&fixture->link.listener, &socket, &error), TF_IO_WOULD_BLOCK);

    assert_int_equal(socket, TF_SOCKET_NONE);
}

static void connections_are_accepted_in_their_order(void **state)
{
    static const char *const words[] = {"first", "second", "third"};
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        enum tf_connect result = TF_CONNECT_FAILED;
        tf_socket client = contract_connect_start(&fixture->link, &result);
        contract_connect_end(&fixture->link, client, result);
        contract_send_text(&fixture->link, client, words[i]);
    }
    for (int i = 0; i < 3; i++) {
        tf_socket server = contract_accept(&fixture->link);
        contract_expect_text(&fixture->link, server, words[i]);
    }
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

// Who is at the other end.

// The accepted end of a Unix connection has a peer without a name; TCP shows where it comes from.
static void each_end_tells_who_is_at_the_other(void **state)
{
    struct fixture *fixture = *state;
    const struct tofu_address *listener = &fixture->link.listener.address;
    struct tofu_peer of_client = {0};
    struct tofu_peer of_server = {0};

    assert_true(tf_socket_peer(fixture->client, &of_client));
    assert_true(tf_socket_peer(fixture->server, &of_server));

    assert_int_equal(of_client.address.transport, listener->transport);
    assert_string_equal(of_client.address.host, listener->host);
    assert_int_equal(of_client.address.port, listener->port);
    assert_string_equal(of_client.address.path, listener->path);
    assert_int_equal(of_server.address.transport, listener->transport);
    assert_string_equal(of_server.address.host, listener->host);
    assert_int_equal(of_server.address.port != 0, listener->transport == TOFU_TCP);
    assert_string_equal(of_server.address.path, "");
    if (listener->transport == TOFU_TCP) {
        assert_false(of_client.has_credentials);
        assert_false(of_server.has_credentials);
        assert_int_equal(of_client.process_id, 0);
    }
}

static void an_unconnected_socket_has_no_peer(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_peer peer = {.process_id = 77};

    assert_false(tf_socket_peer(fixture->link.listener.socket, &peer));

    assert_int_equal(peer.process_id, 77);
}

// Without a connection.

static void listening_on_a_name_is_refused(void **state)
{
    struct tofu_address address = {.transport = TOFU_TCP, .host = "localhost"};
    struct tf_listener listener;
    int error = 77;
    (void)state;

    assert_int_equal(
        tf_listener_open(&listener, &address, CONTRACT_MODE, &error), TOFU_INVALID_ADDRESS);

    assert_int_equal(error, 0);
}

static void an_empty_host_listens_on_all_interfaces(void **state)
{
    struct tofu_address address = {.transport = TOFU_TCP};
    struct tf_listener listener;
    struct contract_link link;
    int error = 0;
    (void)state;
    contract_open(&link, TOFU_TCP);

    assert_int_equal(tf_listener_open(&listener, &address, CONTRACT_MODE, &error), TOFU_OK);

    assert_string_equal(listener.address.host, "");
    assert_int_not_equal(listener.address.port, 0);
    tf_listener_close(&link.listener);
    link.listener = listener;
    (void)snprintf(link.listener.address.host, sizeof link.listener.address.host, "127.0.0.1");
    tf_socket client = TF_SOCKET_NONE;
    tf_socket server = TF_SOCKET_NONE;
    contract_pair(&link, &client, &server);
    contract_send_text(&link, client, "anywhere");
    contract_expect_text(&link, server, "anywhere");
    contract_shut(&link);
}

// Listens on one host, connects to another; says whether somebody was there.
static bool is_reached(
    struct contract_link *link, const char *listen_host, const char *connect_host)
{
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

// Asked without our own code, whose fault it would be otherwise.
static bool has_version_6(void)
{
    struct raw_address address;
    assert_true(raw_address_tcp("::1", 0, &address));
    int raw = raw_socket_open(&address);
    bool has = raw != RAW_NONE && raw_socket_bind(raw, &address);
    if (raw != RAW_NONE) {
        raw_socket_close(raw);
    }
    return has;
}

static void an_empty_host_takes_both_versions_and_two_colons_only_one(void **state)
{
    struct contract_link link;
    (void)state;
    contract_open(&link, TOFU_TCP);
    assert_true(is_reached(&link, "", "127.0.0.1"));
    assert_true(is_reached(&link, "0.0.0.0", "127.0.0.1"));
    if (has_version_6()) {
        assert_true(is_reached(&link, "", "::1"));
        assert_true(is_reached(&link, "::", "::1"));
        assert_true(is_reached(&link, "::1", "::1"));
        assert_false(is_reached(&link, "::", "127.0.0.1"));
        assert_false(is_reached(&link, "0.0.0.0", "::1"));
    } else {
        print_message("skipped in part: this system has no IPv6\n");
    }
    contract_shut(&link);
}

static void an_address_of_another_host_cannot_be_listened_on(void **state)
{
    struct tofu_address address = {.transport = TOFU_TCP, .host = "192.0.2.1"};
    struct tf_listener listener;
    int error = 0;
    (void)state;

    assert_int_equal(
        tf_listener_open(&listener, &address, CONTRACT_MODE, &error), TOFU_LISTEN_FAILED);

    assert_int_not_equal(error, 0);
}

static const struct CMUnitTest connected_cases[] = {
    cmocka_unit_test(a_listener_reports_its_real_address),
    cmocka_unit_test(two_listeners_get_different_addresses_and_their_own_peers),
    cmocka_unit_test(an_address_that_is_in_use_is_refused_with_words),
    cmocka_unit_test(an_address_can_be_listened_on_again_at_once),
    cmocka_unit_test(accepting_when_nobody_waits_would_block),
    cmocka_unit_test(connections_are_accepted_in_their_order),
    cmocka_unit_test(an_accepted_connection_survives_its_listener),
    cmocka_unit_test(a_connection_that_was_reset_while_it_waited_harms_nobody),
    cmocka_unit_test(each_end_tells_who_is_at_the_other),
    cmocka_unit_test(an_unconnected_socket_has_no_peer),
};

static const struct CMUnitTest single_cases[] = {
    cmocka_unit_test(listening_on_a_name_is_refused),
    cmocka_unit_test(an_empty_host_listens_on_all_interfaces),
    cmocka_unit_test(an_empty_host_takes_both_versions_and_two_colons_only_one),
    cmocka_unit_test(an_address_of_another_host_cannot_be_listened_on),
};

#define COUNT(cases) (sizeof(cases) / sizeof(cases)[0])

int main(void)
{
    return socket_cases_run(
        "listener contract",
        (struct socket_cases){connected_cases, COUNT(connected_cases)},
        (struct socket_cases){single_cases, COUNT(single_cases)});
}
