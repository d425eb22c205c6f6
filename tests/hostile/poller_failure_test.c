// SPDX-License-Identifier: MIT
// The poller itself fails: every channel ends with a notice, every wait returns, every post answers, and
// the engine can still be destroyed. Nothing dies in silence.
#include <stdio.h>
#include <string.h>

#include "hostile/measure.h"
#include "hostile/poller_breaker.h"
#include "support/machine.h"
#include "support/raw_peer.h"
#include "support/worker.h"

#define SERVER_THREAD "hostile-server"
#define WAITERS       3

static int tear_down(void **state)
{
    poller_mend();
    return link_tear_down(state);
}

// Breaks the poller of the only engine, wakes it, and waits until it has found out. An update of the group
// would not wake it, but a put while it is asleep does no harm; a post does.
static void break_poller(const struct side *side)
{
    assert_true(poller_break());
    struct tofu_message *message = side_message(side, TOFU_SIGNAL, 4711, "wakes");
    if (tofu_group_post(side->group, &message, NULL) != TOFU_OK) {
        side_put(side, message);
    }
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    enum tofu_status status = TOFU_OK;
    while (status != TOFU_NOTIFICATION_FAILED) {
        struct tofu_group *group = NULL;
        status = tofu_group_create(side->engine, &group);
        tofu_group_destroy(&group);
        assert_true_or(test_now() < deadline_ns, "the engine does not notice");
        interval_pass(MILLISECOND_NS);
    }
    poller_mend();
}

struct waiter {
    struct worker worker;
    struct side side;
    struct tofu_message *message;
    enum tofu_status status;
};

static struct waiter waiters[WAITERS];

static void wait_for_ever(void *argument)
{
    struct waiter *waiter = argument;
    waiter->status = tofu_group_wait(waiter->side.group, TOFU_WAIT_FOREVER, &waiter->message);
}

static void open_server(struct link_fixture *link)
{
    const struct tofu_options options = {
        .thread_name = SERVER_THREAD, .send_queue_messages_max = 64};
    link_open_server(link, &options);
}

// Takes the closing notices of these many channels, and returned messages between; then there is no more.
static void expect_all_closed(const struct side *side, size_t count)
{
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_group_wait(side->group, TEST_DEADLINE_NS, &message);
    while (status == TOFU_OK && message != NULL) {
        const struct tofu_header *header = tofu_message_header(message);
        assert_int_equal(header->origin, TOFU_ENGINE);
        if (message_is_closing(message)) {
            assert_text(message, "~reason", "notification_failed");
            assert_true(count > 0);
            count--;
        } else {
            assert_true(
                header->status == TOFU_NOTIFICATION_FAILED ||
                header->status == TOFU_CHANNEL_CLOSED);
        }
        side_put(side, message);
        status = tofu_group_wait(side->group, TEST_DEADLINE_NS, &message);
    }
    assert_status(TOFU_NOTIFICATION_FAILED, status);
    assert_int_equal(count, 0);
    assert_status(TOFU_NOTIFICATION_FAILED, tofu_group_wait(side->group, 0, &message));
    assert_null(message);
}

static void every_group_hears_that_the_poller_failed(void **state)
{
    struct link_fixture *link = *state;
    open_server(link);
    int raw = link_raw_client(link);
    int silent = raw_connect(link->address);
    side_expect_stat(&link->server, half_open, 1);
    for (size_t i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){.side = link->server};
        link_open_group(&waiters[i].side);
        worker_start(&waiters[i].worker, wait_for_ever, &waiters[i]);
        worker_await_sleep(&waiters[i].worker);
    }

    break_poller(&link->server);

    for (size_t i = 0; i < WAITERS; i++) {
        worker_join(&waiters[i].worker);
        assert_status(TOFU_NOTIFICATION_FAILED, waiters[i].status);
        assert_null(waiters[i].message);
    }
    expect_all_closed(&link->server, 2);
    raw_await_end(raw, NULL);
    raw_await_end(silent, NULL);
    assert_false(machine_has_file(link->address + strlen("uds|")));
    side_expect_stat(&link->server, channels, 0);
    side_expect_stat(&link->server, half_open, 0);
}

static void every_call_answers_after_the_poller_failed(void **state)
{
    struct link_fixture *link = *state;
    open_server(link);
    (void)link_raw_client(link);
    tofu_descriptor descriptor = -1;
    assert_status(TOFU_OK, tofu_group_descriptor(link->server.group, &descriptor));

    break_poller(&link->server);

    assert_true(machine_await_descriptor(descriptor, TEST_DEADLINE_NS));
    struct side *side = &link->server;
    side_expect_refusal(side, side_hello(side, "tcp|127.0.0.1|7099"), TOFU_NOTIFICATION_FAILED);
    side_expect_refusal(side, side_welcome(side, link->address), TOFU_NOTIFICATION_FAILED);
    side_expect_refusal(
        side, side_message(side, TOFU_SIGNAL, 0, NULL), TOFU_INVALID_CHANNEL_NUMBER);
    struct tofu_message *message = side_message(side, TOFU_SIGNAL, 0, NULL);
    assert_status(
        TOFU_INVALID_CHANNEL_NUMBER,
        tofu_group_post_within(side->group, &message, TEST_DEADLINE_NS, NULL));
    assert_status(TOFU_NOTIFICATION_FAILED, tofu_group_update(side->group, &message));
    side_put(side, message);
    assert_status(TOFU_NOTIFICATION_FAILED, tofu_group_update(side->group, NULL));
    struct tofu_group *group = NULL;
    assert_status(TOFU_NOTIFICATION_FAILED, tofu_group_create(side->engine, &group));
    assert_null(group);
    expect_all_closed(side, 2);
    struct tofu_shutdown_report report = {.struct_size = sizeof report};
    uint64_t start_ns = test_now();
    assert_status(TOFU_OK, tofu_engine_shutdown(side->engine, TEST_DEADLINE_NS, &report));
    assert_true(test_now() - start_ns < MACHINE_SLACK_NS);
    assert_int_equal(report.channels_graceful + report.channels_forced, 0);
    tofu_group_destroy(&link->server.group);
}

