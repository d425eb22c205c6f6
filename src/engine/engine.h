// SPDX-License-Identifier: MIT
// An engine: what its threads share.
#ifndef TF_ENGINE_ENGINE_H
#define TF_ENGINE_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tofu/engine.h>

#include "base/list.h"
#include "base/log.h"
#include "engine/channel_table.h"
#include "engine/gate.h"
#include "engine/pool.h"
#include "engine/reactor.h"
#include "engine/settings.h"
#include "engine/shutdown.h"
#include "os/thread.h"

#define TF_ENGINE_MAGIC 0x746f6675u

/// How an engine's life goes: only forward.
enum tf_engine_state {
    TF_ENGINE_RUNNING,
    TF_ENGINE_SHUTTING_DOWN, ///< takes no more posts; Byes are under way
    TF_ENGINE_FAILED,        ///< the poller failed
    TF_ENGINE_ENDED,         ///< shut down, or being destroyed
};

struct tofu_engine {
    uint32_t magic;
    uint32_t process_generation; ///< of the process that created it
    struct tofu_allocator allocator;
    struct tf_settings settings;
    struct tf_log log;
    struct tf_gate gate;    ///< calls on the engine itself; closed by destroy
    _Atomic uint32_t state; ///< enum tf_engine_state
    struct tf_pool pool;
    struct tf_channel_table table;
    struct tf_reactor reactor;
    struct tf_shutdown shutdown; ///< the only one there ever is

    struct tf_mutex groups_lock;
    struct tf_list live_groups; ///< under the lock
    struct tf_list dead_groups; ///< under the lock; the longest dead first
    uint32_t dead_group_count;  ///< under the lock
    uint32_t group_count;       ///< under the lock; ever made
};

/// Says whether a call on this engine is made in a child of the process that created it.
static inline bool tf_engine_is_forked(const struct tofu_engine *engine)
{
    return engine->process_generation != tf_process_generation();
}

/// Says what a post answers because of the engine's state; TOFU_OK while it runs.
enum tofu_status tf_engine_accepts(struct tofu_engine *engine);

/// Takes no more posts, because the poller failed. Threads: the I/O thread.
void tf_engine_failed(struct tofu_engine *engine);

/// Takes no more posts, because a shutdown is over. Threads: the I/O thread.
void tf_engine_ended(struct tofu_engine *engine);

/// Makes every group's wait answer `status` once its queue is empty. Threads: any.
void tf_engine_stop_mailboxes(struct tofu_engine *engine, enum tofu_status status);

/// Frees the memory of a group that has ended. Its engine's threads have ended.
void tf_group_free(struct tofu_group *group);

/// Closes a group's gate and mailbox, and wakes whoever is inside.
void tf_group_close(struct tofu_group *group);

/// Waits until nobody is inside a closed group any more, and drops the mail while its channels are there.
void tf_group_drain(struct tofu_group *group);

/// Gives everything in the mailbox back to the pool, or to the groups whose notices they are. The group was
/// drained.
void tf_group_drop_mail(struct tofu_group *group);

#endif
