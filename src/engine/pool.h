// SPDX-License-Identifier: MIT
// The message pool: idle messages for the application, and the budget for receiving.
//
// Every message counts as one of three things, its population:
//   MADE      the application's, or idle, or accepted for sending: `get` is limited by their number;
//   INCOMING  received, on its way to the application or in its hands: limited by the budget;
//   NOTICE    reserved for a notice of the engine: limited by channels and groups.
// A message changes population when it is put back or posted, so sending never draws on what receiving
// needs. Idle messages sit in one list under one lock; counters that others look at are atomic.
#ifndef TF_ENGINE_POOL_H
#define TF_ENGINE_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tofu/allocator.h>
#include <tofu/engine.h>

#include "engine/event_count.h"
#include "os/thread.h"
#include "wire/message.h"

enum tf_population { TF_MADE, TF_INCOMING, TF_NOTICE };

struct tf_pool {
    const struct tofu_allocator *allocator;
    struct tofu_engine *engine; ///< noted in every message
    uint64_t messages_max;

    struct tf_mutex lock;
    struct tofu_message *idle; ///< under the lock; linked, the last one put first
    uint64_t idle_count;       ///< under the lock
    bool is_closed;            ///< under the lock

    _Atomic uint64_t made_count;
    _Atomic uint64_t incoming_count;
    _Atomic uint64_t alive_count;
    _Atomic bool is_starving;       ///< set by the I/O thread while a channel waits for the budget
    struct tf_event_count returned; ///< for tf_pool_get_within()
};

/// Makes the initial messages. TOFU_ALLOCATION_FAILED, TOFU_NOTIFICATION_FAILED (no lock).
TOFU_NODISCARD enum tofu_status tf_pool_open(
    struct tf_pool *pool,
    const struct tofu_allocator *allocator,
    struct tofu_engine *engine,
    uint64_t initial,
    uint64_t messages_max);

/// Frees the idle messages; the others must have been put back.
void tf_pool_close(struct tf_pool *pool);

/// Makes every get answer TOFU_SHUTDOWN_STARTED, waiting ones too.
void tf_pool_stop(struct tf_pool *pool);

/// As tofu_engine_get(). Threads: any.
TOFU_NODISCARD enum tofu_status tf_pool_get(
    struct tf_pool *pool, enum tofu_strategy strategy, struct tofu_message **message_out);

/// As tofu_engine_get_within(). Threads: any but the I/O thread.
TOFU_NODISCARD enum tofu_status tf_pool_get_within(
    struct tf_pool *pool, uint64_t timeout_ns, struct tofu_message **message_out);

/// Returns a message of population NOTICE, or NULL without memory. Threads: any.
struct tofu_message *tf_pool_make_notice(struct tf_pool *pool);

/// Takes a message that has no owner any more: kept idle, or freed. Returns true if the I/O thread
/// waits for the budget and must be woken. Threads: any.
bool tf_pool_put(struct tf_pool *pool, struct tofu_message *message);

/// Puts a whole queue back under one lock, and empties it. Threads: any.
bool tf_pool_put_queue(struct tf_pool *pool, struct tf_message_queue *queue);

/// Makes a message that is posted the sender's: an incoming one leaves the budget. Returns as
/// tf_pool_put(). Threads: any.
bool tf_pool_adopt(struct tf_pool *pool, struct tofu_message *message);

/// Gives a message to receive into, of population INCOMING. TOFU_OK with NULL: the budget is used up.
/// `is_forced` takes one beyond the budget. Threads: the I/O thread.
///
/// @retval TOFU_ALLOCATION_FAILED  no memory.
TOFU_NODISCARD enum tofu_status tf_pool_get_incoming(
    struct tf_pool *pool, bool is_forced, struct tofu_message **message_out);

/// Says whether the budget has room. Threads: any.
bool tf_pool_has_budget(struct tf_pool *pool);

#endif
