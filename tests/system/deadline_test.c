// SPDX-License-Identifier: MIT
// Deadlines: nobody holds a connection, a frame or a farewell for ever; nothing ends before its time.
#include <string.h>

#include "support/link_fixture.h"
#include "support/machine.h"
#include "support/raw_peer.h"
#include "support/raw_socket.h"

#define TIMEOUT_NS (100 * MILLISECOND_NS)

static void a_connection_that_says_nothing_is_closed(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.hello_timeout_ns = TIMEOUT_NS};
    link_open_server(link, &options);
    uint64_t start_ns = test_now();
    int raw = raw_connect(link->address);

    raw_await_end(raw, NULL);

    assert_true(test_now() - start_ns >= TIMEOUT_NS);
    side_expect_stat(&link->server, connections_refused, 1);
    side_expect_stat(&link->server, half_open, 0);
    side_expect_silence(&link->server);
    assert_true(side_stats(&link->server).turns < 100);
}

// The deadline is for the whole HelloRequest: a byte now and then does not move it.
static void a_hello_that_drips_is_cut_off(void **state)
{
    static const uint8_t bytes[200] = {0, 1, RAW_HELLO_REQUEST, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 100};
    struct link_fixture *link = *state;
    const struct tofu_options options = {.hello_timeout_ns = TIMEOUT_NS};
    link_open_server(link, &options);
    uint64_t start_ns = test_now();
    int raw = raw_connect(link->address);

    size_t sent = 0;
    while (sent < 100 && raw_is_silent(raw)) {
        sent += raw_send_some(raw, bytes + sent, 1);
    }

    assert_true(test_now() - start_ns >= TIMEOUT_NS);
    assert_true(sent < 100);
    raw_await_end(raw, NULL);
    side_expect_stat(&link->server, connections_refused, 1);
    side_expect_silence(&link->server);
}

static void a_connection_that_said_hello_may_rest(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {
        .hello_timeout_ns = TIMEOUT_NS, .frame_timeout_ns = TIMEOUT_NS};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    struct tofu_message *message = NULL;

    assert_status(TOFU_OK, tofu_group_wait(link->server.group, 4 * TIMEOUT_NS, &message));

    assert_null(message);
    raw_send_proto(raw, RAW_REQUEST, 5);
    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 5);
}

// Sends the first bytes of a request that never becomes whole.
static void send_half_a_frame(int raw, size_t size)
{
    const struct raw_frame frame = {
        .channel = 1, .proto = RAW_REQUEST, .id = 5, .body = "0123456789", .body_bytes = 10};
    uint8_t bytes[RAW_HEADER_BYTES + 10];
    assert_true(size < raw_pack(&frame, bytes));
    raw_send(raw, bytes, size);
}

static void an_unfinished_frame_is_timed_out(void **state)
{
    static const size_t sizes[] = {1, 15, 16, 20};
    struct link_fixture *link = *state;
    const struct tofu_options options = {.frame_timeout_ns = TIMEOUT_NS};
    link_open_server(link, &options);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int raw = link_raw_client(link);
        uint64_t start_ns = test_now();
        send_half_a_frame(raw, sizes[i]);

        side_expect_closed(&link->server, link->server.channel, link->hello_id, "timed_out");

        assert_true(test_now() - start_ns >= TIMEOUT_NS);
        enum raw_end end = raw_await_end(raw, NULL);
        assert_true(end == RAW_RESET || link->transport == TOFU_UDS);
    }
    side_expect_stat(&link->server, messages_incoming, 0);
}

static void a_frame_that_drips_is_timed_out(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.frame_timeout_ns = TIMEOUT_NS};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    uint64_t start_ns = test_now();
    send_half_a_frame(raw, 5);

    size_t sent = 5;
    while (sent < 20 && raw_is_silent(raw)) {
        sent += raw_send_some(raw, "\0", 1);
    }

    assert_true(test_now() - start_ns >= TIMEOUT_NS);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "timed_out");
}

