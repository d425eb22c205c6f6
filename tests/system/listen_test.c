// SPDX-License-Identifier: MIT
// Listening: a WelcomeRequest becomes a listener or comes back with the reason why not.
#include <stdio.h>
#include <string.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"

static const char *path_of(const char *address)
{
    return strchr(address, '|') + 1;
}

static void open_engine_with_group(struct link_fixture *link)
{
    link->server.engine = link_open_engine(link, NULL);
    link_open_group(&link->server);
}

// Posts a WelcomeRequest that comes back with a status, and is then closed for the same reason.
static void expect_no_listener(
    const struct side *side, struct tofu_message *welcome, enum tofu_status status)
{
    char mark = 0;
    tofu_message_set_user(welcome, &mark);
    struct tofu_header posted = side_post(side, welcome);

    struct tofu_message *response = side_expect_notice(side, TOFU_WELCOME_RESPONSE, status);

    assert_int_equal(tofu_message_header(response)->channel, posted.channel);
    assert_int_equal(tofu_message_header(response)->id, posted.id);
    assert_ptr_equal(tofu_message_user(response), &mark);
    side_put(side, response);
    side_expect_closed(side, posted.channel, posted.id, tofu_status_name(status));
}

static void a_welcome_request_comes_back_as_its_response(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_engine_with_group(link);
    link_fresh_address(link, "a", address);
    struct tofu_message *welcome = side_welcome(&link->server, address);
    assert_status(TOFU_OK, tofu_message_append_text(welcome, "color", "blue"));
    assert_status(TOFU_OK, tofu_message_set_body(welcome, "body", 4));
    tofu_message_header(welcome)->id = 4711;
    tofu_message_set_user(welcome, link);

    struct tofu_header posted = side_post(&link->server, welcome);
    struct tofu_message *response =
        side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK);

    assert_int_equal(posted.opcode, TOFU_WELCOME_REQUEST);
    assert_int_equal(posted.id, 4711);
    assert_in_range(posted.channel, 1, 65534);
    assert_int_equal(tofu_message_header(response)->channel, posted.channel);
    assert_int_equal(tofu_message_header(response)->id, 4711);
    assert_text(response, "color", "blue");
    assert_body(response, "body");
    assert_ptr_equal(tofu_message_user(response), link);
    side_put(&link->server, response);
}

// Port 0 lets the system choose; who connects must learn its choice, and only that.
static void the_response_has_the_real_address_and_no_other(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_address real;
    size_t address_count = 0;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_engine_with_group(link);
    link_fresh_address(link, "a", address);
    side_post(&link->server, side_welcome(&link->server, address));

    struct tofu_message *response =
        side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK);

    const char *name = NULL;
    size_t name_size = 0;
    struct tofu_text_iterator texts = tofu_message_texts(response);
    while (tofu_text_next(&texts, &name, &name_size, NULL, NULL)) {
        address_count += name_size == 10 && memcmp(name, "~listen_on", 10) == 0;
    }
    assert_int_equal(address_count, 1);
    link_real_address(response, address);
    assert_status(TOFU_OK, tofu_address_parse(address, &real));
    assert_true(link->transport == TOFU_UDS || real.port != 0);
    raw_send_hello(raw_connect(address), 3);
    assert_int_equal(side_take(&link->server, TOFU_HELLO_REQUEST).id, 3);
    side_put(&link->server, response);
}

static void an_address_that_is_written_as_url_answers_in_its_bar_form(void **state)
{
    struct link_fixture *link = *state;
    char bars[TOFU_ADDRESS_BYTES_MAX];
    char url[TOFU_ADDRESS_BYTES_MAX];
    open_engine_with_group(link);
    link_fresh_address(link, "a", bars);
    (void)snprintf(
        url, sizeof url, "%s", link->transport == TOFU_TCP ? "tcp://127.0.0.1:0" : "uds://");
    if (link->transport == TOFU_UDS) {
        (void)snprintf(url, sizeof url, "uds://%s", path_of(bars));
    }
    side_post(&link->server, side_welcome(&link->server, url));

    struct tofu_message *response =
        side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK);

    char real[TOFU_ADDRESS_BYTES_MAX];
    link_real_address(response, real);
    assert_memory_equal(real, link->transport == TOFU_TCP ? "tcp|127.0.0.1|" : "uds|/", 5);
    raw_send_hello(raw_connect(real), 3);
    side_take(&link->server, TOFU_HELLO_REQUEST);
    side_put(&link->server, response);
}

