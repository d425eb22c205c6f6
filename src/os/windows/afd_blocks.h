// SPDX-License-Identifier: MIT
// Where op blocks live: slabs that never move and are never given back while the poller is open, because
// the kernel knows addresses inside them. A free block is taken again, under another generation.
#ifndef TF_OS_WINDOWS_AFD_BLOCKS_H
#define TF_OS_WINDOWS_AFD_BLOCKS_H

#include <stdint.h>

#include <tofu/allocator.h>

#include "base/list.h"
#include "os/windows/afd_op.h"

struct tf_afd_blocks {
    const struct tofu_allocator *allocator;
    struct tf_afd_slab **slabs;
    uint32_t slab_count;
    uint32_t slab_capacity; ///< entries in `slabs`
    struct tf_list free;    ///< the block that was freed first is taken first
};

void tf_afd_blocks_open(struct tf_afd_blocks *blocks, const struct tofu_allocator *allocator);

/// Frees the table, and the slabs unless the kernel still has blocks in them: those stay for ever.
void tf_afd_blocks_close(struct tf_afd_blocks *blocks, bool is_kernel_done);

/// Gives an idle block, or NULL if there is no memory.
struct tf_afd_op *tf_afd_blocks_get(struct tf_afd_blocks *blocks);

/// Takes back an idle block that has no watch.
void tf_afd_blocks_put(struct tf_afd_blocks *blocks, struct tf_afd_op *op);

/// Gives the block of an index that is in use or was.
struct tf_afd_op *tf_afd_blocks_at(const struct tf_afd_blocks *blocks, uint32_t index);

/// Gives the block whose request carries this number, or NULL if there is none.
struct tf_afd_op *tf_afd_blocks_find(const struct tf_afd_blocks *blocks, uint64_t context);

#endif
