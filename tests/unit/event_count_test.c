// SPDX-License-Identifier: MIT
// Waiting for a condition that others make true: no wake-up is lost.
#include "unit/expect.h"

#include "engine/event_count.h"
#include "unit/workers.h"

static void notifying_without_waiters_does_nothing(void **state)
{
    (void)state;
    struct tf_event_count event_count = {0};

    tf_event_count_notify(&event_count);

    assert_int_equal(event_count.count, 0);
    assert_int_equal(event_count.waiters, 0);
}

static void waiters_are_counted_in_and_out(void **state)
{
    (void)state;
    struct tf_event_count event_count = {0};

    uint32_t first = tf_event_count_enter(&event_count);
    uint32_t second = tf_event_count_enter(&event_count);

    assert_int_equal(event_count.waiters, 2);
    assert_int_equal(first, second);
    tf_event_count_leave(&event_count);
    tf_event_count_leave(&event_count);
    assert_int_equal(event_count.waiters, 0);
}

// The heart of it: what happens between the look at the condition and the park is not slept over.
static void a_notice_before_the_park_ends_it_at_once(void **state)
{
    (void)state;
    struct tf_event_count event_count = {0};
    uint32_t count = tf_event_count_enter(&event_count);

    tf_event_count_notify(&event_count);
    uint32_t next = tf_event_count_park(&event_count, count, TF_NEVER);

    assert_int_not_equal(next, count);
    tf_event_count_leave(&event_count);
}

static void a_park_ends_at_its_deadline(void **state)
{
    (void)state;
    struct tf_event_count event_count = {0};
    uint32_t count = tf_event_count_enter(&event_count);
    uint64_t deadline_ns = tf_clock_now() + TF_MILLISECOND;

    // It may also end early, for no reason: so does every caller go on until its deadline.
    while (tf_clock_now() < deadline_ns) {
        assert_int_equal(tf_event_count_park(&event_count, count, deadline_ns), count);
    }

    tf_event_count_leave(&event_count);
}

#define TURN_COUNT 40000

struct player {
    struct tf_thread thread;
    uint32_t parity; ///< plays when the turn is even, or odd
    uint64_t deadline_ns;
};

static _Atomic uint32_t turn;
static struct tf_event_count turned;

// Waits, as every user of an event count does, until it is this player's turn.
static bool wait_for_turn(const struct player *player)
{
    uint32_t count = tf_event_count_enter(&turned);
    bool is_in_time = true;
    while (is_in_time && atomic_load(&turn) % 2 != player->parity) {
        count = tf_event_count_park(&turned, count, player->deadline_ns);
        is_in_time = tf_clock_now() < player->deadline_ns;
    }
    tf_event_count_leave(&turned);
    return is_in_time;
}

static bool play(void *context)
{
    const struct player *player = context;
    if (!wait_for_turn(player)) {
        return false;
    }
    uint32_t next = atomic_fetch_add(&turn, 1) + 1;
    tf_event_count_notify(&turned);
    return next < TURN_COUNT - 1;
}

// Each turn is a wait of one and a notice of the other: a single lost one stops the game.
static void two_threads_that_wait_for_each_other_never_both_sleep(void **state)
{
    (void)state;
    struct player players[2] = {{.parity = 0}, {.parity = 1}};
    atomic_store(&turn, 0);
    for (int i = 0; i < 2; i++) {
        players[i].deadline_ns = patience_end();
        worker_start(&players[i].thread, play, &players[i]);
    }

    tf_thread_join(&players[0].thread);
    tf_thread_join(&players[1].thread);

    assert_int_equal(turn, TURN_COUNT);
    assert_int_equal(turned.waiters, 0);
}

#define LISTENER_COUNT 3
#define ROUND_COUNT    5000

struct crowd {
    struct tf_event_count started;
    struct tf_event_count heard;
    _Atomic uint32_t round;
    _Atomic uint32_t heard_count;
    uint64_t deadline_ns;
};

struct listener {
    struct tf_thread thread;
    struct crowd *crowd;
    uint32_t round; ///< the one it waits for
};

// Waits until `*word` is at least `value`; returns false when time is over.
static bool wait_for_word(
    struct tf_event_count *event_count,
    _Atomic uint32_t *word,
    uint32_t value,
    uint64_t deadline_ns)
{
    uint32_t count = tf_event_count_enter(event_count);
    bool is_in_time = true;
    while (is_in_time && atomic_load(word) < value) {
        count = tf_event_count_park(event_count, count, deadline_ns);
        is_in_time = tf_clock_now() < deadline_ns;
    }
    tf_event_count_leave(event_count);
    return is_in_time;
}

static bool listen_once(void *context)
{
    struct listener *own = context;
    struct crowd *crowd = own->crowd;
    own->round++;
    if (!wait_for_word(&crowd->started, &crowd->round, own->round, crowd->deadline_ns)) {
        return false;
    }
    atomic_fetch_add(&crowd->heard_count, 1);
    tf_event_count_notify(&crowd->heard);
    return own->round < ROUND_COUNT;
}

static void a_notice_wakes_all_who_wait(void **state)
{
    (void)state;
    static struct crowd crowd;
    struct listener listeners[LISTENER_COUNT] = {0};
    crowd.deadline_ns = patience_end();
    for (int i = 0; i < LISTENER_COUNT; i++) {
        listeners[i].crowd = &crowd;
        worker_start(&listeners[i].thread, listen_once, &listeners[i]);
    }
    bool all_heard = true;

    for (uint32_t round = 1; all_heard && round <= ROUND_COUNT; round++) {
        atomic_store(&crowd.round, round);
        tf_event_count_notify(&crowd.started);
        all_heard = wait_for_word(
            &crowd.heard, &crowd.heard_count, round * LISTENER_COUNT, crowd.deadline_ns);
    }

    for (int i = 0; i < LISTENER_COUNT; i++) {
        tf_thread_join(&listeners[i].thread);
    }
    assert_true(all_heard);
    assert_int_equal(crowd.heard_count, ROUND_COUNT * LISTENER_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notifying_without_waiters_does_nothing),
        cmocka_unit_test(waiters_are_counted_in_and_out),
        cmocka_unit_test(a_notice_before_the_park_ends_it_at_once),
        cmocka_unit_test(a_park_ends_at_its_deadline),
        cmocka_unit_test(two_threads_that_wait_for_each_other_never_both_sleep),
        cmocka_unit_test(a_notice_wakes_all_who_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
