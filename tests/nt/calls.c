// SPDX-License-Identifier: MIT
// The functions of the table. Any that needs memory may refuse for want of it. Posting and taking packets lets
// others in before and after; asking for a poll and cancelling one, before.
#include <stdlib.h>
#include <string.h>

#include "nt/objects.h"
#include "nt/world.h"
#include "os/clock.h"

// How early a wait may be.
#define NT_TICK UINT64_C(15600000)

#define NT_INVALID_HANDLE  ((tf_nt_status)0xC0000008)
#define NT_INFORMATION     ((tf_nt_status)0x40000015)
#define NT_BUFFER_OVERFLOW ((tf_nt_status)0x80000005)

static struct nt_file *file_of(tf_nt_handle value)
{
    struct nt_handle *handle = nt_handle_find(value);
    return handle == NULL ? NULL : handle->file;
}

static struct nt_port *port_of(tf_nt_handle value)
{
    struct nt_handle *handle = nt_handle_find(value);
    return handle == NULL ? NULL : handle->port;
}

static tf_nt_status create_completion(
    tf_nt_handle *port_out, uint32_t access, void *attributes, uint32_t thread_count)
{
    (void)thread_count;
    if (access != TF_NT_IO_COMPLETION_ALL_ACCESS || attributes != NULL) {
        nt_world_fail("a port is asked for in a strange way");
    }
    *port_out = nt_port_open();
    return TF_NT_SUCCESS;
}

static tf_nt_status set_completion(
    tf_nt_handle value, void *key, void *context, tf_nt_status status, uintptr_t information)
{
    struct nt_port *port = port_of(value);
    nt_world_trace("set", (uintptr_t)key, (uintptr_t)context);
    if (port == NULL) {
        nt_world_fail("a packet is posted to a port that is not open");
    }
    nt_world_interrupt();
    if (nt_world_is_short(NT_NEED_WAKE)) {
        nt_world_interrupt();
        return TF_NT_NO_MEMORY;
    }
    struct nt_queued *packet = nt_allocate(sizeof *packet);
    packet->key = key;
    packet->context = context;
    packet->status = status;
    packet->information = information;
    nt_port_push(port, packet);
    nt_world_interrupt();
    return TF_NT_SUCCESS;
}

static void take_packet(struct nt_port *port, struct tf_nt_packet *packet_out)
{
    struct tf_list *link = tf_list_take_first(&port->packets);
    struct nt_queued *packet = TF_CONTAINER_OF(link, struct nt_queued, link);
    if (packet->request != NULL) {
        nt_request_finish(packet->request, packet_out);
    } else {
        *packet_out = (struct tf_nt_packet){
            .key = packet->key,
            .context = packet->context,
            .io_status = {.status = packet->status, .information = packet->information}};
        port->posts_taken++;
        free(packet);
    }
    nt_world_trace("take", (uintptr_t)packet_out->context, (uint32_t)packet_out->io_status.status);
}

// Waits until there is a packet; may give up a tick early.
static bool await_packet(const struct nt_port *port, const int64_t *timeout)
{
    uint64_t deadline_ns = UINT64_MAX;
    if (timeout != NULL && *timeout > 0) {
        nt_world_fail("a wait has an absolute deadline");
    }
    if (timeout != NULL) {
        uint64_t timeout_ns = (uint64_t) - *timeout * 100;
        uint64_t early_ns = timeout_ns > 0 && nt_world_chance(200) ? nt_world_below(NT_TICK) : 0;
        timeout_ns = early_ns < timeout_ns ? timeout_ns - early_ns : timeout_ns;
        deadline_ns = timeout_ns == 0 ? 0 : tf_deadline(tf_clock_now(), timeout_ns);
    }
    while (tf_list_is_empty(&port->packets)) {
        if (deadline_ns == 0 || !nt_world_idle(deadline_ns)) {
            return false;
        }
    }
    return true;
}

static tf_nt_status remove_completion(
    tf_nt_handle value,
    struct tf_nt_packet *packets,
    uint32_t capacity,
    uint32_t *count_out,
    int64_t *timeout,
    uint8_t is_alertable)
{
    struct nt_port *port = port_of(value);
    if (port == NULL || capacity == 0 || is_alertable != 0) {
        nt_world_fail("packets are taken in a strange way");
    }
    nt_world_interrupt();
    if (nt_world_chance(10)) {
        nt_world_interrupt();
        return TF_NT_USER_APC;
    }
    if (capacity > 1 && nt_world_chance(10)) {
        return TF_NT_INSUFFICIENT_RESOURCES; // Room for one is always there.
    }
    if (!await_packet(port, timeout)) {
        *count_out = 1;
        nt_world_interrupt();
        return TF_NT_TIMEOUT;
    }
    uint32_t count_max = nt_world_chance(200) ? 1 : capacity;
    uint32_t count = 0;
    while (count < count_max && !tf_list_is_empty(&port->packets)) {
        take_packet(port, &packets[count]);
        count++;
    }
    *count_out = count;
    nt_world_interrupt();
    return TF_NT_SUCCESS;
}

