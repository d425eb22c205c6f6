// SPDX-License-Identifier: MIT
// The receive queue's order: fair between channels, first in, first out within each, and without end for nobody.
#include "unit/expect.h"

#include "engine/rounds.h"
#include "unit/random.h"

#define MESSAGES_MAX 4096

struct fixture {
    struct tf_rounds rounds;
    struct tofu_message messages[MESSAGES_MAX];
    size_t message_count;
};

static struct fixture fixture;

static int set_up(void **state)
{
    fixture = (struct fixture){0};
    *state = &fixture;
    return 0;
}

static uint64_t present(const struct fixture *own)
{
    return own->rounds.present;
}

// Adds a channel's next message; `id` says which.
static void add_at(
    struct fixture *own, struct tf_flow *flow, uint64_t id, uint64_t heard, uint64_t share)
{
    assert_true(own->message_count < MESSAGES_MAX);
    struct tofu_message *message = &own->messages[own->message_count++];
    message->header.id = id;
    message->round = flow == NULL ? TF_ROUND_LAST : tf_flow_next(flow, heard, share);
    tf_rounds_add(&own->rounds, message);
}

static void add(struct fixture *own, struct tf_flow *flow, uint64_t id)
{
    add_at(own, flow, id, present(own), 1);
}

static void add_many(struct fixture *own, struct tf_flow *flow, uint64_t first, uint64_t count)
{
    for (uint64_t id = first; id < first + count; id++) {
        add(own, flow, id);
    }
}

static void assert_next(struct fixture *own, uint64_t id)
{
    struct tofu_message *message = tf_rounds_take(&own->rounds);
    assert_non_null(message);
    assert_null(message->next);
    assert_int_equal(message->header.id, id);
}

// Takes until this one has come; returns how many came before it.
static uint64_t taken_before(struct fixture *own, uint64_t id)
{
    for (uint64_t count = 0;; count++) {
        struct tofu_message *message = tf_rounds_take(&own->rounds);
        assert_non_null(message);
        if (message->header.id == id) {
            return count;
        }
    }
}

static void one_channel_is_first_in_first_out(void **state)
{
    struct fixture *own = *state;
    struct tf_flow flow = {0};
    add_many(own, &flow, 1, 3);
    assert_next(own, 1);
    add_many(own, &flow, 4, 200); // More than there are rounds.

    for (uint64_t id = 2; id < 204; id++) {
        assert_next(own, id);
    }
    assert_null(tf_rounds_take(&own->rounds));
}

static void who_has_little_waits_for_a_share_of_who_has_much(void **state)
{
    struct fixture *own = *state;
    struct tf_flow flood = {0};
    struct tf_flow honest = {0};
    add_many(own, &flood, 1, 60);
    assert_next(own, 1);

    add_many(own, &honest, 1001, 3);

    assert_next(own, 2);
    assert_next(own, 1001);
    assert_next(own, 3);
    assert_next(own, 1002);
    assert_next(own, 4);
    assert_next(own, 1003);
    assert_next(own, 5);
}

static void several_floods_have_a_share_each(void **state)
{
    enum { FLOODS = 3, SHARE = 4 };
    struct fixture *own = *state;
    struct tf_flow floods[FLOODS] = {0};
    struct tf_flow honest = {0};
    for (uint64_t i = 0; i < FLOODS * 64; i++) {
        add_at(own, &floods[i % FLOODS], 1, present(own), SHARE);
    }
    assert_next(own, 1);

    add_at(own, &honest, 1001, present(own), SHARE);

    // What is left of the round that was begun, and the shares of the next one.
    assert_in_range(taken_before(own, 1001), 0, 2 * FLOODS * SHARE - 1);
}

// Whoever comes for the first time begins with the next round. If it were the present one, that would not
// end while newcomers come, and who waits for another round would wait for ever.
static void newcomers_without_end_keep_nobody_waiting(void **state)
{
    struct fixture *own = *state;
    struct tf_flow honest = {0};
    struct tf_flow newcomer = {0};
    add(own, &newcomer, 1);
    add_many(own, &honest, 1001, 2);

    bool has_come = false;
    for (int i = 0; i < 20 && !has_come; i++) {
        newcomer = (struct tf_flow){0};
        add(own, &newcomer, 1);
        has_come = tf_rounds_take(&own->rounds)->header.id == 1002;
    }

    assert_true(has_come);
}

static void what_is_no_channels_goes_behind_all_that_is_there(void **state)
{
    struct fixture *own = *state;
    struct tf_flow flow = {0};
    add(own, NULL, 2001);
    add_many(own, &flow, 1, 3);
    add(own, NULL, 2002);
    add(own, &flow, 4);

    assert_next(own, 2001);
    assert_next(own, 1);
    assert_next(own, 2);
    assert_next(own, 3);
    assert_next(own, 2002);
    assert_next(own, 4);
}