static void an_address_that_is_in_use_is_refused(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);

    expect_no_listener(
        &link->server, side_welcome(&link->server, link->address), TOFU_LISTEN_FAILED);

    raw_send_hello(raw_connect(link->address), 3);
    side_take(&link->server, TOFU_HELLO_REQUEST);
}

static void an_address_that_another_engine_listens_on_is_refused(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link->client.engine = link_open_engine(link, NULL);
    link_open_group(&link->client);

    expect_no_listener(
        &link->client, side_welcome(&link->client, link->address), TOFU_LISTEN_FAILED);

    raw_send_hello(raw_connect(link->address), 3);
    side_take(&link->server, TOFU_HELLO_REQUEST);
}

static void an_address_can_be_listened_on_again_after_its_listener_ended(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    struct side listener = link->server;
    for (int i = 0; i < 10; i++) {
        listener.channel = link->listener;
        side_send(&listener, TOFU_BYE_REQUEST, 0, NULL);
        side_expect_closed(&link->server, link->listener, link->welcome_id, "success");

        struct tofu_header posted =
            side_post(&link->server, side_welcome(&link->server, link->address));

        side_put(&link->server, side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK));
        link->listener = posted.channel;
        link->welcome_id = posted.id;
    }
}

// connect_to and listen_on refuse such texts, so they are put in as a careless program would.
static void a_malformed_address_that_reaches_the_engine_is_invalid(void **state)
{
    static const char *const texts[] = {
        "nonsense", "tcp|127.0.0.1", "tcp|127.0.0.1|1|2", "tcp|127.0.0.1|65536", "uds|", "uds|a|b"};
    struct link_fixture *link = *state;
    open_engine_with_group(link);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tofu_message *welcome = side_message(&link->server, TOFU_WELCOME_REQUEST, 0, NULL);
        assert_status(TOFU_OK, tofu_message_append_text(welcome, "~listen_on", texts[i]));

        expect_no_listener(&link->server, welcome, TOFU_INVALID_ADDRESS);
    }
}

static void a_welcome_request_without_an_address_among_its_texts_is_invalid(void **state)
{
    struct link_fixture *link = *state;
    open_engine_with_group(link);
    struct tofu_message *welcome = side_message(&link->server, TOFU_WELCOME_REQUEST, 0, NULL);
    assert_status(TOFU_OK, tofu_message_append_text(welcome, "color", "blue"));

    expect_no_listener(&link->server, welcome, TOFU_INVALID_ADDRESS);
}

static void one_group_has_several_listeners(void **state)
{
    struct link_fixture *link = *state;
    char address[3][TOFU_ADDRESS_BYTES_MAX];
    static const char *const names[] = {"a", "b", "c"};
    open_engine_with_group(link);
    for (size_t i = 0; i < 3; i++) {
        link_listen(link, &link->server, names[i], address[i]);
    }

    for (size_t i = 0; i < 3; i++) {
        raw_send_hello(raw_connect(address[i]), 10 + i);
        assert_int_equal(side_take(&link->server, TOFU_HELLO_REQUEST).id, 10 + i);
    }
}

static void listen_at(struct link_fixture *link, const char *asked, struct tofu_address *real)
{
    char address[TOFU_ADDRESS_BYTES_MAX];
    side_post(&link->server, side_welcome(&link->server, asked));
    struct tofu_message *response =
        side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK);
    link_real_address(response, address);
    side_put(&link->server, response);
    assert_status(TOFU_OK, tofu_address_parse(address, real));
}

static void an_empty_host_listens_on_all_interfaces(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "127.1.2.3"};
    struct link_fixture *link = *state;
    struct tofu_address real;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_engine_with_group(link);

    listen_at(link, "tcp||0", &real);

    assert_int_not_equal(real.port, 0);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(address, sizeof address, "tcp|%s|%u", hosts[i], real.port);
        raw_send_hello(raw_connect(address), 3 + i);
        assert_int_equal(side_take(&link->server, TOFU_HELLO_REQUEST).id, 3 + i);
    }
}

static void a_port_that_was_free_is_listened_on_as_asked(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_address first;
    struct tofu_address second;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_engine_with_group(link);
    // Only the system knows a free port, and nobody else has this address of the loopback.
    listen_at(link, "tcp|127.0.0.1|0", &first);

    (void)snprintf(address, sizeof address, "tcp|127.77.1.2|%u", first.port);
    listen_at(link, address, &second);

    assert_int_equal(second.port, first.port);
    assert_string_equal(second.host, "127.77.1.2");
}

