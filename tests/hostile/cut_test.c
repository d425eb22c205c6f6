// SPDX-License-Identifier: MIT
// A connection that ends at every byte offset of a three-part message, in both directions, in good order
// or with a reset: what was whole is delivered, what was not is dropped and said so, what was posted
// has its fate, and nothing is kept.
#include <stdio.h>
#include <string.h>

#include "hostile/measure.h"
#include "support/machine.h"
#include "support/raw_peer.h"

#define TEXT        "color:blue\r\nsize:7\r\n"
#define BODY        "what follows the texts"
#define FRAME_BYTES (RAW_HEADER_BYTES + sizeof TEXT - 1 + sizeof BODY - 1)
#define WHOLE_ID    11
#define CUT_ID      12

enum cut { CUT_FIN, CUT_RESET };

static const char *const cut_names[] = {"FIN", "reset"};

static size_t pack(uint8_t proto, uint64_t id, uint8_t *bytes)
{
    const struct raw_frame frame = {
        .channel = 1,
        .proto = proto,
        .id = id,
        .text = TEXT,
        .text_bytes = sizeof TEXT - 1,
        .body = BODY,
        .body_bytes = sizeof BODY - 1};
    return raw_pack(&frame, bytes);
}

// A close with something unread is a reset, even on a Unix socket, which knows no other.
static void cut_connection(int raw, enum cut cut)
{
    if (cut == CUT_RESET) {
        raw_reset(raw);
    } else {
        raw_close(raw);
    }
}

static void expect_whole(const struct side *side, uint64_t id)
{
    struct tofu_message *message = side_expect(side, TOFU_REQUEST);
    assert_int_equal(tofu_message_header(message)->id, id);
    assert_int_equal(tofu_message_header(message)->channel, side->channel);
    assert_text(message, "color", "blue");
    assert_text(message, "size", "7");
    assert_body(message, BODY);
    side_put(side, message);
}

// The reason names what was lost, in bytes, when the peer ended in good order in the middle.
static void expect_cut(const struct link_fixture *link, enum cut cut, size_t offset)
{
    struct tofu_message *notice =
        side_expect_notice(&link->server, TOFU_SIGNAL, TOFU_CHANNEL_CLOSED);
    assert_int_equal(tofu_message_header(notice)->channel, link->server.channel);
    assert_int_equal(tofu_message_header(notice)->id, link->hello_id);
    assert_text(notice, "~reason", "peer_disconnected");
    bool has_detail = tofu_message_find_text(notice, "~detail", NULL, NULL);
    bool is_cut = offset > 0 && offset < FRAME_BYTES;
    if (cut == CUT_FIN) {
        assert_int_equal(has_detail, is_cut);
    }
    if (cut == CUT_FIN && is_cut && offset >= RAW_HEADER_BYTES) {
        char words[128];
        (void)snprintf(
            words, sizeof words, "the last message was cut: %zu of %zu bytes", offset, FRAME_BYTES);
        assert_text(notice, "~detail", words);
    }
    side_put(&link->server, notice);
}

static void receive_cut_at(struct link_fixture *link, enum cut cut, size_t offset)
{
    uint8_t whole[FRAME_BYTES];
    uint8_t part[FRAME_BYTES];
    assert_int_equal(pack(RAW_REQUEST, WHOLE_ID, whole), FRAME_BYTES);
    assert_int_equal(pack(RAW_REQUEST, CUT_ID, part), FRAME_BYTES);
    int raw = link_raw_client(link);
    side_send(&link->server, TOFU_HELLO_RESPONSE, link->hello_id, NULL);
    if (cut == CUT_FIN) {
        raw_expect(raw, RAW_HELLO_RESPONSE);
    }
    raw_send(raw, whole, sizeof whole);
    expect_whole(&link->server, WHOLE_ID);

    raw_send(raw, part, offset);
    if (offset == FRAME_BYTES && cut == CUT_RESET) {
        // A reset takes with it what was not read yet, so here it comes after the reading.
        expect_whole(&link->server, CUT_ID);
        cut_connection(raw, cut);
    } else {
        cut_connection(raw, cut);
        if (offset == FRAME_BYTES) {
            expect_whole(&link->server, CUT_ID);
        }
    }

    expect_cut(link, cut, offset);
}

