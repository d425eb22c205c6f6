// SPDX-License-Identifier: MIT
// Pollers, events, threads and the resolver whose system calls fail: what fails says so, what can carry on
// does, and nothing is left open.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "contract/contract_link.h"
#include "contract/failing_calls.h"
#include "os/event.h"
#include "os/resolver.h"
#include "os/thread.h"

struct fixture {
    struct contract_link link;
    tf_socket client;
    tf_socket server;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    (void)plan_end();
    contract_open(&fixture.link, TOFU_TCP);
    contract_pair(&fixture.link, &fixture.client, &fixture.server);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)plan_end();
    contract_shut(&fixture->link);
    return 0;
}

static void a_poller_that_cannot_be_opened_leaves_nothing_open(void **state)
{
    static const char *const calls[] = {"epoll_create1", "eventfd", "epoll_ctl", "pipe2"};
    struct fixture *fixture = *state;
    uint32_t failed_count = 0;
    uint32_t before = open_descriptors();
    for (size_t i = 0; tf_pollers[i] != NULL; i++) {
        for (size_t j = 0; j < sizeof calls / sizeof calls[0]; j++) {
            struct tf_poller poller = {.ops = tf_pollers[i]};
            plan_failure(calls[j], EMFILE, 0, 1);
            enum tofu_status status = contract_poller_open(&poller, &fixture->link.allocator);
            if (plan_end() == 0) {
                assert_int_equal(status, TOFU_OK);
                poller.ops->close(&poller);
            } else {
                assert_int_equal(status, TOFU_NOTIFICATION_FAILED);
                failed_count++;
            }
            assert_int_equal(open_descriptors(), before);
        }
    }
    assert_int_equal(failed_count, 4);
}

// Opens each poller in turn and hands it to the check.
static void for_each_poller(
    struct fixture *fixture, void (*check)(struct fixture *fixture, struct tf_poller *poller))
{
    for (size_t i = 0; tf_pollers[i] != NULL; i++) {
        struct tf_poller poller = {.ops = tf_pollers[i]};
        assert_int_equal(contract_poller_open(&poller, &fixture->link.allocator), TOFU_OK);
        check(fixture, &poller);
        (void)plan_end();
        poller.ops->close(&poller);
    }
}

static const char *wait_call(const struct tf_poller *poller)
{
    return strcmp(poller->ops->name, "epoll") == 0 ? "epoll_wait" : "poll";
}

static void expect_death(struct fixture *fixture, struct tf_poller *poller)
{
    struct tf_poll_event event;
    uint32_t event_count = 77;
    assert_non_null(fixture);
    plan_failure(wait_call(poller), EBADF, 0, FOR_EVER);

    assert_int_equal(
        poller->ops->wait(poller, CONTRACT_DEADLINE, &event, 1, &event_count),
        TOFU_NOTIFICATION_FAILED);

    assert_int_equal(plan_end(), 1);
    assert_int_equal(event_count, 77);
}

static void a_poller_whose_wait_fails_for_good_says_so(void **state)
{
    for_each_poller(*state, expect_death);
}

static void expect_event_after_interruptions(struct fixture *fixture, struct tf_poller *poller)
{
    struct tf_watch watch = {.socket = fixture->server, .token = 5};
    struct tf_poll_event event = {0};
    uint32_t event_count = 0;
    assert_int_equal(poller->ops->watch(poller, &watch, TF_POLL_WRITE), TOFU_OK);
    plan_failure(wait_call(poller), EINTR, 0, 20);

    assert_int_equal(
        poller->ops->wait(poller, CONTRACT_DEADLINE, &event, 1, &event_count), TOFU_OK);

    assert_int_equal(plan_end(), 20);
    assert_int_equal(event_count, 1);
    assert_int_equal(event.token, 5);
    poller->ops->forget(poller, &watch);
}

static void interruptions_of_a_wait_are_invisible(void **state)
{
    for_each_poller(*state, expect_event_after_interruptions);
}

