// SPDX-License-Identifier: MIT
// Sockets, listeners, threads, events and the resolver whose calls of Windows fail: the operation fails or
// carries on as its header says, and nothing is left open.
#include <winsock2.h>

#include <tofu/tofu.h>

#include "contract/contract_link.h"
#include "contract/failing_calls.h"
#include "os/event.h"
#include "os/park.h"
#include "os/resolver.h"
#include "os/thread.h"

struct fixture {
    struct contract_link link;
    tf_socket client;
    tf_socket server;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    (void)plan_end();
    contract_open(&fixture.link, TOFU_TCP);
    contract_pair(&fixture.link, &fixture.client, &fixture.server);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)plan_end();
    contract_shut(&fixture->link);
    return 0;
}

// Accepting.

// A client that is waiting to be accepted.
static tf_socket waiting_client(struct fixture *fixture)
{
    enum tf_connect result = TF_CONNECT_FAILED;
    tf_socket client = contract_connect_start(&fixture->link, &result);
    contract_connect_end(&fixture->link, client, result);
    contract_await(&fixture->link, fixture->link.listener.socket, TF_POLL_READ);
    return client;
}

static void expect_end(struct fixture *fixture, tf_socket client)
{
    int error = 0;
    enum tf_io outcome = contract_await_outcome(&fixture->link, client, &error);
    assert_true(outcome == TF_IO_FAILED || outcome == TF_IO_END);
}

static void connections_that_ended_while_they_waited_are_skipped(void **state)
{
    static const int errors[] = {
        WSAECONNRESET,
        WSAECONNABORTED,
        WSAETIMEDOUT,
        WSAENETRESET,
        WSAEHOSTUNREACH,
        WSAENETUNREACH};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        tf_socket server = TF_SOCKET_NONE;
        int error = 0;
        (void)waiting_client(fixture);
        plan_failure("accept", errors[i], 0, 5);

        enum tf_io result = tf_listener_accept(&fixture->link.listener, &server, &error);

        assert_int_equal(plan_end(), 5);
        assert_int_equal(result, TF_IO_DONE);
        contract_adopt(&fixture->link, server);
    }
}

// "Would block" would be a lie, and without a bound the I/O thread would be lost.
static void a_listener_that_only_skips_is_to_rest(void **state)
{
    struct fixture *fixture = *state;
    tf_socket server = TF_SOCKET_NONE;
    int error = 0;
    plan_failure("accept", WSAECONNRESET, 0, FOR_EVER);

    enum tf_io result = tf_listener_accept(&fixture->link.listener, &server, &error);

    assert_in_range(plan_end(), 2, 1000);
    assert_int_equal(result, TF_IO_EXHAUSTED);
    assert_int_equal(error, WSAECONNRESET);
    assert_int_equal(server, TF_SOCKET_NONE);
}

static void without_sockets_or_memory_in_the_system_one_peer_is_turned_away(void **state)
{
    static const int errors[] = {WSAEMFILE, WSAENOBUFS, WSA_NOT_ENOUGH_MEMORY};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        tf_socket server = TF_SOCKET_NONE;
        int error = 0;
        tf_socket client = waiting_client(fixture);
        plan_failure("accept", errors[i], 0, 1);

        enum tf_io result = tf_listener_accept(&fixture->link.listener, &server, &error);

        assert_int_equal(plan_end(), 1);
        assert_int_equal(result, TF_IO_EXHAUSTED);
        assert_int_equal(error, errors[i]);
        expect_end(fixture, client);
        assert_int_equal(
            tf_listener_accept(&fixture->link.listener, &server, &error), TF_IO_WOULD_BLOCK);
    }
}

// Another thread may take what the reserve gave up.
static void a_lost_reserve_is_taken_again_when_there_is_one(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener *listener = &fixture->link.listener;
    tf_socket server = TF_SOCKET_NONE;
    int error = 0;
    (void)closesocket((SOCKET)listener->reserve);
    listener->reserve = TF_SOCKET_NONE;
    tf_socket client = waiting_client(fixture);
    plan_failure("WSASocketW", WSAENOBUFS, 0, 1);
    assert_int_equal(tf_listener_accept(listener, &server, &error), TF_IO_DONE);
    assert_int_equal(plan_end(), 1);
    assert_int_equal(listener->reserve, TF_SOCKET_NONE);

    assert_int_equal(tf_listener_accept(listener, &client, &error), TF_IO_WOULD_BLOCK);

    assert_int_not_equal(listener->reserve, TF_SOCKET_NONE);
    contract_adopt(&fixture->link, server);
}

