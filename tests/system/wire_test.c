// SPDX-License-Identifier: MIT
// The bytes on the wire, from a real engine: the golden frames of PROTOCOL.md, section 9, and what the
// engine may not send.
#include <stdio.h>
#include <string.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"

static int accept_client(struct link_fixture *link, struct tofu_message *hello, int listener)
{
    struct tofu_header posted = side_post(&link->client, hello);
    link->client.channel = posted.channel;
    link->hello_id = posted.id;
    return raw_accept(listener);
}

// The first channel of an engine has some number; all else in the first frame is given.
static void a_hello_request_is_its_golden_frame(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    char text[TOFU_ADDRESS_BYTES_MAX + 32];
    uint8_t received[512];
    link_open_client(link, NULL);
    int listener = raw_listen(link->transport == TOFU_TCP, link->directory, "raw", 4, address);
    size_t text_bytes = (size_t)snprintf(text, sizeof text, "~connect_to:%s\r\n", address);
    struct tofu_message *hello = side_hello(&link->client, address);
    tofu_message_header(hello)->id = 2;

    int raw = accept_client(link, hello, listener);

    raw_receive_bytes(raw, received, 16 + text_bytes);
    const uint8_t header[16] = {
        (uint8_t)(link->client.channel >> 8),
        (uint8_t)link->client.channel,
        0x03,
        0x00,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        2,
        0,
        (uint8_t)text_bytes,
        0,
        0};
    assert_memory_equal(received, header, sizeof header);
    assert_memory_equal(received + 16, text, text_bytes);
    assert_true(raw_is_silent(raw));
}

static void a_part_of_a_request_is_its_golden_frame(void **state)
{
    static const uint8_t golden[16] = {
        0, 0, 0x20, 0, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0, 0, 0, 2};
    struct link_fixture *link = *state;
    uint8_t received[18];
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    struct tofu_message *message =
        side_message(&link->server, TOFU_REQUEST, UINT64_C(0x0102030405060708), "hi");
    tofu_message_header(message)->more = 1;

    side_post(&link->server, message);

    raw_receive_bytes(raw, received, sizeof received);
    assert_int_equal(received[0] << 8 | received[1], link->server.channel);
    assert_memory_equal(received + 2, golden + 2, 14);
    assert_memory_equal(received + 16, "hi", 2);
}

static void an_empty_signal_is_its_golden_frame(void **state)
{
    static const uint8_t golden[16] = {0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0};
    struct link_fixture *link = *state;
    uint8_t received[16];
    link_open_server(link, NULL);
    int raw = link_raw_client(link);

    side_send(&link->server, TOFU_SIGNAL, 7, NULL);

    raw_receive_bytes(raw, received, sizeof received);
    assert_memory_equal(received + 2, golden + 2, 14);
    assert_true(raw_is_silent(raw));
}

static void text_headers_are_written_as_lines(void **state)
{
    static const char lines[] = "color:blue\r\nsize:10 x 20\r\n";
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    struct tofu_message *message = side_message(&link->server, TOFU_RESPONSE, 7, "body");
    assert_status(TOFU_OK, tofu_message_append_text(message, "  color\t", "blue"));
    assert_status(TOFU_OK, tofu_message_append_text(message, "size", "10 x 20"));

    side_post(&link->server, message);

    const struct raw_message *received = raw_receive(raw);
    assert_int_equal(received->proto, RAW_RESPONSE);
    assert_int_equal(received->text_bytes, sizeof lines - 1);
    assert_string_equal(received->text, lines);
    assert_string_equal(received->body, "body");
}

// A URL travels as its bar form, and a bar form as it was written.
static void an_address_travels_in_its_bar_form(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    char url[TOFU_ADDRESS_BYTES_MAX + 8];
    char line[TOFU_ADDRESS_BYTES_MAX + 16];
    link_open_client(link, NULL);
    int listener = raw_listen(link->transport == TOFU_TCP, link->directory, "raw", 4, address);
    if (link->transport == TOFU_TCP) {
        const char *port = strrchr(address, '|') + 1;
        (void)snprintf(url, sizeof url, "tcp://127.0.0.1:%s", port);
    } else {
        (void)snprintf(url, sizeof url, "uds://%s", strchr(address, '|') + 1);
    }
    (void)snprintf(line, sizeof line, "~connect_to:%s\r\n", address);

    int raw = accept_client(link, side_hello(&link->client, url), listener);

    assert_string_equal(raw_receive(raw)->text, line);
}

// Byes are messages like others: whatever the application puts into them travels.
static void every_message_of_a_conversation_has_its_byte(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    side_send(&link->server, TOFU_HELLO_RESPONSE, link->hello_id, "hello");
    side_send(&link->server, TOFU_REQUEST, 1, NULL);
    side_send(&link->server, TOFU_RESPONSE, 2, NULL);
    side_send(&link->server, TOFU_SIGNAL, 3, NULL);
    side_send(&link->server, TOFU_BYE_REQUEST, 4, "bye");

    const struct raw_message *message = raw_receive(raw);
    assert_int_equal(message->proto, RAW_HELLO_RESPONSE);
    assert_int_equal(message->id, link->hello_id);
    assert_string_equal(message->body, "hello");
    assert_int_equal(raw_expect(raw, RAW_REQUEST), 1);
    assert_int_equal(raw_expect(raw, RAW_RESPONSE), 2);
    assert_int_equal(raw_expect(raw, RAW_SIGNAL), 3);
    message = raw_receive(raw);
    assert_int_equal(message->proto, RAW_BYE_REQUEST);
    assert_int_equal(message->status, 0);
    assert_string_equal(message->body, "bye");
    raw_send_proto(raw, RAW_BYE_RESPONSE, 4);
    size_t discarded = 1;
    assert_int_equal(raw_await_end(raw, &discarded), RAW_FIN);
    assert_int_equal(discarded, 0);
}

// An abort is local: the peer learns of it by the end of the connection, never by a message.
static void a_bye_signal_does_not_travel(void **state)
{
    struct link_fixture *link = *state;
    size_t discarded = 1;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);

    side_send(&link->server, TOFU_BYE_SIGNAL, 4, "secret");

    raw_await_end(raw, &discarded);
    assert_int_equal(discarded, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(a_hello_request_is_its_golden_frame),
        LINK_TEST(a_part_of_a_request_is_its_golden_frame),
        LINK_TEST(an_empty_signal_is_its_golden_frame),
        LINK_TEST(text_headers_are_written_as_lines),
        LINK_TEST(an_address_travels_in_its_bar_form),
        LINK_TEST(every_message_of_a_conversation_has_its_byte),
        LINK_TEST(a_bye_signal_does_not_travel),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
