// SPDX-License-Identifier: MIT
// Requests, from their acceptance to the packet, and the memory that is the kernel's meanwhile.
#include <stdlib.h>
#include <string.h>

#include "nt/objects.h"
#include "nt/world.h"

// How often, of 1000, something that is due happens later.
#define PUT_OFF_RATE 400

// AddressSanitizer's, where it is there: then touching the kernel's memory is an error right where it
// happens, reads included.
void __asan_poison_memory_region(const volatile void *memory, size_t size) __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *memory, size_t size) __attribute__((weak));

static bool overlaps(const void *first, size_t first_size, const void *second, size_t second_size)
{
    uintptr_t a = (uintptr_t)first;
    uintptr_t b = (uintptr_t)second;
    return a < b + second_size && b < a + first_size;
}

bool nt_kernel_owns(const void *memory, size_t size)
{
    for (uint32_t i = 0; i < nt_kernel.loan_count; i++) {
        const struct nt_loan *loan = &nt_kernel.loans[i];
        if (overlaps(memory, size, loan->io_status, sizeof *loan->io_status) ||
            overlaps(memory, size, loan->poll, sizeof *loan->poll)) {
            return true;
        }
    }
    return false;
}

static void loan_add(struct nt_request *request)
{
    if (nt_kernel.loan_count == nt_kernel.loan_capacity) {
        nt_kernel.loans =
            nt_grow(nt_kernel.loans, &nt_kernel.loan_capacity, sizeof(struct nt_loan));
    }
    request->place = nt_kernel.loan_count++;
    nt_kernel.loans[request->place] = (struct nt_loan){
        .request = request, .io_status = request->io_status, .poll = request->poll};
}

static void loan_remove(const struct nt_request *request)
{
    struct nt_loan last = nt_kernel.loans[--nt_kernel.loan_count];
    nt_kernel.loans[request->place] = last;
    last.request->place = request->place;
}

static void memory_take(struct nt_request *request)
{
    loan_add(request);
    request->io_status_given = *request->io_status;
    request->poll_given = *request->poll;
    if (__asan_poison_memory_region != NULL) {
        __asan_poison_memory_region(request->io_status, sizeof *request->io_status);
        __asan_poison_memory_region(request->poll, sizeof *request->poll);
    }
}

static void memory_give_back(struct nt_request *request)
{
    loan_remove(request);
    if (__asan_unpoison_memory_region != NULL) {
        __asan_unpoison_memory_region(request->io_status, sizeof *request->io_status);
        __asan_unpoison_memory_region(request->poll, sizeof *request->poll);
    }
    if (memcmp(&request->io_status_given, request->io_status, sizeof *request->io_status) != 0 ||
        memcmp(&request->poll_given, request->poll, sizeof *request->poll) != 0) {
        nt_world_fail("memory was written to while it was the kernel's");
    }
}

static void put_off(struct nt_request *request)
{
    if (tf_list_is_empty(&request->put_off_link)) {
        tf_list_append(&nt_kernel.put_off, &request->put_off_link);
        nt_kernel.put_off_count++;
    }
}

static void take_up(struct nt_request *request)
{
    if (!tf_list_is_empty(&request->put_off_link)) {
        tf_list_remove(&request->put_off_link);
        nt_kernel.put_off_count--;
    }
}

static void request_queue(struct nt_request *request)
{
    take_up(request);
    request->state = NT_QUEUED;
    nt_world_trace("queue", (uintptr_t)request->context, request->events);
    nt_port_push(request->file->port, &request->packet);
}

void nt_request_end(struct nt_request *request, tf_nt_status status, uint32_t events)
{
    request->state = NT_ENDING;
    request->status = status;
    request->events = events;
    if (request->was_cancelled && status == TF_NT_SUCCESS) {
        nt_kernel.counts.cancels_that_lied++;
    }
    if (nt_world_chance(PUT_OFF_RATE)) {
        put_off(request);
    } else {
        request_queue(request);
    }
}

void nt_file_fail(struct nt_file *file, void *context)
{
    file->has_failed = true;
    file->failed_context = context;
    nt_kernel.counts.failures++;
}

// Ends one request by what holds. Another one on the same socket waits for it in vain, for ever.
static void deliver(struct nt_file *file, struct nt_request *request, uint32_t holds)
{
    uint32_t events = request->mask & holds;
    tf_nt_status status = nt_world_failure();
    // Rarely a poll ends with nothing to say.
    bool is_mute = status != TF_NT_SUCCESS || nt_world_chance(10);
    nt_request_end(request, status, is_mute ? 0 : events);
    for (struct tf_list *link = file->requests.next; link != &file->requests; link = link->next) {
        struct nt_request *other = TF_CONTAINER_OF(link, struct nt_request, file_link);
        other->is_deaf = other->is_deaf || other->state == NT_WAITING;
    }
}

