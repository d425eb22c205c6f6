// SPDX-License-Identifier: MIT
// The contract of a poller, case by case: wake-ups (rule 5), time (rule 7), and what happens with many
// sockets, little room and little memory.
//
// Only src/os/*.h is used, so a simulated system is held to the same contract.
#include <stdatomic.h>

#include "contract/poller_fixture.h"
#include "os/thread.h"

// Rule 5: wake() is a level.

static void a_wake_before_the_wait_is_not_lost(void **state)
{
    struct fixture *fixture = *state;
    struct tf_poll_event event;
    uint64_t start_ns = tf_clock_now();
    fixture->poller.ops->wake(&fixture->poller);

    assert_int_equal(wait_once(fixture, CONTRACT_DEADLINE, &event, 1), 0);

    assert_true(tf_clock_now() - start_ns < CONTRACT_DEADLINE);
}

// Ten thousand would fill a pipe, and each that was kept would cost a turn of the loop.
static void many_wakes_are_one(void **state)
{
    struct fixture *fixture = *state;
    struct tf_poll_event event;
    for (int i = 0; i < 10000; i++) {
        fixture->poller.ops->wake(&fixture->poller);
    }
    uint64_t start_ns = tf_clock_now();
    assert_int_equal(wait_once(fixture, CONTRACT_DEADLINE, &event, 1), 0);
    uint64_t woken_ns = tf_clock_now();

    assert_int_equal(wait_once(fixture, QUIET, &event, 1), 0);

    assert_true(woken_ns - start_ns < CONTRACT_DEADLINE);
    assert_true(tf_clock_now() - woken_ns >= QUIET);
}

static void a_wake_works_again_after_each_wait(void **state)
{
    struct fixture *fixture = *state;
    struct tf_poll_event event;
    for (int i = 0; i < 1000; i++) {
        uint64_t start_ns = tf_clock_now();
        fixture->poller.ops->wake(&fixture->poller);
        assert_int_equal(wait_once(fixture, CONTRACT_DEADLINE, &event, 1), 0);
        assert_true(tf_clock_now() - start_ns < CONTRACT_DEADLINE);
    }
}

static void a_wake_hides_no_event(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    struct tf_poll_event event = {0};
    arm(fixture, watch, TF_POLL_WRITE);
    fixture->poller.ops->wake(&fixture->poller);

    uint32_t event_count = wait_once(fixture, CONTRACT_DEADLINE, &event, 1);
    if (event_count == 0) {
        event_count = wait_once(fixture, CONTRACT_DEADLINE, &event, 1);
    }

    assert_int_equal(event_count, 1);
    assert_int_equal(event.token, watch->token);
}

static void events_hide_no_wake(void **state)
{
    struct fixture *fixture = *state;
    struct tf_poll_event event = {0};
    watch_many(fixture, 8, TF_POLL_WRITE);
    (void)wait_once(fixture, CONTRACT_DEADLINE, &event, 1);
    fixture->poller.ops->wake(&fixture->poller);
    for (uint32_t i = 0; i < 8; i++) {
        (void)wait_once(fixture, CONTRACT_DEADLINE, &event, 1);
    }
    for (uint32_t i = 0; i < 8; i++) {
        arm(fixture, &fixture->watches[i], 0);
    }

    // Whether the wake was taken with one of those events or is still to come: the next one works.
    uint64_t start_ns = tf_clock_now();
    fixture->poller.ops->wake(&fixture->poller);
    assert_int_equal(wait_once(fixture, CONTRACT_DEADLINE, &event, 1), 0);
    assert_true(tf_clock_now() - start_ns < CONTRACT_DEADLINE);
}

#define WAKER_COUNT      4
#define WAKES_PER_THREAD 5000

struct waker {
    struct tf_thread thread;
    struct tf_poller *poller;
    _Atomic uint32_t *counter;
    uint32_t wake_count;
};

static bool waker_step(void *context)
{
    struct waker *waker = context;
    atomic_fetch_add_explicit(waker->counter, 1, memory_order_relaxed);
    waker->poller->ops->wake(waker->poller);
    waker->wake_count++;
    return waker->wake_count < WAKES_PER_THREAD;
}

