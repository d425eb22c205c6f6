// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nt/trouble.h"

#include "nt/objects.h"
#include "nt/world.h"
#include "os/clock.h"
#include "os/windows/poller_afd.h"

struct trouble_system trouble_system;
struct trouble_fixture trouble_fixture;

// The kernel's world.

uint64_t tf_clock_now(void)
{
    return trouble_system.now_ns;
}

uint64_t nt_world_below(uint64_t limit)
{
    (void)limit;
    return 0;
}

bool nt_world_chance(uint32_t rate)
{
    // The frequent ones: that a packet comes later, and that a cancel takes its time.
    return trouble_system.puts_off && rate >= 400;
}

bool nt_world_is_short(enum nt_need need)
{
    (void)need;
    return trouble_system.is_short;
}

tf_nt_status nt_world_failure(void)
{
    return trouble_system.request_status;
}

uint32_t nt_world_ready(uintptr_t socket)
{
    return trouble_system.ready[socket];
}

void nt_world_interrupt(void)
{
    trouble_system.call_count++;
}

void nt_world_step(void)
{
    // Nobody comes between what a thread does.
}

void trouble_wake_in_vain(void)
{
    trouble_system.wakes_in_vain = false;
    trouble_system.is_short = true;
    tf_poller_afd.wake(&trouble_fixture.poller);
    trouble_system.is_short = false;
}

bool nt_world_idle(uint64_t deadline_ns)
{
    if (trouble_system.wakes_in_vain) {
        trouble_wake_in_vain();
    }
    if (!trouble_system.keeps_back && nt_kernel_step()) {
        return true;
    }
    trouble_system.now_ns = deadline_ns;
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
        *base_out = (tf_nt_handle)trouble_system.below[socket];
        return trouble_system.poll_error;
    }
    assert_int_equal(question, TF_NT_SIO_BASE_HANDLE);
    *base_out = trouble_system.files[socket];
    return trouble_system.base_errors[socket];
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
    return trouble_system.wait_status;
}

static struct tf_nt real_nt;

static tf_nt_status wait_with_little_room(
    tf_nt_handle port,
    struct tf_nt_packet *packets,
    uint32_t capacity,
    uint32_t *count_out,
    int64_t *timeout,
    uint8_t is_alertable)
{
    if (trouble_system.has_room_for_one && capacity > 1) {
        return TF_NT_INSUFFICIENT_RESOURCES;
    }
    return real_nt.NtRemoveIoCompletionEx(
        port, packets, capacity, count_out, timeout, is_alertable);
}

static tf_nt_status taking_control(
    tf_nt_handle file,
    tf_nt_handle event,
    void *apc,
    void *context,
    struct tf_nt_io_status *io_status,
    uint32_t code,
    void *input,
    uint32_t input_size,
    void *output,
    uint32_t output_size)
{
    tf_nt_status status = real_nt.NtDeviceIoControlFile(
        file, event, apc, context, io_status, code, input, input_size, output, output_size);
    bool is_another = trouble_system.taken_status != TF_NT_SUCCESS && !tf_nt_is_refusal(status);
    return is_another ? trouble_system.taken_status : status;
}

static tf_nt_status failing_create(
    tf_nt_handle *port_out, uint32_t access, void *attributes, uint32_t thread_count)
{
    (void)port_out;
    (void)access;
    (void)attributes;
    (void)thread_count;
    return trouble_system.create_status;
}

const char *__real_tf_nt_open(struct tf_nt *nt);
const char *__wrap_tf_nt_open(struct tf_nt *nt);

const char *__wrap_tf_nt_open(struct tf_nt *nt)
{
    (void)__real_tf_nt_open(nt);
    real_nt = *nt;
    nt->NtRemoveIoCompletionEx = wait_with_little_room;
    nt->NtDeviceIoControlFile = taking_control;
    if (trouble_system.wait_status != TF_NT_SUCCESS) {
        nt->NtRemoveIoCompletionEx = failing_wait;
    }
    if (trouble_system.create_status != TF_NT_SUCCESS) {
        nt->NtCreateIoCompletion = failing_create;
    }
    return trouble_system.missing;
}

