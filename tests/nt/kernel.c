// SPDX-License-Identifier: MIT
// Handles, files and ports.
#include "nt/kernel.h"

#include <stdlib.h>
#include <string.h>

#include "nt/objects.h"
#include "nt/world.h"

// Values are multiples of this, as NT's are of 4; no world's own number for a socket looks like one.
#define HANDLE_STEP 0x10004

// A fresh one; it stands ready for who never calls nt_kernel_begin().
#define FRESH                                                                                      \
    {                                                                                              \
        .put_off = {&nt_kernel.put_off, &nt_kernel.put_off},                                       \
        .ports = {&nt_kernel.ports, &nt_kernel.ports},                                             \
    }

struct nt_kernel nt_kernel = FRESH;

void nt_kernel_begin(void)
{
    nt_kernel = (struct nt_kernel)FRESH;
}

void nt_kernel_end(void)
{
    const struct nt_counts *counts = &nt_kernel.counts;
    if (nt_kernel.loan_count != 0) {
        nt_world_fail("a request never came back");
    }
    if (counts->packets != counts->requests) {
        nt_world_fail(
            "%llu requests, but %llu packets",
            (unsigned long long)counts->requests,
            (unsigned long long)counts->packets);
    }
    if (counts->handles != 0) {
        nt_world_fail("%llu handles are still open", (unsigned long long)counts->handles);
    }
    free(nt_kernel.handles);
    nt_kernel.handles = NULL;
    free(nt_kernel.loans);
    nt_kernel.loans = NULL;
}

const struct nt_counts *nt_kernel_counts(void)
{
    return &nt_kernel.counts;
}

void *nt_allocate(size_t size)
{
    // Not calloc(): that of glibc goes past the cache of small blocks.
    void *memory = malloc(size);
    if (memory == NULL) {
        nt_world_fail("the kernel itself has no memory");
    }
    return memset(memory, 0, size);
}

void *nt_grow(void *array, uint32_t *capacity, size_t size)
{
    uint32_t grown = *capacity == 0 ? 32 : 2 * *capacity;
    void *fresh = nt_allocate(grown * size);
    if (*capacity > 0) {
        memcpy(fresh, array, *capacity * size);
    }
    free(array);
    *capacity = grown;
    return fresh;
}

// The lowest value that is free comes first, so that of a closed handle comes back at once.
static tf_nt_handle handle_make(struct nt_file *file, struct nt_port *port)
{
    uint32_t i = nt_kernel.handle_lowest;
    while (i < nt_kernel.handle_capacity &&
           (nt_kernel.handles[i].file != NULL || nt_kernel.handles[i].port != NULL)) {
        i++;
    }
    if (i == nt_kernel.handle_capacity) {
        nt_kernel.handles =
            nt_grow(nt_kernel.handles, &nt_kernel.handle_capacity, sizeof(struct nt_handle));
    }
    nt_kernel.handles[i] = (struct nt_handle){.file = file, .port = port};
    nt_kernel.handle_lowest = i + 1;
    nt_kernel.counts.handles++;
    return (tf_nt_handle)((uintptr_t)(i + 1) * HANDLE_STEP);
}

struct nt_handle *nt_handle_find(tf_nt_handle value)
{
    uintptr_t number = (uintptr_t)value;
    if (number == 0 || number % HANDLE_STEP != 0 ||
        number / HANDLE_STEP > nt_kernel.handle_capacity) {
        return NULL;
    }
    struct nt_handle *handle = &nt_kernel.handles[number / HANDLE_STEP - 1];
    return handle->file == NULL && handle->port == NULL ? NULL : handle;
}

static struct nt_handle *handle_get(tf_nt_handle value)
{
    struct nt_handle *handle = nt_handle_find(value);
    if (handle == NULL) {
        nt_world_fail("%p is no handle", value);
    }
    return handle;
}

tf_nt_handle nt_port_open(void)
{
    struct nt_port *port = nt_allocate(sizeof *port);
    port->number = nt_kernel.port_count;
    port->is_open = true;
    tf_list_init(&port->packets);
    tf_list_init(&port->link);
    tf_list_append(&nt_kernel.ports, &port->link);
    nt_kernel.port_count++;
    return handle_make(NULL, port);
}

void nt_port_push(struct nt_port *port, struct nt_queued *packet)
{
    tf_list_init(&packet->link);
    if (!port->is_open) {
        return; // Nobody will ever take it.
    }
    tf_list_append(&port->packets, &packet->link);
    nt_world_packet(port->number);
}

