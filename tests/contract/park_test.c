// SPDX-License-Identifier: MIT
// Parking: a change before the park is never missed, and a deadline is neither early nor forgotten.
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "os/clock.h"
#include "os/park.h"
#include "os/thread.h"

#define PARK_DEADLINE (20 * TF_SECOND)
#define LATENESS_MAX  (5 * TF_SECOND)

static void a_park_on_another_value_returns_at_once(void **state)
{
    _Atomic uint32_t word = 1;
    (void)state;
    uint64_t start_ns = tf_clock_now();

    tf_park(&word, 0, tf_deadline(start_ns, PARK_DEADLINE));
    tf_park(&word, 2, TF_NEVER);

    assert_true(tf_clock_now() - start_ns < LATENESS_MAX);
}

// A park may end for no reason, so the deadline is reached by parking until it is there.
static void a_park_lasts_until_its_deadline_and_not_much_longer(void **state)
{
    _Atomic uint32_t word = 0;
    (void)state;
    uint64_t start_ns = tf_clock_now();
    uint64_t deadline_ns = start_ns + 30 * TF_MILLISECOND;
    uint32_t park_count = 0;

    while (tf_clock_now() < deadline_ns) {
        tf_park(&word, 0, deadline_ns);
        park_count++;
    }

    assert_in_range(park_count, 1, 100);
    assert_true(tf_clock_now() - start_ns < LATENESS_MAX);
}

static void a_deadline_that_is_over_does_not_block(void **state)
{
    _Atomic uint32_t word = 0;
    (void)state;
    uint64_t start_ns = tf_clock_now();

    tf_park(&word, 0, 0);
    tf_park(&word, 0, start_ns);

    assert_true(tf_clock_now() - start_ns < LATENESS_MAX);
}

struct opener {
    struct tf_thread thread;
    _Atomic uint32_t *gate;
    uint64_t open_time_ns;
};

// Does nothing until its time has come.
static bool opener_step(void *context)
{
    struct opener *opener = context;
    if (tf_clock_now() < opener->open_time_ns) {
        return true;
    }
    atomic_store(opener->gate, 1);
    tf_unpark_all(opener->gate);
    return false;
}

// No 32-bit count of seconds can hold the one, no signed 64-bit count of nanoseconds the other. Were it
// taken for a time that is over, or refused, the loop would spin.
static void a_deadline_in_another_age_is_waited_for(void **state)
{
    static const uint64_t deadlines_ns[] = {
        (UINT64_C(1) << 33) * TF_SECOND, TF_NEVER - 1, TF_NEVER};
    (void)state;
    for (size_t i = 0; i < sizeof deadlines_ns / sizeof deadlines_ns[0]; i++) {
        _Atomic uint32_t gate = 0;
        uint32_t park_count = 0;
        struct opener opener = {
            .gate = &gate, .open_time_ns = tf_clock_now() + 20 * TF_MILLISECOND};
        assert_int_equal(tf_thread_start(&opener.thread, NULL, opener_step, &opener), TOFU_OK);

        while (atomic_load(&gate) == 0) {
            tf_park(&gate, 0, deadlines_ns[i]);
            park_count++;
        }

        tf_thread_join(&opener.thread);
        assert_in_range(park_count, 0, 100);
    }
}

static void waking_a_word_on_which_nobody_is_parked_does_nothing(void **state)
{
    _Atomic uint32_t word = 0;
    (void)state;

    tf_unpark_one(&word);
    tf_unpark_all(&word);

    assert_int_equal(atomic_load(&word), 0);
}

struct player {
    struct tf_thread thread;
    _Atomic uint32_t *ball;
    uint32_t own_turn; ///< parity of the ball that is this player's to answer
    uint64_t deadline_ns;
};

#define RETURN_COUNT 20000

// One step waits for the ball and plays it back.
static bool player_step(void *context)
{
    struct player *player = context;
    uint32_t ball = atomic_load(player->ball);
    if (ball >= RETURN_COUNT || tf_clock_now() > player->deadline_ns) {
        return false;
    }
    if (ball % 2 != player->own_turn) {
        tf_park(player->ball, ball, player->deadline_ns);
        return true;
    }
    atomic_store(player->ball, ball + 1);
    tf_unpark_one(player->ball);
    return true;
}

// Were one change missed, both would be parked until the deadline.
static void no_unpark_of_a_long_rally_is_missed(void **state)
{
    struct player players[2];
    _Atomic uint32_t ball = 0;
    uint64_t deadline_ns = tf_clock_now() + PARK_DEADLINE;
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        players[i] = (struct player){.ball = &ball, .own_turn = i, .deadline_ns = deadline_ns};
        assert_int_equal(
            tf_thread_start(&players[i].thread, NULL, player_step, &players[i]), TOFU_OK);
    }
    for (uint32_t i = 0; i < 2; i++) {
        tf_thread_join(&players[i].thread);
    }
    assert_int_equal(atomic_load(&ball), RETURN_COUNT);
    assert_true(tf_clock_now() < deadline_ns);
}

#define SLEEPER_COUNT 4

struct sleeper {
    struct tf_thread thread;
    _Atomic uint32_t *gate;
    _Atomic uint32_t *arrival_count;
    uint64_t deadline_ns;
};

static bool sleeper_step(void *context)
{
    struct sleeper *sleeper = context;
    if (atomic_load(sleeper->gate) != 0) {
        return false;
    }
    (void)atomic_fetch_add(sleeper->arrival_count, 1);
    tf_unpark_all(sleeper->arrival_count);
    tf_park(sleeper->gate, 0, sleeper->deadline_ns);
    return tf_clock_now() < sleeper->deadline_ns;
}

static void unpark_all_wakes_everybody(void **state)
{
    struct sleeper sleepers[SLEEPER_COUNT];
    _Atomic uint32_t gate = 0;
    _Atomic uint32_t arrival_count = 0;
    uint64_t deadline_ns = tf_clock_now() + PARK_DEADLINE;
    (void)state;
    for (int i = 0; i < SLEEPER_COUNT; i++) {
        sleepers[i] = (struct sleeper){
            .gate = &gate, .arrival_count = &arrival_count, .deadline_ns = deadline_ns};
        assert_int_equal(
            tf_thread_start(&sleepers[i].thread, NULL, sleeper_step, &sleepers[i]), TOFU_OK);
    }
    uint32_t arrived = atomic_load(&arrival_count);
    while (arrived < SLEEPER_COUNT && tf_clock_now() < deadline_ns) {
        tf_park(&arrival_count, arrived, deadline_ns);
        arrived = atomic_load(&arrival_count);
    }

    atomic_store(&gate, 1);
    tf_unpark_all(&gate);

    for (int i = 0; i < SLEEPER_COUNT; i++) {
        tf_thread_join(&sleepers[i].thread);
    }
    assert_true(tf_clock_now() < deadline_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_park_on_another_value_returns_at_once),
        cmocka_unit_test(a_park_lasts_until_its_deadline_and_not_much_longer),
        cmocka_unit_test(a_deadline_that_is_over_does_not_block),
        cmocka_unit_test(a_deadline_in_another_age_is_waited_for),
        cmocka_unit_test(waking_a_word_on_which_nobody_is_parked_does_nothing),
        cmocka_unit_test(no_unpark_of_a_long_rally_is_missed),
        cmocka_unit_test(unpark_all_wakes_everybody),
    };
    return cmocka_run_group_tests_name("parking", tests, NULL, NULL);
}
