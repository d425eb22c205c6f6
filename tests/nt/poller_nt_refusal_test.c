// SPDX-License-Identifier: MIT
// The poller of Windows where NT refuses: requests, ports and wake-ups for which there is no memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nt/objects.h"
#include "nt/trouble.h"
#include "os/clock.h"
#include "os/windows/poller_afd.h"

#define REST         (10 * TF_MILLISECOND)
#define NT_NO_DEVICE ((tf_nt_status)0xC000000E)

// Requests that the kernel does not take.

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

static void a_request_that_ends_with_an_error_is_reported_and_rests(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    struct tf_watch watched = trouble_socket(1, true);
    struct tf_poll_event event;
    assert_int_equal(trouble_watch(&watched, TF_POLL_READ), TOFU_OK);
    assert_int_equal(trouble_wait(0, &event, 1), 0);
    const struct nt_file *file = nt_handle_find(trouble_system.files[1])->file;
    nt_request_end(
        TF_CONTAINER_OF(file->requests.next, struct nt_request, file_link), NT_NO_DEVICE, 0);
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

#define CASE(function) cmocka_unit_test_setup_teardown(function, trouble_set_up, trouble_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_refused_request_is_reported_once_per_rest_and_tried_again),
        CASE(a_paused_socket_whose_request_is_refused_is_silent),
        CASE(a_request_that_ends_with_an_error_is_reported_and_rests),
        CASE(a_watch_is_refused_whole_without_memory_for_the_port),
    };
    return cmocka_run_group_tests_name("the poller of Windows refused", tests, NULL, NULL);
}
