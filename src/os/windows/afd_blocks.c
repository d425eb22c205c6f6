// SPDX-License-Identifier: MIT
#include "os/windows/afd_blocks.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

// Blocks of a slab: 6 KiB.
#define TF_AFD_SLAB_BLOCKS 64

// Entries of the table at the start; they double.
#define TF_AFD_SLABS_MIN 16

struct tf_afd_slab {
    struct tf_afd_op blocks[TF_AFD_SLAB_BLOCKS];
};

void tf_afd_blocks_open(struct tf_afd_blocks *blocks, const struct tofu_allocator *allocator)
{
    *blocks = (struct tf_afd_blocks){.allocator = allocator};
    tf_list_init(&blocks->free);
}

void tf_afd_blocks_close(struct tf_afd_blocks *blocks, bool is_kernel_done)
{
    for (uint32_t i = 0; i < blocks->slab_count && is_kernel_done; i++) {
        tf_free(blocks->allocator, blocks->slabs[i], sizeof *blocks->slabs[i]);
    }
    tf_free(blocks->allocator, blocks->slabs, blocks->slab_capacity * sizeof *blocks->slabs);
    tf_afd_blocks_open(blocks, blocks->allocator);
}

static bool table_grow(struct tf_afd_blocks *blocks)
{
    uint32_t capacity = blocks->slab_capacity == 0 ? TF_AFD_SLABS_MIN : 2 * blocks->slab_capacity;
    struct tf_afd_slab **slabs = tf_alloc(blocks->allocator, capacity * sizeof(*slabs));
    if (slabs == NULL) {
        return false;
    }
    if (blocks->slab_count > 0) {
        memcpy(slabs, blocks->slabs, blocks->slab_count * sizeof(*slabs));
    }
    tf_free(blocks->allocator, blocks->slabs, blocks->slab_capacity * sizeof(*slabs));
    blocks->slabs = slabs;
    blocks->slab_capacity = capacity;
    return true;
}

static bool blocks_grow(struct tf_afd_blocks *blocks)
{
    if (blocks->slab_count == blocks->slab_capacity && !table_grow(blocks)) {
        return false;
    }
    struct tf_afd_slab *slab = tf_alloc_zeroed(blocks->allocator, sizeof *slab);
    if (slab == NULL) {
        return false;
    }
    uint32_t first = blocks->slab_count * TF_AFD_SLAB_BLOCKS;
    for (uint32_t i = 0; i < TF_AFD_SLAB_BLOCKS; i++) {
        slab->blocks[i].index = first + i;
        tf_list_init(&slab->blocks[i].link);
        tf_list_append(&blocks->free, &slab->blocks[i].link);
    }
    blocks->slabs[blocks->slab_count] = slab;
    blocks->slab_count++;
    return true;
}

struct tf_afd_op *tf_afd_blocks_get(struct tf_afd_blocks *blocks)
{
    if (tf_list_is_empty(&blocks->free) && !blocks_grow(blocks)) {
        return NULL;
    }
    struct tf_list *link = tf_list_take_first(&blocks->free);
    struct tf_afd_op *op = TF_CONTAINER_OF(link, struct tf_afd_op, link);
    TF_ASSERT(op->state == TF_AFD_IDLE);
    TF_ASSERT(op->watch == NULL);
    return op;
}

void tf_afd_blocks_put(struct tf_afd_blocks *blocks, struct tf_afd_op *op)
{
    TF_ASSERT(op->state == TF_AFD_IDLE);
    TF_ASSERT(op->watch == NULL);

    op->is_zombie = false;
    tf_list_append(&blocks->free, &op->link);
}

struct tf_afd_op *tf_afd_blocks_at(const struct tf_afd_blocks *blocks, uint32_t index)
{
    TF_ASSERT(index / TF_AFD_SLAB_BLOCKS < blocks->slab_count);

    return &blocks->slabs[index / TF_AFD_SLAB_BLOCKS]->blocks[index % TF_AFD_SLAB_BLOCKS];
}

struct tf_afd_op *tf_afd_blocks_find(const struct tf_afd_blocks *blocks, uint64_t context)
{
    uint64_t index = (context & UINT32_MAX) - 1;
    if (index >= (uint64_t)blocks->slab_count * TF_AFD_SLAB_BLOCKS) {
        return NULL;
    }
    struct tf_afd_op *op = tf_afd_blocks_at(blocks, (uint32_t)index);
    return tf_afd_op_context(op) == context ? op : NULL;
}
