// SPDX-License-Identifier: MIT
// Connecting: a HelloRequest reaches the peer and is answered, or comes back with the reason why not.
#include <stdio.h>
#include <string.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"

static void open_client_alone(struct link_fixture *link)
{
    link->client.engine = link_open_engine(link, NULL);
    link_open_group(&link->client);
}

// Posts a HelloRequest that comes back with a status; the channel ends for the same reason.
static void expect_no_connection(
    const struct side *side, struct tofu_message *hello, enum tofu_status status)
{
    char mark = 0;
    assert_status(TOFU_OK, tofu_message_append_text(hello, "color", "blue"));
    assert_status(TOFU_OK, tofu_message_set_body(hello, "body", 4));
    tofu_message_set_user(hello, &mark);
    struct tofu_header posted = side_post(side, hello);

    struct tofu_message *response = side_expect_notice(side, TOFU_HELLO_RESPONSE, status);

    assert_int_equal(tofu_message_header(response)->channel, posted.channel);
    assert_int_equal(tofu_message_header(response)->id, posted.id);
    assert_text(response, "color", "blue");
    assert_body(response, "body");
    assert_ptr_equal(tofu_message_user(response), &mark);
    side_put(side, response);
    side_expect_closed(side, posted.channel, posted.id, tofu_status_name(status));
}

static void the_server_gets_the_hello_request_on_a_fresh_channel(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    struct tofu_message *hello = side_hello(&link->client, link->address);
    assert_status(TOFU_OK, tofu_message_append_text(hello, "color", "blue"));
    assert_status(TOFU_OK, tofu_message_set_body(hello, "body", 4));
    tofu_message_header(hello)->id = 4711;

    struct tofu_header posted = side_post(&link->client, hello);
    struct tofu_message *received = side_expect(&link->server, TOFU_HELLO_REQUEST);

    assert_in_range(posted.channel, 1, 65534);
    assert_int_equal(posted.id, 4711);
    assert_int_equal(posted.origin, TOFU_APPLICATION);
    assert_int_equal(tofu_message_header(received)->id, 4711);
    assert_int_equal(tofu_message_header(received)->status, TOFU_OK);
    assert_in_range(tofu_message_header(received)->channel, 1, 65534);
    assert_int_not_equal(tofu_message_header(received)->channel, link->listener);
    assert_text(received, "color", "blue");
    assert_text(received, "~connect_to", link->address);
    assert_body(received, "body");
    assert_null(tofu_message_user(received));
    side_put(&link->server, received);
}

static void the_answer_may_be_a_hello_response(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, link->address));
    link->server.channel = side_take(&link->server, TOFU_HELLO_REQUEST).channel;

    side_send(&link->server, TOFU_HELLO_RESPONSE, hello.id, "welcome");

    struct tofu_message *response = side_expect(&link->client, TOFU_HELLO_RESPONSE);
    assert_int_equal(tofu_message_header(response)->channel, hello.channel);
    assert_int_equal(tofu_message_header(response)->id, hello.id);
    assert_body(response, "welcome");
    side_put(&link->client, response);
}

// A server that has nothing to say about the hello goes straight on, and may answer it even later.
static void the_answer_may_be_left_out_or_come_later(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, link->address));
    link->client.channel = hello.channel;
    link->hello_id = hello.id;
    link->server.channel = side_take(&link->server, TOFU_HELLO_REQUEST).channel;

    side_send(&link->server, TOFU_REQUEST, 1, "a");
    side_send(&link->server, TOFU_SIGNAL, 2, "b");
    side_send(&link->server, TOFU_HELLO_RESPONSE, hello.id, NULL);

    assert_int_equal(side_take(&link->client, TOFU_REQUEST).id, 1);
    assert_int_equal(side_take(&link->client, TOFU_SIGNAL).id, 2);
    assert_int_equal(side_take(&link->client, TOFU_HELLO_RESPONSE).id, hello.id);
    link_bye(link, &link->server, &link->client);
}

static void the_server_may_refuse_a_connection_with_a_bye(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, link->address));
    link->client.channel = hello.channel;
    link->hello_id = hello.id;
    link->server.channel = side_take(&link->server, TOFU_HELLO_REQUEST).channel;

    link_bye(link, &link->server, &link->client);
}

