// SPDX-License-Identifier: MIT
// A thousand connections one after another: nothing leaks, and the last is as good as the first.
#include "support/link_fixture.h"
#include "support/raw_peer.h"

#define CONNECTIONS 1000

// The pool's default: what was once needed is not kept for ever.
static const struct tofu_options small_pool = {.pool_messages_max = 64};

static void exchange(struct link_fixture *link, uint64_t id)
{
    side_send(&link->client, TOFU_REQUEST, id, "question");
    struct tofu_message *question = side_expect(&link->server, TOFU_REQUEST);
    assert_int_equal(tofu_message_header(question)->id, id);
    assert_body(question, "question");
    tofu_message_header(question)->opcode = TOFU_RESPONSE;
    side_post(&link->server, question);
    struct tofu_message *answer = side_expect(&link->client, TOFU_RESPONSE);
    assert_int_equal(tofu_message_header(answer)->id, id);
    assert_body(answer, "question");
    side_put(&link->client, answer);
}

// Messages that the engine keeps for itself: the notices of what is open.
static uint64_t reserved(const struct side *side)
{
    struct tofu_stats stats = side_stats(side);
    return stats.messages_alive - stats.messages_idle;
}

static void expect_nothing_left(struct link_fixture *link, const struct side *side)
{
    struct tofu_stats stats = side_stats(side);
    assert_int_equal(stats.channels, link->is_one_engine || side == &link->server ? 1 : 0);
    assert_int_equal(stats.half_open, 0);
    assert_int_equal(stats.messages_incoming, 0);
    assert_true(stats.messages_idle <= 64);
    assert_int_equal(stats.channels_opened - stats.channels_closed, stats.channels);
}

static void a_client_reconnects_a_thousand_times(void **state)
{
    struct link_fixture *link = *state;
    size_t live_bytes = 0;
    link_open_server(link, &small_pool);
    link_open_client(link, &small_pool);
    uint64_t reserved_before = reserved(&link->server);
    for (uint64_t round = 1; round <= CONNECTIONS; round++) {
        link_connect(link);
        exchange(link, round);
        link_bye(
            link,
            round % 2 == 0 ? &link->client : &link->server,
            round % 2 == 0 ? &link->server : &link->client);
        if (round == CONNECTIONS / 2) {
            live_bytes = atomic_load(&link_memory(link, link->server.engine)->live_bytes);
        }
    }

    expect_nothing_left(link, &link->server);
    expect_nothing_left(link, &link->client);
    assert_int_equal(reserved(&link->server), reserved_before);
    // Tables may still grow a little where numbers are used for the first time, leaks grow with all.
    assert_true(
        atomic_load(&link_memory(link, link->server.engine)->live_bytes) <
        live_bytes + (size_t)256 * 1024);
}

static void a_client_is_aborted_and_reconnects_a_thousand_times(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, &small_pool);
    link_open_client(link, &small_pool);
    for (uint64_t round = 1; round <= CONNECTIONS; round++) {
        const struct side *from = round % 2 == 0 ? &link->client : &link->server;
        const struct side *to = round % 2 == 0 ? &link->server : &link->client;
        link_connect(link);
        side_send(from, TOFU_BYE_SIGNAL, 0, NULL);
        side_expect_closed(from, from->channel, link->hello_id, "channel_closed");
        side_expect_closed(to, to->channel, link->hello_id, "peer_disconnected");
    }

    expect_nothing_left(link, &link->server);
    expect_nothing_left(link, &link->client);
}

static void raw_peers_come_and_go_a_thousand_times(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, &small_pool);
    for (int round = 0; round < CONNECTIONS; round++) {
        int raw = link_raw_client(link);
        if (round % 2 == 0) {
            raw_reset(raw);
        } else {
            raw_close(raw);
        }
        side_expect_closed(
            &link->server, link->server.channel, link->hello_id, "peer_disconnected");
    }

    expect_nothing_left(link, &link->server);
    assert_int_equal(side_stats(&link->server).connections_accepted, CONNECTIONS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(a_client_reconnects_a_thousand_times),
        LINK_TEST(a_client_is_aborted_and_reconnects_a_thousand_times),
    };
    static const struct CMUnitTest raw_tests[] = {
        LINK_TEST(raw_peers_come_and_go_a_thousand_times),
    };
    int failed = LINK_RUN(tests, LINK_ALL);
    failed += LINK_RUN(raw_tests, LINK_BOTH);
    return failed;
}
