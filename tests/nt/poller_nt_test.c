// SPDX-License-Identifier: MIT
// The poller of Windows where things go wrong: providers in the way, sockets that cannot have a port, an NT
// that refuses, fails, lacks a function or keeps what it was given.
//
// The linker sends tf_nt_open to __wrap_tf_nt_open, which changes the kernel's table for a test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nt/objects.h"
#include "nt/world.h"
#include "os/clock.h"
#include "os/poller.h"
#include "os/windows/poller_afd.h"

#define SOCKETS_MAX   400
#define WINSOCK_ERROR 10045
#define REST          (10 * TF_MILLISECOND)
#define CLOSE_LIMIT   (5 * TF_SECOND)
#define NT_ABANDONED  ((tf_nt_status)0x00000080)
#define NT_NO_DEVICE  ((tf_nt_status)0xC000000E)

static struct {
    uint64_t now_ns;
    uint64_t call_count;
    size_t allocated_bytes;
    bool is_short;   ///< no memory for requests and ports
    bool keeps_back; ///< the kernel never finishes what it put off
    bool puts_off;   ///< and puts off everything
    uint32_t ready[SOCKETS_MAX];
    int base_errors[SOCKETS_MAX]; ///< what SIO_BASE_HANDLE answers
    int poll_error;               ///< what SIO_BSP_HANDLE_POLL answers
    uintptr_t below[SOCKETS_MAX]; ///< the socket below, for SIO_BSP_HANDLE_POLL
    tf_nt_handle files[SOCKETS_MAX];
    const char *missing;      ///< a function that this system has not got
    tf_nt_status wait_status; ///< what NtRemoveIoCompletionEx answers, unless 0
    tf_nt_status create_status;
} system_under;

static struct {
    struct tf_poller poller;
    struct tofu_allocator allocator;
} fixture;

// The kernel's world. Sockets are numbers from 1.

uint64_t tf_clock_now(void)
{
    return system_under.now_ns;
}

uint64_t nt_world_below(uint64_t limit)
{
    (void)limit;
    return 0;
}

bool nt_world_chance(uint32_t rate)
{
    // The frequent ones: that a packet comes later, and that a cancel takes its time.
    return system_under.puts_off && rate >= 400;
}

bool nt_world_is_short(void)
{
    return system_under.is_short;
}

uint32_t nt_world_ready(uintptr_t socket)
{
    return system_under.ready[socket];
}

void nt_world_interrupt(void)
{
    system_under.call_count++;
}

bool nt_world_idle(uint64_t deadline_ns)
{
    if (!system_under.keeps_back && nt_kernel_step()) {
        return true;
    }
    system_under.now_ns = deadline_ns;
    return false;
}

void nt_world_packet(uintptr_t port)
{
    (void)port;
}

void nt_world_trace(const char *what, uint64_t number, uint64_t value)
{
    (void)what;
    (void)number;
    (void)value;
}

_Noreturn void nt_world_fail(const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fail_msg("%s", text);
    abort();
}

int nt_world_base_of(uintptr_t socket, uint32_t question, tf_nt_handle *base_out)
{
    if (question == TF_NT_SIO_BSP_HANDLE_POLL) {
        *base_out = (tf_nt_handle)system_under.below[socket];
        return system_under.poll_error;
    }
    assert_int_equal(question, TF_NT_SIO_BASE_HANDLE);
    *base_out = system_under.files[socket];
    return system_under.base_errors[socket];
}

static tf_nt_status failing_wait(
    tf_nt_handle port,
    struct tf_nt_packet *packets,
    uint32_t capacity,
    uint32_t *count_out,
    int64_t *timeout,
    uint8_t is_alertable)
{
    (void)port;
    (void)packets;
    (void)capacity;
    (void)count_out;
    (void)timeout;
    (void)is_alertable;
    return system_under.wait_status;
}

static tf_nt_status failing_create(
    tf_nt_handle *port_out, uint32_t access, void *attributes, uint32_t thread_count)
{
    (void)port_out;
    (void)access;
    (void)attributes;
    (void)thread_count;
    return system_under.create_status;
}

