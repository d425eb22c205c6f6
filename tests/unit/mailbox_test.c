// SPDX-License-Identifier: MIT
// The receive queue: many push, one waits and misses nothing.
#include "unit/expect.h"

#include "engine/mailbox.h"
#include "unit/producers.h"
#include "unit/workers.h"

#define MESSAGE_COUNT 5

struct fixture {
    struct tf_mailbox mailbox;
    struct tofu_message messages[MESSAGE_COUNT];
    struct tf_flow flows[2];
};

static struct fixture fixture;

static int set_up(void **state)
{
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        fixture.messages[i] = (struct tofu_message){0};
    }
    fixture.flows[0] = (struct tf_flow){0};
    fixture.flows[1] = (struct tf_flow){0};
    *state = &fixture;
    return tf_mailbox_open(&fixture.mailbox, 0) == TOFU_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *own = *state;
    (void)tf_mailbox_empty(&own->mailbox);
    tf_mailbox_close(&own->mailbox);
    return 0;
}

static void push(struct fixture *own, size_t index)
{
    tf_mailbox_push(&own->mailbox, &own->messages[index], &own->messages[index], false);
}

static void assert_waits(struct fixture *own, uint64_t timeout_ns, size_t index)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tf_mailbox_wait(&own->mailbox, timeout_ns, &message));
    assert_ptr_equal(message, &own->messages[index]);
    assert_null(message->next);
}

static void assert_nothing(struct fixture *own, enum tofu_status status)
{
    struct tofu_message *message = &own->messages[0];
    assert_status(status, tf_mailbox_wait(&own->mailbox, 0, &message));
    assert_null(message);
}

static void an_empty_mailbox_has_nothing_and_no_error(void **state)
{
    assert_nothing(*state, TOFU_OK);
}

static void messages_come_out_in_the_order_they_went_in(void **state)
{
    struct fixture *own = *state;
    push(own, 0);
    push(own, 1);
    assert_waits(own, 0, 0);
    push(own, 2);

    assert_waits(own, 0, 1);
    assert_waits(own, TOFU_WAIT_FOREVER, 2);
    assert_nothing(own, TOFU_OK);
}

static void a_chain_comes_out_oldest_first_and_one_by_one(void **state)
{
    struct fixture *own = *state;
    push(own, 0);
    own->messages[3].next = &own->messages[2];
    own->messages[2].next = &own->messages[1];

    tf_mailbox_push(&own->mailbox, &own->messages[3], &own->messages[1], false);

    push(own, 4);
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        assert_waits(own, 0, i);
    }
    assert_nothing(own, TOFU_OK);
}

static void a_wait_that_elapses_is_no_error_and_not_early(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *message = &own->messages[0];
    uint64_t begin_ns = tf_clock_now();

    assert_status(TOFU_OK, tf_mailbox_wait(&own->mailbox, 2 * TF_MILLISECOND, &message));

    assert_null(message);
    assert_true(tf_clock_now() - begin_ns >= 2 * TF_MILLISECOND);
}

struct late_push {
    struct tf_thread thread;
    struct fixture *own;
    bool was_asleep;
};

static bool push_once_asleep(void *context)
{
    struct late_push *late = context;
    late->was_asleep = word_becomes(&late->own->mailbox.is_asleep, 1);
    push(late->own, 0);
    return false;
}

static void assert_woken_by_push(struct fixture *own, uint64_t timeout_ns)
{
    struct late_push late = {.own = own};
    worker_start(&late.thread, push_once_asleep, &late);

    assert_waits(own, timeout_ns, 0);

    tf_thread_join(&late.thread);
    assert_true(late.was_asleep);
}

static void a_push_wakes_the_waiter(void **state)
{
    assert_woken_by_push(*state, PATIENCE_NS);
}

static void a_push_wakes_who_would_wait_for_ever(void **state)
{
    assert_woken_by_push(*state, TOFU_WAIT_FOREVER);
}

static void a_stopped_mailbox_answers_its_status_once_it_is_empty(void **state)
{
    struct fixture *own = *state;
    push(own, 0);
    push(own, 1);

    tf_mailbox_stop(&own->mailbox, TOFU_SHUTDOWN_STARTED);

    assert_waits(own, 0, 0);
    assert_waits(own, TOFU_WAIT_FOREVER, 1);
    assert_nothing(own, TOFU_SHUTDOWN_STARTED);
    assert_nothing(own, TOFU_SHUTDOWN_STARTED);
}

// Messages that have no other way to their fate may still come after the stop.
static void a_stopped_mailbox_still_gives_what_comes(void **state)
{
    struct fixture *own = *state;
    tf_mailbox_stop(&own->mailbox, TOFU_NOTIFICATION_FAILED);
    assert_nothing(own, TOFU_NOTIFICATION_FAILED);

    push(own, 2);

    assert_waits(own, 0, 2);
    assert_nothing(own, TOFU_NOTIFICATION_FAILED);
}

