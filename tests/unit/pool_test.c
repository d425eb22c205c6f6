// SPDX-License-Identifier: MIT
// Who has how many messages: the three populations, their limits, and waiting for one to come back.
#include "unit/expect.h"

#include <string.h>

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

// Only its address matters.
static struct tofu_engine *fake_engine(void)
{
    return (struct tofu_engine *)(void *)&fixture;
}

static int open_pool(void **state, uint64_t initial, uint64_t messages_max)
{
    memset(&fixture, 0, sizeof fixture);
    fault_allocator_open(&fixture.fault);
    fixture.allocator = fault_allocator_functions(&fixture.fault);
    *state = &fixture;
    enum tofu_status status =
        tf_pool_open(&fixture.pool, &fixture.allocator, fake_engine(), initial, messages_max);
    return status == TOFU_OK ? 0 : -1;
}

static int set_up(void **state)
{
    return open_pool(state, 2, 4);
}

static int set_up_one(void **state)
{
    return open_pool(state, 1, 1);
}

static int tear_down(void **state)
{
    struct fixture *own = *state;
    tf_pool_close(&own->pool);
    return own->pool.alive_count == 0 && fault_allocator_is_clean(&own->fault) ? 0 : -1;
}

static struct tofu_message *get(struct fixture *own, enum tofu_strategy strategy)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tf_pool_get(&own->pool, strategy, &message));
    assert_true(message == NULL || message->population == TF_MADE);
    return message;
}

static struct tofu_message *get_incoming(struct fixture *own, bool is_forced)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tf_pool_get_incoming(&own->pool, is_forced, &message));
    assert_true(message == NULL || message->population == TF_INCOMING);
    return message;
}

static void assert_counts(struct fixture *own, uint64_t idle, uint64_t made, uint64_t incoming)
{
    assert_int_equal(own->pool.idle_count, idle);
    assert_int_equal(own->pool.made_count, made);
    assert_int_equal(own->pool.incoming_count, incoming);
}

static void the_initial_messages_are_idle(void **state)
{
    struct fixture *own = *state;

    assert_counts(own, 2, 2, 0);
    assert_int_equal(own->pool.alive_count, 2);
    struct tofu_message *message = get(own, TOFU_POOL_ONLY);
    assert_ptr_equal(message->engine, fake_engine());
    assert_null(message->next);
    tf_pool_put(&own->pool, message);
}

static void pool_only_gives_up_to_the_maximum_and_then_nothing(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *messages[4];
    for (int i = 0; i < 4; i++) {
        messages[i] = get(own, TOFU_POOL_ONLY);
        assert_non_null(messages[i]);
    }

    assert_null(get(own, TOFU_POOL_ONLY));

    assert_counts(own, 0, 4, 0);
    tf_pool_put(&own->pool, messages[0]);
    assert_ptr_equal(get(own, TOFU_POOL_ONLY), messages[0]);
    for (int i = 0; i < 4; i++) {
        tf_pool_put(&own->pool, messages[i]);
    }
    assert_counts(own, 4, 4, 0);
}

static void always_gives_beyond_the_maximum_and_put_frees_what_is_too_much(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *messages[6];
    for (int i = 0; i < 6; i++) {
        messages[i] = get(own, TOFU_ALWAYS);
        assert_non_null(messages[i]);
    }
    assert_counts(own, 0, 6, 0);

    for (int i = 0; i < 6; i++) {
        tf_pool_put(&own->pool, messages[i]);
    }

    assert_counts(own, 4, 4, 0);
    assert_int_equal(own->pool.alive_count, 4);
}

// Its memory is the one that is most likely still in a cache.
static void the_message_put_last_is_given_first(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *first = get(own, TOFU_POOL_ONLY);
    struct tofu_message *second = get(own, TOFU_POOL_ONLY);
    tf_pool_put(&own->pool, second);
    tf_pool_put(&own->pool, first);

    assert_ptr_equal(get(own, TOFU_POOL_ONLY), first);
    assert_ptr_equal(get(own, TOFU_POOL_ONLY), second);

    tf_pool_put(&own->pool, first);
    tf_pool_put(&own->pool, second);
}

