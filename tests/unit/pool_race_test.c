// SPDX-License-Identifier: MIT
// The pool and many threads: waiting for a message, and limits that hold while all ask at once.
#include "unit/expect.h"

#include <stdlib.h>
#include <string.h>

#include <tofu/group.h>

#include "engine/pool.h"
#include "support/fault_allocator.h"
#include "unit/random.h"
#include "unit/workers.h"

struct fixture {
    struct fault_allocator fault;
    struct tofu_allocator allocator;
    struct tf_pool pool;
};

static struct fixture fixture;

static int open_pool(void **state, uint64_t messages_max)
{
    memset(&fixture, 0, sizeof fixture);
    fault_allocator_open(&fixture.fault);
    fixture.allocator = fault_allocator_functions(&fixture.fault);
    *state = &fixture;
    enum tofu_status status =
        tf_pool_open(&fixture.pool, &fixture.allocator, NULL, messages_max, messages_max);
    return status == TOFU_OK ? 0 : -1;
}

static int set_up_one(void **state)
{
    return open_pool(state, 1);
}

static int set_up_three(void **state)
{
    return open_pool(state, 3);
}

static int tear_down(void **state)
{
    struct fixture *own = *state;
    tf_pool_close(&own->pool);
    return own->pool.alive_count == 0 && fault_allocator_is_clean(&own->fault) ? 0 : -1;
}

static struct tofu_message *get(struct fixture *own)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tf_pool_get_within(&own->pool, 0, &message));
    assert_non_null(message);
    return message;
}

static void a_message_that_is_there_is_given_without_waiting(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *message = NULL;

    assert_status(TOFU_OK, tf_pool_get_within(&own->pool, TOFU_WAIT_FOREVER, &message));

    assert_non_null(message);
    tf_pool_put(&own->pool, message);
}

static void a_wait_in_vain_times_out_and_not_early(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *held = get(own);
    struct tofu_message *message = NULL;
    uint64_t begin_ns = tf_clock_now();

    assert_status(TOFU_TIMED_OUT, tf_pool_get_within(&own->pool, 0, &message));
    assert_status(TOFU_TIMED_OUT, tf_pool_get_within(&own->pool, 2 * TF_MILLISECOND, &message));

    assert_null(message);
    assert_true(tf_clock_now() - begin_ns >= 2 * TF_MILLISECOND);
    assert_int_equal(own->pool.returned.waiters, 0);
    tf_pool_put(&own->pool, held);
}

// Does something to the pool as soon as somebody waits for a message.
struct helper {
    struct tf_thread thread;
    struct fixture *own;
    struct tofu_message *message;
    bool saw_waiter; ///< or whatever else it had to see
};

static bool put_when_awaited(void *context)
{
    struct helper *helper = context;
    helper->saw_waiter = word_becomes(&helper->own->pool.returned.waiters, 1);
    tf_pool_put(&helper->own->pool, helper->message);
    return false;
}

static bool put_queue_when_awaited(void *context)
{
    struct helper *helper = context;
    struct tf_message_queue queue = {0};
    tf_message_queue_append(&queue, helper->message);
    helper->saw_waiter = word_becomes(&helper->own->pool.returned.waiters, 1);
    tf_pool_put_queue(&helper->own->pool, &queue);
    return false;
}

static bool stop_when_awaited(void *context)
{
    struct helper *helper = context;
    helper->saw_waiter = word_becomes(&helper->own->pool.returned.waiters, 1);
    tf_pool_stop(&helper->own->pool);
    return false;
}

static void assert_wakes(struct fixture *own, tf_thread_step step)
{
    for (int round = 0; round < 100; round++) {
        struct helper helper = {.own = own, .message = get(own)};
        struct tofu_message *message = NULL;
        worker_start(&helper.thread, step, &helper);

        enum tofu_status status = tf_pool_get_within(&own->pool, TOFU_WAIT_FOREVER, &message);

        tf_thread_join(&helper.thread);
        assert_status(TOFU_OK, status);
        assert_ptr_equal(message, helper.message);
        assert_true(helper.saw_waiter);
        tf_pool_put(&own->pool, message);
    }
}

static void a_put_wakes_the_waiter(void **state)
{
    assert_wakes(*state, put_when_awaited);
}

static void a_queue_that_is_put_wakes_the_waiter(void **state)
{
    assert_wakes(*state, put_queue_when_awaited);
}

static void a_stop_wakes_the_waiter(void **state)
{
    struct fixture *own = *state;
    struct helper helper = {.own = own};
    struct tofu_message *held = get(own);
    struct tofu_message *message = NULL;
    worker_start(&helper.thread, stop_when_awaited, &helper);

    enum tofu_status status = tf_pool_get_within(&own->pool, TOFU_WAIT_FOREVER, &message);

    tf_thread_join(&helper.thread);
    assert_status(TOFU_SHUTDOWN_STARTED, status);
    assert_null(message);
    assert_true(helper.saw_waiter);
    tf_pool_put(&own->pool, held);
}

