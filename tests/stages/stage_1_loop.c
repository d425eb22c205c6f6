// SPDX-License-Identifier: MIT
// Stage 1: a loop without sockets. Another thread wakes it, time ends its waits, and nothing stays behind.
#include <stdatomic.h>

#include "contract/poller_fixture.h"
#include "os/thread.h"
#include "stages/figures.h"
#include "support/machine.h"

#define WAKES      200
#define WAITS      21
#define ROUNDS_MAX 6
#define OPENS      50

// What half of the returns at least may be late by, beside a tick of the system's timers; and what nine in ten
// may be, for whom a machine with eight programs a core has no turn sooner, whatever the poller does.
#define LATE_MOSTLY (10 * TF_MILLISECOND)
#define LATE_RARELY (50 * TF_MILLISECOND)

// Prints the times, which are sorted then, and says whether half and nine in ten are as they should be. What
// holds for each is asserted: none is early, and none is late by more than LATENESS_MAX, which shows that no
// wake-up was lost, since the wait would have gone on to its deadline.
static bool are_prompt(
    const struct fixture *fixture,
    const char *what,
    uint64_t *times_ns,
    size_t count,
    uint64_t due_ns)
{
    figures_print_times(fixture->poller.ops->name, what, times_ns, count);
    assert_true(times_ns[0] >= due_ns);
    assert_true(times_ns[count - 1] < due_ns + LATENESS_MAX);
    due_ns += machine_timer_tick_ns();
    return times_ns[count / 2] <= due_ns + LATE_MOSTLY &&
           figures_nine_in_ten(times_ns, count) <= due_ns + LATE_RARELY;
}

// A waker that waits for its turn, then notes the time and wakes.
struct waker {
    struct tf_thread thread;
    struct tf_poller *poller;
    _Atomic uint32_t turn; ///< counted up by the loop, before each wait
    _Atomic uint64_t woken_ns;
    uint32_t done;
    uint32_t patience; ///< steps until the wake: the loop is asleep by then, mostly
};

static bool waker_step(void *context)
{
    struct waker *waker = context;
    if (atomic_load(&waker->turn) == waker->done) {
        waker->patience = 50;
        machine_yield();
        return true;
    }
    if (waker->patience > 0) {
        waker->patience--;
        machine_yield();
        return true;
    }
    atomic_store(&waker->woken_ns, tf_clock_now());
    waker->poller->ops->wake(waker->poller);
    waker->done++;
    return waker->done < WAKES;
}

static bool wakes_are_prompt(struct fixture *fixture)
{
    struct tf_poll_event event;
    uint64_t times_ns[WAKES];
    struct waker waker = {.poller = &fixture->poller};
    assert_int_equal(tf_thread_start(&waker.thread, "waker", waker_step, &waker), TOFU_OK);

    for (uint32_t i = 0; i < WAKES; i++) {
        atomic_fetch_add(&waker.turn, 1);
        assert_int_equal(wait_once(fixture, CONTRACT_DEADLINE, &event, 1), 0);
        uint64_t now_ns = tf_clock_now();
        uint64_t woken_ns = atomic_load(&waker.woken_ns);
        assert_true(woken_ns != 0);
        times_ns[i] = now_ns - woken_ns;
        atomic_store(&waker.woken_ns, 0);
    }

    tf_thread_join(&waker.thread);
    return are_prompt(fixture, "from wake to return", times_ns, WAKES, 0);
}

static bool waits_are_prompt(struct fixture *fixture)
{
    struct tf_poll_event event;
    uint64_t times_ns[WAITS];
    for (uint32_t i = 0; i < WAITS; i++) {
        uint64_t start_ns = tf_clock_now();
        assert_int_equal(wait_once(fixture, 50 * TF_MILLISECOND, &event, 1), 0);
        times_ns[i] = tf_clock_now() - start_ns;
    }
    return are_prompt(fixture, "a wait of 50 ms", times_ns, WAITS, 50 * TF_MILLISECOND);
}

// A machine that stands still for a second spoils a round. A poller that is late is so in every round.
static void assert_prompt(struct fixture *fixture, bool (*is_prompt)(struct fixture *fixture))
{
    for (uint32_t i = 0; i < ROUNDS_MAX; i++) {
        if (is_prompt(fixture)) {
            return;
        }
    }
    fail_msg("too many were late in each of %d rounds", ROUNDS_MAX);
}

static void a_thread_wakes_a_blocked_wait(void **state)
{
    assert_prompt(*state, wakes_are_prompt);
}

static void a_wait_of_fifty_milliseconds_takes_fifty(void **state)
{
    assert_prompt(*state, waits_are_prompt);
}

static void open_wake_wait_and_close(struct fixture *fixture)
{
    struct tf_poller poller = {.ops = fixture->poller.ops};
    struct tf_poll_event event;
    uint32_t event_count = 1;
    assert_int_equal(contract_poller_open(&poller, &fixture->link.allocator), TOFU_OK);
    poller.ops->wake(&poller);
    assert_int_equal(
        poller.ops->wait(&poller, CONTRACT_DEADLINE, &event, 1, &event_count), TOFU_OK);
    assert_int_equal(event_count, 0);
    poller.ops->close(&poller);
}

static void no_handle_is_left_behind(void **state)
{
    struct fixture *fixture = *state;
    // The first time may open what the process keeps.
    open_wake_wait_and_close(fixture);
    size_t before = machine_descriptor_count();

    for (uint32_t i = 0; i < OPENS; i++) {
        open_wake_wait_and_close(fixture);
    }

    assert_int_equal(machine_descriptor_count(), before);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_thread_wakes_a_blocked_wait),
    cmocka_unit_test(a_wait_of_fifty_milliseconds_takes_fifty),
    cmocka_unit_test(no_handle_is_left_behind),
};

int main(void)
{
    return poller_contract_run(
        "stage 1: a loop without sockets", cases, sizeof cases / sizeof cases[0]);
}
