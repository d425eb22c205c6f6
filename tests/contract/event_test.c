// SPDX-License-Identifier: MIT
// The event that a foreign loop watches: a level, seen as that loop would see it.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "os/event.h"
#include "support/machine.h"

static int set_up(void **state)
{
    static struct tf_event event;
    *state = &event;
    return tf_event_open(&event) == TOFU_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    tf_event_close(*state);
    return 0;
}

static bool is_readable(const struct tf_event *event)
{
    return machine_await_descriptor(event->descriptor, 0);
}

static void a_new_event_is_not_set(void **state)
{
    assert_false(is_readable(*state));
}

static void a_set_event_stays_readable_until_it_is_cleared(void **state)
{
    struct tf_event *event = *state;

    tf_event_set(event);

    assert_true(is_readable(event));
    assert_true(is_readable(event));
    tf_event_clear(event);
    assert_false(is_readable(event));
}

static void an_event_can_be_set_and_cleared_for_ever(void **state)
{
    struct tf_event *event = *state;
    for (int i = 0; i < 100000; i++) {
        tf_event_set(event);
        tf_event_clear(event);
    }
    assert_false(is_readable(event));
    tf_event_set(event);
    assert_true(is_readable(event));
    tf_event_clear(event);
}

static void two_events_know_nothing_of_each_other(void **state)
{
    struct tf_event *event = *state;
    struct tf_event other;
    assert_int_equal(tf_event_open(&other), TOFU_OK);

    tf_event_set(&other);

    assert_false(is_readable(event));
    assert_true(is_readable(&other));
    tf_event_close(&other);
}

static void a_closed_event_leaves_no_descriptor_behind(void **state)
{
    (void)state;
    size_t before = machine_descriptor_count();
    struct tf_event other;
    assert_int_equal(tf_event_open(&other), TOFU_OK);
    assert_true(machine_descriptor_count() > before);

    tf_event_close(&other);

    assert_int_equal(machine_descriptor_count(), before);
}

static void children_do_not_inherit_an_event(void **state)
{
    struct tf_event *event = *state;
    assert_false(machine_is_inherited(event->descriptor));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_new_event_is_not_set),
        CASE(a_set_event_stays_readable_until_it_is_cleared),
        CASE(an_event_can_be_set_and_cleared_for_ever),
        CASE(two_events_know_nothing_of_each_other),
        CASE(a_closed_event_leaves_no_descriptor_behind),
        CASE(children_do_not_inherit_an_event),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
