// SPDX-License-Identifier: MIT
#include "unit/expect.h"

#include "base/bytes.h"
#include "support/fault_allocator.h"

// A buffer and the books about its memory.
struct fixture {
    struct fault_allocator fault;
    struct tofu_allocator allocator;
    struct tf_bytes bytes;
};

static struct fixture fixture;

static int set_up(void **state)
{
    fault_allocator_open(&fixture.fault);
    fixture.allocator = fault_allocator_functions(&fixture.fault);
    fixture.bytes = (struct tf_bytes){0};
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *own = *state;
    tf_bytes_clear(&own->bytes, &own->allocator);
    return fault_allocator_is_clean(&own->fault) ? 0 : -1;
}

static void append(struct fixture *own, const char *data, size_t size)
{
    assert_true(tf_bytes_append(&own->bytes, &own->allocator, data, size, 1000));
}

static void reserving_takes_exactly_what_was_asked_for(void **state)
{
    struct fixture *own = *state;

    assert_true(tf_bytes_reserve(&own->bytes, &own->allocator, 37));

    assert_int_equal(own->bytes.capacity, 37);
    assert_int_equal(own->bytes.size, 0);
    assert_int_equal(own->fault.live_bytes, 37);
}

static void reserving_nothing_allocates_nothing(void **state)
{
    struct fixture *own = *state;

    assert_true(tf_bytes_reserve(&own->bytes, &own->allocator, 0));

    assert_null(own->bytes.data);
    assert_int_equal(own->fault.allocation_count, 0);
}

static void reserving_less_than_there_is_keeps_the_memory(void **state)
{
    struct fixture *own = *state;
    assert_true(tf_bytes_reserve(&own->bytes, &own->allocator, 100));
    const uint8_t *memory = own->bytes.data;

    assert_true(tf_bytes_reserve(&own->bytes, &own->allocator, 99));
    assert_true(tf_bytes_reserve(&own->bytes, &own->allocator, 100));

    assert_ptr_equal(own->bytes.data, memory);
    assert_int_equal(own->bytes.capacity, 100);
}

static void reserving_more_keeps_the_bytes(void **state)
{
    struct fixture *own = *state;
    append(own, "hello", 5);

    assert_true(tf_bytes_reserve(&own->bytes, &own->allocator, 500));

    assert_int_equal(own->bytes.size, 5);
    assert_memory_equal(own->bytes.data, "hello", 5);
    assert_int_equal(own->fault.live_count, 1);
}

static void a_failed_reserve_changes_nothing(void **state)
{
    struct fixture *own = *state;
    append(own, "hello", 5);
    struct tf_bytes before = own->bytes;
    fault_allocator_fail(&own->fault, 1, 1);

    assert_false(tf_bytes_reserve(&own->bytes, &own->allocator, 500));

    assert_ptr_equal(own->bytes.data, before.data);
    assert_int_equal(own->bytes.size, before.size);
    assert_int_equal(own->bytes.capacity, before.capacity);
}

// Appending byte by byte must not copy the whole each time.
static void appending_bytes_one_by_one_allocates_a_few_times(void **state)
{
    struct fixture *own = *state;

    for (size_t i = 0; i < 1000; i++) {
        char byte = (char)i;
        append(own, &byte, 1);
    }

    assert_int_equal(own->bytes.size, 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(own->bytes.data[i], (uint8_t)i);
    }
    assert_in_range(own->fault.allocation_count, 1, 6);
}

static void appending_never_grows_over_the_maximum(void **state)
{
    struct fixture *own = *state;
    const char byte = 'x';

    for (size_t i = 0; i < 100; i++) {
        assert_true(tf_bytes_append(&own->bytes, &own->allocator, &byte, 1, 100));
        assert_in_range(own->bytes.capacity, own->bytes.size, 100);
    }
}

static void a_failed_append_changes_nothing(void **state)
{
    struct fixture *own = *state;
    append(own, "hello", 5);
    struct tf_bytes before = own->bytes;
    char much[500] = {0};
    fault_allocator_fail(&own->fault, 1, 1);

    assert_false(tf_bytes_append(&own->bytes, &own->allocator, much, sizeof much, 1000));

    assert_ptr_equal(own->bytes.data, before.data);
    assert_int_equal(own->bytes.size, before.size);
}

static void appending_nothing_to_nothing_is_fine(void **state)
{
    struct fixture *own = *state;

    append(own, NULL, 0);

    assert_null(own->bytes.data);
    assert_int_equal(own->bytes.size, 0);
}

// tofu_message_append_body() may be given a piece of the message's own body, which growing moves.
static void appending_a_piece_of_itself_copies_it_before_it_goes(void **state)
{
    struct fixture *own = *state;
    assert_true(tf_bytes_reserve(&own->bytes, &own->allocator, 4));
    append(own, "abcd", 4);

    append(own, (const char *)own->bytes.data + 1, 3);

    assert_int_equal(own->bytes.size, 7);
    assert_memory_equal(own->bytes.data, "abcdbcd", 7);
}

static void clearing_frees_all_and_may_be_repeated(void **state)
{
    struct fixture *own = *state;
    append(own, "hello", 5);

    tf_bytes_clear(&own->bytes, &own->allocator);
    tf_bytes_clear(&own->bytes, &own->allocator);

    assert_null(own->bytes.data);
    assert_int_equal(own->bytes.capacity, 0);
    assert_int_equal(own->fault.live_bytes, 0);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(reserving_takes_exactly_what_was_asked_for),
        with_fixture(reserving_nothing_allocates_nothing),
        with_fixture(reserving_less_than_there_is_keeps_the_memory),
        with_fixture(reserving_more_keeps_the_bytes),
        with_fixture(a_failed_reserve_changes_nothing),
        with_fixture(appending_bytes_one_by_one_allocates_a_few_times),
        with_fixture(appending_never_grows_over_the_maximum),
        with_fixture(a_failed_append_changes_nothing),
        with_fixture(appending_nothing_to_nothing_is_fine),
        with_fixture(appending_a_piece_of_itself_copies_it_before_it_goes),
        with_fixture(clearing_frees_all_and_may_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
