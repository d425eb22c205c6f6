// SPDX-License-Identifier: MIT
// The contract of connected sockets, case by case, over TCP and over Unix sockets: os/socket.h, and nothing
// else. Listeners are in listener_contract.c.
//
// What only raw sockets can see or bring about is in socket_raw_test.c, what only one system's calls can in
// socket_posix_test.c and socket_windows_test.c.
#include "contract/socket_fixture.h"
#include "os/error.h"
#include "unit/expect.h"

// Connecting.

static void bytes_travel_both_ways(void **state)
{
    struct fixture *fixture = *state;

    contract_send_text(&fixture->link, fixture->client, "question");
    contract_expect_text(&fixture->link, fixture->server, "question");
    contract_send_text(&fixture->link, fixture->server, "answer");

    contract_expect_text(&fixture->link, fixture->client, "answer");
}

// Starts a connection that must fail, and gives its status and error.
static enum tofu_status connect_in_vain(
    struct fixture *fixture, const struct tofu_address *address, int *error_out)
{
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    assert_true(tf_endpoint_from_address(address, &endpoint));
    enum tf_connect result = tf_socket_connect(&endpoint, &client, &status, error_out);
    if (result == TF_CONNECT_PENDING) {
        contract_adopt(&fixture->link, client);
    } else {
        assert_int_equal(client, TF_SOCKET_NONE);
    }
    while (result == TF_CONNECT_PENDING) {
        contract_await(&fixture->link, client, TF_POLL_WRITE);
        result = tf_socket_connect_finish(client, &status, error_out);
    }
    assert_int_equal(result, TF_CONNECT_FAILED);
    return status;
}

static void connecting_to_where_nobody_listens_fails_with_words(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address address = fixture->link.listener.address;
    char words[TF_ERROR_TEXT_BYTES_MAX];
    int error = 0;
    tf_listener_close(&fixture->link.listener);

    enum tofu_status status = connect_in_vain(fixture, &address, &error);
    tf_error_text(error, words, sizeof words);

    assert_int_equal(
        status, address.transport == TOFU_TCP ? TOFU_CONNECT_FAILED : TOFU_UDS_PATH_NOT_FOUND);
    assert_string_not_equal(words, "");
}

static void a_path_below_a_directory_that_does_not_exist_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address address = {.transport = TOFU_UDS};
    int error = 0;
    if (!contract_has(TOFU_UDS)) {
        contract_skip_unix(state);
    }
    (void)snprintf(address.path, sizeof address.path, "%s/no/where", fixture->link.directory);

    assert_int_equal(connect_in_vain(fixture, &address, &error), TOFU_UDS_PATH_NOT_FOUND);
}

// Readiness may be spurious, so the finish is asked at any moment.
static void asking_early_how_a_connection_ended_is_answered_truly(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 50; i++) {
        enum tf_connect result = TF_CONNECT_FAILED;
        enum tofu_status status = TOFU_OK;
        int error = 0;
        tf_socket client = contract_connect_start(&fixture->link, &result);
        uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
        while (result == TF_CONNECT_PENDING) {
            result = tf_socket_connect_finish(client, &status, &error);
            assert_int_not_equal(result, TF_CONNECT_FAILED);
            assert_true(tf_clock_now() < deadline_ns);
        }
        contract_send_text(&fixture->link, client, "there");
        tf_socket server = contract_accept(&fixture->link);
        contract_expect_text(&fixture->link, server, "there");
    }
}

// The peer may have come and gone before anybody asks: "still under way" would be asked for ever.
static void a_connection_that_was_reset_before_its_end_is_asked_for_is_over(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10; i++) {
        enum tf_connect result = TF_CONNECT_FAILED;
        enum tofu_status status = TOFU_OK;
        int error = 0;
        tf_socket client = contract_connect_start(&fixture->link, &result);
        contract_reset(&fixture->link, contract_accept(&fixture->link));
        if (result == TF_CONNECT_PENDING) {
            contract_await(&fixture->link, client, TF_POLL_WRITE);
            result = tf_socket_connect_finish(client, &status, &error);
        }

        assert_int_not_equal(result, TF_CONNECT_PENDING);
        if (result == TF_CONNECT_DONE) {
            enum tf_io outcome = contract_await_outcome(&fixture->link, client, &error);
            assert_true(outcome == TF_IO_FAILED || outcome == TF_IO_END);
        } else {
            assert_int_equal(status, TOFU_CONNECT_FAILED);
            assert_int_not_equal(error, 0);
        }
    }
}

