// SPDX-License-Identifier: MIT
// The poller of Windows where NT refuses: requests, ports and wake-ups for which there is no memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nt/trouble.h"
#include "os/clock.h"
#include "os/windows/poller_afd.h"

#define REST (10 * TF_MILLISECOND)

// Requests that the kernel does not take.

static struct tf_watch many[SOCKETS_MAX];

static void watch_many(uintptr_t count)
{
    assert_int_equal(trouble_open(false), TOFU_OK);
    for (uintptr_t i = 1; i <= count; i++) {
        many[i] = trouble_socket(i, true);
        assert_int_equal(trouble_watch(&many[i], TF_POLL_READ), TOFU_OK);
    }
}

static void forget_many(uintptr_t count)
{
    for (uintptr_t i = 1; i <= count; i++) {
        trouble_forget(&many[i]);
    }
}

// Counts how often each socket is told in so many waits, between which `turn_ns` pass.
static void count_told(uint32_t wait_count, uint32_t capacity, uint64_t turn_ns, uint32_t *told)
{
    static struct tf_poll_event events[SOCKETS_MAX];
    for (uint32_t i = 0; i < wait_count; i++) {
        uint32_t count = trouble_wait(TF_SECOND, events, capacity);
        for (uint32_t j = 0; j < count; j++) {
            told[events[j].token]++;
        }
        trouble_system.now_ns += turn_ns;
    }
}

static void a_refused_request_is_reported_once_per_rest_and_tried_again(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    struct tf_watch watched = trouble_socket(1, true);
    struct tf_poll_event event;
    assert_int_equal(trouble_watch(&watched, TF_POLL_READ), TOFU_OK);
    trouble_system.is_short = true;
    for (int i = 0; i < 5; i++) {
        uint64_t start_ns = trouble_system.now_ns;
        assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 1);
        assert_int_equal(event.ready, TF_POLL_READ | TF_POLL_ERROR);
        assert_int_equal(trouble_system.now_ns - start_ns, i == 0 ? 0 : REST);
    }
    assert_in_range(trouble_system.call_count, 5, 30);

    trouble_system.is_short = false;
    assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 0);
    trouble_system.ready[1] = TF_AFD_RECEIVE;
    nt_file_changed(trouble_system.files[1]);

    assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 1);
    assert_int_equal(event.ready, TF_POLL_READ);
    trouble_forget(&watched);
}

// However few events are taken at a time, and however slow the turns: none is told twice before all were once.
static void refused_sockets_are_told_by_turns(void **state)
{
    static const uint64_t turns_ns[] = {0, REST / 4, 2 * REST};
    (void)state;
    for (size_t i = 0; i < sizeof turns_ns / sizeof turns_ns[0]; i++) {
        uint32_t told[4] = {0};
        watch_many(3);
        trouble_system.is_short = true;

        count_told(999, 1, turns_ns[i], told);

        assert_int_equal(told[1] + told[2] + told[3], 999);
        for (size_t j = 1; j <= 3; j++) {
            assert_in_range(told[j], 332, 334);
        }
        forget_many(3);
        tf_poller_afd.close(&trouble_fixture.poller);
        assert_int_equal(trouble_tear_down(state), 0);
        assert_int_equal(trouble_set_up(state), 0);
    }
}

static void more_refused_sockets_than_events_are_all_told(void **state)
{
    (void)state;
    uint32_t told[SOCKETS_MAX] = {0};
    watch_many(300);
    trouble_system.is_short = true;
    uint64_t start_ns = trouble_system.now_ns;

    count_told(2, 256, 0, told);

    assert_int_equal(trouble_system.now_ns, start_ns);
    for (size_t i = 1; i <= 300; i++) {
        assert_int_equal(told[i], 1);
    }
    count_told(20, 256, 0, told);
    for (size_t i = 1; i <= 300; i++) {
        assert_int_equal(told[i], 11);
    }
    assert_int_equal(trouble_system.now_ns - start_ns, 10 * REST);
    forget_many(300);
}

