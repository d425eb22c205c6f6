// SPDX-License-Identifier: MIT
// What the tests of failing sockets share, on every platform: a connection, and what is expected of a listener
// or a connection whose call fails. Which calls there are, and how they fail, a platform's test knows.
#ifndef TF_TESTS_CONTRACT_FAILING_FIXTURE_H
#define TF_TESTS_CONTRACT_FAILING_FIXTURE_H

#include "contract/contract_link.h"
#include "contract/failing_calls.h"

struct fixture {
    struct contract_link link;
    tf_socket client;
    tf_socket server;
};

static inline int failing_set_up(void **state, enum tofu_transport transport)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    (void)plan_end();
    contract_open(&fixture.link, transport);
    contract_pair(&fixture.link, &fixture.client, &fixture.server);
    *state = &fixture;
    return 0;
}

static inline int failing_tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)plan_end();
    contract_shut(&fixture->link);
    return 0;
}

// A client that is waiting to be accepted.
static inline tf_socket waiting_client(struct fixture *fixture)
{
    enum tf_connect result = TF_CONNECT_FAILED;
    tf_socket client = contract_connect_start(&fixture->link, &result);
    contract_connect_end(&fixture->link, client, result);
    contract_await(&fixture->link, fixture->link.listener.socket, TF_POLL_READ);
    return client;
}

static inline void expect_end(struct fixture *fixture, tf_socket client)
{
    int error = 0;
    enum tf_io outcome = contract_await_outcome(&fixture->link, client, &error);
    assert_true(outcome == TF_IO_FAILED || outcome == TF_IO_END);
}

// Lets the call fail as often as `count` says, while one connection is accepted.
static inline enum tf_io accept_while_failing(
    struct fixture *fixture,
    const char *call,
    int call_error,
    uint32_t count,
    tf_socket *server_out,
    int *error_out)
{
    plan_failure(call, call_error, 0, count);
    enum tf_io result = tf_listener_accept(&fixture->link.listener, server_out, error_out);
    uint32_t failure_count = plan_end();
    if (count != FOR_EVER) {
        assert_int_equal(failure_count, count);
    } else {
        assert_in_range(failure_count, 2, 1000);
    }
    return result;
}

// A peer that is gone is no reason not to accept the next one.
static inline void expect_skipped(struct fixture *fixture, const char *call, int call_error)
{
    tf_socket server = TF_SOCKET_NONE;
    int error = 0;
    (void)waiting_client(fixture);
    assert_int_equal(
        accept_while_failing(fixture, call, call_error, 5, &server, &error), TF_IO_DONE);
    contract_adopt(&fixture->link, server);
}

// "Would block" would be a lie, and without a bound the I/O thread would be lost.
static inline void expect_rest(struct fixture *fixture, const char *call, int call_error)
{
    tf_socket server = TF_SOCKET_NONE;
    int error = 0;
    assert_int_equal(
        accept_while_failing(fixture, call, call_error, FOR_EVER, &server, &error),
        TF_IO_EXHAUSTED);
    assert_int_equal(error, call_error);
    assert_int_equal(server, TF_SOCKET_NONE);
}

static inline void expect_turned_away(struct fixture *fixture, const char *call, int call_error)
{
    tf_socket server = TF_SOCKET_NONE;
    int error = 0;
    tf_socket client = waiting_client(fixture);
    assert_int_equal(
        accept_while_failing(fixture, call, call_error, 1, &server, &error), TF_IO_EXHAUSTED);
    assert_int_equal(error, call_error);
    expect_end(fixture, client);
    assert_int_equal(
        tf_listener_accept(&fixture->link.listener, &server, &error), TF_IO_WOULD_BLOCK);
}

static inline void expect_broken(struct fixture *fixture, const char *call, int call_error)
{
    tf_socket server = TF_SOCKET_NONE;
    int error = 0;
    assert_int_equal(
        accept_while_failing(fixture, call, call_error, 1, &server, &error), TF_IO_FAILED);
    assert_int_equal(error, call_error);
}

