// SPDX-License-Identifier: MIT
// A storm of signals on every thread of the application, with a handler that interrupts system calls, and
// SIGPIPE at its deadly default: nothing ends early, nothing fails, nothing dies.
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "hostile/measure.h"
#include "support/posix/forked_child.h"
#include "support/raw_peer.h"
#include "support/worker.h"

#define SERVER_THREAD "hostile-server"
#define CLIENT_THREAD "hostile-client"
#define ROUND_TRIPS   5000
#define STORM_SIGNALS 20000
#define PERIOD_US     200

static atomic_uint_fast64_t signal_count;
static atomic_uint_fast64_t stray_count; ///< signals that a thread of an engine had to handle
static atomic_int server_thread;
static atomic_int client_thread;
static struct sigaction old_alarm;
static struct sigaction old_user;

static void note_signal(int number)
{
    (void)number;
    int thread = (int)gettid();
    atomic_fetch_add(&signal_count, 1);
    atomic_fetch_add(&stray_count, thread == server_thread || thread == client_thread ? 1 : 0);
}

// Without SA_RESTART: every system call that can be interrupted will be.
static void install(int number, struct sigaction *old)
{
    struct sigaction action = {.sa_handler = note_signal};
    assert_int_equal(sigemptyset(&action.sa_mask), 0);
    assert_int_equal(sigaction(number, &action, old), 0);
}

static int own_thread(const char *name)
{
    uint32_t number = system_thread_number(name);
    assert_true_or(number != 0, "no thread has the name %s", name);
    return (int)number;
}

static void begin_storm(void)
{
    const struct itimerval period = {{0, PERIOD_US}, {0, PERIOD_US}};
    server_thread = own_thread(SERVER_THREAD);
    client_thread = own_thread(CLIENT_THREAD);
    atomic_store(&signal_count, 0);
    atomic_store(&stray_count, 0);
    install(SIGALRM, &old_alarm);
    install(SIGUSR1, &old_user);
    assert_int_equal(setitimer(ITIMER_REAL, &period, NULL), 0);
}

static void end_storm(void)
{
    const struct itimerval never = {{0, 0}, {0, 0}};
    (void)setitimer(ITIMER_REAL, &never, NULL);
    if (server_thread != 0) {
        (void)sigaction(SIGALRM, &old_alarm, NULL);
        (void)sigaction(SIGUSR1, &old_user, NULL);
        server_thread = 0;
        client_thread = 0;
    }
}

static void expect_storm(const char *what, uint64_t least)
{
    uint64_t count = atomic_load(&signal_count);
    print_message(
        "%s: %llu signals, %llu of them on a thread of an engine\n",
        what,
        (unsigned long long)count,
        (unsigned long long)atomic_load(&stray_count));
    assert_true(count >= least);
    assert_int_equal(atomic_load(&stray_count), 0);
}

static int set_up(void **state)
{
    const struct tofu_options server = {.thread_name = SERVER_THREAD};
    const struct tofu_options client = {
        .thread_name = CLIENT_THREAD, .send_queue_messages_max = 16, .pool_messages_max = 64};
    int result = link_set_up(state);
    link_open_server(*state, &server);
    link_open_client(*state, &client);
    link_connect(*state);
    return result;
}

static int tear_down(void **state)
{
    end_storm();
    return link_tear_down(state);
}

static void messages_pass_through_a_storm_of_timers(void **state)
{
    struct link_fixture *link = *state;
    uint64_t count = scaled("round trips", ROUND_TRIPS);
    begin_storm();

    for (uint64_t i = 0; i < count; i++) {
        round_trip(link, NULL);
    }
    while (atomic_load(&signal_count) < 100) {
        round_trip(link, NULL);
    }

    end_storm();
    expect_storm("round trips", 100);
}

static uint64_t elapsed(uint64_t start_ns)
{
    return test_now() - start_ns;
}

// Interrupted a thousand times a second, a wait ends neither before its time nor much after.
static void timeouts_stay_what_they_are_in_a_storm(void **state)
{
    struct link_fixture *link = *state;
    uint64_t timeout_ns = 300 * MILLISECOND_NS;
    struct tofu_message *message = NULL;
    begin_storm();

    uint64_t start_ns = test_now();
    assert_status(TOFU_OK, tofu_group_wait(link->client.group, timeout_ns, &message));
    uint64_t wait_ns = elapsed(start_ns);
    assert_null(message);

    // Nothing comes back while the messages of the pool are here.
    struct tofu_message *held[64];
    for (size_t i = 0; i < 64; i++) {
        assert_status(TOFU_OK, tofu_engine_get(link->client.engine, TOFU_POOL_ONLY, &held[i]));
    }
    start_ns = test_now();
    enum tofu_status status = tofu_engine_get_within(link->client.engine, timeout_ns, &message);
    uint64_t get_ns = elapsed(start_ns);
    end_storm();
    for (size_t i = 0; i < 64; i++) {
        tofu_engine_put(link->client.engine, &held[i]);
    }
    tofu_engine_put(link->client.engine, &message);

    expect_storm("two waits of 300 ms", 100);
    print_message("wait took %.0f ms, get %.0f ms\n", (double)wait_ns / 1e6, (double)get_ns / 1e6);
    assert_status(TOFU_TIMED_OUT, status);
    assert_in_range(wait_ns, timeout_ns, timeout_ns + MACHINE_SLACK_NS);
    assert_in_range(get_ns, timeout_ns, timeout_ns + MACHINE_SLACK_NS);
}

