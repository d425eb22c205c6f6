// SPDX-License-Identifier: MIT
// The receive queue's order: channels take turns, first in, first out within each, and nobody waits for ever.
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

// Adds a channel's next message, or one that belongs to none; `id` says which.
static void add(struct fixture *own, struct tf_flow *flow, uint64_t id)
{
    assert_true(own->message_count < MESSAGES_MAX);
    struct tofu_message *message = &own->messages[own->message_count++];
    message->header.id = id;
    message->flow = flow;
    tf_rounds_add(&own->rounds, message);
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
    add_many(own, &flow, 4, 3000);

    for (uint64_t id = 2; id < 3004; id++) {
        assert_next(own, id);
    }
    assert_null(tf_rounds_take(&own->rounds));
}

// However much that is.
static void who_has_little_waits_for_one_message_of_who_has_much(void **state)
{
    struct fixture *own = *state;
    struct tf_flow flood = {0};
    struct tf_flow honest = {0};
    add_many(own, &flood, 1, 4000);
    assert_next(own, 1);

    add_many(own, &honest, 5001, 3);

    assert_next(own, 2);
    assert_next(own, 5001);
    assert_next(own, 3);
    assert_next(own, 5002);
    assert_next(own, 4);
    assert_next(own, 5003);
    assert_next(own, 5);
}

// Whenever he comes, he waits for exactly those that were there before him.
static void several_floods_have_one_message_each(void **state)
{
    enum { FLOODS = 7, ROUNDS = 100 };
    struct fixture *own = *state;
    struct tf_flow floods[FLOODS] = {0};
    struct tf_flow honest = {0};
    for (uint64_t i = 0; i < (FLOODS + 1) * (ROUNDS + 10); i++) {
        add(own, &floods[i % FLOODS], 1);
    }

    for (uint64_t i = 0; i < ROUNDS; i++) {
        assert_next(own, 1); // The place in the round at which he comes is another one each time.
        add(own, &honest, 1001 + i);
        assert_int_equal(taken_before(own, 1001 + i), FLOODS);
        assert_null(honest.last);
        assert_null(honest.next);
    }
}

// Of as many floods as there are, he waits for what each has of its share.
static void a_turn_is_a_share(void **state)
{
    enum { SHIFT = 2, SHARE = 1 << SHIFT };
    struct fixture *own = *state;
    struct tf_flow flood = {0};
    struct tf_flow other = {0};
    struct tf_flow honest = {0};
    own->rounds.share_shift = SHIFT;
    add_many(own, &flood, 1, 100);
    add_many(own, &other, 1001, 100);
    assert_next(own, 1);

    add_many(own, &honest, 2001, SHARE + 1);

    assert_next(own, 2); // The turn goes on.
    assert_next(own, 3);
    assert_next(own, 4);
    assert_int_equal(taken_before(own, 2001), SHARE);
    assert_next(own, 2002);
    assert_next(own, 2003);
    assert_next(own, 2004);
    assert_int_equal(taken_before(own, 2005), 2 * SHARE);
}

static void a_share_is_a_64th_of_the_budget_and_16_at_most(void **state)
{
    (void)state;
    static const uint64_t budgets[] = {1, 2, 63, 64, 65, 128, 129, 257, 1000, 4096, UINT64_MAX};
    static const uint32_t shares[] = {1, 1, 1, 1, 2, 2, 2, 4, 16, 16, 16};
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        assert_int_equal(1u << tf_rounds_share_shift(budgets[i]), shares[i]);
    }
}

static void newcomers_without_end_keep_nobody_waiting(void **state)
{
    struct fixture *own = *state;
    struct tf_flow honest = {0};
    struct tf_flow newcomers[20] = {0};
    add(own, &newcomers[0], 1);
    add_many(own, &honest, 1001, 2);

    int taken_count = 0;
    for (bool has_come = false; !has_come; taken_count++) {
        add(own, &newcomers[taken_count + 1], 1);
        has_come = tf_rounds_take(&own->rounds)->header.id == 1002;
    }

    assert_int_equal(taken_count, 5); // Who was there before him, twice.
}

static void what_is_no_channels_goes_behind_all_that_is_there(void **state)
{
    struct fixture *own = *state;
    struct tf_flow flow = {0};
    add(own, NULL, 2001);
    add_many(own, &flow, 1, 3);
    add(own, NULL, 2002);
    add(own, NULL, 2003);
    add(own, &flow, 4);

    assert_next(own, 2001);
    assert_next(own, 1);
    assert_next(own, 2);
    assert_next(own, 3);
    assert_next(own, 2002);
    assert_next(own, 2003);
    assert_next(own, 4);
    add(own, NULL, 2004);
    assert_next(own, 2004);
    assert_null(tf_rounds_take(&own->rounds));
}