const char *__real_tf_nt_open(struct tf_nt *nt);
const char *__wrap_tf_nt_open(struct tf_nt *nt);

const char *__wrap_tf_nt_open(struct tf_nt *nt)
{
    (void)__real_tf_nt_open(nt);
    if (system_under.wait_status != TF_NT_SUCCESS) {
        nt->NtRemoveIoCompletionEx = failing_wait;
    }
    if (system_under.create_status != TF_NT_SUCCESS) {
        nt->NtCreateIoCompletion = failing_create;
    }
    return system_under.missing;
}

// The fixture.

static void *allocate(void *context, size_t size)
{
    (void)context;
    system_under.allocated_bytes += size;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    assert_false(nt_kernel_owns(memory, size));
    system_under.allocated_bytes -= size;
    free(memory);
}

static enum tofu_status open_poller(bool lsp_fallback)
{
    struct tf_poller_options options = {
        .allocator = &fixture.allocator, .lsp_fallback = lsp_fallback};
    fixture.poller.ops = &tf_poller_afd;
    return tf_poller_afd.open(&fixture.poller, &options);
}

static int set_up(void **state)
{
    (void)state;
    memset(&system_under, 0, sizeof system_under);
    memset(&fixture, 0, sizeof fixture);
    system_under.now_ns = TF_SECOND;
    fixture.allocator = (struct tofu_allocator){.allocate = allocate, .release = release};
    nt_kernel_begin();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (fixture.poller.state != NULL) {
        tf_poller_afd.close(&fixture.poller);
    }
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (system_under.files[i] != NULL) {
            nt_handle_close(system_under.files[i]);
        }
    }
    nt_kernel_end();
    return system_under.allocated_bytes == 0 ? 0 : -1;
}

static struct tf_watch make_socket(uintptr_t number, bool is_overlapped)
{
    system_under.files[number] = nt_file_open(number, is_overlapped);
    return (struct tf_watch){.socket = (tf_socket)number, .token = number};
}

static enum tofu_status watch(struct tf_watch *watch, uint8_t interest)
{
    return tf_poller_afd.watch(&fixture.poller, watch, interest);
}

static void forget(struct tf_watch *watch)
{
    tf_poller_afd.forget(&fixture.poller, watch);
}

static uint32_t wait_for(uint64_t timeout_ns, struct tf_poll_event *events, uint32_t capacity)
{
    uint32_t count = UINT32_MAX;
    assert_int_equal(
        tf_poller_afd.wait(&fixture.poller, timeout_ns, events, capacity, &count), TOFU_OK);
    return count;
}

