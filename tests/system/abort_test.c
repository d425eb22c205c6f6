// SPDX-License-Identifier: MIT
// The abort: a ByeSignal ends a channel at once, and any Bye ends a listener but nobody it accepted.
#include <stdio.h>
#include <string.h>

#include "support/link_fixture.h"
#include "support/machine.h"
#include "support/raw_peer.h"

static void a_bye_signal_is_local_and_its_fate_is_the_closing_notice(void **state)
{
    struct link_fixture *link = *state;

    side_send(&link->client, TOFU_BYE_SIGNAL, 5, "consumed");

    side_expect_closed(&link->client, link->client.channel, link->hello_id, "channel_closed");
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
    side_expect_silence(&link->client);
    side_expect_silence(&link->server);
}

static void the_accepting_side_aborts_too(void **state)
{
    struct link_fixture *link = *state;

    side_send(&link->server, TOFU_BYE_SIGNAL, 0, NULL);

    side_expect_closed(&link->server, link->server.channel, link->hello_id, "channel_closed");
    side_expect_closed(&link->client, link->client.channel, link->hello_id, "peer_disconnected");
}

static void a_bye_signal_is_allowed_after_byes(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_header bye = side_send(&link->client, TOFU_BYE_REQUEST, 0, NULL);
    assert_int_equal(side_take(&link->server, TOFU_BYE_REQUEST).id, bye.id);

    side_send(&link->client, TOFU_BYE_SIGNAL, 0, NULL);

    side_expect_closed(&link->client, link->client.channel, link->hello_id, "channel_closed");
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
}

static void the_peer_sees_a_reset(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    raw_send_proto(raw, RAW_REQUEST, 1);
    side_take(&link->server, TOFU_REQUEST);

    side_send(&link->server, TOFU_BYE_SIGNAL, 0, NULL);

    enum raw_end end = raw_await_end(raw, NULL);
    assert_true(end == RAW_RESET || link->transport == TOFU_UDS);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "channel_closed");
}

// Fills the peer's window and more, so that some messages are queued for sure when the abort comes.
static uint64_t post_until_queued(const struct side *side, uint64_t bytes)
{
    static char body[60000];
    uint64_t count = 0;
    for (uint64_t posted = 0; posted < bytes; posted += sizeof body) {
        count++;
        struct tofu_message *message = side_message(side, TOFU_REQUEST, count, NULL);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
        side_post(side, message);
    }
    return count;
}

static void queued_messages_come_back_in_order_before_the_closing_notice(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_bytes_max = TOFU_UNLIMITED};
    link_open_server(link, &options);
    link_raw_client(link);
    uint64_t posted = post_until_queued(&link->server, 32 << 20);

    side_send(&link->server, TOFU_BYE_SIGNAL, 0, NULL);

    uint64_t next = 0;
    struct tofu_message *message = side_await(&link->server);
    for (; !message_is_closing(message); message = side_await(&link->server)) {
        const struct tofu_header *header = tofu_message_header(message);
        assert_int_equal(header->origin, TOFU_ENGINE);
        assert_int_equal(header->opcode, TOFU_REQUEST);
        assert_int_equal(header->status, TOFU_CHANNEL_CLOSED);
        assert_true(next == 0 || header->id == next);
        next = header->id + 1;
        side_put(&link->server, message);
    }
    assert_text(message, "~reason", "channel_closed");
    side_put(&link->server, message);
    assert_int_equal(next, posted + 1);
}

static void a_hello_that_is_still_connecting_is_aborted(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    link_open_client(link, NULL);
    raw_listen(link->transport == TOFU_TCP, link->directory, "full", 0, address);
    raw_connect(address);
    struct tofu_message *request = side_hello(&link->client, address);
    assert_status(TOFU_OK, tofu_message_append_text(request, "color", "blue"));
    struct tofu_header hello = side_post(&link->client, request);
    link->client.channel = hello.channel;
    side_send(&link->client, TOFU_REQUEST, 5, "queued");

    side_send(&link->client, TOFU_BYE_SIGNAL, 0, NULL);

    struct tofu_message *response =
        side_expect_notice(&link->client, TOFU_HELLO_RESPONSE, TOFU_CHANNEL_CLOSED);
    assert_int_equal(tofu_message_header(response)->id, hello.id);
    assert_text(response, "color", "blue");
    side_put(&link->client, response);
    struct tofu_message *queued =
        side_expect_notice(&link->client, TOFU_REQUEST, TOFU_CHANNEL_CLOSED);
    assert_int_equal(tofu_message_header(queued)->id, 5);
    assert_body(queued, "queued");
    side_put(&link->client, queued);
    side_expect_closed(&link->client, hello.channel, hello.id, "channel_closed");
}

