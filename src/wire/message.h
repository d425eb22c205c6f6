// SPDX-License-Identifier: MIT
// What a message is made of, and a queue of messages.
//
// A message is one allocation for the struct and one each for text headers and body, which grow and
// then stay with it. The wire layer fills and reads it; who owns it when is the engine's affair.
#ifndef TF_WIRE_MESSAGE_H
#define TF_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/allocator.h>
#include <tofu/message.h>
#include <tofu/peer.h>

#include "base/bytes.h"

struct tofu_engine;
struct tofu_group;

/// A channel's messages in the receive queue of its group (engine/rounds.h). `{0}` has none.
struct tf_flow {
    struct tofu_message *last; ///< of their ring, or NULL
    struct tf_flow *next;      ///< in the ring of those that have some, or NULL
};

struct tofu_message {
    struct tofu_message *next; ///< in whatever queue it is; NULL while the application has it
    struct tofu_header header;
    struct tf_bytes text; ///< lines as they travel
    struct tf_bytes body;
    void *user; ///< the application's, never sent
    const struct tofu_allocator *allocator;
    union {
        struct {
            struct tofu_peer
                *peer; ///< who sent this HelloRequest; NULL: not known, or another message
            struct tofu_group *group; ///< who posted it, or whose reserved notice it is
        };
        struct tf_flow own_flow; ///< of a closing notice, until it is given out: its channel's
    };

    // The engine's notes; the wire layer never looks at them.
    struct tofu_engine *engine; ///< whose it is
    struct tf_flow *flow;       ///< where it stands in a receive queue; NULL: it is no channel's
    union {
        uint64_t queued_ns; ///< in a send queue: when the I/O thread took it
        uint64_t due;       ///< in a receive queue: when it is given out
    };
    uint32_t ticket;    ///< generation of the channel number it was posted to
    uint8_t population; ///< enum tf_population: what it counts as
    bool is_update;     ///< on its way through tofu_group_update()
};

/// Returns a fresh message, or NULL without memory.
struct tofu_message *tf_message_create(const struct tofu_allocator *allocator);

/// Frees `*message`, which may be NULL, and nulls it.
void tf_message_destroy(struct tofu_message **message);

/// Bytes it takes on the wire, header included.
size_t tf_message_wire_bytes(const struct tofu_message *message);

/// Makes room to note who sent the message, all zero; NULL without memory. It goes with reset.
struct tofu_peer *tf_message_make_peer(struct tofu_message *message);

/// Copies header, texts, body, user pointer and peer. Returns false, and leaves `target` empty, without
/// memory. `target` is fresh or reset.
bool tf_message_copy(struct tofu_message *target, const struct tofu_message *source);

/// A FIFO of messages, linked through them. `{0}` is empty.
struct tf_message_queue {
    struct tofu_message *first;
    struct tofu_message *last;
    size_t count;
};

static inline void tf_message_queue_append(
    struct tf_message_queue *queue, struct tofu_message *message)
{
    message->next = NULL;
    if (queue->first == NULL) {
        queue->first = message;
    } else {
        queue->last->next = message;
    }
    queue->last = message;
    queue->count++;
}

static inline struct tofu_message *tf_message_queue_take(struct tf_message_queue *queue)
{
    struct tofu_message *message = queue->first;
    if (message != NULL) {
        queue->first = message->next;
        queue->count--;
        message->next = NULL;
    }
    return message;
}

#endif