static void expect_refused(struct tf_watch *watched, const char *words)
{
    assert_int_equal(watch(watched, TF_POLL_READ), TOFU_NOTIFICATION_FAILED);
    assert_false(watched->is_registered);
    if (strstr(fixture.poller.detail, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", fixture.poller.detail, words);
    }
}

// Opening.

static void a_system_without_a_function_is_refused_by_its_name(void **state)
{
    (void)state;
    system_under.missing = "NtCancelIoFileEx";

    assert_int_equal(open_poller(false), TOFU_NOTIFICATION_FAILED);

    assert_string_equal(fixture.poller.detail, "ntdll has no NtCancelIoFileEx");
    assert_int_equal(system_under.allocated_bytes, 0);
}

static void a_port_that_is_refused_is_told_with_its_status(void **state)
{
    (void)state;
    system_under.create_status = TF_NT_QUOTA_EXCEEDED;

    assert_int_equal(open_poller(false), TOFU_NOTIFICATION_FAILED);

    assert_string_equal(fixture.poller.detail, "NtCreateIoCompletion: 0xC0000044");
    assert_int_equal(system_under.allocated_bytes, 0);
}

// Sockets that cannot be watched.

static void a_provider_that_hides_the_base_is_named_with_the_hint(void **state)
{
    (void)state;
    assert_int_equal(open_poller(false), TOFU_OK);
    struct tf_watch hidden = make_socket(1, true);
    system_under.base_errors[1] = WINSOCK_ERROR;

    expect_refused(&hidden, "SIO_BASE_HANDLE: error 10045; see netsh winsock show catalog");
    expect_refused(&hidden, "provider: Layered over [TCP/IP]");
    assert_int_equal(nt_kernel_counts()->requests, 0);
}

// Two providers stand in front, and neither lets the question through.
static void the_fallback_goes_down_the_chain(void **state)
{
    (void)state;
    assert_int_equal(open_poller(true), TOFU_OK);
    struct tf_watch layered = make_socket(1, true);
    (void)make_socket(3, true);
    system_under.base_errors[1] = WINSOCK_ERROR;
    system_under.base_errors[2] = WINSOCK_ERROR;
    system_under.below[1] = 2;
    system_under.below[2] = 3;
    system_under.ready[3] = TF_AFD_RECEIVE;
    struct tf_poll_event event;

    assert_int_equal(watch(&layered, TF_POLL_READ), TOFU_OK);

    assert_int_equal(wait_for(0, &event, 1), 1);
    assert_int_equal(event.token, layered.token);
    forget(&layered);
}

static void the_bottom_of_the_chain_is_a_base_whatever_it_says(void **state)
{
    (void)state;
    assert_int_equal(open_poller(true), TOFU_OK);
    struct tf_watch bottom = make_socket(1, true);
    system_under.base_errors[(uintptr_t)1] = WINSOCK_ERROR;
    system_under.below[1] = 1;

    // Its number is no handle of this kernel, which is as far as a chain can be followed here.
    assert_int_equal(watch(&bottom, TF_POLL_READ), TOFU_NOTIFICATION_FAILED);
    assert_string_equal(fixture.poller.detail, "NtSetInformationFile: 0xC0000008");
}

static void a_chain_without_an_end_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(open_poller(true), TOFU_OK);
    struct tf_watch layered = make_socket(1, true);
    system_under.base_errors[1] = WINSOCK_ERROR;
    system_under.base_errors[2] = WINSOCK_ERROR;
    system_under.below[1] = 2;
    system_under.below[2] = 1;

    expect_refused(&layered, "SIO_BASE_HANDLE: error 10045; see");
}

static void a_fallback_that_fails_tells_both_errors(void **state)
{
    (void)state;
    assert_int_equal(open_poller(true), TOFU_OK);
    struct tf_watch layered = make_socket(1, true);
    system_under.base_errors[1] = WINSOCK_ERROR;
    system_under.poll_error = 10022;

    expect_refused(&layered, "error 10045, SIO_BSP_HANDLE_POLL: error 10022; see");
}

static void a_socket_that_is_not_overlapped_is_refused(void **state)
{
    (void)state;
    assert_int_equal(open_poller(false), TOFU_OK);
    struct tf_watch blocking = make_socket(1, false);

    expect_refused(&blocking, "0xC000000D; the socket is not overlapped, or has another port");
}

static void a_socket_of_another_poller_is_refused(void **state)
{
    (void)state;
    struct tf_poller other = {.ops = &tf_poller_afd};
    struct tf_poller_options options = {.allocator = &fixture.allocator};
    assert_int_equal(tf_poller_afd.open(&other, &options), TOFU_OK);
    assert_int_equal(open_poller(false), TOFU_OK);
    struct tf_watch theirs = make_socket(1, true);
    struct tf_watch ours = theirs;
    assert_int_equal(tf_poller_afd.watch(&other, &theirs, TF_POLL_READ), TOFU_OK);

    expect_refused(&ours, "has another port");

    tf_poller_afd.forget(&other, &theirs);
    tf_poller_afd.close(&other);
}

// Requests that the kernel does not take.