static bool stop_once_asleep(void *context)
{
    struct late_push *late = context;
    late->was_asleep = word_becomes(&late->own->mailbox.is_asleep, 1);
    tf_mailbox_stop(&late->own->mailbox, TOFU_SHUTDOWN_STARTED);
    return false;
}

static void a_stop_wakes_the_waiter(void **state)
{
    struct fixture *own = *state;
    struct late_push late = {.own = own};
    struct tofu_message *message = &own->messages[0];
    worker_start(&late.thread, stop_once_asleep, &late);

    enum tofu_status status = tf_mailbox_wait(&own->mailbox, TOFU_WAIT_FOREVER, &message);

    tf_thread_join(&late.thread);
    assert_status(TOFU_SHUTDOWN_STARTED, status);
    assert_null(message);
    assert_true(late.was_asleep);
}

static bool push_and_stop(void *context)
{
    struct late_push *late = context;
    push(late->own, 0);
    tf_mailbox_stop(&late->own->mailbox, TOFU_SHUTDOWN_STARTED);
    return false;
}

// Who sees the stop must have seen what came before it.
static void a_stop_does_not_overtake_a_message(void **state)
{
    struct fixture *own = *state;
    for (int round = 0; round < 300; round++) {
        struct late_push late = {.own = own};
        uint64_t deadline_ns = patience_end();
        uint32_t tries = 0;
        int message_count = 0;
        enum tofu_status status = TOFU_OK;
        worker_start(&late.thread, push_and_stop, &late);

        while (status == TOFU_OK && go_on_hot(&tries, deadline_ns)) {
            struct tofu_message *message = NULL;
            status = tf_mailbox_wait(&own->mailbox, 0, &message);
            message_count += message != NULL ? 1 : 0;
        }

        tf_thread_join(&late.thread);
        assert_status(TOFU_SHUTDOWN_STARTED, status);
        assert_int_equal(message_count, 1);
        tf_mailbox_close(&own->mailbox);
        assert_status(TOFU_OK, tf_mailbox_open(&own->mailbox, 0));
    }
}

static void emptying_gives_all_that_is_left_in_order(void **state)
{
    struct fixture *own = *state;
    for (size_t i = 0; i < 3; i++) {
        push(own, i);
    }
    assert_waits(own, 0, 0);
    push(own, 3);
    push(own, 4);

    const struct tofu_message *message = tf_mailbox_empty(&own->mailbox);

    for (size_t i = 1; i < MESSAGE_COUNT; i++) {
        assert_ptr_equal(message, &own->messages[i]);
        message = message->next;
    }
    assert_null(message);
    assert_null(tf_mailbox_empty(&own->mailbox));
}

static void push_in_round(
    struct fixture *own, size_t index, size_t channel, uint64_t round, bool is_mixed)
{
    struct tofu_message *message = &own->messages[index];
    message->due = round;
    message->flow = &own->flows[channel];
    tf_mailbox_push(&own->mailbox, message, message, is_mixed);
}

static void who_has_little_in_it_overtakes_who_has_much(void **state)
{
    struct fixture *own = *state;
    for (size_t i = 0; i < 3; i++) {
        push_in_round(own, i, 0, i + 1, false);
    }
    assert_waits(own, 0, 0);
    assert_int_equal(tf_mailbox_round(&own->mailbox), 1);

    push_in_round(own, 3, 1, 2, true);

    assert_waits(own, 0, 1);
    assert_waits(own, 0, 3);
    push_in_round(own, 4, 1, 3, false); // Sorting goes on until nothing is left.
    assert_waits(own, 0, 2);
    assert_int_equal(tf_mailbox_round(&own->mailbox), 3);
    assert_waits(own, 0, 4);
    assert_nothing(own, TOFU_OK);
    push_in_round(own, 0, 1, 5, false);
    assert_waits(own, 0, 0);
    assert_int_equal(tf_mailbox_round(&own->mailbox), 5);
}

// The flow of what is not sorted yet may be gone with its channel.
static void emptying_gives_all_that_was_sorted_and_what_was_not(void **state)
{
    struct fixture *own = *state;
    for (size_t i = 0; i < 3; i++) {
        push_in_round(own, i, 0, i + 1, false);
    }
    push_in_round(own, 3, 1, 1, true);
    assert_waits(own, 0, 0);
    push_in_round(own, 4, 1, 9, true);
    own->messages[4].flow = (struct tf_flow *)1;

    const struct tofu_message *message = tf_mailbox_empty(&own->mailbox);

    assert_null(own->flows[0].last);
    assert_null(own->flows[1].last);
    static const size_t order[] = {3, 1, 2, 4};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        assert_ptr_equal(message, &own->messages[order[i]]);
        message = message->next;
    }
    assert_null(message);
    assert_null(tf_mailbox_empty(&own->mailbox));
}

