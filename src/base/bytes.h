// SPDX-License-Identifier: MIT
// A growable byte buffer with a hard maximum.
//
// Growth is exact on reserve and doubles on append; memory stays when the size shrinks, so that a
// pooled message that was large once is large for nothing the next time.
#ifndef TF_BASE_BYTES_H
#define TF_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/allocator.h>

/// Invariants: size <= capacity <= the maximum given to reserve; data is NULL only if capacity is 0.
struct tf_bytes {
    uint8_t *data;
    uint32_t size;
    uint32_t capacity;
};

/// Makes room for `capacity` bytes in all. Returns false, and changes nothing, without memory.
bool tf_bytes_reserve(
    struct tf_bytes *bytes, const struct tofu_allocator *allocator, size_t capacity);

/// Appends a copy of `data`, which may be a piece of these bytes, growing to at most `capacity_max`. Returns
/// false, and changes nothing, without memory. The caller has checked that it fits.
bool tf_bytes_append(
    struct tf_bytes *bytes,
    const struct tofu_allocator *allocator,
    const void *data,
    size_t size,
    size_t capacity_max);

/// Frees the memory and leaves an empty buffer.
void tf_bytes_clear(struct tf_bytes *bytes, const struct tofu_allocator *allocator);

#endif