// Receiving and sending.

static void receiving_when_nothing_is_there_would_block(void **state)
{
    struct fixture *fixture = *state;
    uint8_t byte = 0;
    size_t size = 77;
    int error = 77;

    assert_int_equal(contract_receive(fixture->server, &byte, 1, &size, &error), TF_IO_WOULD_BLOCK);

    assert_int_equal(size, 77);
    assert_int_equal(error, 77);
}

static uint8_t pattern(size_t offset)
{
    return (uint8_t)(offset * 31 + offset / 251);
}

// Sends the pattern from `offset` on until the system takes no more; returns the new offset.
static size_t send_pattern(tf_socket socket, size_t offset, size_t end)
{
    uint8_t bytes[8192];
    while (offset < end) {
        size_t size = end - offset < sizeof bytes ? end - offset : sizeof bytes;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = pattern(offset + i);
        }
        size_t sent = contract_send_some(socket, bytes, size);
        if (sent == 0) {
            break;
        }
        offset += sent;
    }
    return offset;
}

// Receives what is there and compares it with the pattern; returns the new offset.
static size_t receive_pattern(tf_socket socket, size_t offset)
{
    static uint8_t bytes[65536];
    for (;;) {
        size_t size = 0;
        int error = 0;
        enum tf_io result = contract_receive(socket, bytes, sizeof bytes, &size, &error);
        if (result == TF_IO_WOULD_BLOCK) {
            return offset;
        }
        assert_int_equal(result, TF_IO_DONE);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(bytes[i], pattern(offset + i));
        }
        offset += size;
    }
}

static void what_waits_to_be_received_is_counted(void **state)
{
    struct fixture *fixture = *state;
    uint8_t byte = 0;
    size_t size = 0;
    int error = 0;
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    assert_int_equal(tf_socket_pending(fixture->server), 0);

    contract_send_text(&fixture->link, fixture->client, "question");

    while (tf_socket_pending(fixture->server) < 8) {
        assert_true(tf_clock_now() < deadline_ns);
        contract_await(&fixture->link, fixture->server, TF_POLL_READ);
    }
    assert_int_equal(tf_socket_pending(fixture->server), 8);
    assert_int_equal(contract_receive(fixture->server, &byte, 1, &size, &error), TF_IO_DONE);
    assert_int_equal(tf_socket_pending(fixture->server), 7);
    contract_expect_text(&fixture->link, fixture->server, "uestion");
    assert_int_equal(tf_socket_pending(fixture->server), 0);
}

// Where the system tells, what the peer takes shows.
static void what_the_peer_takes_is_no_longer_unsent(void **state)
{
    struct fixture *fixture = *state;
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    enum tf_io last = TF_IO_DONE;
    assert_int_equal(tf_socket_unsent(fixture->client, 0), 0);
    uint64_t sent = contract_fill(fixture->client);
    assert_true(sent > 0);
    uint64_t full = tf_socket_unsent(fixture->client, sent);
    if (full == 0) {
        skip_because("this system does not tell what is unsent");
    }

    for (uint64_t unsent = full; unsent > 0; unsent = tf_socket_unsent(fixture->client, sent)) {
        assert_true(unsent <= full);
        assert_true(tf_clock_now() < deadline_ns);
        (void)contract_drain(fixture->server, &last);
        assert_int_equal(last, TF_IO_WOULD_BLOCK);
    }
}

static void sending_to_one_who_does_not_read_would_block_and_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    const size_t end = 64 * 1024 * 1024;
    size_t sent = send_pattern(fixture->client, 0, end);
    assert_in_range(sent, 1, end - 1);

    size_t received = 0;
    while (received < sent) {
        contract_await(&fixture->link, fixture->server, TF_POLL_READ);
        received = receive_pattern(fixture->server, received);
    }
    assert_int_equal(received, sent);
}