// The counter is relaxed on purpose: the wake itself must make what was done before it visible. Were one
// wake lost, the last count would not be seen until the deadline.
static void no_wake_of_four_threads_is_lost(void **state)
{
    struct fixture *fixture = *state;
    struct waker wakers[WAKER_COUNT];
    struct tf_poll_event event;
    _Atomic uint32_t counter = 0;
    for (int i = 0; i < WAKER_COUNT; i++) {
        wakers[i] = (struct waker){.poller = &fixture->poller, .counter = &counter};
        assert_int_equal(
            tf_thread_start(&wakers[i].thread, "waker", waker_step, &wakers[i]), TOFU_OK);
    }

    uint64_t start_ns = tf_clock_now();
    uint32_t seen = 0;
    uint32_t wait_count = 0;
    while (seen < WAKER_COUNT * WAKES_PER_THREAD && tf_clock_now() - start_ns < CONTRACT_DEADLINE) {
        assert_int_equal(wait_once(fixture, CONTRACT_DEADLINE, &event, 1), 0);
        seen = atomic_load_explicit(&counter, memory_order_relaxed);
        wait_count++;
    }

    for (int i = 0; i < WAKER_COUNT; i++) {
        tf_thread_join(&wakers[i].thread);
    }
    assert_int_equal(seen, WAKER_COUNT * WAKES_PER_THREAD);
    assert_true(tf_clock_now() - start_ns < CONTRACT_DEADLINE);
    assert_in_range(wait_count, 1, WAKER_COUNT * WAKES_PER_THREAD);
}

struct late_waker {
    struct tf_thread thread;
    struct tf_poller *poller;
    uint64_t wake_time_ns;
    atomic_bool has_woken;
};

// Does nothing until its time has come.
static bool late_waker_step(void *context)
{
    struct late_waker *waker = context;
    if (tf_clock_now() < waker->wake_time_ns) {
        return true;
    }
    atomic_store(&waker->has_woken, true);
    waker->poller->ops->wake(waker->poller);
    return false;
}

static void wait_until_another_thread_wakes(struct fixture *fixture, uint64_t timeout_ns)
{
    struct late_waker waker = {.poller = &fixture->poller};
    struct tf_poll_event event;
    waker.wake_time_ns = tf_clock_now() + QUIET;
    assert_int_equal(tf_thread_start(&waker.thread, "waker", late_waker_step, &waker), TOFU_OK);

    assert_int_equal(wait_once(fixture, timeout_ns, &event, 1), 0);
    bool has_woken = atomic_load(&waker.has_woken);

    tf_thread_join(&waker.thread);
    assert_true(has_woken);
}

static void a_wake_of_another_thread_ends_a_wait_for_ever(void **state)
{
    wait_until_another_thread_wakes(*state, UINT64_MAX);
}

// Rule 7: time.

static void a_wait_is_never_early(void **state)
{
    static const uint64_t timeouts_ns[] = {
        1, 999, 1000, 999999, 1000000, 1000001, 1500000, 5 * TF_MILLISECOND, QUIET};
    struct fixture *fixture = *state;
    struct tf_poll_event event;
    arm(fixture, watch_add(fixture, fixture->server), 0);
    for (size_t i = 0; i < sizeof timeouts_ns / sizeof timeouts_ns[0]; i++) {
        uint64_t start_ns = tf_clock_now();
        assert_int_equal(wait_once(fixture, timeouts_ns[i], &event, 1), 0);
        uint64_t elapsed_ns = tf_clock_now() - start_ns;
        assert_true(elapsed_ns >= timeouts_ns[i]);
        assert_true(elapsed_ns < timeouts_ns[i] + LATENESS_MAX);
    }
}

static void a_wait_of_zero_only_looks(void **state)
{
    struct fixture *fixture = *state;
    struct tf_poll_event event = {0};
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    arm(fixture, watch, 0);
    uint64_t start_ns = tf_clock_now();
    assert_int_equal(wait_once(fixture, 0, &event, 1), 0);
    assert_true(tf_clock_now() - start_ns < LATENESS_MAX);
    arm(fixture, watch, TF_POLL_READ);
    contract_send_text(&fixture->link, fixture->client, "ping");
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    assert_int_equal(wait_once(fixture, 0, &event, 1), 1);

    assert_int_equal(event.token, watch->token);
}