// Turns that are slower than the rest, so that there is always one to be told; and another that is ready.
static void refused_sockets_and_the_port_do_not_hide_each_other(void **state)
{
    (void)state;
    uint32_t told[SOCKETS_MAX] = {0};
    struct tf_poll_event event;
    watch_many(1);
    assert_int_equal(trouble_wait(0, &event, 1), 0);
    for (uintptr_t i = 2; i <= 4; i++) {
        many[i] = trouble_socket(i, true);
        assert_int_equal(trouble_watch(&many[i], TF_POLL_READ), TOFU_OK);
    }
    trouble_system.is_short = true;
    count_told(5, 1, 2 * REST, told);
    assert_int_equal(told[1], 0);
    assert_int_equal(told[2] + told[3] + told[4], 5);

    trouble_system.ready[1] = TF_AFD_RECEIVE;
    nt_file_changed(trouble_system.files[1]);
    count_told(2, 1, 2 * REST, told);
    assert_int_equal(told[1], 1);

    // From here on that one has a packet whenever the port is looked at.
    trouble_system.is_short = false;
    memset(told, 0, sizeof told);
    count_told(8, 1, 0, told);
    assert_in_range(told[1], 4, 6);
    for (size_t i = 2; i <= 4; i++) {
        assert_in_range(told[i], 1, 2);
    }
    forget_many(4);
}

static void a_refused_socket_rests_whatever_its_interest_becomes(void **state)
{
    (void)state;
    struct tf_poll_event event;
    watch_many(2);
    trouble_system.is_short = true;
    assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 1);
    assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 1);
    uint64_t start_ns = trouble_system.now_ns;
    for (int i = 0; i < 1000; i++) {
        uint8_t interest = i % 2 == 0 ? TF_POLL_READ | TF_POLL_WRITE : TF_POLL_READ;
        assert_int_equal(trouble_watch(&many[1], interest), TOFU_OK);
        assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 1);
    }

    // Two are told in each rest.
    assert_int_equal(trouble_system.now_ns - start_ns, 500 * REST);

    // And what was declared last is what is asked for in the end.
    assert_int_equal(trouble_watch(&many[1], TF_POLL_WRITE), TOFU_OK);
    trouble_system.is_short = false;
    trouble_system.ready[1] = TF_AFD_SEND;
    assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 1);
    assert_int_equal(event.token, 1);
    assert_int_equal(event.ready, TF_POLL_WRITE);
    forget_many(2);
}

// Ever new sockets are refused, four to a rest: the first one's rest ends when it would without them.
static void a_rest_is_not_prolonged_by_those_refused_later(void **state)
{
    (void)state;
    uint32_t told[SOCKETS_MAX] = {0};
    watch_many(1);
    trouble_system.is_short = true;
    count_told(1, SOCKETS_MAX, REST / 4, told);
    trouble_system.is_short = false;

    for (uintptr_t i = 2; i <= 9; i++) {
        many[i] = trouble_socket(i, true);
        assert_int_equal(trouble_watch(&many[i], TF_POLL_READ), TOFU_OK);
        trouble_system.is_short = true;
        count_told(1, SOCKETS_MAX, REST / 4, told);
        trouble_system.is_short = false;
        assert_int_equal(told[i], 1);
        assert_int_equal(told[1], 1 + (i - 1) / 4);
    }
    forget_many(9);
}

static void a_paused_socket_whose_request_is_refused_is_silent(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    struct tf_watch watched = trouble_socket(1, true);
    struct tf_poll_event event;
    trouble_system.is_short = false;
    assert_int_equal(trouble_watch(&watched, 0), TOFU_OK);
    trouble_system.is_short = true;

    assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 0);

    assert_in_range(trouble_system.call_count, 10, 1000);
    trouble_forget(&watched);
}

static void a_request_that_ends_for_want_of_memory_is_reported_and_rests(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    struct tf_watch watched = trouble_socket(1, true);
    struct tf_poll_event event;
    assert_int_equal(trouble_watch(&watched, TF_POLL_READ), TOFU_OK);
    assert_int_equal(trouble_wait(0, &event, 1), 0);
    trouble_end_request(1, TF_NT_WORKING_SET_QUOTA);
    uint64_t start_ns = trouble_system.now_ns;

    assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 1);

    assert_int_equal(event.ready, TF_POLL_READ | TF_POLL_ERROR);
    assert_int_equal(trouble_system.now_ns, start_ns);
    assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 0);
    trouble_forget(&watched);
}

static void a_watch_is_refused_whole_without_memory_for_the_port(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    struct tf_watch watched = trouble_socket(1, true);
    trouble_system.is_short = true;
    trouble_expect_refused(&watched, "NtSetInformationFile: 0xC000009A");
    trouble_system.is_short = false;

    assert_int_equal(trouble_watch(&watched, TF_POLL_READ), TOFU_OK);

    trouble_forget(&watched);
}

