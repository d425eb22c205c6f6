// SPDX-License-Identifier: MIT
// The poller of Windows where things go wrong: providers in the way, sockets that cannot have a port, an NT
// that fails, lacks a function or keeps what it was given.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "nt/objects.h"
#include "nt/trouble.h"
#include "os/clock.h"
#include "os/windows/poller_afd.h"

#define WINSOCK_ERROR 10045
#define CLOSE_LIMIT   (5 * TF_SECOND)
#define NT_ABANDONED  ((tf_nt_status)0x00000080)

// Opening.

static void a_system_without_a_function_is_refused_by_its_name(void **state)
{
    (void)state;
    trouble_system.missing = "NtCancelIoFileEx";

    assert_int_equal(trouble_open(false), TOFU_NOTIFICATION_FAILED);

    assert_string_equal(trouble_fixture.poller.detail, "ntdll has no NtCancelIoFileEx");
    assert_int_equal(trouble_system.allocated_bytes, 0);
}

static void a_port_that_is_refused_is_told_with_its_status(void **state)
{
    (void)state;
    trouble_system.create_status = TF_NT_QUOTA_EXCEEDED;

    assert_int_equal(trouble_open(false), TOFU_NOTIFICATION_FAILED);

    assert_string_equal(trouble_fixture.poller.detail, "NtCreateIoCompletion: 0xC0000044");
    assert_int_equal(trouble_system.allocated_bytes, 0);
}

// Sockets that cannot be watched.

static void a_provider_that_hides_the_base_is_named_with_the_hint(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    struct tf_watch hidden = trouble_socket(1, true);
    trouble_system.base_errors[1] = WINSOCK_ERROR;

    trouble_expect_refused(&hidden, "SIO_BASE_HANDLE: error 10045; see netsh winsock show catalog");
    trouble_expect_refused(&hidden, "provider: Layered over [TCP/IP]");
    assert_int_equal(nt_kernel_counts()->requests, 0);
}

// Two providers stand in front, and neither lets the question through.
static void the_fallback_goes_down_the_chain(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(true), TOFU_OK);
    struct tf_watch layered = trouble_socket(1, true);
    (void)trouble_socket(3, true);
    trouble_system.base_errors[1] = WINSOCK_ERROR;
    trouble_system.base_errors[2] = WINSOCK_ERROR;
    trouble_system.below[1] = 2;
    trouble_system.below[2] = 3;
    trouble_system.ready[3] = TF_AFD_RECEIVE;
    struct tf_poll_event event;

    assert_int_equal(trouble_watch(&layered, TF_POLL_READ), TOFU_OK);

    assert_int_equal(trouble_wait(0, &event, 1), 1);
    assert_int_equal(event.token, layered.token);
    trouble_forget(&layered);
}

static void the_bottom_of_the_chain_is_a_base_whatever_it_says(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(true), TOFU_OK);
    struct tf_watch bottom = trouble_socket(1, true);
    trouble_system.base_errors[(uintptr_t)1] = WINSOCK_ERROR;
    trouble_system.below[1] = 1;

    // Its number is no handle of this kernel, which is as far as a chain can be followed here.
    assert_int_equal(trouble_watch(&bottom, TF_POLL_READ), TOFU_NOTIFICATION_FAILED);
    assert_string_equal(trouble_fixture.poller.detail, "NtSetInformationFile: 0xC0000008");
}

static void a_chain_without_an_end_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(true), TOFU_OK);
    struct tf_watch layered = trouble_socket(1, true);
    trouble_system.base_errors[1] = WINSOCK_ERROR;
    trouble_system.base_errors[2] = WINSOCK_ERROR;
    trouble_system.below[1] = 2;
    trouble_system.below[2] = 1;

    trouble_expect_refused(&layered, "SIO_BASE_HANDLE: error 10045; see");
}

static void a_fallback_that_fails_tells_both_errors(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(true), TOFU_OK);
    struct tf_watch layered = trouble_socket(1, true);
    trouble_system.base_errors[1] = WINSOCK_ERROR;
    trouble_system.poll_error = 10022;

    trouble_expect_refused(&layered, "error 10045, SIO_BSP_HANDLE_POLL: error 10022; see");
}

static void a_socket_that_is_not_overlapped_is_refused(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    struct tf_watch blocking = trouble_socket(1, false);

    trouble_expect_refused(
        &blocking, "0xC000000D; the socket is not overlapped, or has another port");
}

static void a_socket_of_another_poller_is_refused(void **state)
{
    (void)state;
    struct tf_poller other = {.ops = &tf_poller_afd};
    struct tf_poller_options options = {.allocator = &trouble_fixture.allocator};
    assert_int_equal(tf_poller_afd.open(&other, &options), TOFU_OK);
    assert_int_equal(trouble_open(false), TOFU_OK);
    struct tf_watch theirs = trouble_socket(1, true);
    struct tf_watch ours = theirs;
    assert_int_equal(tf_poller_afd.watch(&other, &theirs, TF_POLL_READ), TOFU_OK);

    trouble_expect_refused(&ours, "has another port");

    tf_poller_afd.forget(&other, &theirs);
    tf_poller_afd.close(&other);
}

// Waiting and closing.