static void a_listener_that_is_broken_says_so(void **state)
{
    struct fixture *fixture = *state;
    tf_socket server = TF_SOCKET_NONE;
    int error = 0;
    plan_failure("accept", WSAEINVAL, 0, 1);

    enum tf_io result = tf_listener_accept(&fixture->link.listener, &server, &error);

    assert_int_equal(plan_end(), 1);
    assert_int_equal(result, TF_IO_FAILED);
    assert_int_equal(error, WSAEINVAL);
}

// One that a child would inherit, that would block, or that would save its small messages up, is none of ours.
static void a_connection_that_cannot_be_as_ours_are_is_turned_away_alone(void **state)
{
    static const char *const calls[] = {"SetHandleInformation", "ioctlsocket", "setsockopt"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        tf_socket server = TF_SOCKET_NONE;
        int error = 0;
        tf_socket first = waiting_client(fixture);
        tf_socket second = waiting_client(fixture);
        plan_failure(calls[i], WSAENOBUFS, 0, 1);

        enum tf_io result = tf_listener_accept(&fixture->link.listener, &server, &error);

        assert_int_equal(plan_end(), 1);
        assert_int_equal(result, TF_IO_DONE);
        contract_adopt(&fixture->link, server);
        expect_end(fixture, first);
        contract_send_text(&fixture->link, second, "served");
        contract_expect_text(&fixture->link, server, "served");
    }
}

// Connecting, receiving, sending.

struct connect_failure {
    const char *call;
    int error;
    enum tofu_status status;
};

static void a_connect_that_fails_says_how_and_leaves_nothing_open(void **state)
{
    static const struct connect_failure failures[] = {
        {"WSASocketW", WSAEMFILE, TOFU_CONNECT_FAILED},
        {"WSASocketW", WSAEAFNOSUPPORT, TOFU_INVALID_ADDRESS},
        {"ioctlsocket", WSAENOBUFS, TOFU_CONNECT_FAILED},
        {"setsockopt", WSAENOBUFS, TOFU_SETSOCKOPT_FAILED},
        {"connect", WSAENETUNREACH, TOFU_CONNECT_FAILED},
        {"connect", WSAEACCES, TOFU_CONNECT_FAILED},
        {"connect", WSAETIMEDOUT, TOFU_CONNECT_FAILED},
        {"connect", WSAEINVAL, TOFU_INVALID_ADDRESS},
        {"getsockopt", WSAENOBUFS, TOFU_CONNECT_FAILED},
    };
    struct fixture *fixture = *state;
    struct tf_endpoint endpoint;
    assert_true(tf_endpoint_from_address(&fixture->link.listener.address, &endpoint));
    size_t before = machine_descriptor_count();
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        tf_socket client = TF_SOCKET_NONE;
        enum tofu_status status = TOFU_OK;
        int error = 0;
        plan_failure(failures[i].call, failures[i].error, 0, 1);

        enum tf_connect result = tf_socket_connect(&endpoint, &client, &status, &error);

        assert_int_equal(plan_end(), 1);
        assert_int_equal(result, TF_CONNECT_FAILED);
        assert_int_equal(status, failures[i].status);
        assert_int_equal(error, failures[i].error);
        assert_int_equal(client, TF_SOCKET_NONE);
        assert_int_equal(machine_descriptor_count(), before);
    }
}

// Windows before 10.1709 does not know the request, nor does Wine.
static void a_connect_does_without_what_makes_a_refusal_final(void **state)
{
    struct fixture *fixture = *state;
    tf_socket client = TF_SOCKET_NONE;
    tf_socket server = TF_SOCKET_NONE;
    plan_failure("WSAIoctl", WSAEOPNOTSUPP, 0, 1);

    contract_pair(&fixture->link, &client, &server);

    assert_int_equal(plan_end(), 1);
}

static void a_finish_that_cannot_be_asked_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    plan_failure("getsockopt", WSAENOBUFS, 0, 1);

    enum tf_connect result = tf_socket_connect_finish(fixture->client, &status, &error);

    assert_int_equal(plan_end(), 1);
    assert_int_equal(result, TF_CONNECT_FAILED);
    assert_int_equal(status, TOFU_CONNECT_FAILED);
    assert_int_equal(error, WSAENOBUFS);
}

static void errors_of_reading_and_writing_come_through_as_they_are(void **state)
{
    static const struct {
        int error;
        bool is_disconnect;
    } errors[] = {
        {WSAECONNRESET, true},
        {WSAECONNABORTED, true},
        {WSAENETRESET, true},
        {WSAESHUTDOWN, true},
        {WSAENOBUFS, false},
        {WSAETIMEDOUT, false},
    };
    struct fixture *fixture = *state;
    uint8_t byte = 0;
    struct tf_segment segment = {&byte, 1};
    size_t size = 77;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        int error = 0;
        plan_failure("WSARecv", errors[i].error, 0, 1);
        assert_int_equal(
            tf_socket_receive(fixture->client, &segment, 1, &size, &error), TF_IO_FAILED);
        assert_int_equal(error, errors[i].error);
        plan_failure("WSASend", errors[i].error, 0, 1);
        assert_int_equal(tf_socket_send(fixture->client, &segment, 1, &size, &error), TF_IO_FAILED);
        assert_int_equal(error, errors[i].error);
        assert_int_equal(plan_end(), 1);
        assert_int_equal(tf_socket_error_is_disconnect(error), errors[i].is_disconnect);
    }
    assert_int_equal(size, 77);
}