static void the_server_may_drop_a_connection(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, link->address));
    link->server.channel = side_take(&link->server, TOFU_HELLO_REQUEST).channel;

    side_send(&link->server, TOFU_BYE_SIGNAL, 0, NULL);

    side_expect_closed(&link->server, link->server.channel, hello.id, "channel_closed");
    side_expect_closed(&link->client, hello.channel, hello.id, "peer_disconnected");
}

// A client need not wait for anything: what it posts at once follows the hello.
static void messages_posted_before_the_connection_is_there_follow_the_hello(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link_open_client(link, NULL);

    link->client.channel =
        side_post(&link->client, side_hello(&link->client, link->address)).channel;
    for (uint64_t id = 1; id <= 100; id++) {
        side_send(&link->client, TOFU_REQUEST, id, "early");
    }

    side_take(&link->server, TOFU_HELLO_REQUEST);
    for (uint64_t id = 1; id <= 100; id++) {
        struct tofu_message *message = side_expect(&link->server, TOFU_REQUEST);
        assert_int_equal(tofu_message_header(message)->id, id);
        assert_body(message, "early");
        side_put(&link->server, message);
    }
}

// Hello, a request and Bye at once: a client that only has one thing to say.
static void a_bye_posted_before_the_connection_is_there_follows_too(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link_open_client(link, NULL);

    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, link->address));
    link->client.channel = hello.channel;
    link->hello_id = hello.id;
    side_send(&link->client, TOFU_REQUEST, 1, NULL);
    struct tofu_header bye = side_send(&link->client, TOFU_BYE_REQUEST, 0, NULL);

    link->server.channel = side_take(&link->server, TOFU_HELLO_REQUEST).channel;
    side_take(&link->server, TOFU_REQUEST);
    assert_int_equal(side_take(&link->server, TOFU_BYE_REQUEST).id, bye.id);
    side_send(&link->server, TOFU_BYE_RESPONSE, bye.id, NULL);
    side_take(&link->client, TOFU_BYE_RESPONSE);
    side_expect_closed(&link->client, hello.channel, hello.id, "success");
    side_expect_closed(&link->server, link->server.channel, hello.id, "success");
}

static void many_clients_connect_at_once(void **state)
{
    struct link_fixture *link = *state;
    enum { CLIENTS = 200 };
    uint8_t channels[65536] = {0};
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    for (uint64_t i = 0; i < CLIENTS; i++) {
        struct tofu_message *hello = side_hello(&link->client, link->address);
        tofu_message_header(hello)->id = 1000 + i;
        channels[side_post(&link->client, hello).channel]++;
    }

    uint64_t id_sum = 0;
    for (uint64_t i = 0; i < CLIENTS; i++) {
        struct tofu_header header = side_take(&link->server, TOFU_HELLO_REQUEST);
        id_sum += header.id;
        channels[header.channel] += 16;
    }

    assert_int_equal(id_sum, CLIENTS * 1000 + CLIENTS * (CLIENTS - 1) / 2);
    for (size_t i = 0; i < sizeof channels; i++) {
        // With one engine all numbers differ; with two, each engine's do.
        assert_true(
            channels[i] == 0 || channels[i] == 1 || channels[i] == 16 ||
            (!link->is_one_engine && channels[i] == 17));
    }
}

static void a_refused_connection_comes_back(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_client_alone(link);
    raw_listen(link->transport == TOFU_TCP, link->directory, "deaf", -1, address);

    expect_no_connection(&link->client, side_hello(&link->client, address), TOFU_CONNECT_FAILED);
}

static void messages_behind_a_refused_hello_come_back_in_order(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_client_alone(link);
    raw_listen(link->transport == TOFU_TCP, link->directory, "deaf", -1, address);
    // The engine may be faster than we are, and refuse what is posted when the channel is gone already.
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, address));
    link->client.channel = hello.channel;
    uint64_t taken = 0;
    for (uint64_t id = 1; id <= 50; id++) {
        struct tofu_message *message = side_message(&link->client, TOFU_REQUEST, id, "body");
        enum tofu_status status = tofu_group_post(link->client.group, &message, NULL);
        if (status != TOFU_OK) {
            assert_status(TOFU_INVALID_CHANNEL_NUMBER, status);
            tofu_engine_put(link->client.engine, &message);
            break;
        }
        taken = id;
    }

    side_put(
        &link->client, side_expect_notice(&link->client, TOFU_HELLO_RESPONSE, TOFU_CONNECT_FAILED));
    for (uint64_t id = 1; id <= taken; id++) {
        struct tofu_message *message = side_await(&link->client);
        const struct tofu_header *header = tofu_message_header(message);
        assert_int_equal(header->origin, TOFU_ENGINE);
        assert_int_equal(header->opcode, TOFU_REQUEST);
        assert_int_equal(header->channel, hello.channel);
        assert_int_equal(header->id, id);
        // Those that were queued failed with the channel, those that raced with its end came too late.
        assert_true(header->status == TOFU_CONNECT_FAILED || header->status == TOFU_CHANNEL_CLOSED);
        assert_body(message, "body");
        side_put(&link->client, message);
    }
    side_expect_closed(&link->client, hello.channel, hello.id, "connect_failed");
    side_expect_silence(&link->client);
}

