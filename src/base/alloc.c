// SPDX-License-Identifier: MIT
// The only caller of malloc and free.
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static void *allocate_with_malloc(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void release_with_free(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

struct tofu_allocator tf_allocator_or_default(struct tofu_allocator given)
{
    if (given.allocate != NULL) {
        return given;
    }
    return (struct tofu_allocator){.allocate = allocate_with_malloc, .release = release_with_free};
}

void *tf_alloc(const struct tofu_allocator *allocator, size_t size)
{
    TF_ASSERT(size > 0);

    return allocator->allocate(allocator->context, size);
}

void *tf_alloc_zeroed(const struct tofu_allocator *allocator, size_t size)
{
    void *memory = tf_alloc(allocator, size);
    if (memory != NULL) {
        memset(memory, 0, size);
    }
    return memory;
}

void tf_free(const struct tofu_allocator *allocator, void *memory, size_t size)
{
    if (memory != NULL) {
        TF_ASSERT(size > 0);
        allocator->release(allocator->context, memory, size);
    }
}
