// SPDX-License-Identifier: MIT
// What POSIX alone has of threads: signals, names that can be read back, and the number that a fork
// changes.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/thread.h"

struct work {
    struct tf_thread thread;
    sigset_t mask;
    char name[16];
};

static bool work_step(void *context)
{
    struct work *work = context;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &work->mask);
    (void)pthread_getname_np(pthread_self(), work->name, sizeof work->name);
    return false;
}

static void work_run(struct work *work, const char *name)
{
    assert_int_equal(tf_thread_start(&work->thread, name, work_step, work), TOFU_OK);
    tf_thread_join(&work->thread);
}

static bool reports_a_crash(int number)
{
    return number == SIGABRT || number == SIGBUS || number == SIGFPE || number == SIGILL ||
           number == SIGSEGV || number == SIGSYS || number == SIGTRAP;
}

// A host's handler must never run on a thread of ours, but to report that it crashes.
static void a_thread_has_signals_but_crashes_blocked_and_its_maker_keeps_its_own(void **state)
{
    struct work work = {0};
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
        assert_int_equal(sigismember(&work.mask, number), reports_a_crash(number) ? 0 : 1);
        assert_int_equal(sigismember(&after, number), sigismember(&before, number));
    }
}

static void a_thread_has_its_name_cut_to_what_the_system_takes(void **state)
{
    struct work named = {0};
    struct work cut = {0};
    struct work unnamed = {0};
    (void)state;

    work_run(&named, "worker");
    work_run(&cut, "a name of more than fifteen");
    work_run(&unnamed, NULL);

    assert_string_equal(named.name, "worker");
    assert_string_equal(cut.name, "a name of more ");
    assert_string_not_equal(unnamed.name, "");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_signals_but_crashes_blocked_and_its_maker_keeps_its_own),
        cmocka_unit_test(a_thread_has_its_name_cut_to_what_the_system_takes),
        cmocka_unit_test(the_generation_is_another_one_in_a_child),
    };
    return cmocka_run_group_tests_name("threads: POSIX", tests, NULL, NULL);
}
