// SPDX-License-Identifier: MIT
#include "engine/pool.h"

#include "base/assert.h"
#include "os/clock.h"

static struct tofu_message *make_message(struct tf_pool *pool, enum tf_population population)
{
    struct tofu_message *message = tf_message_create(pool->allocator);
    if (message != NULL) {
        message->engine = pool->engine;
        message->population = (uint8_t)population;
        atomic_fetch_add_explicit(&pool->alive_count, 1, memory_order_relaxed);
    }
    return message;
}

static void free_message(struct tf_pool *pool, struct tofu_message *message)
{
    atomic_fetch_sub_explicit(&pool->alive_count, 1, memory_order_relaxed);
    tf_message_destroy(&message);
}

static void push_idle(struct tf_pool *pool, struct tofu_message *message)
{
    message->next = pool->idle;
    pool->idle = message;
    pool->idle_count++;
}

static struct tofu_message *pop_idle(struct tf_pool *pool)
{
    struct tofu_message *message = pool->idle;
    if (message != NULL) {
        pool->idle = message->next;
        pool->idle_count--;
        message->next = NULL;
    }
    return message;
}

enum tofu_status tf_pool_open(
    struct tf_pool *pool,
    const struct tofu_allocator *allocator,
    struct tofu_engine *engine,
    uint64_t initial,
    uint64_t messages_max)
{
    TF_ASSERT(initial <= messages_max);

    *pool =
        (struct tf_pool){.allocator = allocator, .engine = engine, .messages_max = messages_max};
    enum tofu_status status = tf_mutex_open(&pool->lock);
    if (status != TOFU_OK) {
        return status;
    }
    for (uint64_t i = 0; i < initial; i++) {
        struct tofu_message *message = make_message(pool, TF_MADE);
        if (message == NULL) {
            tf_pool_close(pool);
            return TOFU_ALLOCATION_FAILED;
        }
        push_idle(pool, message);
        pool->made_count++;
    }
    return TOFU_OK;
}

void tf_pool_close(struct tf_pool *pool)
{
    for (struct tofu_message *message = pop_idle(pool); message != NULL; message = pop_idle(pool)) {
        free_message(pool, message);
    }
    tf_mutex_close(&pool->lock);
}

void tf_pool_stop(struct tf_pool *pool)
{
    tf_mutex_lock(&pool->lock);
    pool->is_closed = true;
    tf_mutex_unlock(&pool->lock);
    tf_event_count_notify(&pool->returned);
}

// Under the lock, so that two threads cannot both be the last one that may make a message.
static bool reserve_one(struct tf_pool *pool, enum tofu_strategy strategy)
{
    if (strategy == TOFU_POOL_ONLY && atomic_load(&pool->made_count) >= pool->messages_max) {
        return false;
    }
    atomic_fetch_add(&pool->made_count, 1);
    return true;
}

enum tofu_status tf_pool_get(
    struct tf_pool *pool, enum tofu_strategy strategy, struct tofu_message **message_out)
{
    tf_mutex_lock(&pool->lock);
    bool is_closed = pool->is_closed;
    struct tofu_message *message = is_closed ? NULL : pop_idle(pool);
    bool may_make = !is_closed && message == NULL && reserve_one(pool, strategy);
    tf_mutex_unlock(&pool->lock);

    if (is_closed) {
        return TOFU_SHUTDOWN_STARTED;
    }
    if (may_make) {
        message = make_message(pool, TF_MADE);
        if (message == NULL) {
            atomic_fetch_sub(&pool->made_count, 1);
            tf_event_count_notify(&pool->returned);
            return TOFU_ALLOCATION_FAILED;
        }
    }
    *message_out = message;
    return TOFU_OK;
}

enum tofu_status tf_pool_get_within(
    struct tf_pool *pool, uint64_t timeout_ns, struct tofu_message **message_out)
{
    enum tofu_status status = tf_pool_get(pool, TOFU_POOL_ONLY, message_out);
    if (status != TOFU_OK || *message_out != NULL) {
        return status;
    }
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), timeout_ns);
    uint32_t count = tf_event_count_enter(&pool->returned);
    for (;;) {
        status = tf_pool_get(pool, TOFU_POOL_ONLY, message_out);
        if (status != TOFU_OK || *message_out != NULL) {
            break;
        }
        if (tf_clock_now() >= deadline_ns) {
            status = TOFU_TIMED_OUT;
            break;
        }
        count = tf_event_count_park(&pool->returned, count, deadline_ns);
    }
    tf_event_count_leave(&pool->returned);
    return status;
}

