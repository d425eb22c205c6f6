// SPDX-License-Identifier: MIT
// The peer goes: what had arrived is delivered, what was queued comes back, and the reason is told.
#include <stdio.h>
#include <string.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"

#define MESSAGES 200

static void send_numbered(int raw, uint8_t proto, uint64_t count, size_t body_bytes)
{
    static uint8_t body[RAW_PART_BYTES_MAX];
    for (uint64_t id = 1; id <= count; id++) {
        memset(body, (int)id, body_bytes);
        const struct raw_frame frame = {
            .channel = 1, .proto = proto, .id = id, .body = body, .body_bytes = body_bytes};
        raw_send_frame(raw, &frame);
    }
}

static void expect_numbered(const struct side *side, uint64_t count, size_t body_bytes)
{
    for (uint64_t id = 1; id <= count; id++) {
        struct tofu_message *message = side_expect(side, TOFU_REQUEST);
        size_t size = 0;
        const uint8_t *body = tofu_message_body(message, &size);
        assert_int_equal(tofu_message_header(message)->id, id);
        assert_int_equal(size, body_bytes);
        assert_int_equal(body[0], (uint8_t)id);
        assert_int_equal(body[size - 1], (uint8_t)id);
        side_put(side, message);
    }
}

static void fin_with_data_loses_nothing(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);

    send_numbered(raw, RAW_REQUEST, MESSAGES, 100);
    raw_close(raw);

    expect_numbered(&link->server, MESSAGES, 100);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
    side_expect_silence(&link->server);
}

// The same with one write, hello included: nothing tells the engine apart from the bytes themselves.
static void a_hello_a_message_and_fin_at_once_are_all_seen(void **state)
{
    struct link_fixture *link = *state;
    static const char text[] = "~connect_to:uds|x\r\n";
    uint8_t bytes[256];
    const struct raw_frame hello = {
        .channel = 1,
        .proto = RAW_HELLO_REQUEST,
        .id = 8,
        .text = text,
        .text_bytes = sizeof text - 1};
    const struct raw_frame request = {
        .channel = 1, .proto = RAW_REQUEST, .id = 9, .body = "b", .body_bytes = 1};
    size_t size = raw_pack(&hello, bytes);
    size += raw_pack(&request, bytes + size);
    link_open_server(link, NULL);
    int raw = raw_connect(link->address);

    raw_send(raw, bytes, size);
    raw_close(raw);

    uint16_t channel = side_take(&link->server, TOFU_HELLO_REQUEST).channel;
    assert_int_equal(side_take(&link->server, TOFU_REQUEST).channel, channel);
    side_expect_closed(&link->server, channel, 8, "peer_disconnected");
}

static void fin_with_more_data_than_one_turn_reads_loses_nothing(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.turn_bytes_max = 4096};
    link_open_server(link, &options);
    int raw = link_raw_client(link);

    send_numbered(raw, RAW_REQUEST, 20, 3000);
    raw_close(raw);

    expect_numbered(&link->server, 20, 3000);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
}

// Posts until sending fails: the first bytes to a peer that is gone may still be taken. All that waits
// to be read meanwhile starves; what is posted comes back.
static void post_until_it_comes_back(const struct side *side)
{
    enum { FIRST = 100, LAST = 100000 };
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    struct tofu_message *message = NULL;
    uint64_t id = FIRST;
    do {
        assert_true_or(test_now() < deadline_ns, "nothing comes back");
        side_send(side, TOFU_SIGNAL, id++, "late");
        assert_status(TOFU_OK, tofu_group_wait(side->group, 10 * MILLISECOND_NS, &message));
    } while (message == NULL);
    // Sending is over; the fate of one that is posted now is the same, at once.
    side_send(side, TOFU_SIGNAL, LAST, "later");
    uint64_t returned = 0;
    while (returned != LAST) {
        assert_int_equal(tofu_message_header(message)->origin, TOFU_ENGINE);
        assert_int_equal(tofu_message_header(message)->opcode, TOFU_SIGNAL);
        assert_int_equal(tofu_message_header(message)->status, TOFU_PEER_DISCONNECTED);
        assert_true(tofu_message_header(message)->id > returned);
        returned = tofu_message_header(message)->id;
        side_put(side, message);
        message = returned == LAST ? NULL : side_await(side);
    }
}

