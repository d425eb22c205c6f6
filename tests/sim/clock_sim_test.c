// SPDX-License-Identifier: MIT
// F24: the clock may stand still, leap, or be very old; deadlines are kept, none is early, nothing spins.
#include "sim/pair.h"

#define SEEDS 60
#define YEAR  (UINT64_C(365) * 24 * 3600 * TF_SECOND)

static void round_trip(struct pair *pair)
{
    pair_post(
        pair->client,
        pair_message(pair->client_engine, TOFU_REQUEST, pair->client_channel, 9, 100));
    pair_expect(pair->server_engine, pair->server, TOFU_REQUEST, TOFU_OK);
    pair_post(
        pair->server,
        pair_message(pair->server_engine, TOFU_RESPONSE, pair->server_channel, 9, 100));
    pair_expect(pair->client_engine, pair->client, TOFU_RESPONSE, TOFU_OK);
}

static void an_idle_connection_survives_a_leap_of_years(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        pair_begin(seed);
        pair_open(&pair, seed, NULL, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        pair_connect(&pair);
        pair_pass(TF_SECOND);

        sim_leap(10 * YEAR);
        round_trip(&pair);
        sim_leap(100 * YEAR);
        round_trip(&pair);

        assert_int_equal(pair_stats(pair.server_engine).deadlines_missed, 0);
        pair_close(&pair);
    }
}

// Whatever was due while the machine slept happens once, right after it.
static void deadlines_that_passed_during_a_leap_end_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        pair_begin(seed);
        pair_open(&pair, seed, NULL, NULL);
        uint16_t channel = pair_hello(pair.client_engine, pair.client, "tcp|mute.sim|80");
        pair_pass(TF_SECOND);

        sim_leap(YEAR);
        uint64_t begin_ns = sim_now();

        pair_expect(pair.client_engine, pair.client, TOFU_HELLO_RESPONSE, TOFU_TIMED_OUT);
        pair_expect_closed(pair.client_engine, pair.client, channel, TOFU_TIMED_OUT);
        assert_true(sim_now() - begin_ns <= TF_MILLISECOND);
        pair_expect_nothing(pair.client);
        pair_close(&pair);
    }
}

static void a_small_leap_makes_no_deadline_early(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        pair_begin(seed);
        pair_open(&pair, seed, NULL, NULL);
        uint64_t begin_ns = sim_now();
        (void)pair_hello(pair.client_engine, pair.client, "tcp|mute.sim|80");
        pair_pass(TF_MILLISECOND); // The time counts from when the I/O thread has it.
        for (int i = 0; i < 9; i++) {
            sim_leap(TF_SECOND);
            pair_pass(TF_MILLISECOND);
            pair_expect_nothing(pair.client);
        }

        pair_expect(pair.client_engine, pair.client, TOFU_HELLO_RESPONSE, TOFU_TIMED_OUT);

        assert_true(sim_now() - begin_ns >= 10 * TF_SECOND);
        assert_true(sim_now() - begin_ns <= 10 * TF_SECOND + 2 * TF_MILLISECOND);
        pair_close(&pair);
    }
}

// Near its end the 64-bit clock must not wrap a deadline into the past.
static void deadlines_that_would_pass_the_end_of_the_clock_never_come(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        pair_begin(seed);
        sim_leap(UINT64_MAX - sim_now() - 5 * TF_SECOND);
        pair_open(&pair, seed, NULL, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        pair_connect(&pair);
        (void)pair_hello(pair.client_engine, pair.client, "tcp|mute.sim|80");
        round_trip(&pair);
        pair_pass(TF_SECOND);
        round_trip(&pair);

        assert_int_equal(pair_stats(pair.client_engine).deadlines_missed, 0);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_connection_survives_a_leap_of_years),
        cmocka_unit_test(deadlines_that_passed_during_a_leap_end_at_once),
        cmocka_unit_test(a_small_leap_makes_no_deadline_early),
        cmocka_unit_test(deadlines_that_would_pass_the_end_of_the_clock_never_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