struct tofu_message *tf_pool_make_notice(struct tf_pool *pool)
{
    return make_message(pool, TF_NOTICE);
}

// Under the lock: settles what the message counts as, and keeps it if there is room. Returns false if
// it is to be freed.
static bool settle(struct tf_pool *pool, struct tofu_message *message)
{
    bool is_kept = pool->idle_count < pool->messages_max;
    if (message->population == TF_INCOMING) {
        atomic_fetch_sub(&pool->incoming_count, 1);
    }
    if (message->population != TF_MADE && is_kept) {
        atomic_fetch_add(&pool->made_count, 1);
    }
    if (message->population == TF_MADE && !is_kept) {
        atomic_fetch_sub(&pool->made_count, 1);
    }
    if (is_kept) {
        message->population = TF_MADE;
        push_idle(pool, message);
    }
    return is_kept;
}

static void clean(struct tofu_message *message)
{
    tofu_message_reset(message);
    message->group = NULL;
    message->ticket = 0;
    message->is_update = false;
}

bool tf_pool_put(struct tf_pool *pool, struct tofu_message *message)
{
    clean(message);

    tf_mutex_lock(&pool->lock);
    bool is_kept = settle(pool, message);
    tf_mutex_unlock(&pool->lock);

    if (!is_kept) {
        free_message(pool, message);
    }
    tf_event_count_notify(&pool->returned);
    return atomic_load(&pool->is_starving);
}

bool tf_pool_put_queue(struct tf_pool *pool, struct tf_message_queue *queue)
{
    if (queue->first == NULL) {
        return false;
    }
    for (struct tofu_message *message = queue->first; message != NULL; message = message->next) {
        clean(message);
    }

    struct tf_message_queue surplus = {0};
    tf_mutex_lock(&pool->lock);
    for (struct tofu_message *message = tf_message_queue_take(queue); message != NULL;
         message = tf_message_queue_take(queue)) {
        if (!settle(pool, message)) {
            tf_message_queue_append(&surplus, message);
        }
    }
    tf_mutex_unlock(&pool->lock);

    for (struct tofu_message *message = tf_message_queue_take(&surplus); message != NULL;
         message = tf_message_queue_take(&surplus)) {
        free_message(pool, message);
    }
    tf_event_count_notify(&pool->returned);
    return atomic_load(&pool->is_starving);
}

bool tf_pool_adopt(struct tf_pool *pool, struct tofu_message *message)
{
    if (message->population == TF_MADE) {
        return false;
    }
    bool was_incoming = message->population == TF_INCOMING;
    message->population = TF_MADE;
    atomic_fetch_add(&pool->made_count, 1);
    if (was_incoming) {
        atomic_fetch_sub(&pool->incoming_count, 1);
    }
    return was_incoming && atomic_load(&pool->is_starving);
}

bool tf_pool_has_budget(struct tf_pool *pool)
{
    return atomic_load(&pool->incoming_count) < pool->messages_max;
}

enum tofu_status tf_pool_get_incoming(
    struct tf_pool *pool, bool is_forced, struct tofu_message **message_out)
{
    *message_out = NULL;
    if (!is_forced && !tf_pool_has_budget(pool)) {
        return TOFU_OK;
    }
    tf_mutex_lock(&pool->lock);
    struct tofu_message *message = pop_idle(pool);
    if (message != NULL) {
        // With the lock held: who finds nothing idle next may make one.
        atomic_fetch_sub(&pool->made_count, 1);
    }
    tf_mutex_unlock(&pool->lock);

    if (message != NULL) {
        message->population = TF_INCOMING;
    } else {
        message = make_message(pool, TF_INCOMING);
    }
    if (message == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    atomic_fetch_add(&pool->incoming_count, 1);
    *message_out = message;
    return TOFU_OK;
}
