// SPDX-License-Identifier: MIT
// Threads, locks, and the clock. What only one system has of them is in thread_posix_test.c and
// thread_windows_test.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os/clock.h"
#include "os/thread.h"

struct work {
    struct tf_thread thread;
    uint32_t step_count;
    uint32_t step_count_wanted;
    bool was_current;
    bool other_was_current;
};

static bool work_step(void *context)
{
    struct work *work = context;
    static const struct tf_thread other;
    work->was_current = tf_thread_is_current(&work->thread);
    work->other_was_current = tf_thread_is_current(&other);
    work->step_count++;
    return work->step_count < work->step_count_wanted;
}

static void work_run(struct work *work, const char *name)
{
    assert_int_equal(tf_thread_start(&work->thread, name, work_step, work), TOFU_OK);
    tf_thread_join(&work->thread);
}

static void a_thread_steps_until_its_step_says_no(void **state)
{
    struct work work = {.step_count_wanted = 1000};
    (void)state;

    work_run(&work, "worker");

    assert_int_equal(work.step_count, 1000);
}

static void only_inside_a_step_a_thread_is_the_current_one(void **state)
{
    struct work work = {.step_count_wanted = 1};
    (void)state;
    assert_false(tf_thread_is_current(&work.thread));

    work_run(&work, "worker");

    assert_true(work.was_current);
    assert_false(work.other_was_current);
    assert_false(tf_thread_is_current(&work.thread));
}

#define ADDER_COUNT    4
#define ADDITION_COUNT 20000

struct adder {
    struct tf_thread thread;
    struct tf_mutex *mutex;
    uint64_t *total;
    uint32_t step_count;
};

static bool adder_step(void *context)
{
    struct adder *adder = context;
    tf_mutex_lock(adder->mutex);
    (*adder->total)++;
    tf_mutex_unlock(adder->mutex);
    adder->step_count++;
    return adder->step_count < ADDITION_COUNT;
}

static void a_mutex_lets_one_thread_in_at_a_time(void **state)
{
    struct adder adders[ADDER_COUNT];
    struct tf_mutex mutex = {0};
    uint64_t total = 0;
    (void)state;
    assert_int_equal(tf_mutex_open(&mutex), TOFU_OK);
    for (int i = 0; i < ADDER_COUNT; i++) {
        adders[i] = (struct adder){.mutex = &mutex, .total = &total};
        assert_int_equal(tf_thread_start(&adders[i].thread, NULL, adder_step, &adders[i]), TOFU_OK);
    }
    for (int i = 0; i < ADDER_COUNT; i++) {
        tf_thread_join(&adders[i].thread);
    }
    tf_mutex_close(&mutex);

    assert_int_equal(total, ADDER_COUNT * ADDITION_COUNT);
}

static void the_generation_of_a_process_does_not_change_by_itself(void **state)
{
    (void)state;
    uint32_t own = tf_process_generation();

    assert_int_equal(tf_process_generation(), own);
}

static void the_clock_never_goes_back(void **state)
{
    (void)state;
    uint64_t last = tf_clock_now();
    assert_int_not_equal(last, 0);
    for (int i = 0; i < 100000; i++) {
        uint64_t now = tf_clock_now();
        assert_true(now >= last);
        last = now;
    }
}

static void a_deadline_that_does_not_fit_is_never(void **state)
{
    (void)state;
    assert_true(tf_deadline(5, 7) == 12);
    assert_true(tf_deadline(5, UINT64_MAX) == UINT64_MAX);
    assert_true(tf_deadline(5, UINT64_MAX - 5) == UINT64_MAX);
    assert_true(tf_deadline(5, UINT64_MAX - 6) == UINT64_MAX - 1);
    assert_true(tf_deadline(0, 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_steps_until_its_step_says_no),
        cmocka_unit_test(only_inside_a_step_a_thread_is_the_current_one),
        cmocka_unit_test(a_mutex_lets_one_thread_in_at_a_time),
        cmocka_unit_test(the_generation_of_a_process_does_not_change_by_itself),
        cmocka_unit_test(the_clock_never_goes_back),
        cmocka_unit_test(a_deadline_that_does_not_fit_is_never),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