struct waiter {
    struct worker worker;
    struct side side;
    struct tofu_message *message;
    enum tofu_status status;
    atomic_bool is_done;
};

static void wait_for_ever(void *argument)
{
    struct waiter *waiter = argument;
    waiter->status = tofu_group_wait(waiter->side.group, TOFU_WAIT_FOREVER, &waiter->message);
    atomic_store(&waiter->is_done, true);
}

static void a_thread_that_waits_is_not_woken_by_signals(void **state)
{
    struct link_fixture *link = *state;
    static struct waiter waiter;
    waiter = (struct waiter){.side = link->server};
    uint64_t count = scaled("signals", STORM_SIGNALS);
    begin_storm();
    worker_start(&waiter.worker, wait_for_ever, &waiter);

    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(pthread_kill(waiter.worker.thread.handle, SIGUSR1), 0);
    }
    assert_false(atomic_load(&waiter.is_done));
    side_send(&link->client, TOFU_SIGNAL, 5, NULL);

    worker_join(&waiter.worker);
    end_storm();
    expect_storm("a waiter under fire", 1);
    assert_status(TOFU_OK, waiter.status);
    assert_non_null(waiter.message);
    assert_int_equal(tofu_message_header(waiter.message)->id, 5);
    side_put(&link->server, waiter.message);
}

struct stream {
    struct worker worker;
    struct side side;
    uint64_t count;
    uint64_t posted;
    atomic_bool is_done;
};

static void post_stream(struct stream *stream)
{
    for (uint64_t id = 1; id <= stream->count; id++) {
        struct tofu_message *message = NULL;
        if (tofu_engine_get_within(stream->side.engine, TEST_DEADLINE_NS, &message) != TOFU_OK) {
            return;
        }
        tofu_message_header(message)->opcode = TOFU_SIGNAL;
        tofu_message_header(message)->channel = stream->side.channel;
        tofu_message_header(message)->id = id;
        if (tofu_group_post_within(stream->side.group, &message, TEST_DEADLINE_NS, NULL) !=
            TOFU_OK) {
            tofu_engine_put(stream->side.engine, &message);
            return;
        }
        stream->posted = id;
    }
}

static void run_stream(void *argument)
{
    struct stream *stream = argument;
    post_stream(stream);
    atomic_store(&stream->is_done, true);
}

static void take_signal(const struct side *side, uint64_t id)
{
    struct tofu_message *message = side_await(side);
    while (tofu_message_header(message)->status == TOFU_POOL_EMPTY) {
        side_put(side, message);
        message = side_await(side);
    }
    assert_int_equal(tofu_message_header(message)->opcode, TOFU_SIGNAL);
    assert_int_equal(tofu_message_header(message)->id, id);
    side_put(side, message);
}

// Waiting for room in the queue and for messages of the pool, again and again.
static void posting_threads_lose_nothing_in_a_storm(void **state)
{
    struct link_fixture *link = *state;
    uint64_t count = scaled("messages", 20 * ROUND_TRIPS);
    static struct stream stream;
    stream = (struct stream){.side = link->client, .count = count};
    begin_storm();
    worker_start(&stream.worker, run_stream, &stream);

    for (uint64_t id = 1; id <= count; id++) {
        take_signal(&link->server, id);
        if (id % 4 == 0 && !atomic_load(&stream.is_done)) {
            (void)pthread_kill(stream.worker.thread.handle, SIGUSR1);
        }
    }

    worker_join(&stream.worker);
    end_storm();
    expect_storm("a stream", 100);
    assert_int_equal(stream.posted, count);
}

static void a_shutdown_in_a_storm_keeps_its_deadline(void **state)
{
    struct link_fixture *link = *state;
    uint64_t timeout_ns = 300 * MILLISECOND_NS;
    begin_storm();

    // The peer's application does not answer the Bye.
    uint64_t start_ns = test_now();
    enum tofu_status status = tofu_engine_shutdown(link->client.engine, timeout_ns, NULL);
    uint64_t time_ns = elapsed(start_ns);

    end_storm();
    expect_storm("a shutdown", 10);
    assert_status(TOFU_TIMED_OUT, status);
    assert_in_range(time_ns, timeout_ns, timeout_ns + MACHINE_SLACK_NS);
}