// The poller and its sockets.

// What fresh memory is full of: no address, no number of anything.
#define JUNK 0xA5

static void *allocate(void *context, size_t size)
{
    (void)context;
    if (trouble_system.fails_in > 0 && --trouble_system.fails_in == 0) {
        return NULL;
    }
    void *memory = malloc(size);
    if (memory != NULL) {
        memset(memory, JUNK, size);
        trouble_system.allocated_bytes += size;
    }
    return memory;
}

void trouble_release(void *context, void *memory, size_t size)
{
    (void)context;
    assert_false(nt_kernel_owns(memory, size));
    trouble_system.allocated_bytes -= size;
    free(memory);
}

enum tofu_status trouble_open(bool lsp_fallback)
{
    struct tf_poller_options options = {
        .allocator = &trouble_fixture.allocator, .lsp_fallback = lsp_fallback};
    trouble_fixture.poller.ops = &tf_poller_afd;
    return tf_poller_afd.open(&trouble_fixture.poller, &options);
}

int trouble_set_up(void **state)
{
    (void)state;
    memset(&trouble_system, 0, sizeof trouble_system);
    memset(&trouble_fixture, 0, sizeof trouble_fixture);
    trouble_system.now_ns = TF_SECOND;
    trouble_fixture.allocator =
        (struct tofu_allocator){.allocate = allocate, .release = trouble_release};
    nt_kernel_begin();
    return 0;
}

int trouble_tear_down(void **state)
{
    (void)state;
    if (trouble_fixture.watch_count > 0) {
        return -1;
    }
    if (trouble_fixture.poller.state != NULL) {
        tf_poller_afd.close(&trouble_fixture.poller);
    }
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (trouble_system.files[i] != NULL) {
            nt_handle_close(trouble_system.files[i]);
        }
    }
    nt_kernel_end();
    return trouble_system.allocated_bytes == 0 ? 0 : -1;
}

struct tf_watch trouble_socket(uintptr_t number, bool is_overlapped)
{
    trouble_system.files[number] = nt_file_open(number, is_overlapped);
    return (struct tf_watch){.socket = (tf_socket)number, .token = number};
}

enum tofu_status trouble_watch(struct tf_watch *watch, uint8_t interest)
{
    bool was_registered = watch->is_registered;
    enum tofu_status status = tf_poller_afd.watch(&trouble_fixture.poller, watch, interest);
    trouble_fixture.watch_count += watch->is_registered && !was_registered ? 1 : 0;
    return status;
}

void trouble_forget(struct tf_watch *watch)
{
    trouble_fixture.watch_count -= watch->is_registered ? 1 : 0;
    tf_poller_afd.forget(&trouble_fixture.poller, watch);
}

uint32_t trouble_wait(uint64_t timeout_ns, struct tf_poll_event *events, uint32_t capacity)
{
    uint32_t count = UINT32_MAX;
    assert_int_equal(
        tf_poller_afd.wait(&trouble_fixture.poller, timeout_ns, events, capacity, &count), TOFU_OK);
    return count;
}

void trouble_end_request(uintptr_t number, tf_nt_status status)
{
    const struct nt_file *file = nt_handle_find(trouble_system.files[number])->file;
    assert_int_equal(file->request_count, 1);
    nt_request_end(TF_CONTAINER_OF(file->requests.next, struct nt_request, file_link), status, 0);
}

void trouble_expect_refused(struct tf_watch *watched, const char *words)
{
    assert_int_equal(trouble_watch(watched, TF_POLL_READ), TOFU_NOTIFICATION_FAILED);
    assert_false(watched->is_registered);
    if (strstr(trouble_fixture.poller.detail, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", trouble_fixture.poller.detail, words);
    }
}