// Of two that wait, the one whose call fails goes, and the other one is served.
static inline void expect_turned_away_alone(
    struct fixture *fixture, const char *call, int call_error)
{
    tf_socket server = TF_SOCKET_NONE;
    int error = 0;
    tf_socket first = waiting_client(fixture);
    tf_socket second = waiting_client(fixture);
    assert_int_equal(
        accept_while_failing(fixture, call, call_error, 1, &server, &error), TF_IO_DONE);
    contract_adopt(&fixture->link, server);
    expect_end(fixture, first);
    contract_send_text(&fixture->link, second, "served");
    contract_expect_text(&fixture->link, server, "served");
}

struct connect_failure {
    const char *call;
    int error;
    enum tofu_status status;
};

static inline void expect_no_connection(
    struct fixture *fixture, const struct connect_failure *failure)
{
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    assert_true(tf_endpoint_from_address(&fixture->link.listener.address, &endpoint));
    size_t before = machine_descriptor_count();
    plan_failure(failure->call, failure->error, 0, 1);

    enum tf_connect result = tf_socket_connect(&endpoint, &client, &status, &error);

    assert_int_equal(plan_end(), 1);
    assert_int_equal(result, TF_CONNECT_FAILED);
    assert_int_equal(status, failure->status);
    assert_int_equal(error, failure->error);
    assert_int_equal(client, TF_SOCKET_NONE);
    assert_int_equal(machine_descriptor_count(), before);
}

static inline void expect_no_finish(struct fixture *fixture, const char *call, int call_error)
{
    enum tofu_status status = TOFU_OK;
    int error = 0;
    plan_failure(call, call_error, 0, 1);

    enum tf_connect result = tf_socket_connect_finish(fixture->client, &status, &error);

    assert_int_equal(plan_end(), 1);
    assert_int_equal(result, TF_CONNECT_FAILED);
    assert_int_equal(status, TOFU_CONNECT_FAILED);
    assert_int_equal(error, call_error);
}

// Says whether this system has IPv6.
static inline bool has_version_6(void)
{
    struct tofu_address address = {.transport = TOFU_TCP, .host = "::1"};
    struct tf_listener listener;
    int error = 0;
    if (tf_listener_open(&listener, &address, CONTRACT_MODE, &error) != TOFU_OK) {
        return false;
    }
    tf_listener_close(&listener);
    return true;
}

// Lets the n-th call of a kind fail, until none fails any more; returns how many failures there were.
static inline uint32_t fail_listening_everywhere(
    const struct tofu_address *address, const char *call, int call_error)
{
    uint32_t failure_count = 0;
    size_t before = machine_descriptor_count();
    for (;;) {
        struct tf_listener listener;
        int error = 0;
        plan_failure(call, call_error, failure_count, 1);
        enum tofu_status status = tf_listener_open(&listener, address, CONTRACT_MODE, &error);
        if (plan_end() == 0) {
            assert_int_equal(status, TOFU_OK);
            tf_listener_close(&listener);
            assert_int_equal(machine_descriptor_count(), before);
            return failure_count;
        }
        assert_int_equal(status, TOFU_LISTEN_FAILED);
        assert_int_equal(error, call_error);
        assert_int_equal(machine_descriptor_count(), before);
        if (address->transport == TOFU_UDS) {
            assert_false(machine_has_file(address->path));
        }
        failure_count++;
        assert_true(failure_count < 100);
    }
}

// A way in which a system says that it has no IPv6, to the call that comes after so many others.
struct version_6_failure {
    const char *call;
    int error;
    uint32_t skip_count;
};

static inline void expect_version_4_for_all_interfaces(
    struct fixture *fixture, const struct version_6_failure *failure)
{
    struct tofu_address address = {.transport = TOFU_TCP};
    struct tf_listener listener;
    int error = 0;
    plan_failure(failure->call, failure->error, failure->skip_count, 1);

    enum tofu_status status = tf_listener_open(&listener, &address, CONTRACT_MODE, &error);

    assert_int_equal(plan_end(), 1);
    assert_int_equal(status, TOFU_OK);
    assert_string_equal(listener.address.host, "");
    tf_listener_close(&fixture->link.listener);
    fixture->link.listener = listener;
    (void)snprintf(
        fixture->link.listener.address.host,
        sizeof fixture->link.listener.address.host,
        "127.0.0.1");
    contract_pair(&fixture->link, &fixture->client, &fixture->server);
}

#endif