// Fails the first allocation it is asked for, but only when somebody waits for what comes of it.
struct slow_allocator {
    struct tf_pool *pool;
    _Atomic uint32_t asked_count;
    bool saw_waiter;
};

static void *fail_slowly_once(void *context, size_t size)
{
    struct slow_allocator *own = context;
    if (atomic_fetch_add(&own->asked_count, 1) > 0) {
        return malloc(size);
    }
    own->saw_waiter = word_becomes(&own->pool->returned.waiters, 1);
    for (int i = 0; i < 50; i++) {
        machine_yield(); // By now it has looked, and is parked.
    }
    return NULL;
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

static bool get_in_vain(void *context)
{
    struct helper *helper = context;
    enum tofu_status status = tf_pool_get(&helper->own->pool, TOFU_POOL_ONLY, &helper->message);
    helper->saw_waiter = status == TOFU_ALLOCATION_FAILED;
    return false;
}

// Who is about to make the last message that may be made cannot: then the next one may.
static void an_allocation_that_fails_wakes_who_waits_for_its_place(void **state)
{
    (void)state;
    struct fixture *own = &fixture;
    struct slow_allocator slow = {.pool = &own->pool};
    struct tofu_allocator allocator = {
        .allocate = fail_slowly_once, .release = release, .context = &slow};
    assert_status(TOFU_OK, tf_pool_open(&own->pool, &allocator, NULL, 0, 1));
    struct helper helper = {.own = own};
    struct tofu_message *message = NULL;
    worker_start(&helper.thread, get_in_vain, &helper);
    assert_true(word_becomes(&slow.asked_count, 1));
    uint64_t begin_ns = tf_clock_now();

    enum tofu_status status = tf_pool_get_within(&own->pool, PATIENCE_NS, &message);

    assert_true(was_woken(begin_ns));
    tf_thread_join(&helper.thread);
    assert_true(slow.saw_waiter);
    assert_true(helper.saw_waiter);
    assert_status(TOFU_OK, status);
    assert_non_null(message);
    tf_pool_put(&own->pool, message);
    tf_pool_close(&own->pool);
}

static bool get_and_hold(void *context)
{
    struct helper *helper = context;
    uint64_t begin_ns = tf_clock_now();
    enum tofu_status status = tf_pool_get_within(&helper->own->pool, PATIENCE_NS, &helper->message);
    helper->saw_waiter = status == TOFU_OK && was_woken(begin_ns);
    return false;
}

// The idle message that came back goes into receiving before the waiter is awake: it may make another.
static void a_waiter_gets_a_message_though_receiving_took_the_idle_one(void **state)
{
    struct fixture *own = *state;
    for (int round = 0; round < 200; round++) {
        struct helper helper = {.own = own};
        struct tofu_message *held = get(own);
        struct tofu_message *incoming = NULL;
        worker_start(&helper.thread, get_and_hold, &helper);
        assert_true(word_becomes(&own->pool.returned.waiters, 1));

        tf_pool_put(&own->pool, held);
        assert_status(TOFU_OK, tf_pool_get_incoming(&own->pool, false, &incoming));

        tf_thread_join(&helper.thread);
        assert_true(helper.saw_waiter);
        tf_pool_put(&own->pool, helper.message);
        tf_pool_put(&own->pool, incoming);
    }
}

#define USER_COUNT 4
#define TURN_COUNT 30000

struct user {
    struct tf_thread thread;
    struct fixture *own;
    int turns;
    bool got_in_time;
};

static _Atomic uint64_t held_count;
static _Atomic uint64_t held_count_max;

static void note_held(void)
{
    uint64_t now = atomic_fetch_add(&held_count, 1) + 1;
    uint64_t most = atomic_load(&held_count_max);
    while (now > most && !atomic_compare_exchange_weak(&held_count_max, &most, now)) {
        // Another thread has just noted its own.
    }
}

static bool use_one(void *context)
{
    struct user *user = context;
    struct tofu_message *message = NULL;
    uint64_t begin_ns = tf_clock_now();
    enum tofu_status status = tf_pool_get_within(&user->own->pool, PATIENCE_NS, &message);
    user->got_in_time = status == TOFU_OK && message != NULL && was_woken(begin_ns);
    if (!user->got_in_time) {
        return false;
    }
    note_held();
    user->turns++;
    if (user->turns % 8 == 0) {
        machine_yield(); // So that the others find the pool empty.
    }
    atomic_fetch_sub(&held_count, 1);
    tf_pool_put(&user->own->pool, message);
    return user->turns < TURN_COUNT;
}

static void assert_all_get_their_turns(struct fixture *own, uint64_t messages_max)
{
    struct user users[USER_COUNT] = {0};
    atomic_store(&held_count_max, 0);
    for (int i = 0; i < USER_COUNT; i++) {
        users[i].own = own;
        worker_start(&users[i].thread, use_one, &users[i]);
    }

    for (int i = 0; i < USER_COUNT; i++) {
        tf_thread_join(&users[i].thread);
    }

    for (int i = 0; i < USER_COUNT; i++) {
        assert_true(users[i].got_in_time);
        assert_int_equal(users[i].turns, TURN_COUNT);
    }
    assert_true(held_count_max <= messages_max);
    assert_int_equal(own->pool.alive_count, messages_max);
    assert_int_equal(own->pool.idle_count, messages_max);
    assert_int_equal(own->pool.returned.waiters, 0);
}

static void four_threads_share_one_message_and_none_sleeps_for_ever(void **state)
{
    assert_all_get_their_turns(*state, 1);
}

static void four_threads_share_three_messages_and_none_sleeps_for_ever(void **state)
{
    assert_all_get_their_turns(*state, 3);
}

struct mixer {
    struct tf_thread thread;
    struct fixture *own;
    struct random_source random;
    int turns;
};

// Asks in every way there is but those of the I/O thread.
static bool mix(void *context)
{
    struct mixer *mixer = context;
    struct tf_pool *pool = &mixer->own->pool;
    struct tofu_message *message = NULL;
    size_t choice = random_below(&mixer->random, 4);
    if (choice == 0) {
        message = tf_pool_make_notice(pool);
    } else {
        enum tofu_status status =
            tf_pool_get(pool, choice == 1 ? TOFU_ALWAYS : TOFU_POOL_ONLY, &message);
        if (status != TOFU_OK) {
            return false;
        }
    }
    if (message != NULL) {
        if (random_below(&mixer->random, 2) == 0) {
            (void)tf_pool_adopt(pool, message);
        }
        (void)tf_pool_put(pool, message);
    }
    mixer->turns++;
    return mixer->turns < TURN_COUNT;
}

// The I/O thread's part: it receives, and gives to the application or back.
static bool receive(void *context)
{
    struct mixer *mixer = context;
    struct tf_pool *pool = &mixer->own->pool;
    struct tofu_message *message = NULL;
    if (tf_pool_get_incoming(pool, random_below(&mixer->random, 4) == 0, &message) != TOFU_OK) {
        return false;
    }
    if (message != NULL) {
        if (random_below(&mixer->random, 2) == 0) {
            (void)tf_pool_adopt(pool, message);
        }
        (void)tf_pool_put(pool, message);
    }
    mixer->turns++;
    return mixer->turns < TURN_COUNT;
}

static void the_counts_are_right_when_all_have_put_back_what_they_had(void **state)
{
    struct fixture *own = *state;
    struct mixer mixers[USER_COUNT] = {0};
    for (uint64_t i = 0; i < USER_COUNT; i++) {
        mixers[i].own = own;
        mixers[i].random.state = i;
        worker_start(&mixers[i].thread, i == 0 ? receive : mix, &mixers[i]);
    }

    for (int i = 0; i < USER_COUNT; i++) {
        tf_thread_join(&mixers[i].thread);
    }

    for (int i = 0; i < USER_COUNT; i++) {
        assert_int_equal(mixers[i].turns, TURN_COUNT);
    }
    assert_true(own->pool.idle_count <= 3);
    assert_int_equal(own->pool.made_count, own->pool.idle_count);
    assert_int_equal(own->pool.alive_count, own->pool.idle_count);
    assert_int_equal(own->pool.incoming_count, 0);
}

#define ONE_TEST(name)   cmocka_unit_test_setup_teardown(name, set_up_one, tear_down)
#define THREE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_three, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE_TEST(a_message_that_is_there_is_given_without_waiting),
        ONE_TEST(a_wait_in_vain_times_out_and_not_early),
        ONE_TEST(a_put_wakes_the_waiter),
        ONE_TEST(a_queue_that_is_put_wakes_the_waiter),
        ONE_TEST(a_stop_wakes_the_waiter),
        cmocka_unit_test(an_allocation_that_fails_wakes_who_waits_for_its_place),
        ONE_TEST(a_waiter_gets_a_message_though_receiving_took_the_idle_one),
        ONE_TEST(four_threads_share_one_message_and_none_sleeps_for_ever),
        THREE_TEST(four_threads_share_three_messages_and_none_sleeps_for_ever),
        THREE_TEST(the_counts_are_right_when_all_have_put_back_what_they_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
