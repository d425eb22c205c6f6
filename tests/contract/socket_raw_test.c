// SPDX-License-Identifier: MIT
// What it takes a raw socket, or a look at the machine, to see of our sockets or to bring about: the part
// of the contract that real systems share and a simulated one cannot have.
#include "contract/socket_fixture.h"
#include "support/raw_socket.h"

// A child that had one of them would keep the connection open after us, and the poller deaf to its end.
static void no_socket_is_inherited(void **state)
{
    struct fixture *fixture = *state;
    assert_false(machine_is_inherited(fixture->client));
    assert_false(machine_is_inherited(fixture->server));
    assert_false(machine_is_inherited(fixture->link.listener.socket));
    assert_false(machine_is_inherited(fixture->link.listener.reserve));
}

static int raw_loopback_socket(struct fixture *fixture, struct raw_address *address_out)
{
    assert_true(raw_address_tcp("127.0.0.1", 0, address_out));
    int raw = raw_socket_open(address_out);
    assert_int_not_equal(raw, RAW_NONE);
    contract_adopt(&fixture->link, raw);
    return raw;
}

// What the system says when nobody listens.
static int error_of_refusal(struct fixture *fixture)
{
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    assert_true(tf_endpoint_from_address(&fixture->link.listener.address, &endpoint));
    tf_listener_close(&fixture->link.listener);
    enum tf_connect result = tf_socket_connect(&endpoint, &client, &status, &error);
    if (result == TF_CONNECT_PENDING) {
        contract_adopt(&fixture->link, client);
    }
    while (result == TF_CONNECT_PENDING) {
        contract_await(&fixture->link, client, TF_POLL_WRITE);
        result = tf_socket_connect_finish(client, &status, &error);
    }
    assert_int_equal(result, TF_CONNECT_FAILED);
    return error;
}

// A client that reconnects to a free port of its own host may be given that port, and meets itself.
static void a_socket_that_is_connected_to_itself_was_refused(void **state)
{
    struct fixture *fixture = *state;
    struct raw_address address;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    int raw = raw_loopback_socket(fixture, &address);
    assert_true(raw_socket_bind(raw, &address));
    assert_true(raw_address_tcp("127.0.0.1", raw_socket_port(raw), &address));
    assert_true(raw_socket_connect(raw, &address));

    enum tf_connect result = tf_socket_connect_finish(raw, &status, &error);

    assert_int_equal(result, TF_CONNECT_FAILED);
    assert_int_equal(status, TOFU_CONNECT_FAILED);
    assert_int_equal(error, error_of_refusal(fixture));
}

static void a_socket_that_was_never_connected_is_pending(void **state)
{
    struct fixture *fixture = *state;
    struct raw_address address;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    int raw = raw_loopback_socket(fixture, &address);

    assert_int_equal(tf_socket_connect_finish(raw, &status, &error), TF_CONNECT_PENDING);
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

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up_tcp, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_socket_is_inherited),
        CASE(a_socket_that_is_connected_to_itself_was_refused),
        CASE(a_socket_that_was_never_connected_is_pending),
        CASE(nothing_is_left_open),
    };
    return cmocka_run_group_tests_name("raw sockets", tests, NULL, NULL);
}