static void a_refused_request_is_reported_once_per_rest_and_tried_again(void **state)
{
    (void)state;
    assert_int_equal(open_poller(false), TOFU_OK);
    struct tf_watch watched = make_socket(1, true);
    struct tf_poll_event event;
    assert_int_equal(watch(&watched, TF_POLL_READ), TOFU_OK);
    system_under.is_short = true;
    for (int i = 0; i < 5; i++) {
        uint64_t start_ns = system_under.now_ns;
        assert_int_equal(wait_for(TF_SECOND, &event, 1), 1);
        assert_int_equal(event.ready, TF_POLL_READ | TF_POLL_ERROR);
        assert_int_equal(system_under.now_ns - start_ns, i == 0 ? 0 : REST);
    }
    assert_in_range(system_under.call_count, 5, 30);

    system_under.is_short = false;
    assert_int_equal(wait_for(TF_SECOND, &event, 1), 0);
    system_under.ready[1] = TF_AFD_RECEIVE;
    nt_file_changed(system_under.files[1]);

    assert_int_equal(wait_for(TF_SECOND, &event, 1), 1);
    assert_int_equal(event.ready, TF_POLL_READ);
    forget(&watched);
}

static void a_paused_socket_whose_request_is_refused_is_silent(void **state)
{
    (void)state;
    assert_int_equal(open_poller(false), TOFU_OK);
    struct tf_watch watched = make_socket(1, true);
    struct tf_poll_event event;
    system_under.is_short = false;
    assert_int_equal(watch(&watched, 0), TOFU_OK);
    system_under.is_short = true;

    assert_int_equal(wait_for(TF_SECOND, &event, 1), 0);

    assert_in_range(system_under.call_count, 10, 1000);
    forget(&watched);
}

static void a_request_that_ends_with_an_error_is_reported_and_rests(void **state)
{
    (void)state;
    assert_int_equal(open_poller(false), TOFU_OK);
    struct tf_watch watched = make_socket(1, true);
    struct tf_poll_event event;
    assert_int_equal(watch(&watched, TF_POLL_READ), TOFU_OK);
    assert_int_equal(wait_for(0, &event, 1), 0);
    const struct nt_file *file = nt_handle_find(system_under.files[1])->file;
    nt_request_end(
        TF_CONTAINER_OF(file->requests.next, struct nt_request, file_link), NT_NO_DEVICE, 0);
    uint64_t start_ns = system_under.now_ns;

    assert_int_equal(wait_for(TF_SECOND, &event, 1), 1);

    assert_int_equal(event.ready, TF_POLL_READ | TF_POLL_ERROR);
    assert_int_equal(system_under.now_ns, start_ns);
    assert_int_equal(wait_for(TF_SECOND, &event, 1), 0);
    forget(&watched);
}

static void a_watch_is_refused_whole_without_memory_for_the_port(void **state)
{
    (void)state;
    assert_int_equal(open_poller(false), TOFU_OK);
    struct tf_watch watched = make_socket(1, true);
    system_under.is_short = true;
    expect_refused(&watched, "NtSetInformationFile: 0xC000009A");
    system_under.is_short = false;

    assert_int_equal(watch(&watched, TF_POLL_READ), TOFU_OK);

    forget(&watched);
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
        system_under.wait_status = statuses[i];
        assert_int_equal(open_poller(false), TOFU_OK);

        enum tofu_status status =
            tf_poller_afd.wait(&fixture.poller, UINT64_MAX, &event, 1, &count);

        assert_int_equal(status, TOFU_NOTIFICATION_FAILED);
        (void)snprintf(
            words, sizeof words, "NtRemoveIoCompletionEx: 0x%08X", (unsigned)statuses[i]);
        assert_string_equal(fixture.poller.detail, words);
        tf_poller_afd.close(&fixture.poller);
    }
}

static void more_than_a_batch_comes_in_two_waits(void **state)
{
    (void)state;
    static struct tf_watch watches[301];
    static struct tf_poll_event events[SOCKETS_MAX];
    assert_int_equal(open_poller(false), TOFU_OK);
    for (uintptr_t i = 1; i <= 300; i++) {
        watches[i] = make_socket(i, true);
        system_under.ready[i] = TF_AFD_SEND;
        assert_int_equal(watch(&watches[i], TF_POLL_WRITE), TOFU_OK);
    }

    assert_int_equal(wait_for(TF_SECOND, events, SOCKETS_MAX), 256);
    assert_int_equal(events[0].token, 1);
    assert_int_equal(wait_for(TF_SECOND, events, SOCKETS_MAX), 256);

    // First those that were left over.
    assert_int_equal(events[0].token, 257);
    for (uintptr_t i = 1; i <= 300; i++) {
        forget(&watches[i]);
    }
}

