// SPDX-License-Identifier: MIT
// Channel numbers: unique while the channel lives, limited in number, and reused as late as possible.
#include <string.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"

#define NUMBERS 65534

// Of a channel that ends at once, since its address is none.
static struct tofu_message *doomed_hello(const struct side *side)
{
    struct tofu_message *hello = side_message(side, TOFU_HELLO_REQUEST, 0, NULL);
    assert_status(TOFU_OK, tofu_message_append_text(hello, "~connect_to", "nonsense"));
    return hello;
}

static void expect_end(const struct side *side, struct tofu_header posted)
{
    side_put(side, side_expect_notice(side, TOFU_HELLO_RESPONSE, TOFU_INVALID_ADDRESS));
    side_expect_closed(side, posted.channel, posted.id, "invalid_address");
}

// Returns the number that it had.
static uint16_t open_and_end(const struct side *side)
{
    struct tofu_header posted = side_post(side, doomed_hello(side));
    expect_end(side, posted);
    return posted.channel;
}

// A late message for a dead channel must not reach a living one that got its number.
static void a_number_comes_back_when_all_others_were_used(void **state)
{
    static uint32_t used_at[NUMBERS + 2];
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    memset(used_at, 0, sizeof used_at);

    // One number is the listener's all the time.
    for (uint32_t turn = 1; turn <= NUMBERS + 1000; turn++) {
        uint16_t number = open_and_end(&link->server);
        assert_in_range(number, 1, NUMBERS);
        assert_int_not_equal(number, link->listener);
        if (used_at[number] != 0 && turn - used_at[number] < NUMBERS - 1) {
            fail_msg("number %u came back after %u others", number, turn - used_at[number] - 1);
        }
        used_at[number] = turn;
    }
}

/// The channel that has a number now.
struct life {
    uint64_t id; ///< of what opened it
    bool is_answered;
};

static uint16_t post_doomed(const struct side *side, struct life *lives)
{
    struct tofu_header posted = side_post(side, doomed_hello(side));
    lives[posted.channel] = (struct life){.id = posted.id};
    return posted.channel;
}

// Takes the next message, which must be of the life that its number has now. Returns the number if it was
// the last one, or 0.
static uint16_t take_of_life(const struct side *side, struct life *lives)
{
    struct tofu_message *message = side_await(side);
    uint16_t number = tofu_message_header(message)->channel;
    bool is_closing = message_is_closing(message);
    assert_int_equal(tofu_message_header(message)->id, lives[number].id);
    assert_int_equal(is_closing, lives[number].is_answered);
    lives[number].is_answered = true;
    side_put(side, message);
    return is_closing ? number : 0;
}

// Two channels of one number in a receive queue would mix.
static void a_number_comes_back_when_its_last_message_was_taken(void **state)
{
    static struct life lives[NUMBERS + 1];
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    const struct side *side = &link->server;
    for (size_t i = 0; i < NUMBERS - 1; i++) {
        (void)post_doomed(side, lives);
    }
    side_expect_stat(side, channels, 1); // The listener; all others have ended.
    side_expect_refusal(side, doomed_hello(side), TOFU_NOT_ALLOWED);

    uint16_t first = 0;
    while (first == 0) {
        first = take_of_life(side, lives);
    }

    assert_int_equal(post_doomed(side, lives), first);
    side_expect_refusal(side, doomed_hello(side), TOFU_NOT_ALLOWED);
    for (size_t left = NUMBERS - 1; left > 0;) {
        left -= take_of_life(side, lives) != 0 ? 1 : 0;
    }
    side_expect_silence(side);
}

static void no_more_channels_than_allowed_are_posted(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.channels_max = 3};
    char address[3][TOFU_ADDRESS_BYTES_MAX];
    uint16_t channels[3];
    static const char *const names[] = {"a", "b", "c"};
    link_open_client(link, &options);
    const struct side *side = &link->client;
    for (size_t i = 0; i < 3; i++) {
        channels[i] = link_listen(link, side, names[i], address[i]);
    }
    for (int i = 0; i < 3; i++) {
        side_expect_refusal(side, side_hello(side, address[0]), TOFU_NOT_ALLOWED);
        side_expect_refusal(side, side_welcome(side, address[0]), TOFU_NOT_ALLOWED);
    }

    struct side listener = *side;
    listener.channel = channels[1];
    side_send(&listener, TOFU_BYE_SIGNAL, 0, NULL);
    struct tofu_message *closed = side_expect_notice(side, TOFU_SIGNAL, TOFU_CHANNEL_CLOSED);
    assert_int_equal(tofu_message_header(closed)->channel, channels[1]);
    side_put(side, closed);

    uint16_t fourth = link_listen(link, side, names[1], address[1]);
    for (size_t i = 0; i < 3; i++) {
        assert_int_not_equal(fourth, channels[i]);
    }
    side_expect_refusal(side, side_hello(side, address[0]), TOFU_NOT_ALLOWED);
}

// A peer that finds no channel free is turned away, and the engine does not spin on it.
static void no_more_channels_than_allowed_are_accepted(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.channels_max = 3};
    link_open_server(link, &options);
    int first = link_raw_client(link);
    struct side first_side = link->server;
    int second = link_raw_client(link);
    int third = raw_connect(link->address);
    raw_send_hello(third, 5);

    raw_await_end(third, NULL);

    side_expect_stat(&link->server, connections_refused, 1);
    assert_int_equal(side_stats(&link->server).rules_broken, 0); // It did nothing wrong.
    side_expect_silence(&link->server);
    raw_send_proto(first, RAW_REQUEST, 9);
    assert_int_equal(side_take(&link->server, TOFU_REQUEST).channel, first_side.channel);
    raw_close(second);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
    link_raw_client(link);
    assert_int_equal(side_stats(&link->server).channels, 3);
    assert_true(side_stats(&link->server).turns < 500);
}

static void both_ends_in_one_engine_have_their_own_numbers(void **state)
{
    struct link_fixture *link = *state;

    assert_int_not_equal(link->client.channel, link->server.channel);
    assert_int_not_equal(link->client.channel, link->listener);
    assert_int_not_equal(link->server.channel, link->listener);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(no_more_channels_than_allowed_are_posted),
        LINK_TEST(no_more_channels_than_allowed_are_accepted),
    };
    static const struct CMUnitTest number_tests[] = {
        LINK_TEST(a_number_comes_back_when_all_others_were_used),
        LINK_TEST(a_number_comes_back_when_its_last_message_was_taken),
    };
    static const struct CMUnitTest one_engine_tests[] = {
        CONNECTED_LINK_TEST(both_ends_in_one_engine_have_their_own_numbers),
    };
    int failed = LINK_RUN(tests, LINK_BOTH);
    // No connection is made here, so one kind of link stands for all.
    failed += LINK_RUN(number_tests, LINK_TCP);
    failed += LINK_RUN(one_engine_tests, LINK_TCP_ONE_ENGINE | LINK_UDS_ONE_ENGINE);
    return failed;
}