static void sweep_receiving(struct link_fixture *link, enum cut cut)
{
    link_open_server(link, NULL);
    receive_cut_at(link, cut, 0);
    struct tofu_stats before = side_stats(&link->server);
    size_t descriptors_before = machine_descriptor_count();

    for (size_t offset = 0; offset <= FRAME_BYTES; offset++) {
        receive_cut_at(link, cut, offset);
    }

    side_expect_silence(&link->server);
    struct tofu_stats stats = side_stats(&link->server);
    print_message(
        "%zu offsets, %s: %llu channels, %llu whole messages received\n",
        FRAME_BYTES + 1,
        cut_names[cut],
        (unsigned long long)(stats.channels_closed - before.channels_closed),
        (unsigned long long)(stats.messages_received - before.messages_received));
    assert_int_equal(stats.channels_closed - before.channels_closed, FRAME_BYTES + 1);
    // A hello and a request each time, and the second request once.
    assert_int_equal(stats.messages_received - before.messages_received, 2 * (FRAME_BYTES + 1) + 1);
    assert_int_equal(stats.messages_incoming, 0);
    assert_int_equal(stats.channels, 1);
    assert_int_equal(stats.half_open, 0);
    assert_int_equal(stats.rules_broken, 0);
    assert_int_equal(machine_descriptor_count(), descriptors_before);
}

static void a_fin_at_every_offset_drops_the_cut_message_only(void **state)
{
    sweep_receiving(*state, CUT_FIN);
}

static void a_reset_at_every_offset_drops_the_cut_message_only(void **state)
{
    sweep_receiving(*state, CUT_RESET);
}

static void sweep_hello(struct link_fixture *link, enum cut cut)
{
    uint8_t hello[FRAME_BYTES + 64];
    size_t size = pack(RAW_HELLO_REQUEST, CUT_ID, hello);
    link_open_server(link, NULL);

    for (size_t offset = 0; offset < size; offset++) {
        int raw = raw_connect(link->address);
        raw_send(raw, hello, offset);
        cut_connection(raw, cut);
        side_expect_stat(&link->server, connections_refused, (uint64_t)offset + 1);
    }

    side_expect_silence(&link->server);
    struct tofu_stats stats = side_stats(&link->server);
    print_message("%zu offsets of a hello, %s: nobody was told\n", size, cut_names[cut]);
    assert_int_equal(stats.messages_received, 0);
    assert_int_equal(stats.messages_incoming, 0);
    assert_int_equal(stats.channels_opened, 1);
    assert_int_equal(stats.half_open, 0);
}

static void a_fin_at_every_offset_of_the_hello_tells_nobody(void **state)
{
    sweep_hello(*state, CUT_FIN);
}

static void a_reset_at_every_offset_of_the_hello_tells_nobody(void **state)
{
    sweep_hello(*state, CUT_RESET);
}

// The peer says all it has to say and leaves at once; the receiver starves all the while.
static void a_fin_behind_data_loses_nothing_even_to_who_starves(void **state)
{
    enum { COUNT = 1000 };
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 8};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    uint8_t bytes[COUNT * RAW_HEADER_BYTES];
    for (size_t i = 0; i < COUNT; i++) {
        const struct raw_frame frame = {.channel = 1, .proto = RAW_SIGNAL, .id = i + 1};
        (void)raw_pack(&frame, bytes + i * RAW_HEADER_BYTES);
    }

    raw_send(raw, bytes, sizeof bytes);
    raw_close(raw);

    uint64_t id = 1;
    struct tofu_message *message = side_await(&link->server);
    for (; !message_is_closing(message); message = side_await(&link->server)) {
        const struct tofu_header *header = tofu_message_header(message);
        if (header->origin == TOFU_APPLICATION) {
            assert_int_equal(header->id, id);
            id++;
        }
        side_put(&link->server, message);
    }
    assert_text(message, "~reason", "peer_disconnected");
    assert_int_equal(id, COUNT + 1);
    side_put(&link->server, message);
    side_expect_silence(&link->server);
}

// Half-closed is ended: the protocol has Byes for going in good order.
static void a_half_closed_peer_gets_what_was_sent_and_then_the_end(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    side_send(&link->server, TOFU_HELLO_RESPONSE, link->hello_id, NULL);
    side_send(&link->server, TOFU_SIGNAL, 5, "before");
    await_at_least(&link->server, messages_sent, 2);

    raw_finish(raw);

    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
    raw_expect(raw, RAW_HELLO_RESPONSE);
    assert_int_equal(raw_expect(raw, RAW_SIGNAL), 5);
    raw_await_end(raw, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(a_fin_at_every_offset_drops_the_cut_message_only),
        LINK_TEST(a_reset_at_every_offset_drops_the_cut_message_only),
        LINK_TEST(a_fin_at_every_offset_of_the_hello_tells_nobody),
        LINK_TEST(a_reset_at_every_offset_of_the_hello_tells_nobody),
        LINK_TEST(a_fin_behind_data_loses_nothing_even_to_who_starves),
        LINK_TEST(a_half_closed_peer_gets_what_was_sent_and_then_the_end),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
