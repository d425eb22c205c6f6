// SPDX-License-Identifier: MIT
// The graceful close: a ByeRequest behind everything else, its answer, and both sides drain to the end.
#include "support/link_fixture.h"
#include "support/raw_peer.h"

static void either_side_says_bye(void **state)
{
    struct link_fixture *link = *state;
    link_bye(link, &link->client, &link->server);
    link_connect(link);
    link_bye(link, &link->server, &link->client);
    side_expect_silence(&link->client);
    side_expect_silence(&link->server);
}

static void the_bye_request_follows_what_was_queued_before_it(void **state)
{
    struct link_fixture *link = *state;
    for (uint64_t id = 1; id <= 500; id++) {
        side_send(&link->client, TOFU_REQUEST, id, "before");
    }

    struct tofu_header bye = side_send(&link->client, TOFU_BYE_REQUEST, 0, "thanks");

    for (uint64_t id = 1; id <= 500; id++) {
        assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, id);
    }
    struct tofu_message *message = side_expect(&link->server, TOFU_BYE_REQUEST);
    assert_int_equal(tofu_message_header(message)->id, bye.id);
    assert_body(message, "thanks");
    side_put(&link->server, message);
}

// Who is asked to end may say what it still has to say.
static void the_peer_of_a_bye_request_finishes_first(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_header bye = side_send(&link->client, TOFU_BYE_REQUEST, 0, NULL);
    side_take(&link->server, TOFU_BYE_REQUEST);
    for (uint64_t id = 1; id <= 200; id++) {
        side_send(&link->server, TOFU_REQUEST, id, "still");
    }
    side_send(&link->server, TOFU_BYE_RESPONSE, bye.id, "you are welcome");

    for (uint64_t id = 1; id <= 200; id++) {
        assert_int_equal(side_take(&link->client, TOFU_REQUEST).id, id);
    }
    struct tofu_message *message = side_expect(&link->client, TOFU_BYE_RESPONSE);
    assert_int_equal(tofu_message_header(message)->id, bye.id);
    assert_body(message, "you are welcome");
    side_put(&link->client, message);
    side_expect_closed(&link->client, link->client.channel, link->hello_id, "success");
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "success");
}

// Whether they cross or not: each side posts its ByeRequest before it looks for the other's.
static void both_sides_may_say_bye_at_once(void **state)
{
    struct link_fixture *link = *state;
    const struct side *const sides[2] = {&link->client, &link->server};
    for (int round = 0; round < 20; round++) {
        uint64_t ids[2];
        for (size_t i = 0; i < 2; i++) {
            ids[i] = side_send(sides[i], TOFU_BYE_REQUEST, 0, NULL).id;
        }
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(side_take(sides[i], TOFU_BYE_REQUEST).id, ids[1 - i]);
            side_send(sides[i], TOFU_BYE_RESPONSE, ids[1 - i], NULL);
        }
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(side_take(sides[i], TOFU_BYE_RESPONSE).id, ids[i]);
            side_expect_closed(sides[i], sides[i]->channel, link->hello_id, "success");
        }
        link_connect(link);
    }
}

static void a_number_is_refused_after_its_channel_closed(void **state)
{
    struct link_fixture *link = *state;
    struct side old = link->client;
    link_bye(link, &link->client, &link->server);

    side_expect_refusal(
        &old, side_message(&old, TOFU_REQUEST, 0, NULL), TOFU_INVALID_CHANNEL_NUMBER);
    side_expect_refusal(
        &old, side_message(&old, TOFU_BYE_SIGNAL, 0, NULL), TOFU_INVALID_CHANNEL_NUMBER);
}

static void other_channels_are_not_touched_by_a_bye(void **state)
{
    struct link_fixture *link = *state;
    struct side first_client = link->client;
    struct side first_server = link->server;
    link_connect(link);

    link_bye(link, &link->client, &link->server);

    side_send(&first_client, TOFU_REQUEST, 3, NULL);
    assert_int_equal(side_take(&first_server, TOFU_REQUEST).channel, first_server.channel);
}

// From here on the peer is a raw one, so that the bytes and the end of the connection are seen.

static void the_bye_response_is_followed_by_fin(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    raw_send_proto(raw, RAW_BYE_REQUEST, 8);
    side_take(&link->server, TOFU_BYE_REQUEST);

    side_send(&link->server, TOFU_BYE_RESPONSE, 8, NULL);

    assert_int_equal(raw_expect(raw, RAW_BYE_RESPONSE), 8);
    assert_int_equal(raw_await_end(raw, NULL), RAW_FIN);
    // It reads to our end, too, before it tells that all is over.
    side_expect_silence(&link->server);
    raw_close(raw);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "success");
}

static void a_bye_that_is_answered_is_followed_by_fin(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    struct tofu_header bye = side_send(&link->server, TOFU_BYE_REQUEST, 0, NULL);
    assert_int_equal(raw_expect(raw, RAW_BYE_REQUEST), bye.id);
    assert_true(raw_is_silent(raw));

    raw_send_proto(raw, RAW_BYE_RESPONSE, bye.id);

    assert_int_equal(raw_await_end(raw, NULL), RAW_FIN);
    side_take(&link->server, TOFU_BYE_RESPONSE);
    raw_close(raw);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "success");
}

