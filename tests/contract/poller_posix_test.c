// SPDX-License-Identifier: MIT
// What POSIX alone can do to a poller: signals, urgent data, descriptors whose numbers come again, and
// processor time. Every case runs for every backend of the system, over TCP and over Unix sockets.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "contract/poller_fixture.h"
#include "os/thread.h"

// How long a hung-up socket is watched, and how much processor time that may take. A spin takes it all.
#define WATCHING     (200 * TF_MILLISECOND)
#define WATCHING_MAX (50 * TF_MILLISECOND)

static uint64_t thread_time(void)
{
    struct timespec used;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used), 0);
    return (uint64_t)used.tv_sec * TF_SECOND + (uint64_t)used.tv_nsec;
}

// The contract tests cannot see a backend that spins inside its wait; the processor's clock can.
static void expect_idle(struct fixture *fixture)
{
    uint64_t before_ns = thread_time();
    assert_in_range(count_events(fixture, WATCHING), 0, 1);
    assert_true(thread_time() - before_ns < WATCHING_MAX);
}

static void a_disarmed_socket_whose_peer_closed_takes_no_time(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    arm(fixture, watch, TF_POLL_READ);
    arm(fixture, watch, 0);
    tf_socket_shutdown_send(fixture->server);
    contract_close(&fixture->link, fixture->client);
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    expect_idle(fixture);
}

static void a_disarmed_socket_that_was_reset_takes_no_time(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    arm(fixture, watch, 0);
    contract_reset(&fixture->link, fixture->client);
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    expect_idle(fixture);
}

// A caller that takes a short read for the end of what is there has to be told when it is not.
static void the_end_of_the_peer_is_reported_as_a_hang_up(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    contract_send_text(&fixture->link, fixture->client, "last words");
    tf_socket_shutdown_send(fixture->client);
    arm(fixture, watch, TF_POLL_READ);

    assert_int_equal(expect(fixture, watch), TF_POLL_READ | TF_POLL_HANGUP);
}

// What is shorter than the unit of the system call must not be waited out by asking again and again.
static void short_waits_take_no_time(void **state)
{
    struct fixture *fixture = *state;
    struct tf_poll_event event;
    uint64_t before_ns = thread_time();
    for (int i = 0; i < 200; i++) {
        assert_int_equal(wait_once(fixture, TF_MILLISECOND - 1, &event, 1), 0);
    }
    assert_true(thread_time() - before_ns < WATCHING_MAX);
}

struct late_waker {
    struct tf_thread thread;
    struct tf_poller *poller;
    struct tf_poller clock; ///< waits for the waker's time to come
};

static bool late_waker_step(void *context)
{
    struct late_waker *waker = context;
    struct tf_poll_event event;
    uint32_t event_count = 0;
    (void)waker->clock.ops->wait(&waker->clock, WATCHING, &event, 1, &event_count);
    waker->poller->ops->wake(waker->poller);
    return false;
}

// 2^32 milliseconds are 0 to who keeps 32 bits of them.
static void a_wait_of_two_months_takes_no_time(void **state)
{
    struct fixture *fixture = *state;
    struct late_waker waker = {.poller = &fixture->poller, .clock = {.ops = fixture->poller.ops}};
    struct tf_poll_event event;
    assert_int_equal(contract_poller_open(&waker.clock, &fixture->link.allocator), TOFU_OK);
    uint64_t before_ns = thread_time();
    assert_int_equal(tf_thread_start(&waker.thread, NULL, late_waker_step, &waker), TOFU_OK);

    uint32_t event_count = wait_once(fixture, (UINT64_C(1) << 32) * TF_MILLISECOND, &event, 1);

    tf_thread_join(&waker.thread);
    waker.clock.ops->close(&waker.clock);
    assert_int_equal(event_count, 0);
    assert_true(thread_time() - before_ns < WATCHING_MAX);
}

// Returns false, and says so, where the system has no urgent data for this transport.
static bool send_urgent(struct fixture *fixture, const char *text)
{
    if (send((int)fixture->client, text, strlen(text), MSG_OOB | MSG_NOSIGNAL) >= 0) {
        return true;
    }
    assert_true(errno == EOPNOTSUPP);
    print_message("skipped: this system has no urgent data here\n");
    return false;
}

static void a_disarmed_socket_is_silent_about_urgent_data(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    arm(fixture, watch, TF_POLL_READ);
    arm(fixture, watch, 0);
    if (!send_urgent(fixture, "!")) {
        skip();
    }

    assert_int_equal(count_events(fixture, QUIET), 0);
    expect_idle(fixture);
}

static void urgent_data_that_is_read_past_takes_no_time(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    enum tf_io last = TF_IO_DONE;
    arm(fixture, watch, TF_POLL_READ);
    if (!send_urgent(fixture, "!")) {
        skip();
    }

    assert_true((expect(fixture, watch) & TF_POLL_READ) != 0);
    (void)contract_drain(fixture->server, &last);

    assert_int_equal(last, TF_IO_WOULD_BLOCK);
    expect_idle(fixture);
}

