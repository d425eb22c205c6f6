// SPDX-License-Identifier: MIT
// Poll tokens <-> channels. A token is a place and the generation of that place, so an event of a
// channel that is gone finds nothing, whatever took its place.
#ifndef TF_ENGINE_TOKENS_H
#define TF_ENGINE_TOKENS_H

#include <stdint.h>

#include <tofu/allocator.h>
#include <tofu/status.h>

struct tf_channel;

struct tf_token_place {
    struct tf_channel *channel; ///< NULL: free
    uint32_t generation;
    uint32_t next_free; ///< index + 1; 0: none
};

/// Zero is empty. The I/O thread's.
struct tf_tokens {
    struct tf_token_place *places;
    uint32_t capacity;
    uint32_t used; ///< places that were ever given out
    uint32_t first_free;
};

/// Gives a token, never 0. TOFU_ALLOCATION_FAILED: the table could not grow.
TOFU_NODISCARD enum tofu_status tf_tokens_add(
    struct tf_tokens *tokens,
    const struct tofu_allocator *allocator,
    struct tf_channel *channel,
    uint64_t *token_out);

/// Returns the channel of a token, or NULL if it is over.
struct tf_channel *tf_tokens_find(const struct tf_tokens *tokens, uint64_t token);

/// Ends a token.
void tf_tokens_remove(struct tf_tokens *tokens, uint64_t token);

void tf_tokens_close(struct tf_tokens *tokens, const struct tofu_allocator *allocator);

#endif