// Crossing for certain: the raw peer sends its ByeRequest when ours is there already, and answers last.
static void crossing_byes_both_complete(void **state)
{
    struct link_fixture *link = *state;
    link_open_client(link, NULL);
    int raw = link_raw_server(link);
    struct tofu_header bye = side_send(&link->client, TOFU_BYE_REQUEST, 0, NULL);
    raw_expect(raw, RAW_BYE_REQUEST);
    raw_send_proto(raw, RAW_BYE_REQUEST, 8);
    assert_int_equal(side_take(&link->client, TOFU_BYE_REQUEST).id, 8);
    side_send(&link->client, TOFU_BYE_RESPONSE, 8, NULL);
    assert_int_equal(raw_expect(raw, RAW_BYE_RESPONSE), 8);
    assert_true(raw_is_silent(raw));

    raw_send_proto(raw, RAW_BYE_RESPONSE, bye.id);

    assert_int_equal(raw_await_end(raw, NULL), RAW_FIN);
    raw_close(raw);
    side_take(&link->client, TOFU_BYE_RESPONSE);
    side_expect_closed(&link->client, link->client.channel, link->hello_id, "success");
}

// The same, but the peer answers ours first and waits for its own answer.
static void crossing_byes_complete_in_the_other_order(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    struct tofu_header bye = side_send(&link->server, TOFU_BYE_REQUEST, 0, NULL);
    raw_expect(raw, RAW_BYE_REQUEST);
    raw_send_proto(raw, RAW_BYE_REQUEST, 8);
    raw_send_proto(raw, RAW_BYE_RESPONSE, bye.id);
    assert_int_equal(side_take(&link->server, TOFU_BYE_REQUEST).id, 8);
    assert_int_equal(side_take(&link->server, TOFU_BYE_RESPONSE).id, bye.id);
    assert_true(raw_is_silent(raw));
    side_expect_silence(&link->server);

    side_send(&link->server, TOFU_BYE_RESPONSE, 8, NULL);

    assert_int_equal(raw_expect(raw, RAW_BYE_RESPONSE), 8);
    assert_int_equal(raw_await_end(raw, NULL), RAW_FIN);
    raw_close(raw);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "success");
}

// A large answer must be at the peer before the connection ends, however slowly the peer reads.
static void everything_accepted_before_the_bye_response_is_written(void **state)
{
    enum { MESSAGES = 100, BODY_BYTES = 60000 };
    static char body[BODY_BYTES];
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    raw_send_proto(raw, RAW_BYE_REQUEST, 8);
    side_take(&link->server, TOFU_BYE_REQUEST);
    for (uint64_t id = 1; id <= MESSAGES; id++) {
        struct tofu_message *message = side_message(&link->server, TOFU_RESPONSE, id, NULL);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
        side_post(&link->server, message);
    }
    side_send(&link->server, TOFU_BYE_RESPONSE, 8, NULL);
    side_expect_silence(&link->server);

    for (uint64_t id = 1; id <= MESSAGES; id++) {
        const struct raw_message *message = raw_receive(raw);
        assert_int_equal(message->proto, RAW_RESPONSE);
        assert_int_equal(message->id, id);
        assert_int_equal(message->body_bytes, BODY_BYTES);
    }

    raw_expect(raw, RAW_BYE_RESPONSE);
    assert_int_equal(raw_await_end(raw, NULL), RAW_FIN);
    raw_close(raw);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "success");
}

static void the_stats_count_channels_that_ended(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_stats before = side_stats(&link->server);
    link_bye(link, &link->client, &link->server);
    struct tofu_stats after = side_stats(&link->server);
    uint64_t ended = link->is_one_engine ? 2 : 1;

    assert_int_equal(after.channels_closed, before.channels_closed + ended);
    assert_int_equal(after.channels, before.channels - ended);
    assert_int_equal(after.channels_opened, before.channels_opened);
    assert_int_equal(after.channels_opened - after.channels_closed, after.channels);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONNECTED_LINK_TEST(either_side_says_bye),
        CONNECTED_LINK_TEST(the_bye_request_follows_what_was_queued_before_it),
        CONNECTED_LINK_TEST(the_peer_of_a_bye_request_finishes_first),
        CONNECTED_LINK_TEST(both_sides_may_say_bye_at_once),
        CONNECTED_LINK_TEST(a_number_is_refused_after_its_channel_closed),
        CONNECTED_LINK_TEST(other_channels_are_not_touched_by_a_bye),
        CONNECTED_LINK_TEST(the_stats_count_channels_that_ended),
    };
    static const struct CMUnitTest raw_tests[] = {
        LINK_TEST(the_bye_response_is_followed_by_fin),
        LINK_TEST(a_bye_that_is_answered_is_followed_by_fin),
        LINK_TEST(crossing_byes_both_complete),
        LINK_TEST(crossing_byes_complete_in_the_other_order),
        LINK_TEST(everything_accepted_before_the_bye_response_is_written),
    };
    int failed = LINK_RUN(tests, LINK_ALL);
    failed += LINK_RUN(raw_tests, LINK_BOTH);
    return failed;
}