// poll(2) needs memory in the kernel for its copy of the array, which may be short for a moment.
static void expect_shortage_survived(struct fixture *fixture, struct tf_poller *poller)
{
    static const int errors[] = {ENOMEM, EAGAIN};
    if (strcmp(poller->ops->name, "poll") != 0) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        struct tf_watch watch = {.socket = fixture->server, .token = 5};
        struct tf_poll_event event = {0};
        uint32_t event_count = 0;
        assert_int_equal(poller->ops->watch(poller, &watch, TF_POLL_WRITE), TOFU_OK);
        plan_failure("poll", errors[i], 0, 7);
        assert_int_equal(
            poller->ops->wait(poller, CONTRACT_DEADLINE, &event, 1, &event_count), TOFU_OK);
        assert_int_equal(plan_end(), 7);
        assert_int_equal(event_count, 1);

        plan_failure("poll", errors[i], 0, FOR_EVER);
        assert_int_equal(
            poller->ops->wait(poller, CONTRACT_DEADLINE, &event, 1, &event_count),
            TOFU_NOTIFICATION_FAILED);
        assert_in_range(plan_end(), 8, 1000);
        poller->ops->forget(poller, &watch);
    }
}

static void a_wait_outlives_a_shortage_of_memory_but_not_for_ever(void **state)
{
    for_each_poller(*state, expect_shortage_survived);
}

static void expect_watch_refused_whole(struct fixture *fixture, struct tf_poller *poller)
{
    struct tf_watch watch = {.socket = fixture->server, .token = 5};
    if (strcmp(poller->ops->name, "epoll") != 0) {
        return;
    }
    plan_failure("epoll_ctl", ENOSPC, 0, 1);
    assert_int_equal(poller->ops->watch(poller, &watch, TF_POLL_WRITE), TOFU_NOTIFICATION_FAILED);
    assert_false(watch.is_registered);
    plan_failure("epoll_ctl", ENOMEM, 0, 1);
    assert_int_equal(poller->ops->watch(poller, &watch, TF_POLL_WRITE), TOFU_ALLOCATION_FAILED);
    assert_false(watch.is_registered);
    assert_int_equal(poller->ops->watch(poller, &watch, TF_POLL_WRITE), TOFU_OK);

    plan_failure("epoll_ctl", ENOMEM, 0, 1);
    assert_int_equal(poller->ops->watch(poller, &watch, TF_POLL_READ), TOFU_ALLOCATION_FAILED);

    assert_int_equal(watch.interest, TF_POLL_WRITE);
    assert_true(watch.is_registered);
    // The same interest again costs no call, so the plan finds nothing to strike.
    plan_failure("epoll_ctl", ENOMEM, 0, 1);
    assert_int_equal(poller->ops->watch(poller, &watch, TF_POLL_WRITE), TOFU_OK);
    assert_int_equal(plan_end(), 0);
    poller->ops->forget(poller, &watch);
}

static void a_watch_that_the_system_refuses_changes_nothing(void **state)
{
    for_each_poller(*state, expect_watch_refused_whole);
}

static void expect_wake_despite_failures(struct fixture *fixture, struct tf_poller *poller)
{
    static const int errors[] = {EINTR, EAGAIN, EIO};
    struct tf_poll_event event;
    assert_non_null(fixture);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        uint32_t event_count = 77;
        uint64_t start_ns = tf_clock_now();
        plan_failure("write", errors[i], 0, 3);
        poller->ops->wake(poller);
        assert_int_equal(plan_end(), 3);
        plan_failure("read", EINTR, 0, 3);
        assert_int_equal(
            poller->ops->wait(poller, CONTRACT_DEADLINE, &event, 1, &event_count), TOFU_OK);
        (void)plan_end();
        assert_int_equal(event_count, 0);
        assert_true(tf_clock_now() - start_ns < CONTRACT_DEADLINE);
    }
}

static void a_wake_that_fails_a_few_times_wakes_all_the_same(void **state)
{
    for_each_poller(*state, expect_wake_despite_failures);
}

static void expect_wake_after_lost_wake(struct fixture *fixture, struct tf_poller *poller)
{
    struct tf_poll_event event;
    uint32_t event_count = 77;
    uint64_t start_ns = tf_clock_now();
    assert_non_null(fixture);
    plan_failure("write", EIO, 0, FOR_EVER);
    poller->ops->wake(poller);
    assert_in_range(plan_end(), 1, 1000);

    poller->ops->wake(poller);

    assert_int_equal(
        poller->ops->wait(poller, CONTRACT_DEADLINE, &event, 1, &event_count), TOFU_OK);
    assert_true(tf_clock_now() - start_ns < CONTRACT_DEADLINE);
}

// Were the flag left as the failed wake set it, no other would ever be tried.
static void a_wake_that_failed_for_good_silences_no_later_one(void **state)
{
    for_each_poller(*state, expect_wake_after_lost_wake);
}

// Events, threads, resolver.

