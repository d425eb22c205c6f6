// SPDX-License-Identifier: MIT
// All memory of the library comes through here: the user's allocator, or malloc and free.
//
// Sizes are known at both ends, so that an allocator may do without headers of its own.
#ifndef TF_BASE_ALLOC_H
#define TF_BASE_ALLOC_H

#include <stddef.h>

#include <tofu/allocator.h>

/// Returns the allocator to use for what a user gave: `{0}` becomes malloc and free.
struct tofu_allocator tf_allocator_or_default(struct tofu_allocator given);

/// Returns `size` bytes (not 0), not initialised, or NULL. Threads: any.
void *tf_alloc(const struct tofu_allocator *allocator, size_t size);

/// Returns `size` bytes (not 0), all zero, or NULL. Threads: any.
void *tf_alloc_zeroed(const struct tofu_allocator *allocator, size_t size);

/// Gives `size` bytes back; `memory` may be NULL. Threads: any.
void tf_free(const struct tofu_allocator *allocator, void *memory, size_t size);

#endif
