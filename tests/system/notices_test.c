// SPDX-License-Identifier: MIT
// What the application is told: one fate for every accepted message, in the order of posting, and one
// closing notice for every channel, behind everything else.
#include <string.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"
#include "unit/random.h"

#define BODY_BYTES 60000

// Takes what the peer does not read any more: enough messages that something stays in the queue.
static uint64_t post_filler(const struct side *side)
{
    static const char body[BODY_BYTES] = "";
    for (uint64_t id = 1; id <= 300; id++) {
        struct tofu_message *message = side_message(side, TOFU_REQUEST, id, NULL);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
        side_post(side, message);
    }
    return 300;
}

// One of each kind, as they stand in the queue behind the filler.
static const enum tofu_opcode kinds[] = {
    TOFU_HELLO_RESPONSE, TOFU_REQUEST, TOFU_RESPONSE, TOFU_SIGNAL, TOFU_BYE_REQUEST};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static char marks[KINDS];

static void post_kinds(const struct side *side)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct tofu_message *message = side_message(side, kinds[i], 1000 + i, "body");
        assert_status(TOFU_OK, tofu_message_append_text(message, "color", "blue"));
        tofu_message_set_user(message, &marks[i]);
        tofu_message_header(message)->more = kinds[i] == TOFU_REQUEST;
        side_post(side, message);
    }
}

static void expect_kinds(const struct side *side, enum tofu_status status)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct tofu_message *message = side_expect_notice(side, kinds[i], status);
        const struct tofu_header *header = tofu_message_header(message);
        assert_int_equal(header->id, 1000 + i);
        assert_int_equal(header->channel, side->channel);
        assert_int_equal(header->more, kinds[i] == TOFU_REQUEST);
        assert_ptr_equal(tofu_message_user(message), &marks[i]);
        assert_text(message, "color", "blue");
        assert_body(message, "body");
        assert_false(message_is_closing(message));
        side_put(side, message);
    }
}

// Takes returned fillers, and checks that they come in order and to the last one.
static void expect_filler(const struct side *side, uint64_t count, enum tofu_status status)
{
    uint64_t next = 0;
    do {
        struct tofu_message *message = side_expect_notice(side, TOFU_REQUEST, status);
        const struct tofu_header *header = tofu_message_header(message);
        assert_true(next == 0 || header->id == next);
        next = header->id + 1;
        side_put(side, message);
    } while (next <= count);
}

static const struct tofu_options no_limit = {
    .send_queue_bytes_max = TOFU_UNLIMITED, .send_queue_messages_max = TOFU_UNLIMITED};

static void all_that_is_queued_comes_back_as_it_was_when_the_peer_goes(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, &no_limit);
    int raw = link_raw_client(link);
    uint64_t count = post_filler(&link->server);
    post_kinds(&link->server);

    raw_reset(raw);

    expect_filler(&link->server, count, TOFU_PEER_DISCONNECTED);
    expect_kinds(&link->server, TOFU_PEER_DISCONNECTED);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
    side_expect_silence(&link->server);
}

static void all_that_is_queued_comes_back_as_it_was_after_an_abort(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, &no_limit);
    link_raw_client(link);
    uint64_t count = post_filler(&link->server);
    post_kinds(&link->server);

    side_send(&link->server, TOFU_BYE_SIGNAL, 0, NULL);

    expect_filler(&link->server, count, TOFU_CHANNEL_CLOSED);
    expect_kinds(&link->server, TOFU_CHANNEL_CLOSED);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "channel_closed");
    side_expect_silence(&link->server);
}

static void all_that_is_queued_comes_back_after_a_violation(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, &no_limit);
    int raw = link_raw_client(link);
    uint64_t count = post_filler(&link->server);
    post_kinds(&link->server);

    raw_send_proto(raw, 15, 1);

    expect_filler(&link->server, count, TOFU_INVALID_OP_CODE);
    expect_kinds(&link->server, TOFU_INVALID_OP_CODE);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "invalid_op_code");
    side_expect_silence(&link->server);
}

// The message is the application's again, and may be posted anew elsewhere.
static void a_returned_message_can_be_posted_again(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, &no_limit);
    int raw = link_raw_client(link);
    uint64_t count = post_filler(&link->server);
    raw_reset(raw);
    struct tofu_message *message =
        side_expect_notice(&link->server, TOFU_REQUEST, TOFU_PEER_DISCONNECTED);
    uint64_t id = tofu_message_header(message)->id;
    if (id < count) {
        expect_filler(&link->server, count, TOFU_PEER_DISCONNECTED);
    }
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
    raw = link_raw_client(link);

    tofu_message_header(message)->channel = link->server.channel;
    struct tofu_header accepted = side_post(&link->server, message);

    assert_int_equal(accepted.origin, TOFU_APPLICATION);
    assert_int_equal(accepted.status, TOFU_OK);
    const struct raw_message *received = raw_receive(raw);
    assert_int_equal(received->id, id);
    assert_int_equal(received->proto, RAW_REQUEST);
    assert_int_equal(received->status, 0);
    assert_int_equal(received->body_bytes, BODY_BYTES);
}

