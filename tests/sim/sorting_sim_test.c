// SPDX-License-Identifier: MIT
// What a receive queue does not sort. Messages of one busy channel, however many, and of many that have a share
// each, are given out as they came (ADR 12). Only speed depends on that, so nothing else would tell.
#include "engine/group.h"
#include "sim/pair.h"

#define SEEDS 40

/// Messages of one channel in the queue: many shares.
#define MANY 500

/// So many later groups its memory is used again, at the latest.
#define GROUPS_MAX 10000

// Opens a world with two channels from the client to a server that holds all that comes.
static void open_world(struct pair *pair, uint64_t seed, uint16_t channels_out[2])
{
    const struct tofu_options options = {.pool_messages_max = TOFU_UNLIMITED};
    pair_begin(seed);
    pair_open(pair, seed, &options, NULL);
    pair_listen(pair, "tcp|127.0.0.1|0");
    for (int i = 0; i < 2; i++) {
        pair_connect(pair);
        channels_out[i] = pair->client_channel;
    }
}

static void send(const struct pair *pair, uint16_t channel, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        pair_post(pair->client, pair_message(pair->client_engine, TOFU_SIGNAL, channel, i + 1, 0));
    }
    pair_pass(10 * TF_SECOND);
}

// Takes so many Signals; returns whether any of them came out of a sorted queue.
static bool take(const struct pair *pair, uint64_t count)
{
    bool is_sorted = false;
    for (uint64_t i = 0; i < count; i++) {
        pair_expect(pair->server_engine, pair->server, TOFU_SIGNAL, TOFU_OK);
        is_sorted = is_sorted || pair->server->mailbox.rounds.count > 0;
    }
    pair_expect_nothing(pair->server);
    return is_sorted;
}

static void one_busy_channel_is_not_sorted(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        uint16_t channels[2];
        open_world(&pair, seed, channels);

        send(&pair, channels[0], MANY);

        assert_false(take(&pair, MANY));
        pair_close(&pair);
    }
}

// The one that was busy before is far ahead in its rounds, and the other one has none.
static void a_channel_that_comes_after_a_busy_one_is_not_sorted(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        uint16_t channels[2];
        open_world(&pair, seed, channels);
        send(&pair, channels[0], MANY);
        assert_false(take(&pair, MANY));

        send(&pair, channels[1], 10);

        assert_false(take(&pair, 10));
        pair_close(&pair);
    }
}

static void channels_with_a_share_each_are_not_sorted(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        uint16_t channels[2];
        open_world(&pair, seed, channels);

        send(&pair, channels[0], 3);
        send(&pair, channels[1], 3);

        assert_false(take(&pair, 6));
        pair_close(&pair);
    }
}

static void a_queue_that_was_sorted_is_so_until_it_is_empty(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        uint16_t channels[2];
        open_world(&pair, seed, channels);
        send(&pair, channels[0], MANY);
        send(&pair, channels[1], 1);
        assert_true(take(&pair, MANY + 1));

        send(&pair, channels[0], MANY);

        assert_false(take(&pair, MANY));
        pair_close(&pair);
    }
}

// The memory of a group that ended is another one's; what was counted there is not.
static void a_new_group_begins_with_the_first_round(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        uint16_t channels[2];
        open_world(&pair, seed, channels);
        send(&pair, channels[0], MANY);
        const struct tofu_group *former = pair.server;
        tofu_group_destroy(&pair.server);
        for (int i = 0; i < GROUPS_MAX && pair.server != former; i++) {
            tofu_group_destroy(&pair.server);
            assert_int_equal(tofu_group_create(pair.server_engine, &pair.server), TOFU_OK);
        }
        assert_ptr_equal(pair.server, former);
        for (int i = 0; i < 2; i++) {
            pair_expect(pair.client_engine, pair.client, TOFU_SIGNAL, TOFU_CHANNEL_CLOSED);
        }
        pair_listen(&pair, "tcp|127.0.0.1|0");
        pair_connect(&pair);

        send(&pair, pair.client_channel, MANY);

        assert_false(take(&pair, MANY));
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_busy_channel_is_not_sorted),
        cmocka_unit_test(a_channel_that_comes_after_a_busy_one_is_not_sorted),
        cmocka_unit_test(channels_with_a_share_each_are_not_sorted),
        cmocka_unit_test(a_queue_that_was_sorted_is_so_until_it_is_empty),
        cmocka_unit_test(a_new_group_begins_with_the_first_round),
    };
    return cmocka_run_group_tests_name("sorting", tests, NULL, NULL);
}