// Nothing says when the engine gets to a post, so both outcomes are right; none may be lost.
static void a_hello_is_aborted_before_anything_else_happened(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    for (int i = 0; i < 100; i++) {
        struct tofu_header hello =
            side_post(&link->client, side_hello(&link->client, link->address));
        link->client.channel = hello.channel;
        side_send(&link->client, TOFU_BYE_SIGNAL, 0, NULL);

        struct tofu_message *message = side_await(&link->client);
        if (!message_is_closing(message)) {
            assert_int_equal(tofu_message_header(message)->opcode, TOFU_HELLO_RESPONSE);
            assert_int_equal(tofu_message_header(message)->status, TOFU_CHANNEL_CLOSED);
            side_put(&link->client, message);
            message = side_await(&link->client);
        }
        assert_text(message, "~reason", "channel_closed");
        assert_int_equal(tofu_message_header(message)->id, hello.id);
        side_put(&link->client, message);
    }
    side_expect_silence(&link->client);
}

static void close_listener(struct link_fixture *link, enum tofu_opcode opcode)
{
    struct side listener = link->server;
    listener.channel = link->listener;
    side_send(&listener, opcode, 9, "consumed");
    side_expect_closed(
        &link->server,
        link->listener,
        link->welcome_id,
        opcode == TOFU_BYE_REQUEST ? "success" : "channel_closed");
    side_expect_refusal(
        &listener, side_message(&listener, TOFU_BYE_SIGNAL, 0, NULL), TOFU_INVALID_CHANNEL_NUMBER);
}

static void expect_nobody_listens(struct link_fixture *link)
{
    enum tofu_status status =
        link->transport == TOFU_UDS ? TOFU_UDS_PATH_NOT_FOUND : TOFU_CONNECT_FAILED;
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, link->address));
    side_put(&link->client, side_expect_notice(&link->client, TOFU_HELLO_RESPONSE, status));
    side_expect_closed(&link->client, hello.channel, hello.id, tofu_status_name(status));
}

static void expect_channel_lives(struct link_fixture *link)
{
    side_send(&link->client, TOFU_REQUEST, 3, NULL);
    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 3);
    side_send(&link->server, TOFU_RESPONSE, 3, NULL);
    assert_int_equal(side_take(&link->client, TOFU_RESPONSE).id, 3);
}

static void a_bye_request_ends_a_listener_but_no_channel(void **state)
{
    struct link_fixture *link = *state;
    close_listener(link, TOFU_BYE_REQUEST);
    expect_nobody_listens(link);
    expect_channel_lives(link);
    link_bye(link, &link->client, &link->server);
}

static void a_bye_signal_ends_a_listener_but_no_channel(void **state)
{
    struct link_fixture *link = *state;
    close_listener(link, TOFU_BYE_SIGNAL);
    expect_nobody_listens(link);
    expect_channel_lives(link);
    link_bye(link, &link->server, &link->client);
}

// Whoever hears that the listener is closed may start another one at once.
static void the_path_is_gone_when_the_closing_notice_comes(void **state)
{
    struct link_fixture *link = *state;
    const char *path = link->address + strlen("uds|");
    assert_true(machine_has_file(path));

    close_listener(link, TOFU_BYE_REQUEST);

    assert_false(machine_has_file(path));
}

// Somebody else's file at our path is not ours to remove.
static void a_path_that_is_no_longer_ours_stays(void **state)
{
    struct link_fixture *link = *state;
    const char *path = link->address + strlen("uds|");
    assert_true(machine_remove_file(path));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);

    close_listener(link, TOFU_BYE_REQUEST);

    assert_true(machine_has_ordinary_file(path));
}

// An accepted connection that has not said hello belongs to nobody yet: it ends with its listener or
// lives on, but its hello never reaches a channel that was not announced.
static void a_half_open_connection_outlives_its_listener_or_ends(void **state)
{
    struct link_fixture *link = *state;
    int raw = raw_connect(link->address);
    side_expect_stat(&link->server, half_open, 1);

    close_listener(link, TOFU_BYE_SIGNAL);

    char byte = 0;
    (void)raw_send_some(raw, &byte, 1);
    raw_close(raw);
    side_expect_stat(&link->server, half_open, 0);
    side_expect_silence(&link->server);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONNECTED_LINK_TEST(a_bye_signal_is_local_and_its_fate_is_the_closing_notice),
        CONNECTED_LINK_TEST(the_accepting_side_aborts_too),
        CONNECTED_LINK_TEST(a_bye_signal_is_allowed_after_byes),
        LINK_TEST(a_hello_is_aborted_before_anything_else_happened),
        CONNECTED_LINK_TEST(a_bye_request_ends_a_listener_but_no_channel),
        CONNECTED_LINK_TEST(a_bye_signal_ends_a_listener_but_no_channel),
        CONNECTED_LINK_TEST(a_half_open_connection_outlives_its_listener_or_ends),
    };
    static const struct CMUnitTest raw_tests[] = {
        LINK_TEST(the_peer_sees_a_reset),
        LINK_TEST(queued_messages_come_back_in_order_before_the_closing_notice),
        LINK_TEST(a_hello_that_is_still_connecting_is_aborted),
    };
    static const struct CMUnitTest uds_tests[] = {
        CONNECTED_LINK_TEST(the_path_is_gone_when_the_closing_notice_comes),
        CONNECTED_LINK_TEST(a_path_that_is_no_longer_ours_stays),
    };
    int failed = LINK_RUN(tests, LINK_ALL);
    failed += LINK_RUN(raw_tests, LINK_BOTH);
    failed += LINK_RUN(uds_tests, LINK_UDS);
    return failed;
}
