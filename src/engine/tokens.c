// SPDX-License-Identifier: MIT
#include "engine/tokens.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define FIRST_CAPACITY 64u

static uint32_t index_of(uint64_t token)
{
    return (uint32_t)token - 1;
}

static uint32_t generation_of(uint64_t token)
{
    return (uint32_t)(token >> 32);
}

static enum tofu_status grow(struct tf_tokens *tokens, const struct tofu_allocator *allocator)
{
    uint32_t capacity = tokens->capacity == 0 ? FIRST_CAPACITY : tokens->capacity * 2;
    struct tf_token_place *places = tf_alloc_zeroed(allocator, capacity * sizeof *places);
    if (places == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    if (tokens->capacity > 0) {
        memcpy(places, tokens->places, tokens->capacity * sizeof *places);
    }
    tf_free(allocator, tokens->places, tokens->capacity * sizeof *places);
    tokens->places = places;
    tokens->capacity = capacity;
    return TOFU_OK;
}

enum tofu_status tf_tokens_add(
    struct tf_tokens *tokens,
    const struct tofu_allocator *allocator,
    struct tf_channel *channel,
    uint64_t *token_out)
{
    uint32_t index = tokens->first_free - 1;
    if (tokens->first_free != 0) {
        tokens->first_free = tokens->places[index].next_free;
    } else {
        enum tofu_status status =
            tokens->used == tokens->capacity ? grow(tokens, allocator) : TOFU_OK;
        if (status != TOFU_OK) {
            return status;
        }
        index = tokens->used++;
    }
    struct tf_token_place *place = &tokens->places[index];
    TF_ASSERT(place->channel == NULL);
    place->channel = channel;
    place->generation++;
    *token_out = (uint64_t)place->generation << 32 | (index + 1);
    return TOFU_OK;
}

struct tf_channel *tf_tokens_find(const struct tf_tokens *tokens, uint64_t token)
{
    uint32_t index = index_of(token);
    if (index >= tokens->used || tokens->places[index].generation != generation_of(token)) {
        return NULL;
    }
    return tokens->places[index].channel;
}

void tf_tokens_remove(struct tf_tokens *tokens, uint64_t token)
{
    TF_ASSERT(tf_tokens_find(tokens, token) != NULL);

    uint32_t index = index_of(token);
    tokens->places[index].channel = NULL;
    tokens->places[index].next_free = tokens->first_free;
    tokens->first_free = index + 1;
}

void tf_tokens_close(struct tf_tokens *tokens, const struct tofu_allocator *allocator)
{
    tf_free(allocator, tokens->places, tokens->capacity * sizeof *tokens->places);
    *tokens = (struct tf_tokens){0};
}