// By its provider, or for want of a port: a slab's blocks would be gone after few of them.
static void refused_watches_keep_no_memory(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    struct tf_watch hidden = trouble_socket(1, true);
    struct tf_watch blocking = trouble_socket(2, false);
    trouble_system.base_errors[1] = 10045;
    trouble_expect_refused(&hidden, "SIO_BASE_HANDLE");
    size_t bytes = trouble_system.allocated_bytes;

    for (int i = 0; i < 2 * TROUBLE_SLAB_BLOCKS; i++) {
        trouble_expect_refused(&hidden, "SIO_BASE_HANDLE");
        assert_int_equal(trouble_system.allocated_bytes, bytes);
    }
    for (int i = 0; i < 2 * TROUBLE_SLAB_BLOCKS; i++) {
        trouble_expect_refused(&blocking, "NtSetInformationFile");
        assert_int_equal(trouble_system.allocated_bytes, bytes);
    }
}

// Waits for many packets.

static void a_wait_for_many_packets_that_is_refused_is_made_for_one(void **state)
{
    (void)state;
    uint32_t told[SOCKETS_MAX] = {0};
    static struct tf_poll_event events[SOCKETS_MAX];
    watch_many(3);
    assert_int_equal(trouble_wait(0, events, SOCKETS_MAX), 0);
    for (uintptr_t i = 1; i <= 3; i++) {
        trouble_system.ready[i] = TF_AFD_RECEIVE;
        nt_file_changed(trouble_system.files[i]);
    }
    trouble_system.has_room_for_one = true;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(trouble_wait(TF_SECOND, events, SOCKETS_MAX), 1);
        told[events[0].token]++;
    }

    for (size_t i = 1; i <= 3; i++) {
        assert_int_equal(told[i], 1);
    }
    forget_many(3);
}

// Wake-ups that the kernel does not take.

static uint64_t time_of_wait(uint64_t timeout_ns)
{
    struct tf_poll_event event;
    uint64_t start_ns = trouble_system.now_ns;
    assert_int_equal(trouble_wait(timeout_ns, &event, 1), 0);
    return trouble_system.now_ns - start_ns;
}

static void a_refused_wake_ends_the_next_wait_and_no_other(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);

    trouble_wake_in_vain();

    assert_int_equal(time_of_wait(100 * TF_SECOND), 0);
    assert_int_equal(time_of_wait(100 * TF_SECOND), 100 * TF_SECOND);
}

static void a_refused_wake_ends_a_wait_that_sleeps_within_a_second(void **state)
{
    static const uint64_t timeouts_ns[] = {100 * TF_SECOND, UINT64_MAX};
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    for (size_t i = 0; i < sizeof timeouts_ns / sizeof timeouts_ns[0]; i++) {
        trouble_system.wakes_in_vain = true;

        assert_in_range(time_of_wait(timeouts_ns[i]), 0, TF_SECOND);
    }
    assert_int_equal(time_of_wait(100 * TF_SECOND), 100 * TF_SECOND);
}

static void a_wake_after_a_refused_one_has_its_packet(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);

    trouble_wake_in_vain();
    trouble_wake_in_vain();
    tf_poller_afd.wake(&trouble_fixture.poller);
    tf_poller_afd.wake(&trouble_fixture.poller);

    assert_int_equal(time_of_wait(100 * TF_SECOND), 0);
    assert_int_equal(nt_port_posts_taken(0), 1);
    assert_int_equal(time_of_wait(100 * TF_SECOND), 100 * TF_SECOND);
    tf_poller_afd.wake(&trouble_fixture.poller);
    assert_int_equal(time_of_wait(100 * TF_SECOND), 0);
    assert_int_equal(nt_port_posts_taken(0), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TROUBLE_CASE(a_refused_request_is_reported_once_per_rest_and_tried_again),
        TROUBLE_CASE(refused_sockets_are_told_by_turns),
        TROUBLE_CASE(more_refused_sockets_than_events_are_all_told),
        TROUBLE_CASE(refused_sockets_and_the_port_do_not_hide_each_other),
        TROUBLE_CASE(a_refused_socket_rests_whatever_its_interest_becomes),
        TROUBLE_CASE(a_rest_is_not_prolonged_by_those_refused_later),
        TROUBLE_CASE(a_paused_socket_whose_request_is_refused_is_silent),
        TROUBLE_CASE(a_request_that_ends_for_want_of_memory_is_reported_and_rests),
        TROUBLE_CASE(a_watch_is_refused_whole_without_memory_for_the_port),
        TROUBLE_CASE(refused_watches_keep_no_memory),
        TROUBLE_CASE(a_wait_for_many_packets_that_is_refused_is_made_for_one),
        TROUBLE_CASE(a_refused_wake_ends_the_next_wait_and_no_other),
        TROUBLE_CASE(a_refused_wake_ends_a_wait_that_sleeps_within_a_second),
        TROUBLE_CASE(a_wake_after_a_refused_one_has_its_packet),
    };
    return cmocka_run_group_tests_name("the poller of Windows refused", tests, NULL, NULL);
}
