// SPDX-License-Identifier: MIT
// Bytes that are no tofu, or almost: lengths over the limits, texts that are none, garbage, and frames
// in any split. Each is tried on the accepting and on the connecting side.
#include <string.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"
#include "unit/random.h"

#define TEXT_MAX 50
#define BODY_MAX 70

// Both sides' engines meet a raw peer each; `side` is the engine under test.
struct meeting {
    struct link_fixture *link;
    struct side *side;
    int raw;
};

static const struct tofu_options small_parts = {
    .text_bytes_max = TEXT_MAX, .body_bytes_max = BODY_MAX};

static void open_both(struct link_fixture *link, const struct tofu_options *options)
{
    link_open_server(link, options);
    link_open_client(link, options);
}

static struct meeting meet(struct link_fixture *link, int i)
{
    if (i == 0) {
        int raw = link_raw_client(link);
        return (struct meeting){link, &link->server, raw};
    }
    int raw = link_raw_server(link);
    return (struct meeting){link, &link->client, raw};
}

// The peer is cut off with a reset, and the application is told why.
static void expect_violation(const struct meeting *meeting, const char *reason)
{
    enum raw_end end = raw_await_end(meeting->raw, NULL);
    assert_true(end == RAW_RESET || meeting->link->transport == TOFU_UDS);
    raw_close(meeting->raw);
    side_expect_closed(meeting->side, meeting->side->channel, meeting->link->hello_id, reason);
}

static void expect_request(const struct meeting *meeting, uint64_t id)
{
    struct tofu_header header = side_take(meeting->side, TOFU_REQUEST);
    assert_int_equal(header.id, id);
    assert_int_equal(header.channel, meeting->side->channel);
}

// Sends a header that announces these lengths, and none of what it announces.
static void send_lengths(int raw, size_t text_bytes, size_t body_bytes)
{
    const struct raw_frame frame = {.channel = 1, .proto = RAW_REQUEST, .id = 1};
    uint8_t bytes[RAW_HEADER_BYTES];
    (void)raw_pack(&frame, bytes);
    bytes[12] = (uint8_t)(text_bytes >> 8);
    bytes[13] = (uint8_t)text_bytes;
    bytes[14] = (uint8_t)(body_bytes >> 8);
    bytes[15] = (uint8_t)body_bytes;
    raw_send(raw, bytes, sizeof bytes);
}

// The header alone is enough to know: nobody waits for bytes that will be thrown away.
static void lengths_over_the_limits_are_refused_at_the_header(void **state)
{
    struct link_fixture *link = *state;
    open_both(link, &small_parts);
    for (int i = 0; i < 2; i++) {
        struct meeting meeting = meet(link, i);
        send_lengths(meeting.raw, TEXT_MAX + 1, 0);
        expect_violation(&meeting, "invalid_headers_len");
        meeting = meet(link, i);
        send_lengths(meeting.raw, 65535, 0);
        expect_violation(&meeting, "invalid_headers_len");
        meeting = meet(link, i);
        send_lengths(meeting.raw, 0, BODY_MAX + 1);
        expect_violation(&meeting, "invalid_body_len");
        meeting = meet(link, i);
        send_lengths(meeting.raw, TEXT_MAX, 65535);
        expect_violation(&meeting, "invalid_body_len");
    }
}

static void lengths_at_the_limits_are_received(void **state)
{
    struct link_fixture *link = *state;
    char text[TEXT_MAX];
    char body[BODY_MAX];
    memset(text, 'v', sizeof text);
    memcpy(text, "name:", 5);
    memset(body, 'b', sizeof body);
    const struct raw_frame frame = {
        .channel = 1,
        .proto = RAW_REQUEST,
        .id = 1,
        .text = text,
        .text_bytes = sizeof text,
        .body = body,
        .body_bytes = sizeof body};
    open_both(link, &small_parts);
    for (int i = 0; i < 2; i++) {
        struct meeting meeting = meet(link, i);

        raw_send_frame(meeting.raw, &frame);

        expect_request(&meeting, 1);
    }
}

