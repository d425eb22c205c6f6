// SPDX-License-Identifier: MIT
// The allocator of a world: counts, checks sizes, and makes fresh memory look like none.
#include <stdlib.h>
#include <string.h>

#include "nt/kernel.h"
#include "sim/os/world.h"

/// Stands in front of every block, as large as the strictest alignment.
union block_head {
    struct {
        size_t size;
        uint64_t mark;
    } fields;
    max_align_t alignment;
};

#define MARK_ALIVE UINT64_C(0x746f667520616c76)
#define MARK_DEAD  UINT64_C(0x746f667520646561)

/// Only the begin of a block is painted: that is where structs lie, and large bodies cost time.
#define PAINTED_BYTES_MAX 256

static struct {
    uint64_t blocks;
    uint64_t bytes;
} account;

static size_t painted(size_t size)
{
    return size < PAINTED_BYTES_MAX ? size : PAINTED_BYTES_MAX;
}

static void *allocate(void *context, size_t size)
{
    (void)context;
    if (size == 0) {
        sim_fail("an allocation of 0 bytes");
    }
    union block_head *head = malloc(sizeof *head + size);
    if (head == NULL) {
        return NULL;
    }
    head->fields.size = size;
    head->fields.mark = MARK_ALIVE;
    memset(head + 1, 0xa5, painted(size));
    account.blocks++;
    account.bytes += size;
    return head + 1;
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    union block_head *head = (union block_head *)memory - 1;
    if (head->fields.mark != MARK_ALIVE) {
        sim_fail("memory given back that is none, or twice");
    }
    if (head->fields.size != size) {
        sim_fail("%zu bytes given back, %zu were asked for", size, head->fields.size);
    }
    if (nt_kernel_owns(memory, size)) {
        sim_fail("memory given back that is the kernel's");
    }
    if (sim_defect_strikes(SIM_LOSE_MEMORY)) {
        return;
    }
    head->fields.mark = MARK_DEAD;
    memset(memory, 0xdd, painted(size));
    account.blocks--;
    account.bytes -= size;
    free(head);
}

struct tofu_allocator sim_allocator(void)
{
    return (struct tofu_allocator){.allocate = allocate, .release = release};
}

uint64_t sim_allocated_bytes(void)
{
    return account.bytes;
}

// Once a block this large was given back, the C library keeps what it has: otherwise it would return the
// memory of every world to the system, and every page would be fetched anew.
static void warm_up(void)
{
    static bool is_warm;
    if (!is_warm) {
        void *volatile memory = malloc(16u << 20);
        free(memory);
        is_warm = true;
    }
}

void sim_memory_begin(void)
{
    warm_up();
    account.blocks = 0;
    account.bytes = 0;
}

void sim_memory_end(void)
{
    if (account.blocks != 0) {
        sim_fail(
            "%llu blocks with %llu bytes were never given back",
            (unsigned long long)account.blocks,
            (unsigned long long)account.bytes);
    }
}