static void segments_are_sent_and_filled_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    uint8_t sent[1000];
    uint8_t received[1000] = {0};
    struct tf_segment out[TF_SEGMENTS_MAX];
    struct tf_segment in[3];
    size_t size = 0;
    int error = 0;
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = pattern(i);
    }
    // Sizes 0 to 31, twice; the last one has the rest.
    size_t offset = 0;
    for (size_t i = 0; i < TF_SEGMENTS_MAX; i++) {
        size_t rest = sizeof sent - offset;
        out[i] = (struct tf_segment){
            .data = sent + offset, .size = i == TF_SEGMENTS_MAX - 1 ? rest : i % 32 % rest};
        offset += out[i].size;
    }

    assert_int_equal(
        tf_socket_send(fixture->client, out, TF_SEGMENTS_MAX, &size, &error), TF_IO_DONE);
    assert_int_equal(size, sizeof sent);
    offset = 0;
    while (offset < sizeof received) {
        size_t rest = sizeof received - offset;
        contract_await(&fixture->link, fixture->server, TF_POLL_READ);
        in[0] = (struct tf_segment){.data = received + offset, .size = rest / 3};
        in[1] = (struct tf_segment){.data = NULL, .size = 0};
        in[2] = (struct tf_segment){.data = received + offset + rest / 3, .size = rest - rest / 3};
        assert_int_equal(tf_socket_receive(fixture->server, in, 3, &size, &error), TF_IO_DONE);
        assert_in_range(size, 1, rest);
        offset += size;
    }

    assert_memory_equal(received, sent, sizeof sent);
}

// The ways to end.

static void data_comes_before_the_end(void **state)
{
    struct fixture *fixture = *state;
    int error = 0;
    contract_send_text(&fixture->link, fixture->client, "last words");

    contract_close(&fixture->link, fixture->client);

    contract_expect_text(&fixture->link, fixture->server, "last words");
    assert_int_equal(contract_await_outcome(&fixture->link, fixture->server, &error), TF_IO_END);
    assert_int_equal(contract_await_outcome(&fixture->link, fixture->server, &error), TF_IO_END);
}

static void a_half_that_is_shut_down_leaves_the_other_half_open(void **state)
{
    struct fixture *fixture = *state;
    int error = 0;

    tf_socket_shutdown_send(fixture->client);

    assert_int_equal(contract_await_outcome(&fixture->link, fixture->server, &error), TF_IO_END);
    contract_send_text(&fixture->link, fixture->server, "still here");
    contract_expect_text(&fixture->link, fixture->client, "still here");
}

// Ends alike for both transports: the connection is dead, and a second look finds no data.
static void a_reset_ends_the_connection(void **state)
{
    struct fixture *fixture = *state;
    int error = 0;

    contract_reset(&fixture->link, fixture->client);

    enum tf_io result = contract_await_outcome(&fixture->link, fixture->server, &error);
    if (fixture->link.transport == TOFU_TCP) {
        assert_int_equal(result, TF_IO_FAILED);
        assert_true(tf_socket_error_is_disconnect(error));
    } else {
        assert_int_equal(result, TF_IO_END);
    }
}

// The second write meets what the peer's system answered to the first: no signal, and an error that says
// "disconnected".
static void sending_to_a_peer_that_is_gone_fails_as_a_disconnect(void **state)
{
    struct fixture *fixture = *state;
    uint8_t byte = 0;
    struct tf_segment segment = {.data = &byte, .size = 1};
    size_t size = 0;
    int error = 0;
    enum tf_io result = TF_IO_DONE;
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    contract_close(&fixture->link, fixture->server);

    while (result == TF_IO_DONE) {
        result = tf_socket_send(fixture->client, &segment, 1, &size, &error);
        assert_true(tf_clock_now() < deadline_ns);
    }

    assert_int_equal(result, TF_IO_FAILED);
    assert_true(tf_socket_error_is_disconnect(error));
}

static void keep_alive_disturbs_nothing(void **state)
{
    struct fixture *fixture = *state;

    tf_socket_keep_alive(fixture->client);
    tf_socket_keep_alive(fixture->server);

    contract_send_text(&fixture->link, fixture->client, "alive");
    contract_expect_text(&fixture->link, fixture->server, "alive");
}

// Without a connection.

static bool tcp_endpoint(const char *host, struct tf_endpoint *endpoint_out)
{
    struct tofu_address address = {.transport = TOFU_TCP, .port = 7099};
    (void)snprintf(address.host, sizeof address.host, "%s", host);
    return tf_endpoint_from_address(&address, endpoint_out);
}

