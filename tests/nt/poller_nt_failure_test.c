// SPDX-License-Identifier: MIT
// The poller of Windows where NT will not poll a socket, now and ever: its owner hears it once, the kernel is
// asked no more, and the other sockets hear nothing of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "nt/trouble.h"
#include "os/clock.h"
#include "os/windows/poller_afd.h"

#define NT_INVALID_HANDLE         ((tf_nt_status)0xC0000008)
#define NT_INVALID_DEVICE_REQUEST ((tf_nt_status)0xC0000010)
#define NT_ACCESS_DENIED          ((tf_nt_status)0xC0000022)

static void open_and_watch(struct tf_watch *watched, uint8_t interest)
{
    assert_int_equal(trouble_open(false), TOFU_OK);
    *watched = trouble_socket(1, true);
    assert_int_equal(trouble_watch(watched, interest), TOFU_OK);
}

static void expect_failed(uint64_t token)
{
    struct tf_poll_event event;
    uint64_t start_ns = trouble_system.now_ns;
    assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 1);
    assert_int_equal(event.token, token);
    assert_int_equal(event.ready, TF_POLL_FAILED);
    assert_int_equal(trouble_system.now_ns, start_ns);
}

static void expect_silence(uint64_t span_ns)
{
    struct tf_poll_event event;
    uint64_t start_ns = trouble_system.now_ns;
    assert_int_equal(trouble_wait(span_ns, &event, 1), 0);
    assert_int_equal(trouble_system.now_ns - start_ns, span_ns);
}

static void a_request_refused_for_good_is_told_once_and_never_made_again(void **state)
{
    static const tf_nt_status statuses[] = {
        NT_INVALID_HANDLE, TF_NT_INVALID_PARAMETER, NT_INVALID_DEVICE_REQUEST, NT_ACCESS_DENIED};
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        char words[128];
        struct tf_watch watched;
        open_and_watch(&watched, TF_POLL_READ);
        trouble_system.request_status = statuses[i];

        expect_failed(1);

        expect_silence(100 * TF_SECOND);
        assert_int_equal(nt_kernel_counts()->failures, 1);
        (void)snprintf(
            words,
            sizeof words,
            "IOCTL_AFD_POLL: 0x%08X; the system will not watch this socket",
            (unsigned)statuses[i]);
        trouble_system.request_status = TF_NT_SUCCESS;
        assert_int_equal(trouble_watch(&watched, TF_POLL_WRITE), TOFU_NOTIFICATION_FAILED);
        assert_string_equal(trouble_fixture.poller.detail, words);
        assert_int_equal(watched.interest, TF_POLL_READ);
        assert_true(watched.is_registered);
        expect_silence(TF_SECOND);
        trouble_forget(&watched);
        assert_int_equal(trouble_tear_down(state), 0);
        assert_int_equal(trouble_set_up(state), 0);
    }
}

// What the system has too little of comes back.
static void no_shortage_is_for_good(void **state)
{
    static const tf_nt_status statuses[] = {
        TF_NT_PAGEFILE_QUOTA,
        TF_NT_NO_MEMORY,
        TF_NT_QUOTA_EXCEEDED,
        TF_NT_INSUFFICIENT_RESOURCES,
        TF_NT_WORKING_SET_QUOTA,
        TF_NT_COMMITMENT_LIMIT};
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct tf_poll_event event;
        struct tf_watch watched;
        open_and_watch(&watched, TF_POLL_READ);
        assert_int_equal(trouble_wait(0, &event, 1), 0);
        trouble_end_request(1, statuses[i]);

        assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 1);

        assert_int_equal(event.ready, TF_POLL_READ | TF_POLL_ERROR);
        trouble_system.ready[1] = TF_AFD_RECEIVE;
        assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 1);
        assert_int_equal(event.ready, TF_POLL_READ);
        trouble_forget(&watched);
        assert_int_equal(trouble_tear_down(state), 0);
        assert_int_equal(trouble_set_up(state), 0);
    }
}

// Information and warnings are no errors: the kernel has the request, and its packet comes.
static void a_request_that_is_taken_with_a_warning_has_its_packet(void **state)
{
    static const tf_nt_status statuses[] = {
        TF_NT_SUCCESS,
        TF_NT_TIMEOUT,
        (tf_nt_status)0x40000015,
        (tf_nt_status)0x80000005,
        (tf_nt_status)0xBFFFFFFF};
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct tf_poll_event event;
        struct tf_watch watched;
        open_and_watch(&watched, TF_POLL_READ);
        trouble_system.taken_status = statuses[i];
        expect_silence(TF_SECOND);

        trouble_system.ready[1] = TF_AFD_RECEIVE;
        nt_file_changed(trouble_system.files[1]);

        assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 1);
        assert_int_equal(event.ready, TF_POLL_READ);
        assert_int_equal(nt_kernel_counts()->requests, 1);
        trouble_forget(&watched);
        assert_int_equal(trouble_tear_down(state), 0);
        assert_int_equal(trouble_set_up(state), 0);
    }
}

static void a_request_that_ends_for_good_is_told_once_and_never_made_again(void **state)
{
    (void)state;
    struct tf_watch watched;
    open_and_watch(&watched, TF_POLL_READ | TF_POLL_WRITE);
    struct tf_poll_event event;
    assert_int_equal(trouble_wait(0, &event, 1), 0);
    trouble_end_request(1, NT_INVALID_DEVICE_REQUEST);

    expect_failed(1);

    trouble_system.ready[1] = TF_AFD_RECEIVE;
    nt_file_changed(trouble_system.files[1]);
    expect_silence(TF_SECOND);
    assert_int_equal(nt_kernel_counts()->requests, 1);
    trouble_forget(&watched);
}