static void queued_messages_come_back_when_the_poller_fails(void **state)
{
    static const char body[60000];
    struct link_fixture *link = *state;
    open_server(link);
    (void)link_raw_client(link);
    uint64_t posted = 0;
    for (;;) {
        struct tofu_message *message = side_message(&link->server, TOFU_REQUEST, posted + 1, NULL);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
        enum tofu_status status =
            tofu_group_post_within(link->server.group, &message, 100 * MILLISECOND_NS, NULL);
        if (status != TOFU_OK) {
            assert_status(TOFU_TIMED_OUT, status);
            side_put(&link->server, message);
            break;
        }
        posted++;
    }
    uint64_t sent = side_stats(&link->server).messages_sent;

    break_poller(&link->server);

    uint64_t next = sent + 1;
    uint64_t closed = 0;
    struct tofu_message *message = NULL;
    while (tofu_group_wait(link->server.group, TEST_DEADLINE_NS, &message) == TOFU_OK) {
        const struct tofu_header *header = tofu_message_header(message);
        if (message_is_closing(message)) {
            closed++;
        } else if (header->opcode == TOFU_REQUEST) {
            assert_int_equal(header->status, TOFU_NOTIFICATION_FAILED);
            assert_int_equal(header->id, next);
            next++;
        }
        side_put(&link->server, message);
    }
    print_message(
        "%llu posted, %llu written, %llu came back\n",
        (unsigned long long)posted,
        (unsigned long long)sent,
        (unsigned long long)(next - sent - 1));
    assert_int_equal(next, posted + 1);
    assert_int_equal(closed, 2);
}

static void post_for_ever(void *argument)
{
    struct waiter *waiter = argument;
    waiter->message = NULL;
    waiter->status = tofu_engine_get(waiter->side.engine, TOFU_ALWAYS, &waiter->message);
    while (waiter->status == TOFU_OK && waiter->message != NULL) {
        tofu_message_header(waiter->message)->opcode = TOFU_SIGNAL;
        tofu_message_header(waiter->message)->channel = waiter->side.channel;
        waiter->status =
            tofu_group_post_within(waiter->side.group, &waiter->message, TOFU_WAIT_FOREVER, NULL);
        if (waiter->status == TOFU_OK) {
            waiter->status = tofu_engine_get(waiter->side.engine, TOFU_ALWAYS, &waiter->message);
        }
    }
    tofu_engine_put(waiter->side.engine, &waiter->message);
}

static void shut_down_for_ever(void *argument)
{
    struct waiter *waiter = argument;
    waiter->status = tofu_engine_shutdown(waiter->side.engine, TOFU_WAIT_FOREVER, NULL);
}

// Who waits for room waits for the I/O thread, which will make none any more.
static void who_waits_for_room_hears_it(void **state)
{
    struct link_fixture *link = *state;
    open_server(link);
    (void)link_raw_client(link);
    waiters[0] = (struct waiter){.side = link->server};
    worker_start(&waiters[0].worker, post_for_ever, &waiters[0]);
    await_quiet(&link->server);
    worker_await_sleep(&waiters[0].worker);

    break_poller(&link->server);

    worker_join(&waiters[0].worker);
    assert_true_or(
        waiters[0].status == TOFU_INVALID_CHANNEL_NUMBER ||
            waiters[0].status == TOFU_NOTIFICATION_FAILED,
        "%s",
        tofu_status_name(waiters[0].status));
}

static void a_shutdown_that_waits_hears_it(void **state)
{
    struct link_fixture *link = *state;
    open_server(link);
    int raw = link_raw_client(link);
    waiters[0] = (struct waiter){.side = link->server};
    worker_start(&waiters[0].worker, shut_down_for_ever, &waiters[0]);
    (void)raw_expect(raw, RAW_BYE_REQUEST);
    worker_await_sleep(&waiters[0].worker);
    assert_true(poller_break());

    // Ends the wait that is on; if there was none, the peer may be gone already.
    (void)raw_send_some(raw, "x", 1);

    worker_join(&waiters[0].worker);
    poller_mend();
    assert_status(TOFU_TIMED_OUT, waiters[0].status);
    raw_await_end(raw, NULL);
}

static void an_engine_without_a_poller_costs_nothing_and_is_destroyed(void **state)
{
    struct link_fixture *link = *state;
    open_server(link);
    (void)link_raw_client(link);
    break_poller(&link->server);

    assert_idle(
        "without a poller, 500 ms", cost_of_interval(&link->server, SERVER_THREAD, SECOND_NS / 2));

    waiters[0] = (struct waiter){.side = link->server};
    link_close_engine(link, link->server.engine);
}

#define FAILURE_TEST(function)                                                                     \
    {                                                                                              \
#        function, (function), link_set_up, tear_down, NULL                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAILURE_TEST(every_group_hears_that_the_poller_failed),
        FAILURE_TEST(every_call_answers_after_the_poller_failed),
        FAILURE_TEST(queued_messages_come_back_when_the_poller_fails),
        FAILURE_TEST(who_waits_for_room_hears_it),
        FAILURE_TEST(a_shutdown_that_waits_hears_it),
        FAILURE_TEST(an_engine_without_a_poller_costs_nothing_and_is_destroyed),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
