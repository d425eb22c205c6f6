// SPDX-License-Identifier: MIT
// Whose memory it is, and that sizes go both ways.
#include "unit/expect.h"

#include "base/alloc.h"
#include "support/fault_allocator.h"

static void no_allocator_given_means_malloc_and_free(void **state)
{
    (void)state;
    struct tofu_allocator allocator = tf_allocator_or_default((struct tofu_allocator){0});

    unsigned char *memory = tf_alloc(&allocator, 100);

    assert_non_null(memory);
    memory[99] = 1;
    tf_free(&allocator, memory, 100);
}

static void a_given_allocator_is_used_with_its_context(void **state)
{
    (void)state;
    struct fault_allocator fault;
    fault_allocator_open(&fault);
    struct tofu_allocator allocator = tf_allocator_or_default(fault_allocator_functions(&fault));

    void *memory = tf_alloc(&allocator, 100);

    assert_non_null(memory);
    assert_int_equal(fault.live_count, 1);
    assert_int_equal(fault.live_bytes, 100);
    tf_free(&allocator, memory, 100);
    assert_true(fault_allocator_is_clean(&fault));
}

static void zeroed_memory_is_all_zero(void **state)
{
    (void)state;
    struct tofu_allocator allocator = tf_allocator_or_default((struct tofu_allocator){0});
    const unsigned char zero[300] = {0};

    void *memory = tf_alloc_zeroed(&allocator, sizeof zero);

    assert_non_null(memory);
    assert_memory_equal(memory, zero, sizeof zero);
    tf_free(&allocator, memory, sizeof zero);
}

static void a_refused_allocation_is_null(void **state)
{
    (void)state;
    struct fault_allocator fault;
    fault_allocator_open(&fault);
    struct tofu_allocator allocator = fault_allocator_functions(&fault);
    fault_allocator_fail(&fault, 1, 2);

    void *plain = tf_alloc(&allocator, 1);
    void *zeroed = tf_alloc_zeroed(&allocator, 1);

    assert_null(plain);
    assert_null(zeroed);
    assert_int_equal(fault.failure_count, 2);
}

static void freeing_null_does_not_reach_the_allocator(void **state)
{
    (void)state;
    struct fault_allocator fault;
    fault_allocator_open(&fault);
    struct tofu_allocator allocator = fault_allocator_functions(&fault);

    tf_free(&allocator, NULL, 8);

    assert_true(fault_allocator_is_clean(&fault));
}

// The other tests rely on the fault allocator to find what they look for.
static void the_fault_allocator_notices_a_wrong_size_and_a_leak(void **state)
{
    (void)state;
    struct fault_allocator fault;
    fault_allocator_open(&fault);
    struct tofu_allocator allocator = fault_allocator_functions(&fault);

    void *memory = tf_alloc(&allocator, 10);

    assert_false(fault_allocator_is_clean(&fault));
    tf_free(&allocator, memory, 11);
    assert_int_equal(fault.live_count, 0);
    assert_int_equal(fault.mistake_count, 1);
    assert_false(fault_allocator_is_clean(&fault));
}

static void the_fault_allocator_refuses_just_the_range_asked_for(void **state)
{
    (void)state;
    struct fault_allocator fault;
    fault_allocator_open(&fault);
    struct tofu_allocator allocator = fault_allocator_functions(&fault);
    fault_allocator_fail(&fault, 2, 1);

    void *first = tf_alloc(&allocator, 1);
    void *second = tf_alloc(&allocator, 1);
    void *third = tf_alloc(&allocator, 1);

    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    tf_free(&allocator, first, 1);
    tf_free(&allocator, third, 1);

    fault_allocator_fail(&fault, 1, SIZE_MAX);
    assert_null(tf_alloc(&allocator, 1));
    fault_allocator_mend(&fault);
    first = tf_alloc(&allocator, 1);
    assert_non_null(first);
    tf_free(&allocator, first, 1);
    assert_true(fault_allocator_is_clean(&fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_allocator_given_means_malloc_and_free),
        cmocka_unit_test(a_given_allocator_is_used_with_its_context),
        cmocka_unit_test(zeroed_memory_is_all_zero),
        cmocka_unit_test(a_refused_allocation_is_null),
        cmocka_unit_test(freeing_null_does_not_reach_the_allocator),
        cmocka_unit_test(the_fault_allocator_notices_a_wrong_size_and_a_leak),
        cmocka_unit_test(the_fault_allocator_refuses_just_the_range_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