static void writing_to_a_peer_that_is_gone_raises_no_signal(void **state)
{
    struct link_fixture *link = *state;
    struct sigaction action;
    sigset_t blocked;
    assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
    assert_true(action.sa_handler == SIG_DFL);
    assert_int_equal(sigismember(&blocked, SIGPIPE), 0);

    for (int i = 0; i < 50; i++) {
        int raw = link_raw_client(link);
        if (i % 2 == 0) {
            raw_reset(raw);
        } else {
            raw_close(raw);
        }
        enum tofu_status status = TOFU_OK;
        while (status == TOFU_OK || status == TOFU_QUEUE_FULL) {
            struct tofu_message *message = side_message(&link->server, TOFU_SIGNAL, 0, "to nobody");
            status = tofu_group_post(link->server.group, &message, NULL);
            side_put(&link->server, message);
        }
        assert_status(TOFU_INVALID_CHANNEL_NUMBER, status);
        struct tofu_message *message = side_await(&link->server);
        while (!message_is_closing(message)) {
            side_put(&link->server, message);
            message = side_await(&link->server);
        }
        side_put(&link->server, message);
    }
}

#define STORM_TEST(function)                                                                       \
    {                                                                                              \
#        function, (function), set_up, tear_down, NULL                                             \
    }

// A signal of this kind is the crash itself: blocked, it would end the process and pass over the handler
// with which the host reports it.
static const int crash_signals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

#define CRASH_COUNT   (sizeof crash_signals / sizeof crash_signals[0])
#define REACHED_FIRST 100

static void report_crash(int number)
{
    bool is_on_engine = (int)gettid() == server_thread;
    _exit(is_on_engine ? REACHED_FIRST + number : EXIT_FAILURE);
}

static int crash_in_engine(void *argument, int tell)
{
    (void)tell;
    const int *number = argument;
    const struct tofu_options options = {.thread_name = SERVER_THREAD};
    struct tofu_engine *engine = NULL;
    struct sigaction action = {.sa_handler = report_crash};
    (void)sigemptyset(&action.sa_mask);
    struct tofu_group *group = NULL;
    if (tofu_engine_create(&options, &engine) != TOFU_OK ||
        tofu_group_create(engine, &group) != TOFU_OK || sigaction(*number, &action, NULL) != 0) {
        return EXIT_FAILURE;
    }
    // Its end is the thread's work, which has its name by then.
    tofu_group_destroy(&group);
    server_thread = own_thread(SERVER_THREAD);
    (void)syscall(SYS_tgkill, getpid(), server_thread, *number);
    interval_pass(TEST_DEADLINE_NS);
    return EXIT_FAILURE;
}

static void a_crash_on_the_thread_of_an_engine_reaches_the_handler(void **state)
{
    (void)state;
    for (size_t i = 0; i < CRASH_COUNT; i++) {
        struct child child;
        int number = crash_signals[i];

        child_fork(&child, crash_in_engine, &number);

        assert_int_equal(child_join(&child), REACHED_FIRST + number);
    }
}

// As the kernel has it, in the order of the numbers; what the system itself uses is not ours.
static uint64_t blocked_signals(int thread)
{
    char path[64];
    char line[256];
    unsigned long long blocked = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/status", thread);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    bool is_found = false;
    while (!is_found && fgets(line, sizeof line, file) != NULL) {
        is_found = sscanf(line, "SigBlk: %llx", &blocked) == 1;
    }
    (void)fclose(file);
    assert_true(is_found);
    return blocked;
}

static void all_signals_but_crashes_are_blocked_on_the_thread_of_an_engine(void **state)
{
    (void)state;

    uint64_t blocked = blocked_signals(own_thread(SERVER_THREAD));

    for (int number = 1; number < 32; number++) {
        bool may_be_blocked = number != SIGKILL && number != SIGSTOP;
        for (size_t i = 0; i < CRASH_COUNT; i++) {
            may_be_blocked = may_be_blocked && number != crash_signals[i];
        }
        bool is_blocked = (blocked >> (number - 1) & 1) != 0;
        assert_true_or(is_blocked == may_be_blocked, "signal %d: %d", number, is_blocked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORM_TEST(messages_pass_through_a_storm_of_timers),
        STORM_TEST(timeouts_stay_what_they_are_in_a_storm),
        STORM_TEST(a_thread_that_waits_is_not_woken_by_signals),
        STORM_TEST(posting_threads_lose_nothing_in_a_storm),
        STORM_TEST(a_shutdown_in_a_storm_keeps_its_deadline),
        STORM_TEST(writing_to_a_peer_that_is_gone_raises_no_signal),
        LINK_TEST(a_crash_on_the_thread_of_an_engine_reaches_the_handler),
        STORM_TEST(all_signals_but_crashes_are_blocked_on_the_thread_of_an_engine),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
