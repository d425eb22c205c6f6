// SPDX-License-Identifier: MIT
// F25: names that nobody answers for, and names with several addresses, in virtual time.
#include "sim/pair.h"

#include <stdio.h>

#define SEEDS       60
#define ROUND_TRIPS 40

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

// Round trips in a world where `names` names of either engine wait for a resolver that never answers.
static void measure(uint64_t seed, int names, uint64_t times_ns_out[ROUND_TRIPS])
{
    struct pair pair;
    pair_begin(seed);
    // Chance must not look at what else there is: which socket an invented event is for.
    sim_config()->spurious_rate = 0;
    sim_config()->fewer_rate = 0;
    const struct tofu_options patient = {.connect_timeout_ns = 3600 * TF_SECOND};
    pair_open(&pair, seed, &patient, &patient);
    pair_listen(&pair, "tcp|127.0.0.1|0");
    pair_connect(&pair);
    for (int i = 0; i < names; i++) {
        (void)pair_hello(pair.client_engine, pair.client, "tcp|mute.sim|80");
        (void)pair_hello(pair.server_engine, pair.server, "tcp|mute.sim|80");
    }
    pair_pass(TF_SECOND);

    sim_reseed(seed);
    for (int i = 0; i < ROUND_TRIPS; i++) {
        uint64_t begin_ns = sim_now();
        round_trip(&pair);
        times_ns_out[i] = sim_now() - begin_ns;
    }
    pair_close(&pair);
}

// Not only about as fast: the same schedule gives the same times, to the nanosecond.
static void a_resolver_that_never_answers_costs_other_channels_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t alone_ns[ROUND_TRIPS];
        uint64_t beside_ns[ROUND_TRIPS];
        measure(seed, 0, alone_ns);
        measure(seed, 20, beside_ns);
        assert_memory_equal(alone_ns, beside_ns, sizeof alone_ns);
    }
}

// Time is up when it is up, and not later than the next turns of the schedule.
static void expect_timed_out(const char *address, uint64_t timeout_ns, uint64_t seed)
{
    struct pair pair;
    pair_begin(seed);
    const struct tofu_options options = {.connect_timeout_ns = timeout_ns};
    pair_open(&pair, seed, NULL, &options);
    uint64_t begin_ns = sim_now();
    uint16_t channel = pair_hello(pair.client_engine, pair.client, address);

    pair_expect(pair.client_engine, pair.client, TOFU_HELLO_RESPONSE, TOFU_TIMED_OUT);

    uint64_t time_ns = sim_now() - begin_ns;
    assert_true(time_ns >= timeout_ns);
    assert_true(time_ns <= timeout_ns + TF_MILLISECOND);
    pair_expect_closed(pair.client_engine, pair.client, channel, TOFU_TIMED_OUT);
    pair_close(&pair);
}

static void a_name_that_is_never_answered_ends_at_its_deadline(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        expect_timed_out("tcp|mute.sim|80", seed * 333 * TF_MILLISECOND, seed);
    }
}

static void an_address_that_never_answers_ends_at_the_same_deadline(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        expect_timed_out("tcp|10.0.0.66|80", seed * 333 * TF_MILLISECOND, seed);
    }
}

// What was accepted counts as queued, so a shutdown waits for names, but not longer than it was told to;
// destroying waits for nobody.
static void names_without_an_answer_do_not_hold_up_the_end(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        pair_begin(seed);
        pair_open(&pair, seed, NULL, NULL);
        for (int i = 0; i < 10; i++) {
            (void)pair_hello(pair.client_engine, pair.client, "tcp|mute.sim|80");
            (void)pair_hello(pair.server_engine, pair.server, "tcp|mute.sim|80");
        }
        pair_pass(seed % 2 * TF_MILLISECOND);
        uint64_t timeout_ns = seed * 100 * TF_MILLISECOND;
        uint64_t begin_ns = sim_now();

        enum tofu_status status = tofu_engine_shutdown(pair.client_engine, timeout_ns, NULL);
        uint64_t shut_down_ns = sim_now();
        tofu_engine_destroy(&pair.server_engine);
        pair.server = NULL;

        assert_int_equal(status, TOFU_TIMED_OUT);
        assert_true(shut_down_ns - begin_ns >= timeout_ns);
        assert_true(shut_down_ns - begin_ns <= timeout_ns + TF_MILLISECOND);
        assert_true(sim_now() - shut_down_ns <= TF_MILLISECOND);
        pair_close(&pair);
    }
}

static void expect_connected(const char *listening, const char *host, uint64_t seed)
{
    struct pair pair;
    pair_begin(seed);
    pair_open(&pair, seed, NULL, NULL);
    pair_listen(&pair, listening);
    struct tofu_address address;
    assert_int_equal(tofu_address_parse(pair.address, &address), TOFU_OK);
    (void)snprintf(pair.address, sizeof pair.address, "tcp|%s|%u", host, (unsigned)address.port);

    pair_connect(&pair);

    round_trip(&pair);
    pair_close(&pair);
}

static void addresses_of_both_families_are_tried_in_turn(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        expect_connected("tcp|::1|0", "both.sim", seed);
        expect_connected("tcp|127.0.0.1|0", "both.sim", seed);
        expect_connected("tcp|127.0.0.1|0", "second.sim", seed);
        expect_connected("tcp|::1|0", "many.sim", seed);
    }
}

// The first address of the name swallows what is sent to it, for ever; the second one must still be tried.
static void an_address_that_never_answers_leaves_time_for_the_next(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        expect_connected("tcp|127.0.0.1|0", "hole.sim", seed);
    }
}

static void when_all_addresses_refuse_the_hello_comes_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        pair_begin(seed);
        pair_open(&pair, seed, NULL, NULL);
        uint16_t channel = pair_hello(pair.client_engine, pair.client, "tcp|many.sim|80");

        pair_expect(pair.client_engine, pair.client, TOFU_HELLO_RESPONSE, TOFU_CONNECT_FAILED);
        pair_expect_closed(pair.client_engine, pair.client, channel, TOFU_CONNECT_FAILED);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resolver_that_never_answers_costs_other_channels_nothing),
        cmocka_unit_test(a_name_that_is_never_answered_ends_at_its_deadline),
        cmocka_unit_test(an_address_that_never_answers_ends_at_the_same_deadline),
        cmocka_unit_test(names_without_an_answer_do_not_hold_up_the_end),
        cmocka_unit_test(addresses_of_both_families_are_tried_in_turn),
        cmocka_unit_test(an_address_that_never_answers_leaves_time_for_the_next),
        cmocka_unit_test(when_all_addresses_refuse_the_hello_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