static void a_wait_that_fails_says_with_what(void **state)
{
    static const tf_nt_status statuses[] = {NT_ABANDONED, TF_NT_INVALID_PARAMETER};
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct tf_poll_event event;
        char words[64];
        uint32_t count = 0;
        trouble_system.wait_status = statuses[i];
        assert_int_equal(trouble_open(false), TOFU_OK);

        enum tofu_status status =
            tf_poller_afd.wait(&trouble_fixture.poller, UINT64_MAX, &event, 1, &count);

        assert_int_equal(status, TOFU_NOTIFICATION_FAILED);
        (void)snprintf(
            words, sizeof words, "NtRemoveIoCompletionEx: 0x%08X", (unsigned)statuses[i]);
        assert_string_equal(trouble_fixture.poller.detail, words);
        tf_poller_afd.close(&trouble_fixture.poller);
    }
}

static void more_than_a_batch_comes_in_two_waits(void **state)
{
    (void)state;
    static struct tf_watch watches[301];
    static struct tf_poll_event events[SOCKETS_MAX];
    assert_int_equal(trouble_open(false), TOFU_OK);
    for (uintptr_t i = 1; i <= 300; i++) {
        watches[i] = trouble_socket(i, true);
        trouble_system.ready[i] = TF_AFD_SEND;
        assert_int_equal(trouble_watch(&watches[i], TF_POLL_WRITE), TOFU_OK);
    }

    assert_int_equal(trouble_wait(TF_SECOND, events, SOCKETS_MAX), 256);
    assert_int_equal(events[0].token, 1);
    assert_int_equal(trouble_wait(TF_SECOND, events, SOCKETS_MAX), 256);

    // First those that were left over.
    assert_int_equal(events[0].token, 257);
    for (uintptr_t i = 1; i <= 300; i++) {
        trouble_forget(&watches[i]);
    }
}

// The number of a closed socket is given to the next one while the kernel still has the old one's request.
static void a_late_packet_of_a_closed_socket_is_nobody_s(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    struct tf_watch watched = trouble_socket(1, true);
    struct tf_poll_event event;
    assert_int_equal(trouble_watch(&watched, TF_POLL_READ), TOFU_OK);
    assert_int_equal(trouble_wait(0, &event, 1), 0);
    trouble_system.puts_off = true;
    trouble_system.ready[1] = TF_AFD_RECEIVE;
    nt_file_changed(trouble_system.files[1]);
    trouble_forget(&watched);
    tf_nt_handle old = trouble_system.files[1];
    nt_handle_close(old);
    trouble_system.puts_off = false;
    trouble_system.ready[1] = 0;
    watched = trouble_socket(1, true);
    assert_ptr_equal(trouble_system.files[1], old);
    watched.token = 2;
    assert_int_equal(trouble_watch(&watched, TF_POLL_READ), TOFU_OK);

    assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 0);

    assert_int_equal(nt_kernel_counts()->packets, 1);
    trouble_forget(&watched);
}

// The memory of a request that never comes back is lost rather than freed: the kernel may write to it.
static void closing_leaves_behind_what_the_kernel_keeps(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    struct tf_watch watched = trouble_socket(1, true);
    struct tf_poll_event event;
    assert_int_equal(trouble_watch(&watched, TF_POLL_READ), TOFU_OK);
    assert_int_equal(trouble_wait(0, &event, 1), 0);
    trouble_system.keeps_back = true;
    trouble_system.puts_off = true;
    trouble_forget(&watched);
    const struct nt_file *file = nt_handle_find(trouble_system.files[1])->file;
    struct nt_request *request = TF_CONTAINER_OF(file->requests.next, struct nt_request, file_link);
    uint64_t start_ns = trouble_system.now_ns;

    tf_poller_afd.close(&trouble_fixture.poller);

    assert_int_equal(trouble_system.now_ns - start_ns, CLOSE_LIMIT);
    assert_string_equal(
        trouble_fixture.poller.detail, "1 requests did not come back; their memory stays");
    assert_in_range(trouble_system.allocated_bytes, 64 * 64, 64 * 1000);
    // So that the test itself leaves nothing: the first block is where the slab begins.
    struct tf_nt_packet packet;
    void *slab = request->io_status;
    nt_request_finish(request, &packet);
    trouble_release(NULL, slab, trouble_system.allocated_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TROUBLE_CASE(a_system_without_a_function_is_refused_by_its_name),
        TROUBLE_CASE(a_port_that_is_refused_is_told_with_its_status),
        TROUBLE_CASE(a_provider_that_hides_the_base_is_named_with_the_hint),
        TROUBLE_CASE(the_fallback_goes_down_the_chain),
        TROUBLE_CASE(the_bottom_of_the_chain_is_a_base_whatever_it_says),
        TROUBLE_CASE(a_chain_without_an_end_is_given_up),
        TROUBLE_CASE(a_fallback_that_fails_tells_both_errors),
        TROUBLE_CASE(a_socket_that_is_not_overlapped_is_refused),
        TROUBLE_CASE(a_socket_of_another_poller_is_refused),
        TROUBLE_CASE(a_wait_that_fails_says_with_what),
        TROUBLE_CASE(more_than_a_batch_comes_in_two_waits),
        TROUBLE_CASE(a_late_packet_of_a_closed_socket_is_nobody_s),
        TROUBLE_CASE(closing_leaves_behind_what_the_kernel_keeps),
    };
    return cmocka_run_group_tests_name("the poller of Windows in trouble", tests, NULL, NULL);
}