// The budget is used up and sending fails meanwhile: what had come, into the engine's buffer and into the
// kernel's, is still delivered.
static void fin_with_data_loses_nothing_to_a_failed_send_while_starving(void **state)
{
    enum { COUNT = 5, BODY_BYTES = 20000 };
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 2};
    struct tofu_message *held[2];
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    send_numbered(raw, RAW_REQUEST, COUNT, BODY_BYTES);
    raw_close(raw);
    for (uint64_t i = 0; i < 2; i++) {
        held[i] = side_expect(&link->server, TOFU_REQUEST);
        assert_int_equal(tofu_message_header(held[i])->id, i + 1);
    }
    side_put(&link->server, side_expect_notice(&link->server, TOFU_SIGNAL, TOFU_POOL_EMPTY));

    post_until_it_comes_back(&link->server);

    side_put(&link->server, held[0]);
    side_put(&link->server, held[1]);
    for (uint64_t id = 3; id <= COUNT; id++) {
        assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, id);
    }
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
}

static void a_peer_that_ends_only_its_direction_is_gone(void **state)
{
    struct link_fixture *link = *state;
    link_open_client(link, NULL);
    int raw = link_raw_server(link);
    send_numbered(raw, RAW_REQUEST, 3, 10);

    raw_finish(raw);

    expect_numbered(&link->client, 3, 10);
    side_expect_closed(&link->client, link->client.channel, link->hello_id, "peer_disconnected");
    raw_await_end(raw, NULL);
}

// Takes the closing notice and writes its reason and its detail into one text.
static void closing_words(const struct side *side, char *words, size_t words_size)
{
    struct tofu_message *message = side_expect_notice(side, TOFU_SIGNAL, TOFU_CHANNEL_CLOSED);
    const char *reason = "";
    const char *detail = "";
    size_t reason_size = 0;
    size_t detail_size = 0;
    assert_true(tofu_message_find_text(message, "~reason", &reason, &reason_size));
    (void)tofu_message_find_text(message, "~detail", &detail, &detail_size);
    (void)snprintf(
        words, words_size, "%.*s/%.*s", (int)reason_size, reason, (int)detail_size, detail);
    side_put(side, message);
}

// A message that was cut is no message, and the application can tell it from a clean end.
static void a_cut_message_is_dropped_and_the_reason_says_so(void **state)
{
    static const size_t kept[] = {1, 15, 16, 17, 25, 115};
    struct link_fixture *link = *state;
    uint8_t bytes[RAW_HEADER_BYTES + 100];
    char clean[128];
    char cut[128];
    const struct raw_frame frame = {
        .channel = 1, .proto = RAW_REQUEST, .id = 1, .body = bytes, .body_bytes = 100};
    uint8_t packed[sizeof bytes];
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(raw_pack(&frame, packed), sizeof packed);
    link_open_server(link, NULL);
    raw_close(link_raw_client(link));
    closing_words(&link->server, clean, sizeof clean);
    assert_memory_equal(clean, "peer_disconnected/", 18);

    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        int raw = link_raw_client(link);
        send_numbered(raw, RAW_REQUEST, 2, 10);
        raw_send(raw, packed, kept[i]);
        raw_close(raw);

        expect_numbered(&link->server, 2, 10);
        closing_words(&link->server, cut, sizeof cut);
        assert_memory_equal(cut, "peer_disconnected/", 18);
        assert_string_not_equal(cut, clean);
    }
}

static void a_reset_is_told(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);

    raw_reset(raw);

    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
}

static void a_reset_ends_the_connecting_side_too(void **state)
{
    struct link_fixture *link = *state;
    link_open_client(link, NULL);
    int raw = link_raw_server(link);
    raw_send_proto(raw, RAW_HELLO_RESPONSE, link->hello_id);
    side_take(&link->client, TOFU_HELLO_RESPONSE);

    raw_reset(raw);

    side_expect_closed(&link->client, link->client.channel, link->hello_id, "peer_disconnected");
}