static void a_message_comes_back_as_fresh_as_it_was(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *message = get(own, TOFU_POOL_ONLY);
    assert_status(TOFU_OK, tofu_message_set_body(message, "body", 4));
    assert_status(TOFU_OK, tofu_message_append_text(message, "name", "value"));
    message->header = (struct tofu_header){.channel = 3, .opcode = TOFU_SIGNAL, .id = 4};
    message->user = own;
    message->group = (struct tofu_group *)(void *)own;
    message->ticket = 5;
    message->is_update = true;
    tf_pool_put(&own->pool, message);

    assert_ptr_equal(get(own, TOFU_POOL_ONLY), message);

    const struct tofu_header fresh = {0};
    assert_memory_equal(&message->header, &fresh, sizeof fresh);
    assert_int_equal(message->body.size, 0);
    assert_int_equal(message->text.size, 0);
    assert_null(message->user);
    assert_null(message->group);
    assert_int_equal(message->ticket, 0);
    assert_false(message->is_update);
    tf_pool_put(&own->pool, message);
}

static void receiving_has_a_budget_of_its_own(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *made[4];
    struct tofu_message *incoming[4];
    for (int i = 0; i < 4; i++) {
        made[i] = get(own, TOFU_POOL_ONLY);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(tf_pool_has_budget(&own->pool));
        incoming[i] = get_incoming(own, false);
        assert_non_null(incoming[i]);
    }

    assert_false(tf_pool_has_budget(&own->pool));
    assert_null(get_incoming(own, false));

    assert_counts(own, 0, 4, 4);
    for (int i = 0; i < 4; i++) {
        tf_pool_put(&own->pool, made[i]);
        assert_false(tf_pool_has_budget(&own->pool));
    }
    tf_pool_put(&own->pool, incoming[0]);
    assert_true(tf_pool_has_budget(&own->pool));
    for (int i = 1; i < 4; i++) {
        tf_pool_put(&own->pool, incoming[i]);
    }
    assert_counts(own, 4, 4, 0);
}

static void received_messages_do_not_keep_the_application_from_getting_its_own(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *incoming[4];
    struct tofu_message *made[4];
    for (int i = 0; i < 4; i++) {
        incoming[i] = get_incoming(own, false);
    }

    for (int i = 0; i < 4; i++) {
        made[i] = get(own, TOFU_POOL_ONLY);
        assert_non_null(made[i]);
    }

    assert_null(get(own, TOFU_POOL_ONLY));
    for (int i = 0; i < 4; i++) {
        tf_pool_put(&own->pool, made[i]);
        tf_pool_put(&own->pool, incoming[i]);
    }
}

// At shutdown Byes are received whatever the budget says.
static void a_forced_message_goes_beyond_the_budget(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *incoming[5];
    for (int i = 0; i < 5; i++) {
        incoming[i] = get_incoming(own, true);
        assert_non_null(incoming[i]);
    }

    assert_null(get_incoming(own, false));

    tf_pool_put(&own->pool, incoming[4]);
    assert_false(tf_pool_has_budget(&own->pool));
    tf_pool_put(&own->pool, incoming[3]);
    assert_true(tf_pool_has_budget(&own->pool));
    for (int i = 0; i < 3; i++) {
        tf_pool_put(&own->pool, incoming[i]);
    }
}

static void a_received_message_that_is_posted_leaves_the_budget(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *message = get_incoming(own, false);
    assert_counts(own, 1, 1, 1);

    assert_false(tf_pool_adopt(&own->pool, message));

    assert_int_equal(message->population, TF_MADE);
    assert_counts(own, 1, 2, 0);
    assert_false(tf_pool_adopt(&own->pool, message));
    assert_counts(own, 1, 2, 0);
    tf_pool_put(&own->pool, message);
    assert_counts(own, 2, 2, 0);
}

