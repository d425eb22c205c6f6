// SPDX-License-Identifier: MIT
#include "base/bytes.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

// Below this a buffer grows at once to this: most text headers and bodies are smaller.
#define FIRST_CAPACITY 64u

// Moves the bytes to a larger block and leaves the old one in `*old`, to be freed by the caller.
static bool move_to_larger(
    struct tf_bytes *bytes,
    const struct tofu_allocator *allocator,
    size_t capacity,
    struct tf_bytes *old)
{
    uint8_t *data = tf_alloc(allocator, capacity);
    if (data == NULL) {
        return false;
    }
    if (bytes->size > 0) {
        memcpy(data, bytes->data, bytes->size);
    }
    *old = *bytes;
    bytes->data = data;
    bytes->capacity = (uint32_t)capacity;
    return true;
}

bool tf_bytes_reserve(
    struct tf_bytes *bytes, const struct tofu_allocator *allocator, size_t capacity)
{
    TF_ASSERT(capacity <= UINT32_MAX);

    if (capacity <= bytes->capacity) {
        return true;
    }
    struct tf_bytes old;
    if (!move_to_larger(bytes, allocator, capacity, &old)) {
        return false;
    }
    tf_bytes_clear(&old, allocator);
    return true;
}

static size_t grown_capacity(const struct tf_bytes *bytes, size_t needed, size_t capacity_max)
{
    size_t capacity = bytes->capacity == 0 ? FIRST_CAPACITY : (size_t)bytes->capacity * 2;
    capacity = capacity < needed ? needed : capacity;
    return capacity > capacity_max ? capacity_max : capacity;
}

bool tf_bytes_append(
    struct tf_bytes *bytes,
    const struct tofu_allocator *allocator,
    const void *data,
    size_t size,
    size_t capacity_max)
{
    size_t needed = bytes->size + size;
    TF_ASSERT(needed <= capacity_max);

    struct tf_bytes old = {0};
    if (needed > bytes->capacity &&
        !move_to_larger(bytes, allocator, grown_capacity(bytes, needed, capacity_max), &old)) {
        return false;
    }
    if (size > 0) {
        memcpy(bytes->data + bytes->size, data, size);
    }
    bytes->size = (uint32_t)needed;
    // Only now: `data` may have been a piece of these very bytes.
    tf_bytes_clear(&old, allocator);
    return true;
}

void tf_bytes_clear(struct tf_bytes *bytes, const struct tofu_allocator *allocator)
{
    tf_free(allocator, bytes->data, bytes->capacity);
    *bytes = (struct tf_bytes){0};
}