static void ipv6_is_listened_on(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_address real;
    char address[TOFU_ADDRESS_BYTES_MAX];
    if (!raw_has_ipv6()) {
        skip_because("this machine has no IPv6 loopback");
    }
    open_engine_with_group(link);

    listen_at(link, "tcp|::1|0", &real);

    assert_string_equal(real.host, "::1");
    (void)snprintf(address, sizeof address, "tcp|::1|%u", real.port);
    raw_send_hello(raw_connect(address), 3);
    side_take(&link->server, TOFU_HELLO_REQUEST);
}

static void a_host_name_is_listened_on(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_address real;
    open_engine_with_group(link);

    listen_at(link, "tcp|localhost|0", &real);

    assert_int_not_equal(real.port, 0);
}

static void an_address_of_another_machine_is_refused(void **state)
{
    struct link_fixture *link = *state;
    open_engine_with_group(link);
    // 192.0.2.0/24 is kept for examples (RFC 5737): no machine has it.
    expect_no_listener(
        &link->server, side_welcome(&link->server, "tcp|192.0.2.1|0"), TOFU_LISTEN_FAILED);
}

static struct tofu_message *welcome_at_path(struct link_fixture *link, const char *name)
{
    char address[TOFU_ADDRESS_BYTES_MAX];
    (void)snprintf(address, sizeof address, "uds|%s/%s", link->directory, name);
    return side_welcome(&link->server, address);
}

static void a_file_at_the_path_is_not_touched(void **state)
{
    struct link_fixture *link = *state;
    char path[TOFU_ADDRESS_BYTES_MAX];
    char content[8] = "";
    open_engine_with_group(link);
    (void)snprintf(path, sizeof path, "%s/file", link->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("mine", file) >= 0);
    assert_int_equal(fclose(file), 0);

    expect_no_listener(&link->server, welcome_at_path(link, "file"), TOFU_LISTEN_FAILED);

    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(content, sizeof content, file));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(content, "mine");
}

// What a process that was killed leaves behind must not keep its successor from starting.
static void a_dead_socket_at_the_path_is_replaced(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_engine_with_group(link);
    raw_close(raw_listen(false, link->directory, "dead", 1, address));

    side_post(&link->server, side_welcome(&link->server, address));

    side_put(&link->server, side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK));
    raw_send_hello(raw_connect(address), 3);
    side_take(&link->server, TOFU_HELLO_REQUEST);
}

static void a_path_in_a_missing_directory_is_refused(void **state)
{
    struct link_fixture *link = *state;
    open_engine_with_group(link);

    expect_no_listener(&link->server, welcome_at_path(link, "no/such"), TOFU_LISTEN_FAILED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(a_welcome_request_comes_back_as_its_response),
        LINK_TEST(the_response_has_the_real_address_and_no_other),
        LINK_TEST(an_address_that_is_written_as_url_answers_in_its_bar_form),
        LINK_TEST(an_address_that_is_in_use_is_refused),
        LINK_TEST(an_address_that_another_engine_listens_on_is_refused),
        LINK_TEST(an_address_can_be_listened_on_again_after_its_listener_ended),
        LINK_TEST(a_malformed_address_that_reaches_the_engine_is_invalid),
        LINK_TEST(a_welcome_request_without_an_address_among_its_texts_is_invalid),
        LINK_TEST(one_group_has_several_listeners),
    };
    static const struct CMUnitTest tcp_tests[] = {
        LINK_TEST(an_empty_host_listens_on_all_interfaces),
        LINK_TEST(a_port_that_was_free_is_listened_on_as_asked),
        LINK_TEST(ipv6_is_listened_on),
        LINK_TEST(a_host_name_is_listened_on),
        LINK_TEST(an_address_of_another_machine_is_refused),
    };
    static const struct CMUnitTest uds_tests[] = {
        LINK_TEST(a_file_at_the_path_is_not_touched),
        LINK_TEST(a_dead_socket_at_the_path_is_replaced),
        LINK_TEST(a_path_in_a_missing_directory_is_refused),
    };
    int failed = LINK_RUN(tests, LINK_BOTH);
    failed += LINK_RUN(tcp_tests, LINK_TCP);
    failed += LINK_RUN(uds_tests, LINK_UDS);
    return failed;
}