static void send_text(int raw, uint64_t id, const char *text, size_t size)
{
    const struct raw_frame frame = {
        .channel = 1, .proto = RAW_REQUEST, .id = id, .text = text, .text_bytes = size};
    raw_send_frame(raw, &frame);
}

static void malformed_texts_are_a_violation(void **state)
{
    static const char *const texts[] = {
        "no colon",
        "no colon\r\n",
        "good:1\r\nno colon\r\ngood:2\r\n",
        ":no name\r\n",
        " :no name\r\n",
        "good:1\n",
        "good:1\r",
        "good:1\rbad:2\r\n",
        "good:1\nbad:2\r\n",
        "go\rod:1\r\n",
        "\r",
        "\n",
        "good:1\r\n\n",
        "~reason:success\r\n",
        "~detail:words\r\n",
        "good:1\r\n~reason:success\r\n"};
    struct link_fixture *link = *state;
    open_both(link, NULL);
    for (int i = 0; i < 2; i++) {
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
            struct meeting meeting = meet(link, i);
            send_text(meeting.raw, 1, "good:1\r\n", 8);
            expect_request(&meeting, 1);

            send_text(meeting.raw, 2, texts[k], strlen(texts[k]));

            expect_violation(&meeting, "invalid_message");
        }
        side_expect_silence(i == 0 ? &link->server : &link->client);
    }
}

static void a_nul_in_a_name_is_a_violation(void **state)
{
    static const char text[] = "na\0me:value\r\n";
    struct link_fixture *link = *state;
    open_both(link, NULL);
    for (int i = 0; i < 2; i++) {
        struct meeting meeting = meet(link, i);

        send_text(meeting.raw, 2, text, sizeof text - 1);

        struct tofu_message *message = side_await(meeting.side);
        // The document forbids it to the writer only; who reads either refuses it or passes it on.
        if (!message_is_closing(message)) {
            assert_int_equal(tofu_message_header(message)->opcode, TOFU_REQUEST);
            raw_close(meeting.raw);
        }
        side_put(meeting.side, message);
        raw_close_all();
    }
}

static void odd_but_legal_texts_are_received(void **state)
{
    static const struct {
        const char *text;
        const char *name;
        const char *value;
    } cases[] = {
        {"name:value", "name", "value"},
        {"name:value\r\n", "name", "value"},
        {"\r\n\r\nname:value\r\n\r\n", "name", "value"},
        {"name: \t value \t \r\n", "name", "value"},
        {"name:a:b:c\r\n", "name", "a:b:c"},
        {"name:\r\n", "name", ""},
        {"~custom:value\r\n", "~custom", "value"}};
    struct link_fixture *link = *state;
    open_both(link, NULL);
    for (int i = 0; i < 2; i++) {
        struct meeting meeting = meet(link, i);
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
            send_text(meeting.raw, 10 + k, cases[k].text, strlen(cases[k].text));

            struct tofu_message *message = side_expect(meeting.side, TOFU_REQUEST);

            assert_int_equal(tofu_message_header(message)->id, 10 + k);
            assert_text(message, cases[k].name, cases[k].value);
            side_put(meeting.side, message);
        }
    }
}

// Somebody points a browser, a TLS client or a fuzzer at our port.
static void strangers_are_cut_off(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        bool is_request; ///< what a client would say; a server that is none says the others
    } greetings[] = {
        {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35, false},
        {"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", 30, false},
        {"EHLO example.org\r\n", 18, false},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16, false},
        // A TLS ClientHello begins like a Response with a long way to go: good only after a hello.
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x01\x02\x03\x04", 16, true}};
    enum { GREETINGS = sizeof greetings / sizeof greetings[0] };
    struct link_fixture *link = *state;
    open_both(link, NULL);
    for (size_t k = 0; k < GREETINGS; k++) {
        int raw = raw_connect(link->address);
        raw_send(raw, greetings[k].bytes, greetings[k].size);
        raw_await_end(raw, NULL);
        raw_close(raw);
    }
    for (size_t k = 0; k < GREETINGS && !greetings[k].is_request; k++) {
        struct meeting meeting = meet(link, 1);
        raw_send(meeting.raw, greetings[k].bytes, greetings[k].size);
        struct tofu_message *message = side_await(meeting.side);
        assert_true(message_is_closing(message));
        side_put(meeting.side, message);
        raw_await_end(meeting.raw, NULL);
        raw_close(meeting.raw);
    }
    side_expect_stat(&link->server, connections_refused, GREETINGS);
    side_expect_silence(&link->server);
    side_expect_silence(&link->client);
}