// The pusher may have heard of the present round long ago.
static void what_is_late_for_its_round_comes_in_the_next_one(void **state)
{
    struct fixture *own = *state;
    struct tf_flow flood = {0};
    struct tf_flow honest = {0};
    add_many(own, &flood, 1, 60);
    assert_int_equal(taken_before(own, 30), 29);

    add_at(own, &honest, 1001, 0, 1);
    add_at(own, &honest, 1002, 0, 1);

    assert_next(own, 31);
    assert_next(own, 1001);
    assert_next(own, 1002);
    assert_next(own, 32);
}

static void a_number_that_was_another_groups_begins_anew(void **state)
{
    struct fixture *own = *state;
    struct tf_flow flood = {0};
    struct tf_flow foreign = {.round = 1000000, .count = 1};
    add_many(own, &flood, 1, 60);
    assert_next(own, 1);

    add(own, &foreign, 1001);

    assert_next(own, 2);
    assert_next(own, 1001);
}

// What went by without the rounds counts as given out.
static void a_message_that_went_by_moves_the_present_round(void **state)
{
    struct fixture *own = *state;
    struct tf_flow flow = {0};
    struct tofu_message passing = {.round = 0};
    struct tofu_message last = {.round = TF_ROUND_LAST};
    for (int i = 0; i < 1000; i++) {
        passing.round = tf_flow_next(&flow, present(own), 1);
        tf_rounds_pass(&own->rounds, &passing);
        tf_rounds_pass(&own->rounds, &last);
    }

    assert_int_equal(present(own), 1000);
    add(own, NULL, 7);
    assert_next(own, 7);
}

static void the_budget_of_one_channel_fits_into_the_rounds(void **state)
{
    (void)state;
    static const uint64_t budgets[] = {1, 2, 63, 64, 65, 128, 129, 1000, 65536, UINT64_MAX};
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        uint64_t share = tf_rounds_share(budgets[i]);
        assert_true(share >= 1);
        assert_true(budgets[i] / share <= TF_ROUNDS_AHEAD);
        assert_true(share == 1 || (share - 1) * TF_ROUNDS_AHEAD < budgets[i]);
    }
}

#define CHANNELS 5
#define SEEDS    200

struct play {
    struct tf_flow flows[CHANNELS];
    uint64_t added[CHANNELS];
    uint64_t taken[CHANNELS];
};

static void add_numbered(struct fixture *own, struct play *play, size_t channel, uint64_t heard)
{
    add_at(own, &play->flows[channel], channel + CHANNELS * play->added[channel], heard, 2);
    play->added[channel]++;
}

static bool take_numbered(struct fixture *own, struct play *play)
{
    struct tofu_message *message = tf_rounds_take(&own->rounds);
    if (message == NULL) {
        return false;
    }
    size_t channel = (size_t)(message->header.id % CHANNELS);
    assert_int_equal(message->header.id / CHANNELS, play->taken[channel]);
    play->taken[channel]++;
    return true;
}

// Whatever comes and goes: nothing is lost, and each channel's messages keep their order.
static void run(struct fixture *own, uint64_t seed)
{
    struct random_source random = {seed};
    struct play play = {0};
    uint64_t heard = 0;
    *own = (struct fixture){0};
    for (int i = 0; i < 2000; i++) {
        heard = random_below(&random, 4) == 0 ? present(own) : heard;
        if (random_below(&random, 2) == 0) {
            add_numbered(own, &play, random_below(&random, CHANNELS), heard);
        } else {
            (void)take_numbered(own, &play);
        }
    }
    while (take_numbered(own, &play)) {
    }
    assert_memory_equal(play.taken, play.added, sizeof play.added);
    assert_int_equal(own->rounds.count, 0);
}

static void whatever_comes_and_goes_each_channel_keeps_its_order(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(*state, seed);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_channel_is_first_in_first_out),
        TEST(who_has_little_waits_for_a_share_of_who_has_much),
        TEST(several_floods_have_a_share_each),
        TEST(newcomers_without_end_keep_nobody_waiting),
        TEST(what_is_no_channels_goes_behind_all_that_is_there),
        TEST(what_is_late_for_its_round_comes_in_the_next_one),
        TEST(a_number_that_was_another_groups_begins_anew),
        TEST(a_message_that_went_by_moves_the_present_round),
        TEST(the_budget_of_one_channel_fits_into_the_rounds),
        TEST(whatever_comes_and_goes_each_channel_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