// What the peer never read is returned whole and in order, also what was already partly written.
static void unsent_messages_come_back_when_the_peer_goes(void **state)
{
    enum { COUNT = 400, BODY_BYTES = 60000 };
    static char body[BODY_BYTES];
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_bytes_max = TOFU_UNLIMITED};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    for (uint64_t id = 1; id <= COUNT; id++) {
        struct tofu_message *message = side_message(&link->server, TOFU_REQUEST, id, NULL);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
        assert_status(TOFU_OK, tofu_message_append_text(message, "name", "value"));
        tofu_message_set_user(message, body + id);
        side_post(&link->server, message);
    }
    assert_int_equal(raw_receive(raw)->id, 1);

    raw_reset(raw);

    uint64_t next = 0;
    struct tofu_message *message = side_await(&link->server);
    for (; !message_is_closing(message); message = side_await(&link->server)) {
        const struct tofu_header *header = tofu_message_header(message);
        size_t size = 0;
        assert_int_equal(header->origin, TOFU_ENGINE);
        assert_int_equal(header->opcode, TOFU_REQUEST);
        assert_status(TOFU_PEER_DISCONNECTED, (enum tofu_status)header->status);
        assert_int_equal(header->channel, link->server.channel);
        assert_true(next == 0 || header->id == next);
        next = header->id + 1;
        assert_text(message, "name", "value");
        assert_ptr_equal(tofu_message_user(message), body + header->id);
        (void)tofu_message_body(message, &size);
        assert_int_equal(size, BODY_BYTES);
        side_put(&link->server, message);
    }
    assert_text(message, "~reason", "peer_disconnected");
    side_put(&link->server, message);
    assert_int_equal(next, COUNT + 1);
    struct tofu_stats stats = side_stats(&link->server);
    assert_int_equal(stats.messages_sent + stats.messages_returned, COUNT);
}

static void a_peer_that_goes_with_an_unanswered_bye_request_is_gone(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    raw_send_proto(raw, RAW_BYE_REQUEST, 8);
    assert_int_equal(side_take(&link->server, TOFU_BYE_REQUEST).id, 8);

    raw_close(raw);

    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
}

static void a_peer_that_goes_instead_of_answering_bye_is_gone(void **state)
{
    struct link_fixture *link = *state;
    link_open_client(link, NULL);
    int raw = link_raw_server(link);
    side_send(&link->client, TOFU_BYE_REQUEST, 0, NULL);
    raw_expect(raw, RAW_BYE_REQUEST);

    raw_close(raw);

    side_expect_closed(&link->client, link->client.channel, link->hello_id, "peer_disconnected");
}

static void an_engine_that_is_destroyed_is_a_peer_that_goes(void **state)
{
    struct link_fixture *link = *state;
    link_close_engine(link, link->client.engine);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
    side_expect_stat(&link->server, channels, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(fin_with_data_loses_nothing),
        LINK_TEST(a_hello_a_message_and_fin_at_once_are_all_seen),
        LINK_TEST(fin_with_more_data_than_one_turn_reads_loses_nothing),
        LINK_TEST(fin_with_data_loses_nothing_to_a_failed_send_while_starving),
        LINK_TEST(a_peer_that_ends_only_its_direction_is_gone),
        LINK_TEST(a_cut_message_is_dropped_and_the_reason_says_so),
        LINK_TEST(a_reset_is_told),
        LINK_TEST(a_reset_ends_the_connecting_side_too),
        LINK_TEST(unsent_messages_come_back_when_the_peer_goes),
        LINK_TEST(a_peer_that_goes_with_an_unanswered_bye_request_is_gone),
        LINK_TEST(a_peer_that_goes_instead_of_answering_bye_is_gone),
        CONNECTED_LINK_TEST(an_engine_that_is_destroyed_is_a_peer_that_goes),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