static void random_garbage_never_reaches_the_application(void **state)
{
    struct link_fixture *link = *state;
    struct random_source random = {42};
    open_both(link, NULL);
    for (int round = 0; round < 300; round++) {
        uint8_t bytes[512];
        size_t size = 16 + random_below(&random, sizeof bytes - 16);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)random_next(&random);
        }
        // The one byte that could be a HelloRequest is left out: that would be a client.
        bytes[2] = bytes[2] == RAW_HELLO_REQUEST ? 0 : bytes[2];
        int raw = raw_connect(link->address);
        (void)raw_send_some(raw, bytes, size);
        raw_await_end(raw, NULL);
        raw_close(raw);
    }
    side_expect_silence(&link->server);
    assert_int_equal(side_stats(&link->server).messages_received, 0);
    assert_int_equal(side_stats(&link->server).channels_opened, 1);
    assert_true(side_stats(&link->server).turns < 10000);
}

// A legal hello, then garbage: the application sees what was legal, and then the end.
static void a_valid_start_followed_by_garbage_gives_the_start_and_the_end(void **state)
{
    struct link_fixture *link = *state;
    uint8_t garbage[64];
    // Opcode 0 with `more`, and the internal bits: wrong for one reason only.
    memset(garbage, 0xE0, sizeof garbage);
    open_both(link, NULL);
    for (int i = 0; i < 2; i++) {
        struct meeting meeting = meet(link, i);
        raw_send_proto(meeting.raw, RAW_REQUEST, 1);
        raw_send_proto(meeting.raw, RAW_REQUEST, 2);
        raw_send(meeting.raw, garbage, sizeof garbage);

        expect_request(&meeting, 1);
        expect_request(&meeting, 2);
        expect_violation(&meeting, "invalid_message");
    }
}

static void half_a_header_and_the_end_is_only_counted(void **state)
{
    static const uint8_t header[RAW_HEADER_BYTES] = {0, 1, RAW_HELLO_REQUEST};
    struct link_fixture *link = *state;
    open_both(link, NULL);
    for (size_t size = 0; size < sizeof header; size++) {
        int raw = raw_connect(link->address);
        raw_send(raw, header, size);
        raw_close(raw);
    }

    side_expect_stat(&link->server, connections_refused, sizeof header);
    side_expect_silence(&link->server);
}

static size_t pack_sequence(uint8_t *bytes)
{
    static const char hello_text[] = "~connect_to:tcp|127.0.0.1|7099\r\n";
    static const char text[] = "color:blue\r\n";
    const struct raw_frame frames[] = {
        {.channel = 1,
         .proto = RAW_HELLO_REQUEST,
         .id = 1,
         .text = hello_text,
         .text_bytes = sizeof hello_text - 1},
        {.channel = 1, .proto = RAW_REQUEST | RAW_MORE, .id = 2, .body = "part", .body_bytes = 4},
        {.channel = 1, .proto = RAW_REQUEST, .id = 2, .text = text, .text_bytes = sizeof text - 1},
        {.channel = 1, .proto = RAW_SIGNAL, .id = 3},
        {.channel = 1, .proto = RAW_BYE_REQUEST, .id = 4, .body = "bye", .body_bytes = 3}};
    size_t size = 0;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        size += raw_pack(&frames[i], bytes + size);
    }
    return size;
}