// Listening.

// Lets the n-th call of each kind fail, until none fails any more; returns how many failures there were.
static uint32_t fail_listening_everywhere(const struct tofu_address *address, const char *call)
{
    uint32_t failure_count = 0;
    size_t before = machine_descriptor_count();
    for (;;) {
        struct tf_listener listener;
        int error = 0;
        plan_failure(call, WSAEACCES, failure_count, 1);
        enum tofu_status status = tf_listener_open(&listener, address, CONTRACT_MODE, &error);
        if (plan_end() == 0) {
            assert_int_equal(status, TOFU_OK);
            tf_listener_close(&listener);
            assert_int_equal(machine_descriptor_count(), before);
            return failure_count;
        }
        assert_int_equal(status, TOFU_LISTEN_FAILED);
        assert_int_equal(error, WSAEACCES);
        assert_int_equal(machine_descriptor_count(), before);
        failure_count++;
        assert_true(failure_count < 100);
    }
}

static void a_tcp_listener_that_fails_anywhere_leaves_nothing_open(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address address = contract_address(&fixture->link, "other");
    assert_int_equal(fail_listening_everywhere(&address, "WSASocketW"), 2);
    assert_int_equal(fail_listening_everywhere(&address, "ioctlsocket"), 2);
    assert_int_equal(fail_listening_everywhere(&address, "setsockopt"), 1);
    assert_int_equal(fail_listening_everywhere(&address, "bind"), 1);
    assert_int_equal(fail_listening_everywhere(&address, "listen"), 1);
    assert_int_equal(fail_listening_everywhere(&address, "getsockname"), 1);
}

// Says, and prints, whether this system lacks IPv6.
static bool has_version_6(void)
{
    struct tofu_address address = {.transport = TOFU_TCP, .host = "::1"};
    struct tf_listener listener;
    int error = 0;
    if (tf_listener_open(&listener, &address, CONTRACT_MODE, &error) == TOFU_OK) {
        tf_listener_close(&listener);
        return true;
    }
    print_message("skipped: this system has no IPv6\n");
    return false;
}

// Four ways in which systems say that they have no IPv6. The reserve takes the first socket.
static void all_interfaces_are_those_of_version_4_where_there_is_no_other(void **state)
{
    static const struct {
        const char *call;
        int error;
        uint32_t skip_count;
    } failures[] = {
        {"WSASocketW", WSAEAFNOSUPPORT, 1},
        {"setsockopt", WSAENOPROTOOPT, 1},
        {"setsockopt", WSAEINVAL, 1},
        {"bind", WSAEADDRNOTAVAIL, 0},
    };
    struct fixture *fixture = *state;
    if (!has_version_6()) {
        skip();
    }
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        struct tofu_address address = {.transport = TOFU_TCP};
        struct tf_listener listener;
        int error = 0;
        plan_failure(failures[i].call, failures[i].error, failures[i].skip_count, 1);

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
}

// Winsock, events, threads, the resolver.

static void without_winsock_there_is_no_engine(void **state)
{
    struct tofu_engine *engine = NULL;
    (void)state;
    size_t before = machine_descriptor_count();
    plan_failure("WSAStartup", WSASYSNOTREADY, 0, 1);

    assert_int_equal(tofu_engine_create(NULL, &engine), TOFU_NOTIFICATION_FAILED);

    assert_int_equal(plan_end(), 1);
    assert_null(engine);
    assert_int_equal(machine_descriptor_count(), before);
}

static void without_a_thread_there_is_no_engine_and_winsock_is_let_go_of(void **state)
{
    struct tofu_engine *engine = NULL;
    struct fixture *fixture = *state;
    plan_failure("CreateThread", ERROR_NOT_ENOUGH_MEMORY, 0, 1);
    assert_int_equal(tofu_engine_create(NULL, &engine), TOFU_NOTIFICATION_FAILED);
    assert_int_equal(plan_end(), 1);

    // The link's own hold is the only one.
    assert_int_equal(WSACleanup(), 0);
    assert_int_equal(WSACleanup(), SOCKET_ERROR);

    assert_int_equal(WSAGetLastError(), WSANOTINITIALISED);
    assert_int_equal(tf_network_open(), TOFU_OK);
    // Winsock has taken its sockets with it.
    fixture->link.socket_count = 0;
    fixture->link.listener.socket = TF_SOCKET_NONE;
}

