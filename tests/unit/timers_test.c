// SPDX-License-Identifier: MIT
// Deadlines come out earliest first, whatever happens to the heap meanwhile.
#include "unit/expect.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/timers.h"
#include "unit/random.h"

static void no_timers_means_no_deadline(void **state)
{
    (void)state;
    struct tf_timers timers = {0};

    assert_true(tf_timers_next(&timers) == UINT64_MAX);
    assert_null(tf_timers_take_due(&timers, UINT64_MAX));
}

static void the_earliest_comes_first(void **state)
{
    (void)state;
    struct tf_timers timers = {0};
    struct tf_timer timer[3] = {0};
    tf_timers_add(&timers, &timer[0], 20);
    tf_timers_add(&timers, &timer[1], 10);
    tf_timers_add(&timers, &timer[2], 30);

    assert_true(tf_timers_next(&timers) == 10);
    assert_ptr_equal(tf_timers_take_due(&timers, 100), &timer[1]);
    assert_ptr_equal(tf_timers_take_due(&timers, 100), &timer[0]);
    assert_ptr_equal(tf_timers_take_due(&timers, 100), &timer[2]);
    assert_null(tf_timers_take_due(&timers, 100));
}

static void a_timer_is_due_at_its_deadline_and_not_before(void **state)
{
    (void)state;
    struct tf_timers timers = {0};
    struct tf_timer timer = {0};
    tf_timers_add(&timers, &timer, 10);

    assert_null(tf_timers_take_due(&timers, 9));
    assert_true(tf_timer_is_set(&timer));
    assert_ptr_equal(tf_timers_take_due(&timers, 10), &timer);
    assert_false(tf_timer_is_set(&timer));
}

static void a_removed_timer_does_not_fire(void **state)
{
    (void)state;
    struct tf_timers timers = {0};
    struct tf_timer timer[3] = {0};
    for (uint64_t i = 0; i < 3; i++) {
        tf_timers_add(&timers, &timer[i], 10 + i);
    }

    tf_timers_remove(&timers, &timer[1]);

    assert_false(tf_timer_is_set(&timer[1]));
    assert_ptr_equal(tf_timers_take_due(&timers, 100), &timer[0]);
    assert_ptr_equal(tf_timers_take_due(&timers, 100), &timer[2]);
    assert_null(tf_timers_take_due(&timers, 100));
}

static void removing_a_timer_that_is_not_set_does_nothing(void **state)
{
    (void)state;
    struct tf_timers timers = {0};
    struct tf_timer set = {0};
    struct tf_timer fresh = {0};
    tf_timers_add(&timers, &set, 10);

    tf_timers_remove(&timers, &fresh);
    tf_timers_remove(&timers, &set);
    tf_timers_remove(&timers, &set);

    assert_true(tf_timers_next(&timers) == UINT64_MAX);
}

static void a_timer_can_be_set_again(void **state)
{
    (void)state;
    struct tf_timers timers = {0};
    struct tf_timer timer = {0};
    tf_timers_add(&timers, &timer, 10);
    assert_ptr_equal(tf_timers_take_due(&timers, 10), &timer);

    tf_timers_add(&timers, &timer, UINT64_MAX - 1);

    assert_true(tf_timers_next(&timers) == UINT64_MAX - 1);
    assert_null(tf_timers_take_due(&timers, 10));
}

static void timers_of_one_deadline_all_fire(void **state)
{
    (void)state;
    struct tf_timers timers = {0};
    struct tf_timer timer[10] = {0};
    for (int i = 0; i < 10; i++) {
        tf_timers_add(&timers, &timer[i], 7);
    }

    for (int i = 0; i < 10; i++) {
        assert_non_null(tf_timers_take_due(&timers, 7));
    }

    assert_null(tf_timers_take_due(&timers, 7));
    for (int i = 0; i < 10; i++) {
        assert_false(tf_timer_is_set(&timer[i]));
    }
}

// Next in a walk over the heap from parents to children, without a stack: up again over `previous`.
static const struct tf_timer *next_in_walk(const struct tf_timer *timer)
{
    if (timer->first_child != NULL) {
        return timer->first_child;
    }
    while (timer != NULL && timer->next == NULL) {
        while (timer->previous != NULL && timer->previous->first_child != timer) {
            timer = timer->previous;
        }
        timer = timer->previous; // The parent, or NULL behind the root.
    }
    return timer == NULL ? NULL : timer->next;
}