static void the_connecting_side_times_a_frame_too(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.frame_timeout_ns = TIMEOUT_NS};
    link_open_client(link, &options);
    int raw = link_raw_server(link);
    uint64_t start_ns = test_now();

    send_half_a_frame(raw, 20);

    side_expect_closed(&link->client, link->client.channel, link->hello_id, "timed_out");
    assert_true(test_now() - start_ns >= TIMEOUT_NS);
}

static void a_peer_that_does_not_accept_is_given_up(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.connect_timeout_ns = TIMEOUT_NS};
    char address[TOFU_ADDRESS_BYTES_MAX];
    link_open_client(link, &options);
    raw_listen(link->transport == TOFU_TCP, link->directory, "full", 0, address);
    raw_connect(address);
    uint64_t start_ns = test_now();
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, address));
    link->client.channel = hello.channel;
    side_send(&link->client, TOFU_REQUEST, 5, "queued");

    struct tofu_message *response =
        side_expect_notice(&link->client, TOFU_HELLO_RESPONSE, TOFU_TIMED_OUT);

    assert_true(test_now() - start_ns >= TIMEOUT_NS);
    assert_int_equal(tofu_message_header(response)->id, hello.id);
    assert_text(response, "~connect_to", address);
    side_put(&link->client, response);
    struct tofu_message *queued = side_expect_notice(&link->client, TOFU_REQUEST, TOFU_TIMED_OUT);
    assert_int_equal(tofu_message_header(queued)->id, 5);
    assert_body(queued, "queued");
    side_put(&link->client, queued);
    side_expect_closed(&link->client, hello.channel, hello.id, "timed_out");
    assert_true(side_stats(&link->client).turns < 200);
}

static void a_bye_request_that_nobody_answers_is_timed_out(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.close_timeout_ns = TIMEOUT_NS};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    uint64_t start_ns = test_now();
    side_send(&link->server, TOFU_BYE_REQUEST, 0, NULL);
    raw_expect(raw, RAW_BYE_REQUEST);

    side_expect_closed(&link->server, link->server.channel, link->hello_id, "timed_out");

    assert_true(test_now() - start_ns >= TIMEOUT_NS);
    enum raw_end end = raw_await_end(raw, NULL);
    assert_true(end == RAW_RESET || link->transport == TOFU_UDS);
}

// A peer that has much to say after our Bye is alive: only its silence counts.
static void a_bye_request_is_not_timed_out_while_the_peer_talks(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.close_timeout_ns = 10 * TIMEOUT_NS};
    link_open_client(link, &options);
    int raw = link_raw_server(link);
    uint64_t bye = side_send(&link->client, TOFU_BYE_REQUEST, 0, NULL).id;
    raw_expect(raw, RAW_BYE_REQUEST);
    uint64_t start_ns = test_now();
    uint64_t id = 0;
    while (test_now() - start_ns < 20 * TIMEOUT_NS) {
        id++;
        raw_send_proto(raw, RAW_REQUEST, id);
        assert_int_equal(side_take(&link->client, TOFU_REQUEST).id, id);
        assert_true(raw_is_silent(raw));
    }

    raw_send_proto(raw, RAW_BYE_RESPONSE, bye);

    side_take(&link->client, TOFU_BYE_RESPONSE);
    raw_await_end(raw, NULL);
    raw_close(raw);
    side_expect_closed(&link->client, link->client.channel, link->hello_id, "success");
}

// All Byes are said, but the peer keeps its end open.
static void a_peer_that_never_closes_is_timed_out(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.close_timeout_ns = TIMEOUT_NS};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    raw_send_proto(raw, RAW_BYE_REQUEST, 8);
    side_take(&link->server, TOFU_BYE_REQUEST);
    uint64_t start_ns = test_now();
    side_send(&link->server, TOFU_BYE_RESPONSE, 8, NULL);
    raw_expect(raw, RAW_BYE_RESPONSE);

    side_expect_closed(&link->server, link->server.channel, link->hello_id, "timed_out");

    assert_true(test_now() - start_ns >= TIMEOUT_NS);
    raw_await_end(raw, NULL);
}