static tofu_descriptor descriptor_of(struct fixture *own)
{
    tofu_descriptor descriptor = -1;
    assert_status(TOFU_OK, tf_mailbox_descriptor(&own->mailbox, &descriptor));
    assert_true(descriptor >= 0);
    return descriptor;
}

static bool is_readable(tofu_descriptor descriptor, uint64_t timeout_ns)
{
    return machine_await_descriptor(descriptor, timeout_ns);
}

static void the_descriptor_is_readable_exactly_while_there_is_a_message(void **state)
{
    struct fixture *own = *state;
    tofu_descriptor descriptor = descriptor_of(own);

    assert_false(is_readable(descriptor, 0));
    push(own, 0);
    assert_true(is_readable(descriptor, 0));
    push(own, 1);
    assert_waits(own, 0, 0);
    assert_true(is_readable(descriptor, 0));
    assert_waits(own, 0, 1);
    assert_false(is_readable(descriptor, 0));
    assert_nothing(own, TOFU_OK);
    assert_false(is_readable(descriptor, 0));
}

static void the_descriptor_is_readable_while_there_is_a_sorted_message(void **state)
{
    struct fixture *own = *state;
    tofu_descriptor descriptor = descriptor_of(own);
    push_in_round(own, 0, 0, 1, false);
    push_in_round(own, 1, 0, 2, false);
    push_in_round(own, 2, 1, 1, true);
    static const size_t order[] = {0, 2, 1};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        assert_true(is_readable(descriptor, 0));
        assert_waits(own, 0, order[i]);
    }
    assert_false(is_readable(descriptor, 0));
    assert_nothing(own, TOFU_OK);
    push_in_round(own, 3, 0, 3, true);
    assert_true(is_readable(descriptor, 0));
    assert_waits(own, 0, 3);
    assert_false(is_readable(descriptor, 0));
}

static void a_descriptor_that_is_made_late_is_right_at_once(void **state)
{
    struct fixture *own = *state;
    push(own, 0);
    push(own, 1);
    assert_waits(own, 0, 0);

    tofu_descriptor descriptor = descriptor_of(own);

    assert_true(is_readable(descriptor, 0));
    assert_waits(own, 0, 1);
    assert_false(is_readable(descriptor, 0));
}

static void there_is_one_descriptor(void **state)
{
    struct fixture *own = *state;

    assert_int_equal(descriptor_of(own), descriptor_of(own));
}

static void the_descriptor_of_a_stopped_mailbox_stays_readable(void **state)
{
    struct fixture *own = *state;
    tofu_descriptor descriptor = descriptor_of(own);
    push(own, 0);

    tf_mailbox_stop(&own->mailbox, TOFU_SHUTDOWN_STARTED);

    assert_true(is_readable(descriptor, 0));
    assert_waits(own, 0, 0);
    assert_true(is_readable(descriptor, 0));
    assert_nothing(own, TOFU_SHUTDOWN_STARTED);
    assert_true(is_readable(descriptor, 0));
}

static void push_in_mailbox(void *queue, struct tofu_message *message)
{
    tf_mailbox_push(queue, message, message, false);
}

// A wait that elapses here is a lost wake-up: there is always a message to come.
static void a_waiter_gets_every_racing_push_in_order(void **state)
{
    struct fixture *own = *state;
    static struct producers producers;
    producers_start(&producers, push_in_mailbox, &own->mailbox, 100000);
    bool is_good = true;

    while (is_good && !producers_are_done(&producers)) {
        struct tofu_message *message = NULL;
        uint64_t begin_ns = tf_clock_now();
        enum tofu_status status = tf_mailbox_wait(&own->mailbox, PATIENCE_NS, &message);
        is_good = status == TOFU_OK && message != NULL && was_woken(begin_ns) &&
                  producers_take_back(&producers, message);
    }

    producers_join(&producers);
    assert_true(is_good);
    assert_nothing(own, TOFU_OK);
}

// The same for an event loop, which asks for messages only when the descriptor is readable.
static void an_event_loop_gets_every_racing_push_in_order(void **state)
{
    struct fixture *own = *state;
    static struct producers producers;
    tofu_descriptor descriptor = descriptor_of(own);
    producers_start(&producers, push_in_mailbox, &own->mailbox, 5000);
    bool is_good = true;

    while (is_good && !producers_are_done(&producers)) {
        struct tofu_message *message = NULL;
        is_good = is_readable(descriptor, PATIENCE_NS) &&
                  tf_mailbox_wait(&own->mailbox, 0, &message) == TOFU_OK && message != NULL &&
                  producers_take_back(&producers, message);
    }

    producers_join(&producers);
    assert_true(is_good);
    assert_false(is_readable(descriptor, 0));
}