static void a_malformed_address_that_reaches_the_engine_is_invalid(void **state)
{
    static const char *const texts[] = {
        "nonsense",
        "tcp|127.0.0.1",
        "tcp|127.0.0.1|1|2",
        "tcp|127.0.0.1|65536",
        "tcp|127.0.0.1|0",
        "tcp||7099",
        "uds|",
        "uds|a|b"};
    struct link_fixture *link = *state;
    open_client_alone(link);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tofu_message *hello = side_message(&link->client, TOFU_HELLO_REQUEST, 0, NULL);
        assert_status(TOFU_OK, tofu_message_append_text(hello, "~connect_to", texts[i]));

        expect_no_connection(&link->client, hello, TOFU_INVALID_ADDRESS);
    }
}

static void a_hello_request_without_an_address_among_its_texts_is_invalid(void **state)
{
    struct link_fixture *link = *state;
    open_client_alone(link);

    expect_no_connection(
        &link->client,
        side_message(&link->client, TOFU_HELLO_REQUEST, 0, NULL),
        TOFU_INVALID_ADDRESS);
}

static void the_closing_notice_of_a_refused_connection_has_the_systems_words(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    const char *words = NULL;
    size_t size = 0;
    open_client_alone(link);
    raw_listen(link->transport == TOFU_TCP, link->directory, "deaf", -1, address);
    side_post(&link->client, side_hello(&link->client, address));
    side_put(
        &link->client, side_expect_notice(&link->client, TOFU_HELLO_RESPONSE, TOFU_CONNECT_FAILED));

    struct tofu_message *closed =
        side_expect_notice(&link->client, TOFU_SIGNAL, TOFU_CHANNEL_CLOSED);

    assert_text(closed, "~reason", "connect_failed");
    assert_true(tofu_message_find_text(closed, "~detail", &words, &size));
    assert_int_not_equal(size, 0);
    side_put(&link->client, closed);
}

static void hosts_are_connected_to_by_name(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_address real;
    char address[TOFU_ADDRESS_BYTES_MAX];
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    assert_status(TOFU_OK, tofu_address_parse(link->address, &real));
    (void)snprintf(address, sizeof address, "tcp|localhost|%u", real.port);

    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, address));

    struct tofu_message *received = side_expect(&link->server, TOFU_HELLO_REQUEST);
    assert_int_equal(tofu_message_header(received)->id, hello.id);
    assert_text(received, "~connect_to", address);
    side_put(&link->server, received);
}

// The name has a label of 64 letters, one more than DNS can carry, so that nobody has to be asked.
static void an_unknown_host_comes_back(void **state)
{
    static const char address[] =
        "tcp|aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid|7099";
    struct link_fixture *link = *state;
    open_client_alone(link);

    struct tofu_message *hello = side_message(&link->client, TOFU_HELLO_REQUEST, 0, NULL);
    assert_status(TOFU_OK, tofu_message_append_text(hello, "~connect_to", address));

    expect_no_connection(&link->client, hello, TOFU_INVALID_ADDRESS);
}

static void a_name_is_resolved_while_other_channels_go_on(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    link_connect(link);
    char address[TOFU_ADDRESS_BYTES_MAX];
    struct tofu_address deaf;
    raw_listen(true, link->directory, NULL, -1, address);
    assert_status(TOFU_OK, tofu_address_parse(address, &deaf));
    (void)snprintf(address, sizeof address, "tcp|localhost|%u", deaf.port);

    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, address));
    side_send(&link->client, TOFU_REQUEST, 9, NULL);

    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 9);
    side_put(
        &link->client, side_expect_notice(&link->client, TOFU_HELLO_RESPONSE, TOFU_CONNECT_FAILED));
    side_expect_closed(&link->client, hello.channel, hello.id, "connect_failed");
}