// A farewell of several megabytes to a peer that reads nothing of it.
static void a_drain_without_progress_is_timed_out(void **state)
{
    enum { COUNT = 200, BODY_BYTES = 60000 };
    static const char body[BODY_BYTES] = "";
    struct link_fixture *link = *state;
    const struct tofu_options options = {
        .close_timeout_ns = TIMEOUT_NS, .send_queue_bytes_max = TOFU_UNLIMITED};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    raw_send_proto(raw, RAW_BYE_REQUEST, 8);
    side_take(&link->server, TOFU_BYE_REQUEST);
    for (uint64_t id = 1; id <= COUNT; id++) {
        struct tofu_message *message = side_message(&link->server, TOFU_RESPONSE, id, NULL);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
        side_post(&link->server, message);
    }
    side_send(&link->server, TOFU_BYE_RESPONSE, 8, NULL);

    struct tofu_message *message = side_expect_notice(&link->server, TOFU_RESPONSE, TOFU_TIMED_OUT);
    for (; tofu_message_header(message)->opcode == TOFU_RESPONSE;
         message = side_await(&link->server)) {
        assert_status(TOFU_TIMED_OUT, (enum tofu_status)tofu_message_header(message)->status);
        side_put(&link->server, message);
    }
    assert_int_equal(tofu_message_header(message)->opcode, TOFU_BYE_RESPONSE);
    assert_int_equal(tofu_message_header(message)->id, 8);
    assert_status(TOFU_TIMED_OUT, (enum tofu_status)tofu_message_header(message)->status);
    side_put(&link->server, message);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "timed_out");
}

// All of the farewell is in our kernel at once, and the peer takes it bit by bit: each bit is progress.
//
// The peer's kernel holds little, and as much from first to last. One that widens its buffer at will takes
// much at a time and then nothing for long, since a sender probes a window that is shut ever more seldom.
static void a_drain_is_not_timed_out_while_the_peer_reads(void **state)
{
    enum { COUNT = 40, SLOW_COUNT = 25, PEER_BYTES = 65536 };
    enum { BODY_BYTES = 60000, FRAME_BYTES = RAW_HEADER_BYTES + BODY_BYTES };
    static const char body[BODY_BYTES] = "";
    static uint8_t bytes[FRAME_BYTES];
    struct link_fixture *link = *state;
    const struct tofu_options options = {.close_timeout_ns = 10 * TIMEOUT_NS};
    if (!machine_tells_unsent()) {
        skip_because("this system does not tell what is unsent");
    }
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    assert_true(raw_socket_limit_receiving(raw, PEER_BYTES));
    raw_send_proto(raw, RAW_BYE_REQUEST, 8);
    side_take(&link->server, TOFU_BYE_REQUEST);
    for (uint64_t id = 1; id <= COUNT; id++) {
        struct tofu_message *message = side_message(&link->server, TOFU_RESPONSE, id, NULL);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
        side_post(&link->server, message);
    }
    side_send(&link->server, TOFU_BYE_RESPONSE, 8, NULL);

    for (int i = 0; i < COUNT; i++) {
        struct tofu_message *message = NULL;
        // What its own kernel has at last it takes at once: nobody sees when it does.
        uint64_t pause_ns = i < SLOW_COUNT ? TIMEOUT_NS : 0;
        raw_receive_bytes(raw, bytes, sizeof bytes);
        assert_status(TOFU_OK, tofu_group_wait(link->server.group, pause_ns, &message));
        assert_null(message);
    }
    raw_expect(raw, RAW_BYE_RESPONSE);
    assert_int_equal(raw_await_end(raw, NULL), RAW_FIN);
    raw_close(raw);

    side_expect_closed(&link->server, link->server.channel, link->hello_id, "success");
}