static void an_event_that_cannot_be_opened_or_is_interrupted(void **state)
{
    struct tf_event event = {.descriptor = -1};
    (void)state;
    plan_failure("eventfd", EMFILE, 0, 1);
    assert_int_equal(tf_event_open(&event), TOFU_NOTIFICATION_FAILED);
    assert_int_equal(event.descriptor, -1);
    assert_int_equal(tf_event_open(&event), TOFU_OK);

    plan_failure("write", EINTR, 0, 3);
    tf_event_set(&event);
    assert_int_equal(plan_end(), 3);
    plan_failure("read", EINTR, 0, 3);
    tf_event_clear(&event);

    assert_int_equal(plan_end(), 3);
    struct pollfd entry = {.fd = (int)event.descriptor, .events = POLLIN};
    assert_int_equal(poll(&entry, 1, 0), 0);
    tf_event_close(&event);
}

static bool step_never(void *context)
{
    fail_msg("this thread could not start: %p", context);
    return false;
}

static void a_thread_that_cannot_start_leaves_the_signals_as_they_were(void **state)
{
    struct tf_thread thread = {0};
    sigset_t before;
    sigset_t after;
    (void)state;
    assert_int_equal(sigemptyset(&before), 0);
    assert_int_equal(sigaddset(&before, SIGUSR2), 0);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    plan_failure("pthread_create", EAGAIN, 0, 1);

    enum tofu_status status = tf_thread_start(&thread, "none", step_never, NULL);

    assert_int_equal(plan_end(), 1);
    assert_int_equal(status, TOFU_NOTIFICATION_FAILED);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
    for (int number = 1; number < 32; number++) {
        assert_int_equal(sigismember(&after, number), sigismember(&before, number));
    }
}

static void ignore_done(void *context)
{
    (void)context;
}

static void a_query_that_cannot_start_leaves_nothing(void **state)
{
    struct tofu_address address = {.transport = TOFU_TCP, .host = "127.0.0.1"};
    struct tf_resolver *resolver = NULL;
    struct tf_query *query = NULL;
    (void)state;
    plan_failure("malloc", ENOMEM, 0, 1);
    assert_int_equal(tf_resolver_open(&resolver), TOFU_ALLOCATION_FAILED);
    assert_int_equal(plan_end(), 1);
    assert_int_equal(tf_resolver_open(&resolver), TOFU_OK);

    // The query, the name, and what the thread is to run.
    for (uint32_t i = 0; i < 3; i++) {
        plan_failure("malloc", ENOMEM, i, 1);
        assert_int_equal(
            tf_query_open(resolver, &query, &address, ignore_done, NULL), TOFU_ALLOCATION_FAILED);
        assert_int_equal(plan_end(), 1);
    }
    plan_failure("pthread_create", EAGAIN, 0, 1);
    assert_int_equal(
        tf_query_open(resolver, &query, &address, ignore_done, NULL), TOFU_NOTIFICATION_FAILED);

    assert_int_equal(plan_end(), 1);
    assert_null(query);
    tf_resolver_close(&resolver);
}

// The process asks for the first time here, so that the system can refuse the handler.
static void without_a_fork_handler_the_generation_still_tells_a_child(void **state)
{
    int result = -1;
    (void)state;
    plan_failure("pthread_atfork", ENOMEM, 0, 1);
    uint32_t own = tf_process_generation();
    assert_int_equal(plan_end(), 1);

    pid_t child = fork();
    if (child == 0) {
        _exit(tf_process_generation() != own ? 0 : 1);
    }

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_int_equal(tf_process_generation(), own);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_poller_that_cannot_be_opened_leaves_nothing_open),
        CASE(a_poller_whose_wait_fails_for_good_says_so),
        CASE(interruptions_of_a_wait_are_invisible),
        CASE(a_wait_outlives_a_shortage_of_memory_but_not_for_ever),
        CASE(a_watch_that_the_system_refuses_changes_nothing),
        CASE(a_wake_that_fails_a_few_times_wakes_all_the_same),
        CASE(a_wake_that_failed_for_good_silences_no_later_one),
        CASE(an_event_that_cannot_be_opened_or_is_interrupted),
        CASE(a_thread_that_cannot_start_leaves_the_signals_as_they_were),
        CASE(a_query_that_cannot_start_leaves_nothing),
        CASE(without_a_fork_handler_the_generation_still_tells_a_child),
    };
    return cmocka_run_group_tests_name("failing system", tests, NULL, NULL);
}