// 2^31 milliseconds are 25 days; a timeout of that order must not turn into none, or into one of zero.
static void a_timeout_that_no_system_call_can_express_is_kept(void **state)
{
    wait_until_another_thread_wakes(*state, UINT64_MAX - 1);
    wait_until_another_thread_wakes(*state, (UINT64_C(1) << 31) * TF_MILLISECOND);
    wait_until_another_thread_wakes(*state, (UINT64_C(1) << 32) * TF_MILLISECOND + 1);
}

// Room for few events, many sockets, little memory.

// Waits, with room for `capacity` events, until each of the `count` first watches has had one. In turn that
// takes count / capacity waits; the bound leaves room for a backend that draws lots.
static bool each_has_its_turn(struct fixture *fixture, uint32_t count, uint32_t capacity)
{
    struct tf_poll_event events[CAPACITY_MAX];
    uint32_t seen_count = 0;
    memset(fixture->event_counts, 0, sizeof fixture->event_counts);
    for (uint32_t i = 0; i < 50 * (count / capacity + 1) && seen_count < count; i++) {
        uint32_t event_count = wait_once(fixture, QUIET, events, capacity);
        for (uint32_t j = 0; j < event_count; j++) {
            uint64_t token = events[j].token;
            seen_count += fixture->event_counts[token] == 0 ? 1 : 0;
            fixture->event_counts[token]++;
        }
    }
    return seen_count == count;
}

static void with_room_for_one_event_each_ready_socket_has_its_turn(void **state)
{
    struct fixture *fixture = *state;
    watch_many(fixture, 20, TF_POLL_WRITE);

    assert_true(each_has_its_turn(fixture, 20, 1));
}

static void a_late_socket_has_its_turn_among_ones_that_are_always_ready(void **state)
{
    struct fixture *fixture = *state;
    watch_many(fixture, 20, TF_POLL_WRITE);
    assert_true(each_has_its_turn(fixture, 20, 3));
    struct tf_watch *late = watch_add(fixture, fixture->server);
    arm(fixture, late, TF_POLL_READ);
    contract_send_text(&fixture->link, fixture->client, "ping");
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    for (uint32_t i = 0; i < 20; i++) {
        arm(fixture, &fixture->watches[i], 0);
        arm(fixture, &fixture->watches[i], TF_POLL_WRITE);
    }
    assert_true(each_has_its_turn(fixture, 21, 3));

    assert_int_not_equal(fixture->event_counts[late->token], 0);
}

static void two_thousand_sockets_are_watched_and_none_is_lost(void **state)
{
    enum { SOCKET_COUNT = 2000 };
    struct fixture *fixture = *state;
    while (fixture->watch_count < SOCKET_COUNT) {
        tf_socket client = TF_SOCKET_NONE;
        tf_socket server = TF_SOCKET_NONE;
        contract_pair(&fixture->link, &client, &server);
        arm(fixture, watch_add(fixture, client), 0);
        arm(fixture, watch_add(fixture, server), TF_POLL_READ);
    }
    assert_int_equal(count_events(fixture, QUIET), 0);
    for (uint32_t i = 0; i < SOCKET_COUNT; i++) {
        arm(fixture, &fixture->watches[i], TF_POLL_WRITE);
    }

    assert_true(each_has_its_turn(fixture, SOCKET_COUNT, CAPACITY_MAX));

    for (uint32_t i = 0; i < SOCKET_COUNT; i++) {
        forget(fixture, &fixture->watches[i]);
    }
    assert_int_equal(count_events(fixture, QUIET), 0);
}

// An allocator that counts what is out and can be told to refuse.
struct meter {
    struct tofu_allocator real;
    size_t used_bytes;
    size_t allocations_left;
};

static void *meter_allocate(void *context, size_t size)
{
    struct meter *meter = context;
    if (meter->allocations_left == 0) {
        return NULL;
    }
    meter->allocations_left--;
    meter->used_bytes += size;
    return meter->real.allocate(meter->real.context, size);
}