// Every link has its way back, no child is earlier than its parent, and nobody is missing.
static void assert_is_heap(const struct tf_timers *timers, size_t count)
{
    size_t walked = 0;
    assert_true(timers->root == NULL || timers->root->previous == NULL);
    assert_true(timers->root == NULL || timers->root->next == NULL);
    for (const struct tf_timer *timer = timers->root; timer != NULL; timer = next_in_walk(timer)) {
        walked++;
        assert_true(walked <= count);
        assert_true(tf_timer_is_set(timer));
        for (const struct tf_timer *child = timer->first_child; child != NULL;
             child = child->next) {
            assert_true(child->deadline_ns >= timer->deadline_ns);
            const struct tf_timer *back = child == timer->first_child ? timer : child->previous;
            assert_ptr_equal(child->previous, back);
            assert_true(child->next == NULL || child->next->previous == child);
        }
    }
    assert_int_equal(walked, count);
}

#define MODEL_COUNT 300

// The model: the deadlines of the timers that are set, in a sorted array.
struct model {
    uint64_t sorted[MODEL_COUNT];
    size_t count;
};

static void model_add(struct model *model, uint64_t deadline_ns)
{
    size_t place = model->count;
    while (place > 0 && model->sorted[place - 1] > deadline_ns) {
        model->sorted[place] = model->sorted[place - 1];
        place--;
    }
    model->sorted[place] = deadline_ns;
    model->count++;
}

static void model_remove(struct model *model, uint64_t deadline_ns)
{
    size_t place = 0;
    while (model->sorted[place] != deadline_ns) {
        place++;
    }
    model->count--;
    memmove(
        &model->sorted[place],
        &model->sorted[place + 1],
        (model->count - place) * sizeof model->sorted[0]);
}

static void toggle(
    struct tf_timers *timers, struct model *model, struct tf_timer *timer, uint64_t at)
{
    if (tf_timer_is_set(timer)) {
        model_remove(model, timer->deadline_ns);
        tf_timers_remove(timers, timer);
        assert_false(tf_timer_is_set(timer));
    } else {
        model_add(model, at);
        tf_timers_add(timers, timer, at);
        assert_true(timer->deadline_ns == at);
    }
}

static void take_due(struct tf_timers *timers, struct model *model, uint64_t now_ns)
{
    uint64_t earliest_ns = model->count == 0 ? UINT64_MAX : model->sorted[0];
    struct tf_timer *timer = tf_timers_take_due(timers, now_ns);
    assert_true((timer != NULL) == (earliest_ns <= now_ns));
    if (timer != NULL) {
        model_remove(model, earliest_ns);
        assert_false(tf_timer_is_set(timer));
    }
}

static void compare_with_model(size_t timer_count, int step_count)
{
    struct tf_timers timers = {0};
    struct tf_timer timer[MODEL_COUNT] = {0};
    struct model model = {0};
    struct random_source random = {0};

    for (int i = 0; i < step_count; i++) {
        // Few different deadlines, so that many are equal.
        uint64_t at = 1 + random_below(&random, 1000);
        if (random_below(&random, 4) == 0) {
            take_due(&timers, &model, at);
        } else {
            toggle(&timers, &model, &timer[random_below(&random, timer_count)], at);
        }
        uint64_t earliest_ns = model.count == 0 ? UINT64_MAX : model.sorted[0];
        assert_true(tf_timers_next(&timers) == earliest_ns);
        if ((size_t)i % timer_count == 0) {
            assert_is_heap(&timers, model.count);
        }
    }
}

static void a_large_heap_agrees_with_a_sorted_array(void **state)
{
    (void)state;

    compare_with_model(MODEL_COUNT, 100000);
}

// With few timers the borders come up all the time: the last one, the only child, the empty heap.
static void a_small_heap_agrees_with_a_sorted_array(void **state)
{
    (void)state;

    compare_with_model(4, 100000);
}

// A heap of many timers: each earlier one added last becomes the parent of all before it, which makes
// the deepest heap there is. Recursion would end on the stack's guard page.
#define CROWD_COUNT 100000

static struct tf_timer *crowd;
static size_t crowd_order[CROWD_COUNT];