static void a_notice_counts_as_nothing_until_it_is_put_or_posted(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *put = tf_pool_make_notice(&own->pool);
    struct tofu_message *posted = tf_pool_make_notice(&own->pool);
    assert_non_null(put);
    assert_non_null(posted);
    assert_int_equal(put->population, TF_NOTICE);
    assert_counts(own, 2, 2, 0);

    tf_pool_put(&own->pool, put);
    assert_false(tf_pool_adopt(&own->pool, posted));

    assert_int_equal(put->population, TF_MADE);
    assert_counts(own, 3, 4, 0);
    tf_pool_put(&own->pool, posted);
}

static void a_notice_is_freed_when_enough_are_idle(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *notice = tf_pool_make_notice(&own->pool);

    assert_false(tf_pool_put(&own->pool, notice));

    assert_counts(own, 1, 1, 0);
    assert_int_equal(own->pool.alive_count, 1);
}

// The I/O thread sleeps over an empty budget; whoever puts something back has to know.
static void putting_and_posting_say_that_somebody_starves(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *put = get_incoming(own, false);
    struct tofu_message *posted = get_incoming(own, false);
    struct tofu_message *queued = get_incoming(own, false);
    struct tofu_message *made = get(own, TOFU_ALWAYS);
    struct tofu_message *notice = tf_pool_make_notice(&own->pool);
    struct tf_message_queue queue = {0};
    tf_message_queue_append(&queue, queued);

    atomic_store(&own->pool.is_starving, true);

    assert_true(tf_pool_put(&own->pool, put));
    assert_true(tf_pool_adopt(&own->pool, posted));
    assert_false(tf_pool_adopt(&own->pool, made));
    assert_false(tf_pool_adopt(&own->pool, notice)); // It was in nobody's budget.
    assert_true(tf_pool_put_queue(&own->pool, &queue));
    atomic_store(&own->pool.is_starving, false);
    assert_false(tf_pool_put(&own->pool, posted));
    assert_false(tf_pool_put(&own->pool, made));
    assert_false(tf_pool_put(&own->pool, notice));
}

static void a_queue_is_put_back_as_a_whole(void **state)
{
    struct fixture *own = *state;
    struct tf_message_queue queue = {0};
    assert_false(tf_pool_put_queue(&own->pool, &queue));
    for (int i = 0; i < 3; i++) {
        tf_message_queue_append(&queue, get(own, TOFU_ALWAYS));
        tf_message_queue_append(&queue, get_incoming(own, false));
    }
    assert_counts(own, 0, 3, 3);

    assert_false(tf_pool_put_queue(&own->pool, &queue));

    assert_null(queue.first);
    assert_int_equal(queue.count, 0);
    assert_counts(own, 4, 4, 0);
    assert_int_equal(own->pool.alive_count, 4);
}

static void a_pool_of_one_gives_one_of_each(void **state)
{
    struct fixture *own = *state;

    struct tofu_message *made = get(own, TOFU_POOL_ONLY);
    struct tofu_message *incoming = get_incoming(own, false);

    assert_non_null(made);
    assert_non_null(incoming);
    assert_null(get(own, TOFU_POOL_ONLY));
    assert_null(get_incoming(own, false));
    tf_pool_put(&own->pool, incoming);
    assert_counts(own, 1, 2, 0);
    tf_pool_put(&own->pool, made);
    assert_counts(own, 1, 1, 0);
}

static void without_memory_at_the_start_nothing_is_left_behind(void **state)
{
    (void)state;
    for (size_t nth = 1; nth <= 3; nth++) {
        struct fault_allocator fault;
        fault_allocator_open(&fault);
        struct tofu_allocator allocator = fault_allocator_functions(&fault);
        struct tf_pool pool;
        fault_allocator_fail(&fault, nth, 1);

        assert_status(TOFU_ALLOCATION_FAILED, tf_pool_open(&pool, &allocator, fake_engine(), 3, 3));

        assert_true(fault_allocator_is_clean(&fault));
    }
}

