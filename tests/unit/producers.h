// SPDX-License-Identifier: MIT
// Threads that push numbered messages into a queue, and the books of what comes out of it.
//
// Each producer owns a ring of messages and pushes them again and again, as soon as the consumer has
// given them back: so memory is reused as fast as it can be, which is what an unsound queue trips over.
#ifndef UNIT_PRODUCERS_H
#define UNIT_PRODUCERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/thread.h"
#include "wire/message.h"

#define PRODUCER_COUNT      4
#define PRODUCER_RING_COUNT 256

/// How a producer hands a message to the queue under test.
typedef void (*producer_push)(void *queue, struct tofu_message *message);

struct producer {
    struct tf_thread thread;
    uint16_t index;
    uint64_t pushed;
    uint64_t push_count;
    uint64_t deadline_ns;
    producer_push push;
    void *queue;
    struct tofu_message messages[PRODUCER_RING_COUNT];
    _Atomic bool is_out[PRODUCER_RING_COUNT]; ///< in the queue; cleared by producers_take_back()
};

struct producers {
    struct producer each[PRODUCER_COUNT];
    uint64_t arrived[PRODUCER_COUNT]; ///< messages of each that came out, in their order
    uint64_t arrived_count;
    uint64_t expected_count;
};

/// Starts all of them; each pushes `push_count` messages.
void producers_start(
    struct producers *producers, producer_push push, void *queue, uint64_t push_count);

/// Notes a message that came out and gives it back to its producer. Returns false if it is not the
/// one that comes next: lost, doubled, or out of order.
bool producers_take_back(struct producers *producers, struct tofu_message *message);

/// Says whether everything has come out.
bool producers_are_done(const struct producers *producers);

/// Waits for the threads.
void producers_join(struct producers *producers);

#endif