void nt_file_look(struct nt_file *file)
{
    if (file->request_count == 0 || file->handle_count == 0) {
        return;
    }
    uint32_t holds = nt_world_ready(file->socket);
    for (struct tf_list *link = file->requests.next; link != &file->requests; link = link->next) {
        struct nt_request *request = TF_CONTAINER_OF(link, struct nt_request, file_link);
        if (request->state == NT_WAITING && !request->is_deaf && (request->mask & holds) != 0) {
            deliver(file, request, holds);
            return;
        }
    }
}

struct nt_request *nt_request_begin(
    struct nt_file *file, void *context, struct tf_nt_io_status *io_status, struct tf_nt_poll *poll)
{
    for (struct tf_list *link = file->requests.next; link != &file->requests; link = link->next) {
        const struct nt_request *other = TF_CONTAINER_OF(link, struct nt_request, file_link);
        nt_kernel.counts.doubled += other->state == NT_WAITING ? 1 : 0;
    }
    struct nt_request *request = nt_allocate(sizeof *request);
    request->file = file;
    request->context = context;
    request->mask = poll->handles[0].events;
    request->io_status = io_status;
    request->poll = poll;
    request->packet.request = request;
    request->packet.key = file->key;
    tf_list_init(&request->put_off_link);
    tf_list_init(&request->file_link);
    tf_list_append(&file->requests, &request->file_link);
    file->request_count++;
    file->context = context;
    file->has_failed = false;
    nt_kernel.counts.requests++;
    memory_take(request);
    nt_file_look(file);
    return request;
}

struct nt_request *nt_request_find(
    const struct nt_file *file, const struct tf_nt_io_status *io_status)
{
    for (struct tf_list *link = file->requests.next; link != &file->requests; link = link->next) {
        struct nt_request *request = TF_CONTAINER_OF(link, struct nt_request, file_link);
        if (request->io_status == io_status) {
            return request;
        }
    }
    return NULL;
}

tf_nt_status nt_request_cancel(struct nt_request *request)
{
    nt_kernel.counts.cancels++;
    if (request->state != NT_WAITING) {
        // It has ended, whether or not its packet is there.
        bool claims_success = nt_world_chance(300);
        nt_kernel.counts.cancels_that_lied += claims_success ? 1 : 0;
        return claims_success ? TF_NT_SUCCESS : TF_NT_NOT_FOUND;
    }
    if (nt_world_chance(500)) {
        // On its way; until it is there the socket may become ready.
        request->was_cancelled = true;
        put_off(request);
    } else {
        nt_request_end(request, TF_NT_CANCELLED, 0);
    }
    return TF_NT_SUCCESS;
}

void nt_request_finish(struct nt_request *request, struct tf_nt_packet *packet_out)
{
    struct nt_file *file = request->file;
    memory_give_back(request);
    *request->io_status = (struct tf_nt_io_status){.status = request->status};
    if (request->status == TF_NT_SUCCESS) {
        request->io_status->information = sizeof *request->poll;
        request->poll->handle_count = request->events == 0 ? 0 : 1;
        request->poll->handles[0].status = TF_NT_SUCCESS;
        // With a count of 0 the entry is what it was.
        if (request->events != 0) {
            request->poll->handles[0].events = request->events;
        }
    }
    if (request->status != TF_NT_CANCELLED && tf_nt_is_refusal(request->status) &&
        !tf_nt_is_shortage(request->status)) {
        nt_file_fail(file, request->context);
    }
    *packet_out = (struct tf_nt_packet){
        .key = request->packet.key, .context = request->context, .io_status = *request->io_status};
    tf_list_remove(&request->file_link);
    free(request);
    nt_kernel.counts.packets++;
    file->request_count--;
    nt_file_release(file);
}

bool nt_kernel_owes(void)
{
    return nt_kernel.put_off_count > 0;
}

bool nt_kernel_step(void)
{
    if (nt_kernel.put_off_count == 0) {
        return false;
    }
    struct tf_list *link = nt_kernel.put_off.next;
    for (uint64_t left = nt_world_below(nt_kernel.put_off_count); left > 0; left--) {
        link = link->next;
    }
    struct nt_request *request = TF_CONTAINER_OF(link, struct nt_request, put_off_link);
    if (request->state == NT_WAITING) {
        request->was_cancelled = false;
        request->state = NT_ENDING;
        request->status = TF_NT_CANCELLED;
    }
    request_queue(request);
    return true;
}