// Nobody would ever hear of its reset, so this is no silence to be kept.
static void a_paused_socket_hears_that_it_is_not_watched_any_longer(void **state)
{
    (void)state;
    struct tf_watch watched;
    open_and_watch(&watched, 0);
    trouble_system.request_status = NT_INVALID_DEVICE_REQUEST;

    expect_failed(1);

    expect_silence(TF_SECOND);
    trouble_forget(&watched);
}

// An owner that changes its mind learns by that, and no event comes behind.
static void an_interest_tells_before_the_event_does(void **state)
{
    (void)state;
    struct tf_watch watched;
    open_and_watch(&watched, TF_POLL_READ);
    struct tf_watch other = trouble_socket(2, true);
    struct tf_poll_event event;
    assert_int_equal(trouble_watch(&other, TF_POLL_READ), TOFU_OK);
    trouble_system.request_status = NT_INVALID_DEVICE_REQUEST;
    expect_failed(1);
    assert_int_equal(trouble_watch(&other, TF_POLL_READ | TF_POLL_WRITE), TOFU_NOTIFICATION_FAILED);

    trouble_forget(&other);

    assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 0);
    trouble_forget(&watched);
}

static void who_is_watched_again_is_asked_for_again(void **state)
{
    (void)state;
    struct tf_watch watched;
    open_and_watch(&watched, TF_POLL_READ);
    struct tf_poll_event event;
    trouble_system.request_status = NT_INVALID_DEVICE_REQUEST;
    expect_failed(1);
    trouble_forget(&watched);
    trouble_system.request_status = TF_NT_SUCCESS;
    trouble_system.ready[1] = TF_AFD_RECEIVE;
    watched.token = 2;

    assert_int_equal(trouble_watch(&watched, TF_POLL_READ), TOFU_OK);

    assert_int_equal(trouble_wait(0, &event, 1), 1);
    assert_int_equal(event.token, 2);
    assert_int_equal(event.ready, TF_POLL_READ);
    trouble_forget(&watched);
}

// Its next owner has nothing to do with what became of an earlier one.
static void a_block_does_not_hand_on_a_failure(void **state)
{
    (void)state;
    static struct tf_watch others[TROUBLE_SLAB_BLOCKS + 2];
    struct tf_watch watched;
    open_and_watch(&watched, TF_POLL_READ);
    uint32_t slot = watched.slot;
    trouble_system.request_status = NT_INVALID_DEVICE_REQUEST;
    expect_failed(1);
    trouble_forget(&watched);
    trouble_system.request_status = TF_NT_SUCCESS;
    bool is_taken_again = false;

    for (uintptr_t i = 2; i <= TROUBLE_SLAB_BLOCKS + 1; i++) {
        others[i] = trouble_socket(i, true);
        assert_int_equal(trouble_watch(&others[i], TF_POLL_READ), TOFU_OK);
        is_taken_again = is_taken_again || others[i].slot == slot;
    }

    assert_true(is_taken_again);
    expect_silence(TF_SECOND);
    for (uintptr_t i = 2; i <= TROUBLE_SLAB_BLOCKS + 1; i++) {
        trouble_forget(&others[i]);
    }
}

static void sockets_that_failed_take_turns_with_those_that_are_ready(void **state)
{
    static struct tf_watch watches[9];
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    uint32_t told[9] = {0};
    uint32_t failed[9] = {0};
    struct tf_poll_event event;
    for (uintptr_t i = 1; i <= 8; i++) {
        watches[i] = trouble_socket(i, true);
        trouble_system.ready[i] = i <= 4 ? TF_AFD_SEND : 0;
        assert_int_equal(trouble_watch(&watches[i], TF_POLL_WRITE), TOFU_OK);
    }
    assert_int_equal(trouble_wait(0, &event, 1), 1);
    for (uintptr_t i = 5; i <= 8; i++) {
        trouble_end_request(i, NT_INVALID_DEVICE_REQUEST);
    }

    for (int i = 0; i < 20; i++) {
        assert_int_equal(trouble_wait(0, &event, 1), 1);
        told[event.token]++;
        failed[event.token] += event.ready == TF_POLL_FAILED ? 1 : 0;
    }

    for (size_t i = 1; i <= 8; i++) {
        assert_int_equal(failed[i], i <= 4 ? 0 : 1);
        assert_in_range(told[i], 1, 6);
        trouble_forget(&watches[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TROUBLE_CASE(a_request_refused_for_good_is_told_once_and_never_made_again),
        TROUBLE_CASE(no_shortage_is_for_good),
        TROUBLE_CASE(a_request_that_is_taken_with_a_warning_has_its_packet),
        TROUBLE_CASE(a_request_that_ends_for_good_is_told_once_and_never_made_again),
        TROUBLE_CASE(a_paused_socket_hears_that_it_is_not_watched_any_longer),
        TROUBLE_CASE(an_interest_tells_before_the_event_does),
        TROUBLE_CASE(who_is_watched_again_is_asked_for_again),
        TROUBLE_CASE(a_block_does_not_hand_on_a_failure),
        TROUBLE_CASE(sockets_that_failed_take_turns_with_those_that_are_ready),
    };
    return cmocka_run_group_tests_name("the poller of Windows given up", tests, NULL, NULL);
}