static void an_event_that_cannot_be_opened_says_so(void **state)
{
    struct tf_event event = {.descriptor = -1};
    (void)state;
    plan_failure("CreateEventW", ERROR_NOT_ENOUGH_MEMORY, 0, 1);

    assert_int_equal(tf_event_open(&event), TOFU_NOTIFICATION_FAILED);

    assert_int_equal(plan_end(), 1);
    assert_int_equal(event.descriptor, -1);
}

static bool step_never(void *context)
{
    (void)context;
    abort();
}

static void a_thread_that_cannot_start_says_so(void **state)
{
    struct tf_thread thread = {0};
    (void)state;
    plan_failure("CreateThread", ERROR_NOT_ENOUGH_MEMORY, 0, 1);

    assert_int_equal(tf_thread_start(&thread, "none", step_never, NULL), TOFU_NOTIFICATION_FAILED);

    assert_int_equal(plan_end(), 1);
    assert_false(tf_thread_is_current(&thread));
}

static void note_done(void *context)
{
    _Atomic uint32_t *done = context;
    atomic_store(done, 1);
    tf_unpark_all(done);
}

static void a_query_that_cannot_start_leaves_nothing(void **state)
{
    static const char *const calls[] = {"CreateThread", "GetModuleHandleExW"};
    struct tofu_address address = {.transport = TOFU_TCP, .host = "127.0.0.1"};
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct tf_resolver *resolver = NULL;
        struct tf_query *query = NULL;
        _Atomic uint32_t done = 0;
        assert_int_equal(tf_resolver_open(&resolver), TOFU_OK);
        plan_failure(calls[i], ERROR_NOT_ENOUGH_MEMORY, 0, 1);

        assert_int_equal(
            tf_query_open(resolver, &query, &address, note_done, &done), TOFU_NOTIFICATION_FAILED);

        assert_int_equal(plan_end(), 1);
        assert_null(query);
        tf_resolver_close(&resolver);
    }
}

static void a_resolver_that_fails_has_the_systems_words(void **state)
{
    static const struct {
        const char *call;
        int error;
    } failures[] = {{"GetAddrInfoW", WSATRY_AGAIN}, {"WSAStartup", WSASYSNOTREADY}};
    struct tofu_address address = {.transport = TOFU_TCP, .host = "localhost", .port = 1};
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        struct tf_resolver *resolver = NULL;
        struct tf_query *query = NULL;
        _Atomic uint32_t done = 0;
        assert_int_equal(tf_resolver_open(&resolver), TOFU_OK);
        uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
        plan_failure(failures[i].call, failures[i].error, 0, 1);
        assert_int_equal(tf_query_open(resolver, &query, &address, note_done, &done), TOFU_OK);
        while (atomic_load(&done) == 0 && tf_clock_now() < deadline_ns) {
            tf_park(&done, 0, deadline_ns);
        }

        const struct tf_resolution *resolution = tf_query_resolution(query);

        assert_int_equal(plan_end(), 1);
        assert_non_null(resolution);
        assert_int_equal(resolution->status, TOFU_INVALID_ADDRESS);
        assert_int_equal(resolution->endpoint_count, 0);
        assert_string_not_equal(resolution->detail, "");
        tf_query_close(&query);
        tf_resolver_close(&resolver);
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(connections_that_ended_while_they_waited_are_skipped),
        CASE(a_listener_that_only_skips_is_to_rest),
        CASE(without_sockets_or_memory_in_the_system_one_peer_is_turned_away),
        CASE(a_lost_reserve_is_taken_again_when_there_is_one),
        CASE(a_listener_that_is_broken_says_so),
        CASE(a_connection_that_cannot_be_as_ours_are_is_turned_away_alone),
        CASE(a_connect_that_fails_says_how_and_leaves_nothing_open),
        CASE(a_connect_does_without_what_makes_a_refusal_final),
        CASE(a_finish_that_cannot_be_asked_is_a_failure),
        CASE(errors_of_reading_and_writing_come_through_as_they_are),
        CASE(a_tcp_listener_that_fails_anywhere_leaves_nothing_open),
        CASE(all_interfaces_are_those_of_version_4_where_there_is_no_other),
        CASE(without_winsock_there_is_no_engine),
        CASE(without_a_thread_there_is_no_engine_and_winsock_is_let_go_of),
        CASE(an_event_that_cannot_be_opened_says_so),
        CASE(a_thread_that_cannot_start_says_so),
        CASE(a_query_that_cannot_start_leaves_nothing),
        CASE(a_resolver_that_fails_has_the_systems_words),
    };
    return cmocka_run_group_tests_name("failing calls: Windows", tests, NULL, NULL);
}
