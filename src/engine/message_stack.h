// SPDX-License-Identifier: MIT
// Many threads push, one takes everything: the queue under every hand-over between threads.
//
// A push is complete with its one compare-and-swap, so a taker never meets a push that is half done.
// The taker exchanges the whole stack for nothing and turns it round, which makes it first in, first
// out. Nothing is ever popped singly, so there is no ABA problem.
#ifndef TF_ENGINE_MESSAGE_STACK_H
#define TF_ENGINE_MESSAGE_STACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/message.h"

/// Zero is empty.
struct tf_message_stack {
    _Atomic(struct tofu_message *) top; ///< the newest
};

/// Pushes a chain linked from its newest message to its oldest.
///
/// Sequentially consistent, because the pusher then looks whether the taker sleeps, and the taker,
/// having said that it sleeps, looks here: one of them must see the other.
static inline void tf_message_stack_push(
    struct tf_message_stack *stack, struct tofu_message *newest, struct tofu_message *oldest)
{
    struct tofu_message *top = atomic_load_explicit(&stack->top, memory_order_relaxed);
    do {
        oldest->next = top;
    } while (!atomic_compare_exchange_weak(&stack->top, &top, newest));
}

static inline bool tf_message_stack_is_empty(struct tf_message_stack *stack)
{
    return atomic_load(&stack->top) == NULL;
}

/// Takes everything, linked from the oldest message to the newest, or NULL.
static inline struct tofu_message *tf_message_stack_take(struct tf_message_stack *stack)
{
    if (atomic_load_explicit(&stack->top, memory_order_relaxed) == NULL) {
        return NULL;
    }
    struct tofu_message *message = atomic_exchange(&stack->top, NULL);
    struct tofu_message *oldest_first = NULL;
    while (message != NULL) {
        struct tofu_message *older = message->next;
        message->next = oldest_first;
        oldest_first = message;
        message = older;
    }
    return oldest_first;
}

#endif
