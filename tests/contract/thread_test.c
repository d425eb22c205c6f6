// SPDX-License-Identifier: MIT
// Threads, locks, the number that a fork changes, and the clock.
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "os/clock.h"
#include "os/thread.h"

struct work {
    struct tf_thread thread;
    uint32_t step_count;
    uint32_t step_count_wanted;
    bool was_current;
    bool other_was_current;
    sigset_t mask;
    char name[16];
};

static bool work_step(void *context)
{
    struct work *work = context;
    static const struct tf_thread other;
    work->was_current = tf_thread_is_current(&work->thread);
    work->other_was_current = tf_thread_is_current(&other);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &work->mask);
    (void)pthread_getname_np(pthread_self(), work->name, sizeof work->name);
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

// A host's handler must never run on a thread of ours.
static void a_thread_has_all_signals_blocked_and_its_maker_keeps_its_own(void **state)
{
    struct work work = {.step_count_wanted = 1};
    sigset_t before;
    sigset_t after;
    (void)state;
    assert_int_equal(sigemptyset(&before), 0);
    assert_int_equal(sigaddset(&before, SIGUSR2), 0);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);

    work_run(&work, "worker");

    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
    for (int number = 1; number < SIGRTMAX; number++) {
        // The first two cannot be blocked; the C library keeps the ones below SIGRTMIN for itself.
        if (number == SIGKILL || number == SIGSTOP || (number >= 32 && number < SIGRTMIN)) {
            continue;
        }
        assert_int_equal(sigismember(&work.mask, number), 1);
        assert_int_equal(sigismember(&after, number), sigismember(&before, number));
    }
}

static void a_thread_has_its_name_cut_to_what_the_system_takes(void **state)
{
    struct work named = {.step_count_wanted = 1};
    struct work cut = {.step_count_wanted = 1};
    struct work unnamed = {.step_count_wanted = 1};
    (void)state;

    work_run(&named, "worker");
    work_run(&cut, "a name of more than fifteen");
    work_run(&unnamed, NULL);

    assert_string_equal(named.name, "worker");
    assert_string_equal(cut.name, "a name of more ");
    assert_string_not_equal(unnamed.name, "");
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

// Forks; the child's exit code is `ask()`.
static int ask_in_child(int (*ask)(uint32_t parent), uint32_t parent)
{
    int result = -1;
    pid_t child = fork();
    if (child == 0) {
        _exit(ask(parent));
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

static int generation_differs(uint32_t parent)
{
    uint32_t own = tf_process_generation();
    return own != parent && own == tf_process_generation() ? 0 : 1;
}

static int generation_differs_in_grandchild(uint32_t parent)
{
    uint32_t own = tf_process_generation();
    pid_t child = fork();
    if (child == 0) {
        uint32_t third = tf_process_generation();
        _exit(third != own && third != parent ? 0 : 1);
    }
    int result = -1;
    return child > 0 && waitpid(child, &result, 0) == child && result == 0 ? 0 : 1;
}

static void the_generation_is_another_one_in_a_child(void **state)
{
    (void)state;
    uint32_t own = tf_process_generation();

    assert_int_equal(ask_in_child(generation_differs, own), 0);
    assert_int_equal(ask_in_child(generation_differs_in_grandchild, own), 0);

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
        cmocka_unit_test(a_thread_has_all_signals_blocked_and_its_maker_keeps_its_own),
        cmocka_unit_test(a_thread_has_its_name_cut_to_what_the_system_takes),
        cmocka_unit_test(a_mutex_lets_one_thread_in_at_a_time),
        cmocka_unit_test(the_generation_is_another_one_in_a_child),
        cmocka_unit_test(the_clock_never_goes_back),
        cmocka_unit_test(a_deadline_that_does_not_fit_is_never),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