// The number of a closed socket is given to the next one while the kernel still has the old one's request.
static void a_late_packet_of_a_closed_socket_is_nobody_s(void **state)
{
    (void)state;
    assert_int_equal(open_poller(false), TOFU_OK);
    struct tf_watch watched = make_socket(1, true);
    struct tf_poll_event event;
    assert_int_equal(watch(&watched, TF_POLL_READ), TOFU_OK);
    assert_int_equal(wait_for(0, &event, 1), 0);
    system_under.puts_off = true;
    system_under.ready[1] = TF_AFD_RECEIVE;
    nt_file_changed(system_under.files[1]);
    forget(&watched);
    tf_nt_handle old = system_under.files[1];
    nt_handle_close(old);
    system_under.puts_off = false;
    system_under.ready[1] = 0;
    watched = make_socket(1, true);
    assert_ptr_equal(system_under.files[1], old);
    watched.token = 2;
    assert_int_equal(watch(&watched, TF_POLL_READ), TOFU_OK);

    assert_int_equal(wait_for(TF_SECOND, &event, 1), 0);

    assert_int_equal(nt_kernel_counts()->packets, 1);
    forget(&watched);
}

// The memory of a request that never comes back is lost rather than freed: the kernel may write to it.
static void closing_leaves_behind_what_the_kernel_keeps(void **state)
{
    (void)state;
    assert_int_equal(open_poller(false), TOFU_OK);
    struct tf_watch watched = make_socket(1, true);
    struct tf_poll_event event;
    assert_int_equal(watch(&watched, TF_POLL_READ), TOFU_OK);
    assert_int_equal(wait_for(0, &event, 1), 0);
    system_under.keeps_back = true;
    system_under.puts_off = true;
    forget(&watched);
    const struct nt_file *file = nt_handle_find(system_under.files[1])->file;
    struct nt_request *request = TF_CONTAINER_OF(file->requests.next, struct nt_request, file_link);
    uint64_t start_ns = system_under.now_ns;

    tf_poller_afd.close(&fixture.poller);

    assert_int_equal(system_under.now_ns - start_ns, CLOSE_LIMIT);
    assert_string_equal(fixture.poller.detail, "1 requests did not come back; their memory stays");
    assert_in_range(system_under.allocated_bytes, 64 * 64, 64 * 1000);
    // So that the test itself leaves nothing: the first block is where the slab begins.
    struct tf_nt_packet packet;
    void *slab = request->io_status;
    nt_request_finish(request, &packet);
    release(NULL, slab, system_under.allocated_bytes);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_system_without_a_function_is_refused_by_its_name),
        CASE(a_port_that_is_refused_is_told_with_its_status),
        CASE(a_provider_that_hides_the_base_is_named_with_the_hint),
        CASE(the_fallback_goes_down_the_chain),
        CASE(the_bottom_of_the_chain_is_a_base_whatever_it_says),
        CASE(a_chain_without_an_end_is_given_up),
        CASE(a_fallback_that_fails_tells_both_errors),
        CASE(a_socket_that_is_not_overlapped_is_refused),
        CASE(a_socket_of_another_poller_is_refused),
        CASE(a_refused_request_is_reported_once_per_rest_and_tried_again),
        CASE(a_paused_socket_whose_request_is_refused_is_silent),
        CASE(a_request_that_ends_with_an_error_is_reported_and_rests),
        CASE(a_watch_is_refused_whole_without_memory_for_the_port),
        CASE(a_wait_that_fails_says_with_what),
        CASE(more_than_a_batch_comes_in_two_waits),
        CASE(a_late_packet_of_a_closed_socket_is_nobody_s),
        CASE(closing_leaves_behind_what_the_kernel_keeps),
    };
    return cmocka_run_group_tests_name("the poller of Windows in trouble", tests, NULL, NULL);
}