// A read stops at the mark of urgent data, so a short read proves nothing: the event has to say so.
static void what_stands_behind_urgent_data_arrives(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    char bytes[64] = {0};
    size_t total = 0;
    contract_send_text(&fixture->link, fixture->client, "before ");
    if (!send_urgent(fixture, "!")) {
        skip();
    }
    contract_send_text(&fixture->link, fixture->client, "behind");
    arm(fixture, watch, TF_POLL_READ);
    while (total < strlen("before behind")) {
        enum tf_io result = TF_IO_DONE;
        uint8_t ready = expect(fixture, watch);
        do {
            size_t size = 0;
            int error = 0;
            result = contract_receive(
                fixture->server, bytes + total, sizeof bytes - 1 - total, &size, &error);
            total += result == TF_IO_DONE ? size : 0;
        } while (result == TF_IO_DONE && (ready & TF_POLL_HANGUP) != 0);
        assert_true(result == TF_IO_DONE || result == TF_IO_WOULD_BLOCK);
    }
    assert_string_equal(bytes, "before behind");
}

static volatile sig_atomic_t signal_count;

static void count_signal(int number)
{
    (void)number;
    signal_count++;
}

// A signal each half a millisecond, without SA_RESTART.
static void storm_start(struct sigaction *before_out)
{
    struct sigaction action = {.sa_handler = count_signal};
    struct itimerval storm = {{0, 500}, {0, 500}};
    signal_count = 0;
    assert_int_equal(sigaction(SIGALRM, &action, before_out), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &storm, NULL), 0);
}

static void storm_stop(const struct sigaction *before)
{
    struct itimerval calm = {{0, 0}, {0, 0}};
    assert_int_equal(setitimer(ITIMER_REAL, &calm, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, before, NULL), 0);
}

static void a_storm_of_signals_does_not_shorten_a_wait(void **state)
{
    struct fixture *fixture = *state;
    struct sigaction before;
    struct tf_poll_event event;
    uint32_t event_count = UINT32_MAX;
    uint64_t start_ns = tf_clock_now();
    storm_start(&before);

    enum tofu_status status =
        fixture->poller.ops->wait(&fixture->poller, 100 * TF_MILLISECOND, &event, 1, &event_count);

    uint64_t elapsed_ns = tf_clock_now() - start_ns;
    storm_stop(&before);
    assert_int_equal(status, TOFU_OK);
    assert_int_equal(event_count, 0);
    assert_true(elapsed_ns >= 100 * TF_MILLISECOND);
    assert_true(elapsed_ns < LATENESS_MAX);
    assert_true(signal_count > 0);
}

static void a_storm_of_signals_loses_no_event(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    struct sigaction before;
    enum tf_io last = TF_IO_DONE;
    uint32_t received = 0;
    arm(fixture, watch, TF_POLL_READ);
    storm_start(&before);
    uint64_t end_ns = tf_clock_now() + 100 * TF_MILLISECOND;
    while (tf_clock_now() < end_ns) {
        contract_send_text(&fixture->link, fixture->client, "x");
        fixture->poller.ops->wake(&fixture->poller);
        while (contract_drain(fixture->server, &last) == 0) {
            assert_true((expect(fixture, watch) & TF_POLL_READ) != 0);
        }
        received++;
    }
    storm_stop(&before);
    assert_true(received > 0);
    assert_true(signal_count > 0);
}

// The number of a closed descriptor is the first to be given again, while the old socket still lives in
// a copy of it, as it would in a forked child.
static void a_number_that_is_used_again_at_once_has_only_its_own_events(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    struct tf_poll_event events[CAPACITY_MAX];
    contract_send_text(&fixture->link, fixture->client, "ping");
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);
    arm(fixture, watch, TF_POLL_READ);
    int copy = fcntl((int)fixture->server, F_DUPFD_CLOEXEC, 0);
    assert_true(copy >= 0);
    contract_adopt(&fixture->link, copy);

    tf_socket number = fixture->server;
    forget(fixture, watch);
    contract_close(&fixture->link, fixture->server);
    int fresh[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fresh), 0);
    contract_adopt(&fixture->link, fresh[0]);
    contract_adopt(&fixture->link, fresh[1]);
    assert_int_equal(fresh[0], number);
    struct tf_watch *reused = watch_add(fixture, fresh[0]);
    arm(fixture, reused, TF_POLL_READ);

    assert_int_equal(count_events(fixture, QUIET), 0);
    contract_send_text(&fixture->link, fresh[1], "new");
    assert_int_equal(wait_once(fixture, CONTRACT_DEADLINE, events, CAPACITY_MAX), 1);
    assert_int_equal(events[0].token, reused->token);
}