static void expect_sequence(const struct side *side)
{
    side_take(side, TOFU_HELLO_REQUEST);
    struct tofu_message *message = side_expect(side, TOFU_REQUEST);
    assert_int_equal(tofu_message_header(message)->more, 1);
    assert_body(message, "part");
    side_put(side, message);
    message = side_expect(side, TOFU_REQUEST);
    assert_int_equal(tofu_message_header(message)->more, 0);
    assert_text(message, "color", "blue");
    side_put(side, message);
    assert_int_equal(side_take(side, TOFU_SIGNAL).id, 3);
    message = side_expect(side, TOFU_BYE_REQUEST);
    assert_body(message, "bye");
    side_put(side, message);
}

static void frames_arrive_byte_by_byte_as_well_as_at_once(void **state)
{
    static const size_t steps[] = {1, 2, 3, 7, 15, 16, 17, 100, 1000};
    struct link_fixture *link = *state;
    uint8_t bytes[512];
    size_t size = pack_sequence(bytes);
    open_both(link, NULL);
    for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
        int raw = raw_connect(link->address);
        for (size_t done = 0; done < size; done += steps[k]) {
            raw_send(raw, bytes + done, steps[k] < size - done ? steps[k] : size - done);
        }

        expect_sequence(&link->server);

        raw_reset(raw);
        struct tofu_message *closed = side_await(&link->server);
        assert_true(message_is_closing(closed));
        side_put(&link->server, closed);
    }
}

static void many_frames_in_one_write_all_arrive(void **state)
{
    enum { FRAMES = 2000 };
    static uint8_t bytes[FRAMES * (RAW_HEADER_BYTES + 3)];
    struct link_fixture *link = *state;
    size_t size = 0;
    open_both(link, NULL);
    for (uint64_t id = 1; id <= FRAMES; id++) {
        const struct raw_frame frame = {
            .channel = 1, .proto = RAW_REQUEST, .id = id, .body = "abc", .body_bytes = id % 4};
        size += raw_pack(&frame, bytes + size);
    }
    for (int i = 0; i < 2; i++) {
        struct meeting meeting = meet(link, i);

        raw_send(meeting.raw, bytes, size);

        for (uint64_t id = 1; id <= FRAMES; id++) {
            struct tofu_message *message = side_expect(meeting.side, TOFU_REQUEST);
            size_t body_bytes = 0;
            (void)tofu_message_body(message, &body_bytes);
            assert_int_equal(tofu_message_header(message)->id, id);
            assert_int_equal(body_bytes, id % 4);
            side_put(meeting.side, message);
        }
    }
}

static void a_received_status_is_shown_and_has_no_effect(void **state)
{
    static const struct {
        uint8_t sent;
        uint8_t shown;
    } cases[] = {{0, 0}, {1, 1}, {22, 22}, {31, 31}, {32, 31}, {64, 31}, {65, 31}, {255, 31}};
    struct link_fixture *link = *state;
    open_both(link, NULL);
    for (int i = 0; i < 2; i++) {
        struct meeting meeting = meet(link, i);
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
            const struct raw_frame frame = {
                .channel = 0xFFFF, .proto = RAW_SIGNAL, .status = cases[k].sent, .id = k};
            raw_send_frame(meeting.raw, &frame);

            struct tofu_header header = side_take(meeting.side, TOFU_SIGNAL);

            assert_int_equal(header.status, cases[k].shown);
            assert_int_equal(header.channel, meeting.side->channel);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(lengths_over_the_limits_are_refused_at_the_header),
        LINK_TEST(lengths_at_the_limits_are_received),
        LINK_TEST(malformed_texts_are_a_violation),
        LINK_TEST(a_nul_in_a_name_is_a_violation),
        LINK_TEST(odd_but_legal_texts_are_received),
        LINK_TEST(strangers_are_cut_off),
        LINK_TEST(random_garbage_never_reaches_the_application),
        LINK_TEST(a_valid_start_followed_by_garbage_gives_the_start_and_the_end),
        LINK_TEST(half_a_header_and_the_end_is_only_counted),
        LINK_TEST(frames_arrive_byte_by_byte_as_well_as_at_once),
        LINK_TEST(many_frames_in_one_write_all_arrive),
        LINK_TEST(a_received_status_is_shown_and_has_no_effect),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