static void a_refused_allocation_changes_no_count(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *idle[2] = {get(own, TOFU_POOL_ONLY), get(own, TOFU_POOL_ONLY)};
    struct tofu_message *message = NULL;
    fault_allocator_fail(&own->fault, 1, SIZE_MAX);

    assert_status(TOFU_ALLOCATION_FAILED, tf_pool_get(&own->pool, TOFU_POOL_ONLY, &message));
    assert_status(TOFU_ALLOCATION_FAILED, tf_pool_get(&own->pool, TOFU_ALWAYS, &message));
    assert_status(TOFU_ALLOCATION_FAILED, tf_pool_get_within(&own->pool, 0, &message));
    assert_status(TOFU_ALLOCATION_FAILED, tf_pool_get_incoming(&own->pool, false, &message));
    assert_null(tf_pool_make_notice(&own->pool));

    assert_null(message);
    assert_counts(own, 0, 2, 0);
    assert_int_equal(own->pool.alive_count, 2);
    fault_allocator_mend(&own->fault);
    message = get(own, TOFU_POOL_ONLY);
    assert_non_null(message);
    tf_pool_put(&own->pool, message);
    tf_pool_put(&own->pool, idle[0]);
    tf_pool_put(&own->pool, idle[1]);
}

static void a_stopped_pool_gives_nothing_but_takes_back(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *held = get(own, TOFU_POOL_ONLY);
    struct tofu_message *message = NULL;

    tf_pool_stop(&own->pool);

    assert_status(TOFU_SHUTDOWN_STARTED, tf_pool_get(&own->pool, TOFU_POOL_ONLY, &message));
    assert_status(TOFU_SHUTDOWN_STARTED, tf_pool_get(&own->pool, TOFU_ALWAYS, &message));
    assert_status(TOFU_SHUTDOWN_STARTED, tf_pool_get_within(&own->pool, PATIENCE_NS, &message));
    assert_null(message);
    tf_pool_put(&own->pool, held);
    assert_counts(own, 2, 2, 0);
}

// A model that knows only the rules of PROTOCOL.md, section 7.
#define HELD_COUNT_MAX 24

struct model {
    struct tofu_message *held[HELD_COUNT_MAX];
    enum tf_population population[HELD_COUNT_MAX];
    size_t held_count;
    uint64_t messages_max;
    uint64_t idle;
    uint64_t made; ///< idle ones included
    uint64_t incoming;
};

static void model_hold(struct model *model, struct tofu_message *message, enum tf_population as)
{
    model->held[model->held_count] = message;
    model->population[model->held_count] = as;
    model->held_count++;
    model->made += as == TF_MADE ? 1 : 0;
    model->incoming += as == TF_INCOMING ? 1 : 0;
}

// Gives the message back to the model's idle ones, or frees it.
static struct tofu_message *model_release(struct model *model, size_t index)
{
    struct tofu_message *message = model->held[index];
    model->made -= model->population[index] == TF_MADE ? 1 : 0;
    model->incoming -= model->population[index] == TF_INCOMING ? 1 : 0;
    model->held_count--;
    model->held[index] = model->held[model->held_count];
    model->population[index] = model->population[model->held_count];
    if (model->idle < model->messages_max) {
        model->idle++;
        model->made++;
    }
    return message;
}

// What was idle is made no more, or not yet again.
static void model_take_idle(struct model *model)
{
    if (model->idle > 0) {
        model->idle--;
        model->made--;
    }
}

static void step_get(struct fixture *own, struct model *model, enum tofu_strategy strategy)
{
    bool gives = model->idle > 0 || strategy == TOFU_ALWAYS || model->made < model->messages_max;
    struct tofu_message *message = get(own, strategy);
    assert_true((message != NULL) == gives);
    if (message != NULL) {
        model_take_idle(model);
        model_hold(model, message, TF_MADE);
    }
}

static void step_get_incoming(struct fixture *own, struct model *model, bool is_forced)
{
    bool gives = is_forced || model->incoming < model->messages_max;
    assert_int_equal(tf_pool_has_budget(&own->pool), model->incoming < model->messages_max);
    struct tofu_message *message = get_incoming(own, is_forced);
    assert_true((message != NULL) == gives);
    if (message != NULL) {
        model_take_idle(model);
        model_hold(model, message, TF_INCOMING);
    }
}