static void newcomers_without_end_do_not_keep_what_is_no_channels_waiting(void **state)
{
    struct fixture *own = *state;
    struct tf_flow flood = {0};
    struct tf_flow newcomers[100] = {0};
    add_many(own, &flood, 1, 10);
    add(own, NULL, 2001);

    size_t taken_count = 0;
    for (bool has_come = false; !has_come; taken_count++) {
        add(own, &newcomers[taken_count], 1);
        has_come = tf_rounds_take(&own->rounds)->header.id == 2001;
    }

    assert_in_range(taken_count, 11, 80);
}

// The flow may lie in the message that is given out, and that in somebody else's hands at once.
static void a_flow_in_its_own_last_message_is_left_clean(void **state)
{
    struct fixture *own = *state;
    struct tofu_message notice = {.header.id = 3};
    struct tf_flow other = {0};
    add_many(own, &notice.own_flow, 1, 2);
    add_many(own, &other, 1001, 2);
    notice.flow = &notice.own_flow;
    tf_rounds_add(&own->rounds, &notice);

    assert_next(own, 1);
    assert_next(own, 1001);
    assert_next(own, 2);
    assert_next(own, 1002);
    assert_ptr_equal(tf_rounds_take(&own->rounds), &notice);

    assert_null(notice.own_flow.last);
    assert_null(notice.own_flow.next);
    notice.own_flow.next = (struct tf_flow *)1; // Nobody looks there any more.
    add(own, &other, 1003);
    assert_next(own, 1003);
}

// What went by without the rounds counts as given out.
static void a_message_that_went_by_moves_the_present_round(void **state)
{
    struct fixture *own = *state;
    struct tf_flow flow = {0};
    struct tofu_message passing = {.flow = &flow};
    struct tofu_message late = {.flow = &flow};
    struct tofu_message no_channels = {.due = UINT64_MAX};
    uint64_t newest = 0;
    for (int i = 0; i < 1000; i++) {
        newest = tf_rounds_due(newest, own->rounds.present, 0);
        passing.due = newest;
        tf_rounds_pass(&own->rounds, &passing);
        late.due = newest - 1;
        tf_rounds_pass(&own->rounds, &late);
        tf_rounds_pass(&own->rounds, &no_channels);
    }

    assert_int_equal(own->rounds.present, 1000);
    add(own, NULL, 7);
    assert_next(own, 7);
}

#define CHANNELS 5
#define SEEDS    200

// One play: what a pusher knows, and what was added and taken.
struct play {
    struct tf_flow flows[CHANNELS];
    uint64_t newest[CHANNELS];
    uint64_t added[CHANNELS];
    uint64_t taken[CHANNELS];
    uint64_t heard;
};

static void add_numbered(struct fixture *own, struct play *play, size_t channel)
{
    uint32_t shift = own->rounds.share_shift;
    play->newest[channel] = tf_rounds_due(play->newest[channel], play->heard, shift);
    add(own, &play->flows[channel], channel + CHANNELS * play->added[channel]);
    // Who pushes never takes a message for due later than it is.
    assert_true(own->messages[own->message_count - 1].due >= play->newest[channel]);
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
    *own = (struct fixture){.rounds.share_shift = (uint32_t)(seed % 3)};
    for (int i = 0; i < 2000; i++) {
        play.heard = random_below(&random, 4) == 0 ? own->rounds.present : play.heard;
        if (random_below(&random, 2) == 0) {
            add_numbered(own, &play, random_below(&random, CHANNELS));
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
        TEST(who_has_little_waits_for_one_message_of_who_has_much),
        TEST(several_floods_have_one_message_each),
        TEST(a_turn_is_a_share),
        TEST(a_share_is_a_64th_of_the_budget_and_16_at_most),
        TEST(newcomers_without_end_keep_nobody_waiting),
        TEST(what_is_no_channels_goes_behind_all_that_is_there),
        TEST(newcomers_without_end_do_not_keep_what_is_no_channels_waiting),
        TEST(a_flow_in_its_own_last_message_is_left_clean),
        TEST(a_message_that_went_by_moves_the_present_round),
        TEST(whatever_comes_and_goes_each_channel_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