static struct nt_port *port_get(uintptr_t number)
{
    for (struct tf_list *link = nt_kernel.ports.next; link != &nt_kernel.ports; link = link->next) {
        struct nt_port *port = TF_CONTAINER_OF(link, struct nt_port, link);
        if (port->number == number) {
            return port;
        }
    }
    nt_world_fail("port %llu is not open", (unsigned long long)number);
}

bool nt_port_has_packets(uintptr_t number)
{
    return !tf_list_is_empty(&port_get(number)->packets);
}

uint64_t nt_port_posts(uintptr_t number)
{
    struct tf_list *packets = &port_get(number)->packets;
    uint64_t count = 0;
    for (struct tf_list *link = packets->next; link != packets; link = link->next) {
        const struct nt_queued *packet = TF_CONTAINER_OF(link, struct nt_queued, link);
        count += packet->request == NULL && packet->key != NULL ? 1 : 0;
    }
    return count;
}

uint64_t nt_port_posts_taken(uintptr_t number)
{
    return port_get(number)->posts_taken;
}

bool nt_port_stray(uintptr_t number)
{
    struct nt_port *port = port_get(number);
    if (port->gone_count == 0) {
        return false;
    }
    uint64_t kept = port->gone_count < NT_GONE_MAX ? port->gone_count : NT_GONE_MAX;
    struct nt_queued *packet = nt_allocate(sizeof *packet);
    packet->context = port->gone_contexts[nt_world_below(kept)];
    packet->status = TF_NT_SUCCESS;
    nt_port_push(port, packet);
    return true;
}

void nt_port_release(struct nt_port *port)
{
    if (!port->is_open && port->file_count == 0) {
        free(port);
    }
}

static void port_close(struct nt_port *port)
{
    port->is_open = false;
    tf_list_remove(&port->link);
    for (struct tf_list *link = tf_list_take_first(&port->packets); link != NULL;
         link = tf_list_take_first(&port->packets)) {
        struct nt_queued *packet = TF_CONTAINER_OF(link, struct nt_queued, link);
        if (packet->request == NULL) {
            free(packet);
        }
    }
    nt_port_release(port);
}

tf_nt_handle nt_file_open(uintptr_t socket, bool is_overlapped)
{
    struct nt_file *file = nt_allocate(sizeof *file);
    file->socket = socket;
    file->is_overlapped = is_overlapped;
    file->handle_count = 1;
    tf_list_init(&file->requests);
    return handle_make(file, NULL);
}

tf_nt_handle nt_handle_duplicate(tf_nt_handle value)
{
    struct nt_file *file = handle_get(value)->file;
    file->handle_count++;
    return handle_make(file, NULL);
}

void nt_file_release(struct nt_file *file)
{
    if (file->handle_count > 0 || file->request_count > 0) {
        return;
    }
    if (file->port != NULL) {
        if (file->context != NULL) {
            file->port->gone_contexts[file->port->gone_count % NT_GONE_MAX] = file->context;
            file->port->gone_count++;
        }
        file->port->file_count--;
        nt_port_release(file->port);
    }
    free(file);
}

// With the last handle the socket is gone, and nothing can become ready any more.
static void file_close(struct nt_file *file)
{
    file->handle_count--;
    struct tf_list *next = NULL;
    for (struct tf_list *link = file->requests.next;
         file->handle_count == 0 && link != &file->requests;
         link = next) {
        next = link->next;
        struct nt_request *request = TF_CONTAINER_OF(link, struct nt_request, file_link);
        if (request->state == NT_WAITING) {
            nt_request_end(request, TF_NT_SUCCESS, TF_AFD_LOCAL_CLOSE);
        }
    }
    nt_file_release(file);
}

void nt_handle_close(tf_nt_handle value)
{
    struct nt_handle *handle = handle_get(value);
    struct nt_handle closed = *handle;
    uint32_t index = (uint32_t)(handle - nt_kernel.handles);
    nt_world_trace("close", (uintptr_t)value, closed.file != NULL);
    *handle = (struct nt_handle){0};
    nt_kernel.handle_lowest = index < nt_kernel.handle_lowest ? index : nt_kernel.handle_lowest;
    nt_kernel.counts.handles--;
    if (closed.file != NULL) {
        file_close(closed.file);
    } else {
        port_close(closed.port);
    }
}

void nt_file_changed(tf_nt_handle handle)
{
    nt_file_look(handle_get(handle)->file);
}

bool nt_file_has_failed(tf_nt_handle handle)
{
    return handle_get(handle)->file->has_failed;
}
