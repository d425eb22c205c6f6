// SPDX-License-Identifier: MIT
// Sockets, listeners, threads, events and the resolver whose calls of Windows fail: the operation fails or
// carries on as its header says, and nothing is left open.
#include <winsock2.h>

#include <tofu/tofu.h>

#include "contract/failing_fixture.h"
#include "os/event.h"
#include "os/park.h"
#include "os/resolver.h"
#include "os/thread.h"
#include "unit/expect.h"

static int set_up(void **state)
{
    return failing_set_up(state, TOFU_TCP);
}

// Accepting.

static void connections_that_ended_while_they_waited_are_skipped(void **state)
{
    static const int errors[] = {
        WSAECONNRESET,
        WSAECONNABORTED,
        WSAETIMEDOUT,
        WSAENETRESET,
        WSAEHOSTUNREACH,
        WSAENETUNREACH};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        expect_skipped(*state, "accept", errors[i]);
    }
}

static void a_listener_that_only_skips_is_to_rest(void **state)
{
    expect_rest(*state, "accept", WSAECONNRESET);
}

static void without_sockets_or_memory_in_the_system_one_peer_is_turned_away(void **state)
{
    static const int errors[] = {WSAEMFILE, WSAENOBUFS, WSA_NOT_ENOUGH_MEMORY};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        expect_turned_away(*state, "accept", errors[i]);
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
    expect_broken(*state, "accept", WSAEINVAL);
}

// One that a child would inherit, that would block, or that would save its small messages up, is none of ours.
static void a_connection_that_cannot_be_as_ours_are_is_turned_away_alone(void **state)
{
    static const char *const calls[] = {"SetHandleInformation", "ioctlsocket", "setsockopt"};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        expect_turned_away_alone(*state, calls[i], WSAENOBUFS);
    }
}

// Connecting, receiving, sending.

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
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        expect_no_connection(*state, &failures[i]);
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
    expect_no_finish(*state, "getsockopt", WSAENOBUFS);
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

static void a_tcp_listener_that_fails_anywhere_leaves_nothing_open(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address address = contract_address(&fixture->link, "other");
    assert_int_equal(fail_listening_everywhere(&address, "WSASocketW", WSAEACCES), 2);
    assert_int_equal(fail_listening_everywhere(&address, "ioctlsocket", WSAEACCES), 2);
    assert_int_equal(fail_listening_everywhere(&address, "setsockopt", WSAEACCES), 1);
    assert_int_equal(fail_listening_everywhere(&address, "bind", WSAEACCES), 1);
    assert_int_equal(fail_listening_everywhere(&address, "listen", WSAEACCES), 1);
    assert_int_equal(fail_listening_everywhere(&address, "getsockname", WSAEACCES), 1);
}

// Four ways in which systems say that they have no IPv6. The reserve takes the first socket.
static void all_interfaces_are_those_of_version_4_where_there_is_no_other(void **state)
{
    static const struct version_6_failure failures[] = {
        {"WSASocketW", WSAEAFNOSUPPORT, 1},
        {"setsockopt", WSAENOPROTOOPT, 1},
        {"setsockopt", WSAEINVAL, 1},
        {"bind", WSAEADDRNOTAVAIL, 0},
    };
    if (!has_version_6()) {
        skip_because("this system has no IPv6");
    }
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        expect_version_4_for_all_interfaces(*state, &failures[i]);
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

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, failing_tear_down)

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