static void ipv6_is_connected_to(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_address real;
    char address[TOFU_ADDRESS_BYTES_MAX];
    if (!raw_has_ipv6()) {
        skip_because("this machine has no IPv6 loopback");
    }
    open_client_alone(link);
    side_post(&link->client, side_welcome(&link->client, "tcp|::1|0"));
    struct tofu_message *response =
        side_expect_notice(&link->client, TOFU_WELCOME_RESPONSE, TOFU_OK);
    link_real_address(response, address);
    side_put(&link->client, response);
    assert_status(TOFU_OK, tofu_address_parse(address, &real));
    assert_string_equal(real.host, "::1");

    (void)snprintf(address, sizeof address, "tcp://[::1]:%u", real.port);
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, address));

    assert_int_equal(side_take(&link->client, TOFU_HELLO_REQUEST).id, hello.id);
}

static void a_missing_path_comes_back_as_such(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_client_alone(link);
    link_fresh_address(link, "missing", address);

    expect_no_connection(
        &link->client, side_hello(&link->client, address), TOFU_UDS_PATH_NOT_FOUND);
}

static void a_path_that_is_a_file_refuses(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_client_alone(link);
    link_fresh_address(link, "file", address);
    FILE *file = fopen(address + 4, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);

    expect_no_connection(&link->client, side_hello(&link->client, address), TOFU_CONNECT_FAILED);
}

// The kernel says EAGAIN and never tells when there is room; the engine has to try again by itself.
static void a_full_backlog_is_waited_for(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_client_alone(link);
    int listener = raw_listen(false, link->directory, "full", 0, address);
    raw_connect(address);
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, address));
    side_expect_silence(&link->client);

    raw_accept(listener);

    assert_int_equal(raw_expect(raw_accept(listener), RAW_HELLO_REQUEST), hello.id);
    struct tofu_stats stats = side_stats(&link->client);
    assert_true(stats.turns < 1000);
}

static void an_abstract_name_is_connected_to(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_client_alone(link);
    (void)snprintf(address, sizeof address, "uds://@%s", link->directory);
    side_post(&link->client, side_welcome(&link->client, address));
    side_put(&link->client, side_expect_notice(&link->client, TOFU_WELCOME_RESPONSE, TOFU_OK));

    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, address));

    assert_int_equal(side_take(&link->client, TOFU_HELLO_REQUEST).id, hello.id);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(the_server_gets_the_hello_request_on_a_fresh_channel),
        LINK_TEST(the_answer_may_be_a_hello_response),
        LINK_TEST(the_answer_may_be_left_out_or_come_later),
        LINK_TEST(the_server_may_refuse_a_connection_with_a_bye),
        LINK_TEST(the_server_may_drop_a_connection),
        LINK_TEST(messages_posted_before_the_connection_is_there_follow_the_hello),
        LINK_TEST(a_bye_posted_before_the_connection_is_there_follows_too),
        LINK_TEST(many_clients_connect_at_once),
    };
    static const struct CMUnitTest failing_tests[] = {
        LINK_TEST(a_refused_connection_comes_back),
        LINK_TEST(messages_behind_a_refused_hello_come_back_in_order),
        LINK_TEST(a_malformed_address_that_reaches_the_engine_is_invalid),
        LINK_TEST(a_hello_request_without_an_address_among_its_texts_is_invalid),
        LINK_TEST(the_closing_notice_of_a_refused_connection_has_the_systems_words),
    };
    static const struct CMUnitTest tcp_tests[] = {
        LINK_TEST(hosts_are_connected_to_by_name),
        LINK_TEST(an_unknown_host_comes_back),
        LINK_TEST(a_name_is_resolved_while_other_channels_go_on),
        LINK_TEST(ipv6_is_connected_to),
    };
    static const struct CMUnitTest uds_tests[] = {
        LINK_TEST(a_missing_path_comes_back_as_such),
        LINK_TEST(a_path_that_is_a_file_refuses),
        LINK_TEST(a_full_backlog_is_waited_for),
        LINK_TEST(an_abstract_name_is_connected_to),
    };
    int failed = LINK_RUN(tests, LINK_ALL);
    failed += LINK_RUN(failing_tests, LINK_BOTH);
    failed += LINK_RUN(tcp_tests, LINK_TCP);
    failed += LINK_RUN(uds_tests, LINK_UDS);
    return failed;
}