// A program that has closed its standard input gets 0 as a socket; its negative is itself.
static void descriptor_zero_can_be_disarmed(void **state)
{
    struct fixture *fixture = *state;
    int standard_input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_true(dup2((int)fixture->server, STDIN_FILENO) == STDIN_FILENO);
    contract_send_text(&fixture->link, fixture->client, "ping");
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);
    struct tf_watch *watch = watch_add(fixture, STDIN_FILENO);

    arm(fixture, watch, TF_POLL_READ);
    uint8_t ready = expect(fixture, watch);
    arm(fixture, watch, 0);
    contract_reset(&fixture->link, fixture->client);
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);
    uint32_t event_count = count_events(fixture, QUIET);
    forget(fixture, watch);

    if (standard_input >= 0) {
        assert_int_equal(dup2(standard_input, STDIN_FILENO), STDIN_FILENO);
        assert_int_equal(close(standard_input), 0);
    } else {
        assert_int_equal(close(STDIN_FILENO), 0);
    }
    assert_int_equal(ready, TF_POLL_READ);
    assert_in_range(event_count, 0, 1);
}

// Descriptors below 200 that are open; a test opens few.
static uint32_t open_descriptors(uint32_t *inherited_out)
{
    uint32_t count = 0;
    *inherited_out = 0;
    for (int i = 3; i < 200; i++) {
        int flags = fcntl(i, F_GETFD);
        count += flags >= 0 ? 1 : 0;
        *inherited_out += flags >= 0 && (flags & FD_CLOEXEC) == 0 ? 1 : 0;
    }
    return count;
}

static void a_poller_leaves_no_descriptor_behind_and_children_inherit_none(void **state)
{
    struct fixture *fixture = *state;
    struct tf_poller poller = {.ops = fixture->poller.ops};
    uint32_t inherited_before = 0;
    uint32_t inherited_open = 0;
    uint32_t inherited_after = 0;
    uint32_t before = open_descriptors(&inherited_before);

    assert_int_equal(contract_poller_open(&poller, &fixture->link.allocator), TOFU_OK);
    uint32_t open = open_descriptors(&inherited_open);
    fixture->poller.ops->close(&poller);

    assert_true(open > before);
    assert_int_equal(inherited_open, inherited_before);
    assert_int_equal(open_descriptors(&inherited_after), before);
}

static void a_poller_is_found_by_its_name(void **state)
{
    struct fixture *fixture = *state;
    const char *name = fixture->poller.ops->name;
    assert_int_equal(unsetenv("TOFU_POLLER"), 0);

    assert_ptr_equal(tf_poller_find(name), fixture->poller.ops);
    assert_ptr_equal(tf_poller_find(NULL), tf_pollers[0]);
    assert_null(tf_poller_find("no such poller"));
    assert_null(tf_poller_find(""));
}

static void the_environment_names_the_poller_against_all_others(void **state)
{
    struct fixture *fixture = *state;
    const char *name = fixture->poller.ops->name;
    assert_int_equal(setenv("TOFU_POLLER", name, 1), 0);
    const struct tf_poller_ops *wanted_none = tf_poller_find(NULL);
    const struct tf_poller_ops *wanted_other = tf_poller_find("no such poller");
    assert_int_equal(setenv("TOFU_POLLER", "no such poller", 1), 0);
    const struct tf_poller_ops *unknown = tf_poller_find(name);
    assert_int_equal(setenv("TOFU_POLLER", "", 1), 0);
    const struct tf_poller_ops *empty = tf_poller_find(name);
    assert_int_equal(unsetenv("TOFU_POLLER"), 0);

    assert_ptr_equal(wanted_none, fixture->poller.ops);
    assert_ptr_equal(wanted_other, fixture->poller.ops);
    assert_null(unknown);
    assert_ptr_equal(empty, fixture->poller.ops);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_disarmed_socket_whose_peer_closed_takes_no_time),
    cmocka_unit_test(a_disarmed_socket_that_was_reset_takes_no_time),
    cmocka_unit_test(the_end_of_the_peer_is_reported_as_a_hang_up),
    cmocka_unit_test(short_waits_take_no_time),
    cmocka_unit_test(a_wait_of_two_months_takes_no_time),
    cmocka_unit_test(a_disarmed_socket_is_silent_about_urgent_data),
    cmocka_unit_test(urgent_data_that_is_read_past_takes_no_time),
    cmocka_unit_test(what_stands_behind_urgent_data_arrives),
    cmocka_unit_test(a_storm_of_signals_does_not_shorten_a_wait),
    cmocka_unit_test(a_storm_of_signals_loses_no_event),
    cmocka_unit_test(a_number_that_is_used_again_at_once_has_only_its_own_events),
    cmocka_unit_test(descriptor_zero_can_be_disarmed),
    cmocka_unit_test(a_poller_leaves_no_descriptor_behind_and_children_inherit_none),
    cmocka_unit_test(a_poller_is_found_by_its_name),
    cmocka_unit_test(the_environment_names_the_poller_against_all_others),
};

int main(void)
{
    return poller_contract_run("poller: POSIX", cases, sizeof cases / sizeof cases[0]);
}
