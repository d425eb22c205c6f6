// SPDX-License-Identifier: MIT
// Each block has its size in front, so that the size told at its end can be compared. The end of a
// block is the end of malloc's, where AddressSanitizer sees every byte too far.
#include "support/fault_allocator.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

struct block {
    alignas(max_align_t) size_t size;
};

static bool fails(struct fault_allocator *fault, size_t number)
{
    return number >= atomic_load(&fault->fail_from) && number < atomic_load(&fault->fail_until);
}

static void note_peak(struct fault_allocator *fault, size_t bytes)
{
    size_t peak = atomic_load(&fault->peak_bytes);
    while (bytes > peak && !atomic_compare_exchange_weak(&fault->peak_bytes, &peak, bytes)) {
        // Somebody else's peak is in `peak` now: ours may be the lower one.
    }
}

static void *allocate(void *context, size_t size)
{
    struct fault_allocator *fault = context;
    size_t number = atomic_fetch_add(&fault->allocation_count, 1) + 1;
    struct block *block = fails(fault, number) ? NULL : malloc(sizeof *block + size);
    if (block == NULL) {
        atomic_fetch_add(&fault->failure_count, 1);
        return NULL;
    }
    block->size = size;
    atomic_fetch_add(&fault->live_count, 1);
    note_peak(fault, atomic_fetch_add(&fault->live_bytes, size) + size);
    return block + 1;
}

static void release(void *context, void *memory, size_t size)
{
    struct fault_allocator *fault = context;
    struct block *block = (struct block *)memory - 1;
    if (block->size != size) {
        atomic_fetch_add(&fault->mistake_count, 1);
    }
    atomic_fetch_sub(&fault->live_count, 1);
    atomic_fetch_sub(&fault->live_bytes, block->size);
    free(block);
}

void fault_allocator_open(struct fault_allocator *fault)
{
    atomic_init(&fault->allocation_count, 0);
    atomic_init(&fault->failure_count, 0);
    atomic_init(&fault->live_count, 0);
    atomic_init(&fault->live_bytes, 0);
    atomic_init(&fault->peak_bytes, 0);
    atomic_init(&fault->mistake_count, 0);
    atomic_init(&fault->fail_from, 0);
    atomic_init(&fault->fail_until, 0);
}

struct tofu_allocator fault_allocator_functions(struct fault_allocator *fault)
{
    return (struct tofu_allocator){.allocate = allocate, .release = release, .context = fault};
}

void fault_allocator_fail(struct fault_allocator *fault, size_t nth, size_t count)
{
    size_t from = atomic_load(&fault->allocation_count) + nth;
    // The end moves first: between the two stores the range is empty, not everything.
    atomic_store(&fault->fail_from, SIZE_MAX);
    atomic_store(&fault->fail_until, count > SIZE_MAX - from ? SIZE_MAX : from + count);
    atomic_store(&fault->fail_from, from);
}

void fault_allocator_mend(struct fault_allocator *fault)
{
    atomic_store(&fault->fail_until, 0);
}

bool fault_allocator_is_clean(struct fault_allocator *fault)
{
    return atomic_load(&fault->live_count) == 0 && atomic_load(&fault->mistake_count) == 0;
}