static int make_crowd(void **state)
{
    (void)state;
    crowd = calloc(CROWD_COUNT, sizeof *crowd);
    struct random_source random = {0};
    for (size_t i = 0; i < CROWD_COUNT; i++) {
        size_t place = random_below(&random, i + 1);
        crowd_order[i] = crowd_order[place];
        crowd_order[place] = i;
    }
    return crowd != NULL ? 0 : -1;
}

static int free_crowd(void **state)
{
    (void)state;
    free(crowd);
    return 0;
}

static struct tf_timers deep_heap(void)
{
    struct tf_timers timers = {0};
    for (size_t i = CROWD_COUNT; i > 0; i--) {
        tf_timers_add(&timers, &crowd[i - 1], i);
    }
    return timers;
}

static void assert_fires_in_order(struct tf_timers *timers)
{
    for (size_t i = 0; i < CROWD_COUNT; i++) {
        assert_ptr_equal(tf_timers_take_due(timers, UINT64_MAX - 1), &crowd[i]);
    }
    assert_null(tf_timers_take_due(timers, UINT64_MAX - 1));
}

static void the_deepest_heap_fires_in_order(void **state)
{
    (void)state;
    struct tf_timers timers = deep_heap();

    assert_fires_in_order(&timers);
}

static void the_widest_heap_fires_in_order(void **state)
{
    (void)state;
    struct tf_timers timers = {0};
    for (size_t i = 0; i < CROWD_COUNT; i++) {
        tf_timers_add(&timers, &crowd[i], i + 1);
    }

    assert_fires_in_order(&timers);
}

static void the_deepest_heap_can_be_taken_down_from_its_end(void **state)
{
    (void)state;
    struct tf_timers timers = deep_heap();

    for (size_t i = CROWD_COUNT; i > 0; i--) {
        assert_true(tf_timers_next(&timers) == 1);
        tf_timers_remove(&timers, &crowd[i - 1]);
    }

    assert_true(tf_timers_next(&timers) == UINT64_MAX);
}

static void the_deepest_heap_can_be_taken_down_from_its_root(void **state)
{
    (void)state;
    struct tf_timers timers = deep_heap();

    for (size_t i = 0; i < CROWD_COUNT; i++) {
        assert_true(tf_timers_next(&timers) == i + 1);
        tf_timers_remove(&timers, &crowd[i]);
    }

    assert_true(tf_timers_next(&timers) == UINT64_MAX);
}

static void the_deepest_heap_can_be_taken_down_in_any_order(void **state)
{
    (void)state;
    struct tf_timers timers = deep_heap();

    for (size_t i = 0; i < CROWD_COUNT / 2; i++) {
        tf_timers_remove(&timers, &crowd[crowd_order[i]]);
    }
    assert_is_heap(&timers, CROWD_COUNT - CROWD_COUNT / 2);
    uint64_t last_ns = 0;
    for (size_t i = CROWD_COUNT / 2; i < CROWD_COUNT; i++) {
        uint64_t next_ns = tf_timers_next(&timers);
        assert_true(next_ns > last_ns);
        last_ns = next_ns;
        assert_ptr_equal(tf_timers_take_due(&timers, next_ns), &crowd[next_ns - 1]);
    }

    assert_true(tf_timers_next(&timers) == UINT64_MAX);
}

#define CROWD_TEST(name) cmocka_unit_test_setup_teardown(name, make_crowd, free_crowd)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_timers_means_no_deadline),
        cmocka_unit_test(the_earliest_comes_first),
        cmocka_unit_test(a_timer_is_due_at_its_deadline_and_not_before),
        cmocka_unit_test(a_removed_timer_does_not_fire),
        cmocka_unit_test(removing_a_timer_that_is_not_set_does_nothing),
        cmocka_unit_test(a_timer_can_be_set_again),
        cmocka_unit_test(timers_of_one_deadline_all_fire),
        cmocka_unit_test(a_large_heap_agrees_with_a_sorted_array),
        cmocka_unit_test(a_small_heap_agrees_with_a_sorted_array),
        CROWD_TEST(the_deepest_heap_fires_in_order),
        CROWD_TEST(the_widest_heap_fires_in_order),
        CROWD_TEST(the_deepest_heap_can_be_taken_down_from_its_end),
        CROWD_TEST(the_deepest_heap_can_be_taken_down_from_its_root),
        CROWD_TEST(the_deepest_heap_can_be_taken_down_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