static void too_many_half_open_connections_cost_the_oldest(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.half_open_max = 3};
    int raws[6];
    link_open_server(link, &options);
    for (size_t i = 0; i < 6; i++) {
        raws[i] = raw_connect(link->address);
        side_expect_stat(&link->server, connections_accepted, i + 1);
    }

    for (size_t i = 0; i < 3; i++) {
        raw_await_end(raws[i], NULL);
    }

    side_expect_stat(&link->server, half_open, 3);
    side_expect_stat(&link->server, connections_refused, 3);
    for (size_t i = 3; i < 6; i++) {
        raw_send_hello(raws[i], 100 + i);
        assert_int_equal(side_take(&link->server, TOFU_HELLO_REQUEST).id, 100 + i);
    }
    side_expect_stat(&link->server, half_open, 0);
}

// Connections that wait for the receiving budget are not to blame, and fill the cap: who comes then waits in
// the kernel, and is not turned away.
static void newcomers_wait_while_those_before_them_starve(void **state)
{
    enum { STARVED = 3, ALL = 6 };
    struct link_fixture *link = *state;
    const struct tofu_options options = {.half_open_max = STARVED, .pool_messages_max = 1};
    int raws[ALL];
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    raw_send_proto(raw, RAW_REQUEST, 5);
    struct tofu_message *held = side_expect(&link->server, TOFU_REQUEST);
    for (size_t i = 0; i < STARVED; i++) {
        raws[i] = raw_connect(link->address);
        raw_send_hello(raws[i], 100 + i);
        side_expect_stat(&link->server, connections_accepted, i + 2);
    }
    side_put(&link->server, side_expect_notice(&link->server, TOFU_SIGNAL, TOFU_POOL_EMPTY));

    for (size_t i = STARVED; i < ALL; i++) {
        raws[i] = raw_connect(link->address);
        raw_send_hello(raws[i], 100 + i);
        assert_true(raw_is_silent(raws[i]));
    }
    assert_int_equal(side_stats(&link->server).half_open, STARVED);
    assert_int_equal(side_stats(&link->server).connections_refused, 0);

    side_put(&link->server, held);
    for (size_t i = 0; i < ALL;) {
        struct tofu_message *message = side_await(&link->server);
        const struct tofu_header *header = tofu_message_header(message);
        if (header->status == TOFU_OK) {
            assert_int_equal(header->opcode, TOFU_HELLO_REQUEST);
            i++;
        }
        side_put(&link->server, message);
    }
    assert_int_equal(side_stats(&link->server).connections_refused, 0);
    assert_true(side_stats(&link->server).turns < 500);
}

// Who said hello is no longer half open, and is not driven out by those who do not.
static void silent_connections_do_not_drive_out_those_that_talk(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.half_open_max = 2};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    for (uint64_t i = 0; i < 50; i++) {
        raw_connect(link->address);
        side_expect_stat(&link->server, connections_accepted, i + 2);
    }

    raw_send_proto(raw, RAW_REQUEST, 5);

    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 5);
    side_expect_stat(&link->server, connections_refused, 48);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(a_connection_that_says_nothing_is_closed),
        LINK_TEST(a_hello_that_drips_is_cut_off),
        LINK_TEST(a_connection_that_said_hello_may_rest),
        LINK_TEST(an_unfinished_frame_is_timed_out),
        LINK_TEST(a_frame_that_drips_is_timed_out),
        LINK_TEST(the_connecting_side_times_a_frame_too),
        LINK_TEST(a_peer_that_does_not_accept_is_given_up),
        LINK_TEST(a_bye_request_that_nobody_answers_is_timed_out),
        LINK_TEST(a_bye_request_is_not_timed_out_while_the_peer_talks),
        LINK_TEST(a_peer_that_never_closes_is_timed_out),
        LINK_TEST(a_drain_without_progress_is_timed_out),
        LINK_TEST(a_drain_is_not_timed_out_while_the_peer_reads),
        LINK_TEST(too_many_half_open_connections_cost_the_oldest),
        LINK_TEST(newcomers_wait_while_those_before_them_starve),
        LINK_TEST(silent_connections_do_not_drive_out_those_that_talk),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