#define BOUNCE_COUNT 20000

struct bouncer {
    struct tf_thread thread;
    struct tf_mailbox *from;
    struct tf_mailbox *to;
    int bounced;
};

static bool bounce(void *context)
{
    struct bouncer *own = context;
    struct tofu_message *message = NULL;
    uint64_t begin_ns = tf_clock_now();
    enum tofu_status status = tf_mailbox_wait(own->from, PATIENCE_NS, &message);
    if (status != TOFU_OK || message == NULL || !was_woken(begin_ns)) {
        return false;
    }
    own->bounced++;
    tf_mailbox_push(own->to, message, message, false);
    return own->bounced < BOUNCE_COUNT;
}

// With one message for two mailboxes each wait finds its mailbox empty and has to sleep.
static void a_message_bounces_between_two_waiters_without_a_lost_wake_up(void **state)
{
    struct fixture *own = *state;
    struct tf_mailbox other;
    assert_status(TOFU_OK, tf_mailbox_open(&other, 0));
    struct bouncer bouncers[2] = {
        {.from = &own->mailbox, .to = &other}, {.from = &other, .to = &own->mailbox}};
    worker_start(&bouncers[0].thread, bounce, &bouncers[0]);
    worker_start(&bouncers[1].thread, bounce, &bouncers[1]);

    push(own, 0);

    tf_thread_join(&bouncers[0].thread);
    tf_thread_join(&bouncers[1].thread);
    assert_int_equal(bouncers[0].bounced, BOUNCE_COUNT);
    assert_int_equal(bouncers[1].bounced, BOUNCE_COUNT);
    assert_waits(own, 0, 0);
    tf_mailbox_close(&other);
}

#define HAND_OVER_COUNT 100000

// Pushes its one message again the moment it has been taken.
struct eager {
    struct tf_thread thread;
    struct fixture *own;
    _Atomic uint32_t taken_count;
    uint32_t pushed_count;
    uint32_t tries;
    uint64_t deadline_ns;
};

static bool push_at_once(void *context)
{
    struct eager *eager = context;
    if (atomic_load(&eager->taken_count) != eager->pushed_count) {
        return go_on_hot(&eager->tries, eager->deadline_ns);
    }
    eager->pushed_count++;
    push(eager->own, 0);
    return eager->pushed_count < HAND_OVER_COUNT;
}

// The waiter has found nothing and is about to sleep: the very moment in which a wake-up could be lost.
static void a_push_to_a_waiter_that_falls_asleep_is_not_slept_over(void **state)
{
    struct fixture *own = *state;
    struct eager eager = {.own = own, .deadline_ns = patience_end()};
    bool is_good = true;
    worker_start(&eager.thread, push_at_once, &eager);

    for (uint32_t i = 1; is_good && i <= HAND_OVER_COUNT; i++) {
        struct tofu_message *message = NULL;
        uint64_t begin_ns = tf_clock_now();
        enum tofu_status status = tf_mailbox_wait(&own->mailbox, PATIENCE_NS, &message);
        is_good = status == TOFU_OK && message != NULL && was_woken(begin_ns);
        atomic_store(&eager.taken_count, i);
    }

    tf_thread_join(&eager.thread);
    assert_true(is_good);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_mailbox_has_nothing_and_no_error),
        TEST(messages_come_out_in_the_order_they_went_in),
        TEST(a_chain_comes_out_oldest_first_and_one_by_one),
        TEST(a_wait_that_elapses_is_no_error_and_not_early),
        TEST(a_push_wakes_the_waiter),
        TEST(a_push_wakes_who_would_wait_for_ever),
        TEST(a_stopped_mailbox_answers_its_status_once_it_is_empty),
        TEST(a_stopped_mailbox_still_gives_what_comes),
        TEST(a_stop_wakes_the_waiter),
        TEST(a_stop_does_not_overtake_a_message),
        TEST(emptying_gives_all_that_is_left_in_order),
        TEST(who_has_little_in_it_overtakes_who_has_much),
        TEST(emptying_gives_all_that_was_sorted_and_what_was_not),
        TEST(the_descriptor_is_readable_exactly_while_there_is_a_message),
        TEST(the_descriptor_is_readable_while_there_is_a_sorted_message),
        TEST(a_descriptor_that_is_made_late_is_right_at_once),
        TEST(there_is_one_descriptor),
        TEST(the_descriptor_of_a_stopped_mailbox_stays_readable),
        TEST(a_waiter_gets_every_racing_push_in_order),
        TEST(an_event_loop_gets_every_racing_push_in_order),
        TEST(a_push_to_a_waiter_that_falls_asleep_is_not_slept_over),
        TEST(a_message_bounces_between_two_waiters_without_a_lost_wake_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