static void numbers_are_endpoints_and_names_are_not(void **state)
{
    struct tf_endpoint version_4 = {0};
    struct tf_endpoint version_6 = {0};
    struct tf_endpoint none = {0};
    (void)state;

    assert_true(tcp_endpoint("127.0.0.1", &version_4));
    assert_true(tcp_endpoint("::1", &version_6));
    assert_false(tcp_endpoint("localhost", &none));
    assert_false(tcp_endpoint("127.0.0.1.example", &none));
    assert_false(tcp_endpoint("127.0.0.256", &none));
    assert_false(tcp_endpoint("", &none));

    assert_int_not_equal(version_4.size, 0);
    assert_int_not_equal(version_6.size, 0);
    assert_int_equal(none.size, 0);
}

static void an_endpoint_gives_back_its_numbers(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "255.255.255.255", "::1", "2001:db8::5:0:9"};
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct tf_endpoint endpoint;
        struct tofu_address address;
        assert_true(tcp_endpoint(hosts[i], &endpoint));

        tf_endpoint_to_address(&endpoint, &address);

        assert_int_equal(address.transport, TOFU_TCP);
        assert_string_equal(address.host, hosts[i]);
        assert_int_equal(address.port, 7099);
    }
}

static void an_error_has_words_on_one_line(void **state)
{
    char words[TF_ERROR_TEXT_BYTES_MAX];
    (void)state;
    for (int code = 1; code < 200; code++) {
        memset(words, 'x', sizeof words);
        tf_error_text(code, words, sizeof words);
        assert_true(strnlen(words, sizeof words) < sizeof words);
        assert_string_not_equal(words, "");
        assert_null(strpbrk(words, "\r\n"));
    }
}

static void no_error_has_no_words(void **state)
{
    char words[TF_ERROR_TEXT_BYTES_MAX] = "before";
    (void)state;

    tf_error_text(0, words, sizeof words);

    assert_string_equal(words, "");
}

static void the_words_of_an_error_are_cut_to_the_room(void **state)
{
    char whole[TF_ERROR_TEXT_BYTES_MAX];
    char cut[6] = "#####";
    (void)state;
    tf_error_text(2, whole, sizeof whole);

    tf_error_text(2, cut, 5);

    assert_int_equal(strlen(cut), 4);
    assert_memory_equal(cut, whole, 4);
    assert_int_equal(cut[5], '\0');
}

static const struct CMUnitTest connected_cases[] = {
    cmocka_unit_test(bytes_travel_both_ways),
    cmocka_unit_test(connecting_to_where_nobody_listens_fails_with_words),
    cmocka_unit_test(a_path_below_a_directory_that_does_not_exist_is_not_found),
    cmocka_unit_test(asking_early_how_a_connection_ended_is_answered_truly),
    cmocka_unit_test(receiving_when_nothing_is_there_would_block),
    cmocka_unit_test(what_waits_to_be_received_is_counted),
    cmocka_unit_test(a_connection_that_was_reset_before_its_end_is_asked_for_is_over),
    cmocka_unit_test(what_the_peer_takes_is_no_longer_unsent),
    cmocka_unit_test(sending_to_one_who_does_not_read_would_block_and_loses_nothing),
    cmocka_unit_test(segments_are_sent_and_filled_in_their_order),
    cmocka_unit_test(data_comes_before_the_end),
    cmocka_unit_test(a_half_that_is_shut_down_leaves_the_other_half_open),
    cmocka_unit_test(a_reset_ends_the_connection),
    cmocka_unit_test(sending_to_a_peer_that_is_gone_fails_as_a_disconnect),
    cmocka_unit_test(keep_alive_disturbs_nothing),
};

static const struct CMUnitTest single_cases[] = {
    cmocka_unit_test(numbers_are_endpoints_and_names_are_not),
    cmocka_unit_test(an_endpoint_gives_back_its_numbers),
    cmocka_unit_test(an_error_has_words_on_one_line),
    cmocka_unit_test(no_error_has_no_words),
    cmocka_unit_test(the_words_of_an_error_are_cut_to_the_room),
};

#define COUNT(cases) (sizeof(cases) / sizeof(cases)[0])

int main(void)
{
    return socket_cases_run(
        "socket contract",
        (struct socket_cases){connected_cases, COUNT(connected_cases)},
        (struct socket_cases){single_cases, COUNT(single_cases)});
}