static void meter_release(void *context, void *memory, size_t size)
{
    struct meter *meter = context;
    assert_true(meter->used_bytes >= size);
    meter->used_bytes -= size;
    meter->real.release(meter->real.context, memory, size);
}

static void opening_without_memory_fails_and_leaks_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct tf_poller_ops *ops = fixture->poller.ops;
    struct meter meter = {.real = fixture->link.allocator};
    struct tofu_allocator allocator = {meter_allocate, meter_release, &meter};
    struct tf_poller poller = {.ops = ops};
    enum tofu_status status = TOFU_ALLOCATION_FAILED;
    size_t allocation_count = 0;
    while (status != TOFU_OK) {
        meter.allocations_left = allocation_count;
        status = contract_poller_open(&poller, &allocator);
        if (status != TOFU_OK) {
            assert_int_equal(status, TOFU_ALLOCATION_FAILED);
            assert_int_equal(meter.used_bytes, 0);
        }
        allocation_count++;
        assert_true(allocation_count < 100);
    }
    ops->close(&poller);

    assert_int_equal(meter.used_bytes, 0);
}

// Grows with memory that comes and goes: a watch is refused whole, and works when it is tried again.
static void a_watch_that_is_refused_memory_changes_nothing(void **state)
{
    enum { SOCKET_COUNT = 200 };
    struct fixture *fixture = *state;
    const struct tf_poller_ops *ops = fixture->poller.ops;
    struct meter meter = {.real = fixture->link.allocator, .allocations_left = 1000};
    struct tofu_allocator allocator = {meter_allocate, meter_release, &meter};
    fixture->poller.ops->close(&fixture->poller);
    assert_int_equal(contract_poller_open(&fixture->poller, &allocator), TOFU_OK);
    for (uint32_t i = 0; i < SOCKET_COUNT; i++) {
        tf_socket client = TF_SOCKET_NONE;
        tf_socket server = TF_SOCKET_NONE;
        contract_pair(&fixture->link, &client, &server);
        struct tf_watch *watch = watch_add(fixture, server);
        for (size_t left = 0; !watch->is_registered; left++) {
            meter.allocations_left = left;
            enum tofu_status status = ops->watch(&fixture->poller, watch, TF_POLL_WRITE);
            if (status != TOFU_OK) {
                assert_int_equal(status, TOFU_ALLOCATION_FAILED);
                assert_false(watch->is_registered);
            }
            assert_true(left < 100);
        }
    }

    assert_true(each_has_its_turn(fixture, SOCKET_COUNT, CAPACITY_MAX));

    for (uint32_t i = 0; i < SOCKET_COUNT; i++) {
        forget(fixture, &fixture->watches[i]);
    }
    ops->close(&fixture->poller);
    assert_int_equal(meter.used_bytes, 0);
    assert_int_equal(contract_poller_open(&fixture->poller, &fixture->link.allocator), TOFU_OK);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_wake_before_the_wait_is_not_lost),
    cmocka_unit_test(many_wakes_are_one),
    cmocka_unit_test(a_wake_works_again_after_each_wait),
    cmocka_unit_test(a_wake_hides_no_event),
    cmocka_unit_test(events_hide_no_wake),
    cmocka_unit_test(no_wake_of_four_threads_is_lost),
    cmocka_unit_test(a_wake_of_another_thread_ends_a_wait_for_ever),
    cmocka_unit_test(a_wait_is_never_early),
    cmocka_unit_test(a_wait_of_zero_only_looks),
    cmocka_unit_test(a_timeout_that_no_system_call_can_express_is_kept),
    cmocka_unit_test(with_room_for_one_event_each_ready_socket_has_its_turn),
    cmocka_unit_test(a_late_socket_has_its_turn_among_ones_that_are_always_ready),
    cmocka_unit_test(two_thousand_sockets_are_watched_and_none_is_lost),
    cmocka_unit_test(opening_without_memory_fails_and_leaks_nothing),
    cmocka_unit_test(a_watch_that_is_refused_memory_changes_nothing),
};

int main(void)
{
    return poller_contract_run(
        "poller contract: wake-ups, time, limits", cases, sizeof cases / sizeof cases[0]);
}