// No error: the request was taken, and its packet comes.
static tf_nt_status acceptance(const struct nt_request *request)
{
    // What is done at once may say so.
    if (request->state == NT_QUEUED && nt_world_chance(500)) {
        return TF_NT_SUCCESS;
    }
    if (nt_world_chance(10)) {
        return nt_world_below(2) == 0 ? NT_INFORMATION : NT_BUFFER_OVERFLOW;
    }
    return TF_NT_PENDING;
}

static tf_nt_status control_file(
    tf_nt_handle value,
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
    struct nt_file *file = file_of(value);
    struct tf_nt_poll *poll = input;
    nt_world_trace("poll", (uintptr_t)context, (uintptr_t)value);
    if (code != TF_NT_IOCTL_AFD_POLL || input_size != sizeof *poll || output_size != sizeof *poll ||
        input != output || event != NULL || apc != NULL || context == NULL) {
        nt_world_fail("a poll is asked for in a strange way");
    }
    if (nt_kernel_owns(io_status, sizeof *io_status) || nt_kernel_owns(poll, sizeof *poll)) {
        nt_world_fail("memory is given to the kernel that is the kernel's already");
    }
    if (file == NULL) {
        return NT_INVALID_HANDLE;
    }
    if (file->port == NULL || poll->handle_count != 1 || poll->exclusive != 0 ||
        poll->timeout != INT64_MAX || poll->handles[0].handle != value ||
        poll->handles[0].events == 0 || (poll->handles[0].events & TF_AFD_CONNECT) != 0) {
        nt_world_fail("a poll asks for strange things");
    }
    if (context == file->failed_context) {
        nt_world_fail("a poll is asked for again that was refused for good");
    }
    nt_world_interrupt();
    if (nt_world_is_short(NT_NEED_REQUEST)) {
        nt_kernel.counts.refusals++;
        return TF_NT_INSUFFICIENT_RESOURCES;
    }
    tf_nt_status failure = nt_world_failure();
    if (failure != TF_NT_SUCCESS) {
        nt_file_fail(file, context);
        return failure;
    }
    return acceptance(nt_request_begin(file, context, io_status, poll));
}

static tf_nt_status cancel_file(
    tf_nt_handle value, struct tf_nt_io_status *request_status, struct tf_nt_io_status *io_status)
{
    const struct nt_file *file = file_of(value);
    if (file == NULL) {
        nt_world_fail("a request is cancelled on a handle that is closed");
    }
    if (nt_kernel_owns(io_status, sizeof *io_status)) {
        nt_world_fail("a cancel's own result is in the memory of a request");
    }
    nt_world_interrupt();
    struct nt_request *request = nt_request_find(file, request_status);
    tf_nt_status status = request == NULL ? TF_NT_NOT_FOUND : nt_request_cancel(request);
    nt_world_trace("cancel", (uintptr_t)value, (uint32_t)status);
    *io_status = (struct tf_nt_io_status){.status = status};
    return status;
}

static tf_nt_status set_information(
    tf_nt_handle value,
    struct tf_nt_io_status *io_status,
    void *information,
    uint32_t size,
    uint32_t class)
{
    struct nt_file *file = file_of(value);
    const struct tf_nt_completion *completion = information;
    if (class != TF_NT_FILE_COMPLETION_INFORMATION || size != sizeof *completion) {
        nt_world_fail("a file is told strange things");
    }
    struct nt_port *port = port_of(completion->port);
    if (file == NULL || port == NULL) {
        return NT_INVALID_HANDLE;
    }
    if (nt_world_is_short(NT_NEED_PORT)) {
        return TF_NT_INSUFFICIENT_RESOURCES;
    }
    if (file->port != NULL || !file->is_overlapped) {
        return TF_NT_INVALID_PARAMETER;
    }
    file->port = port;
    file->key = completion->key;
    port->file_count++;
    *io_status = (struct tf_nt_io_status){.status = TF_NT_SUCCESS};
    return TF_NT_SUCCESS;
}

static tf_nt_status close_handle(tf_nt_handle value)
{
    if (port_of(value) == NULL) {
        nt_world_fail("a handle is closed that is no port");
    }
    nt_handle_close(value);
    return TF_NT_SUCCESS;
}

static int base_of(tf_nt_handle socket, uint32_t question, tf_nt_handle *base_out)
{
    return nt_world_base_of((uintptr_t)socket, question, base_out);
}

static void provider_of(tf_nt_handle socket, char name[TF_NT_PROVIDER_BYTES_MAX])
{
    (void)socket;
    (void)strcpy(name, "Layered over [TCP/IP]");
}

const char *tf_nt_open(struct tf_nt *nt)
{
    *nt = (struct tf_nt){
        .NtCreateIoCompletion = create_completion,
        .NtSetIoCompletion = set_completion,
        .NtRemoveIoCompletionEx = remove_completion,
        .NtDeviceIoControlFile = control_file,
        .NtCancelIoFileEx = cancel_file,
        .NtSetInformationFile = set_information,
        .NtClose = close_handle,
        .base_of = base_of,
        .provider_of = provider_of,
    };
    return NULL;
}
