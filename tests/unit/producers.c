// SPDX-License-Identifier: MIT
#include "unit/producers.h"

#include <string.h>

#include "unit/workers.h"

static bool produce(void *context)
{
    struct producer *producer = context;
    uint64_t place = producer->pushed % PRODUCER_RING_COUNT;
    if (atomic_load_explicit(&producer->is_out[place], memory_order_acquire)) {
        return go_on_until(producer->deadline_ns);
    }
    struct tofu_message *message = &producer->messages[place];
    message->header.channel = producer->index;
    message->header.id = producer->pushed;
    atomic_store_explicit(&producer->is_out[place], true, memory_order_relaxed);
    producer->push(producer->queue, message);
    producer->pushed++;
    return producer->pushed < producer->push_count;
}

void producers_start(
    struct producers *producers, producer_push push, void *queue, uint64_t push_count)
{
    memset(producers, 0, sizeof *producers);
    producers->expected_count = PRODUCER_COUNT * push_count;
    for (uint16_t i = 0; i < PRODUCER_COUNT; i++) {
        struct producer *producer = &producers->each[i];
        producer->index = i;
        producer->push_count = push_count;
        producer->deadline_ns = patience_end();
        producer->push = push;
        producer->queue = queue;
    }
    for (uint16_t i = 0; i < PRODUCER_COUNT; i++) {
        worker_start(&producers->each[i].thread, produce, &producers->each[i]);
    }
}

bool producers_take_back(struct producers *producers, struct tofu_message *message)
{
    uint16_t index = message->header.channel;
    if (index >= PRODUCER_COUNT || message->header.id != producers->arrived[index]) {
        return false;
    }
    uint64_t place = message->header.id % PRODUCER_RING_COUNT;
    producers->arrived[index]++;
    producers->arrived_count++;
    atomic_store_explicit(&producers->each[index].is_out[place], false, memory_order_release);
    return true;
}

bool producers_are_done(const struct producers *producers)
{
    return producers->arrived_count == producers->expected_count;
}

void producers_join(struct producers *producers)
{
    for (uint16_t i = 0; i < PRODUCER_COUNT; i++) {
        tf_thread_join(&producers->each[i].thread);
    }
}