// A program posts while its channel ends, as programs do. Each message that was taken was sent or comes
// back, and nothing comes behind the closing notice.
static void posts_that_race_with_the_end_have_a_fate_too(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    for (int round = 0; round < 100; round++) {
        int raw = link_raw_client(link);
        struct tofu_stats before = side_stats(&link->server);
        uint64_t taken = 0;
        uint64_t returned = 0;
        uint64_t last = 0;
        raw_reset(raw);
        for (;;) {
            struct tofu_message *message =
                side_message(&link->server, TOFU_REQUEST, taken + 1, "body");
            enum tofu_status status = tofu_group_post(link->server.group, &message, NULL);
            side_put(&link->server, message);
            if (status == TOFU_INVALID_CHANNEL_NUMBER) {
                break;
            }
            assert_true(status == TOFU_OK || status == TOFU_QUEUE_FULL);
            taken += status == TOFU_OK;
        }
        struct tofu_message *message = side_await(&link->server);
        for (; !message_is_closing(message); message = side_await(&link->server)) {
            const struct tofu_header *header = tofu_message_header(message);
            assert_true(
                header->status == TOFU_PEER_DISCONNECTED || header->status == TOFU_CHANNEL_CLOSED);
            assert_body(message, "body");
            // From the first one that comes back on, all do, in order.
            assert_true(returned == 0 || header->id == last + 1);
            last = header->id;
            returned++;
            side_put(&link->server, message);
        }
        side_put(&link->server, message);
        assert_true(returned == 0 || last == taken);
        struct tofu_stats after = side_stats(&link->server);
        assert_int_equal(after.messages_returned - before.messages_returned, returned);
        assert_int_equal(after.messages_sent - before.messages_sent + returned, taken);
    }
    side_expect_silence(&link->server);
}

// Ends channels in all ways, many at a time, and counts.
static void every_channel_ends_with_exactly_one_closing_notice(void **state)
{
    enum { CHANNELS = 60 };
    struct link_fixture *link = *state;
    int raws[CHANNELS];
    uint16_t channels[CHANNELS];
    bool is_closed[CHANNELS] = {false};
    struct random_source random = {7};
    link_open_server(link, NULL);
    for (size_t i = 0; i < CHANNELS; i++) {
        raws[i] = link_raw_client(link);
        channels[i] = link->server.channel;
    }

    for (size_t i = 0; i < CHANNELS; i++) {
        struct side side = link->server;
        side.channel = channels[i];
        switch (random_below(&random, 4)) {
        case 0:
            raw_reset(raws[i]);
            break;
        case 1:
            raw_close(raws[i]);
            break;
        case 2:
            raw_send_proto(raws[i], 12, 1);
            break;
        default:
            side_send(&side, TOFU_BYE_SIGNAL, 0, NULL);
            break;
        }
    }

    for (size_t count = 0; count < CHANNELS; count++) {
        struct tofu_message *message =
            side_expect_notice(&link->server, TOFU_SIGNAL, TOFU_CHANNEL_CLOSED);
        assert_true(message_is_closing(message));
        assert_int_equal(tofu_message_header(message)->id, 4711);
        size_t i = 0;
        while (i < CHANNELS && channels[i] != tofu_message_header(message)->channel) {
            i++;
        }
        assert_true(i < CHANNELS);
        assert_false(is_closed[i]);
        is_closed[i] = true;
        side_put(&link->server, message);
    }
    side_expect_silence(&link->server);
    struct tofu_stats stats = side_stats(&link->server);
    assert_int_equal(stats.channels_closed, CHANNELS);
    assert_int_equal(stats.channels, 1);
}

// Probes and scanners are the system's noise, not the application's.
static void connections_without_a_hello_are_only_counted(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    for (int i = 0; i < 20; i++) {
        raw_close(raw_connect(link->address));
        raw_reset(raw_connect(link->address));
    }

    side_expect_stat(&link->server, connections_accepted, 40);
    side_expect_stat(&link->server, connections_refused, 40);
    side_expect_stat(&link->server, half_open, 0);
    side_expect_silence(&link->server);
    assert_int_equal(side_stats(&link->server).channels_opened, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(all_that_is_queued_comes_back_as_it_was_when_the_peer_goes),
        LINK_TEST(all_that_is_queued_comes_back_as_it_was_after_an_abort),
        LINK_TEST(all_that_is_queued_comes_back_after_a_violation),
        LINK_TEST(a_returned_message_can_be_posted_again),
        LINK_TEST(posts_that_race_with_the_end_have_a_fate_too),
        LINK_TEST(every_channel_ends_with_exactly_one_closing_notice),
        LINK_TEST(connections_without_a_hello_are_only_counted),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