static void step_give_back(struct fixture *own, struct model *model, struct random_source *random)
{
    if (random_below(random, 4) != 0) {
        tf_pool_put(&own->pool, model_release(model, random_below(random, model->held_count)));
        return;
    }
    struct tf_message_queue queue = {0};
    for (size_t i = random_below(random, model->held_count) + 1; i > 0; i--) {
        tf_message_queue_append(
            &queue, model_release(model, random_below(random, model->held_count)));
    }
    tf_pool_put_queue(&own->pool, &queue);
}

static void step_adopt(struct fixture *own, struct model *model, size_t index)
{
    struct tofu_message *message = model->held[index];
    model->made += model->population[index] != TF_MADE ? 1 : 0;
    model->incoming -= model->population[index] == TF_INCOMING ? 1 : 0;
    model->population[index] = TF_MADE;
    tf_pool_adopt(&own->pool, message);
    assert_int_equal(message->population, TF_MADE);
}

static void step_any(struct fixture *own, struct model *model, struct random_source *random)
{
    size_t choice = random_below(random, 10);
    bool is_full = model->held_count == HELD_COUNT_MAX;
    if (model->held_count > 0 && (is_full || choice >= 6)) {
        step_give_back(own, model, random);
    } else if (choice < 2) {
        step_get(own, model, choice == 0 ? TOFU_ALWAYS : TOFU_POOL_ONLY);
    } else if (choice < 4) {
        step_get_incoming(own, model, random_below(random, 8) == 0);
    } else if (choice == 4) {
        struct tofu_message *notice = tf_pool_make_notice(&own->pool);
        assert_non_null(notice);
        model_hold(model, notice, TF_NOTICE);
    } else if (model->held_count > 0) {
        step_adopt(own, model, random_below(random, model->held_count));
    }
}

static void the_counts_agree_with_a_model_over_random_sequences(void **state)
{
    (void)state;
    const uint64_t sizes[][2] = {{0, 1}, {1, 1}, {1, 2}, {2, 5}, {5, 5}, {3, 20}, {0, UINT64_MAX}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *pool_state = NULL;
        assert_int_equal(open_pool(&pool_state, sizes[i][0], sizes[i][1]), 0);
        struct fixture *own = pool_state;
        struct random_source random = {.state = i};
        struct model model = {
            .messages_max = sizes[i][1], .idle = sizes[i][0], .made = sizes[i][0]};

        for (int step = 0; step < 20000; step++) {
            step_any(own, &model, &random);
            assert_counts(own, model.idle, model.made, model.incoming);
            assert_int_equal(own->pool.alive_count, model.idle + model.held_count);
        }

        while (model.held_count > 0) {
            tf_pool_put(&own->pool, model_release(&model, 0));
        }
        assert_int_equal(tear_down(&pool_state), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_initial_messages_are_idle),
        TEST(pool_only_gives_up_to_the_maximum_and_then_nothing),
        TEST(always_gives_beyond_the_maximum_and_put_frees_what_is_too_much),
        TEST(the_message_put_last_is_given_first),
        TEST(a_message_comes_back_as_fresh_as_it_was),
        TEST(receiving_has_a_budget_of_its_own),
        TEST(received_messages_do_not_keep_the_application_from_getting_its_own),
        TEST(a_forced_message_goes_beyond_the_budget),
        TEST(a_received_message_that_is_posted_leaves_the_budget),
        TEST(a_notice_counts_as_nothing_until_it_is_put_or_posted),
        cmocka_unit_test_setup_teardown(
            a_notice_is_freed_when_enough_are_idle, set_up_one, tear_down),
        TEST(putting_and_posting_say_that_somebody_starves),
        TEST(a_queue_is_put_back_as_a_whole),
        cmocka_unit_test_setup_teardown(a_pool_of_one_gives_one_of_each, set_up_one, tear_down),
        cmocka_unit_test(without_memory_at_the_start_nothing_is_left_behind),
        TEST(a_refused_allocation_changes_no_count),
        TEST(a_stopped_pool_gives_nothing_but_takes_back),
        cmocka_unit_test(the_counts_agree_with_a_model_over_random_sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
