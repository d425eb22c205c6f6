// SPDX-License-Identifier: MIT
// The public functions of a group but posting, and how groups come and go.
#include "engine/group.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "engine/engine.h"
#include "engine/notices.h"
#include "os/clock.h"

/// Dead groups that are kept before the longest dead one is used again: a stale handle should meet its
/// own closed gate, not somebody else's group.
#define DEAD_GROUPS_KEPT 64

static struct tofu_group *take_dead(struct tofu_engine *engine)
{
    struct tofu_group *group = NULL;
    tf_mutex_lock(&engine->groups_lock);
    if (engine->dead_group_count > DEAD_GROUPS_KEPT) {
        engine->dead_group_count--;
        group = TF_CONTAINER_OF(tf_list_take_first(&engine->dead_groups), struct tofu_group, link);
    }
    tf_mutex_unlock(&engine->groups_lock);
    return group;
}

static bool take_index(struct tofu_engine *engine, uint32_t *index_out)
{
    tf_mutex_lock(&engine->groups_lock);
    bool has_index = engine->group_count < TF_GROUPS_MAX;
    *index_out = engine->group_count;
    engine->group_count += has_index ? 1 : 0;
    tf_mutex_unlock(&engine->groups_lock);
    return has_index;
}

// Its gate is closed until the group is whole, as that of a used one is.
static struct tofu_group *make_fresh(struct tofu_engine *engine)
{
    struct tofu_group *group = tf_alloc_zeroed(&engine->allocator, sizeof *group);
    if (group == NULL) {
        return NULL;
    }
    if (!take_index(engine, &group->index)) {
        tf_free(&engine->allocator, group, sizeof *group);
        return NULL;
    }
    group->engine = engine;
    tf_list_init(&group->link);
    tf_gate_close(&group->gate);
    return group;
}

// The memory of a group long dead keeps its index and its engine: a stale handle may be looking at them.
static struct tofu_group *find_memory(struct tofu_engine *engine)
{
    struct tofu_group *group = take_dead(engine);
    return group != NULL ? group : make_fresh(engine);
}

static void leave_live(struct tofu_group *group)
{
    tf_mutex_lock(&group->engine->groups_lock);
    tf_list_remove(&group->link);
    tf_mutex_unlock(&group->engine->groups_lock);
}

static void bury(struct tofu_group *group)
{
    struct tofu_engine *engine = group->engine;
    tf_mutex_lock(&engine->groups_lock);
    tf_list_append(&engine->dead_groups, &group->link);
    engine->dead_group_count++;
    tf_mutex_unlock(&engine->groups_lock);
}

static enum tofu_status open_group(struct tofu_engine *engine, struct tofu_group *group)
{
    enum tofu_status status = tf_notices_reserve(&engine->pool, group);
    if (status != TOFU_OK) {
        return status;
    }
    status = tf_mailbox_open(&group->mailbox, engine->settings.share_shift);
    if (status != TOFU_OK) {
        tf_notices_release(&engine->pool, group);
        return status;
    }
    atomic_store(&group->update_count, 0);
    memset(&group->counters, 0, sizeof group->counters);
    tf_list_init(&group->channels);
    tf_list_init(&group->reactor_link);
    tf_list_init(&group->outbox_link);
    group->outbox_newest = NULL;
    group->outbox_oldest = NULL;
    group->outbox_received = 0;
    group->outbox_round = 0;
    group->outbox_is_mixed = false;
    group->newest_round = 0;
    group->pool_empty_episode = 0;
    group->is_destroyed = false;
    return TOFU_OK;
}

// What remains of a group when nobody is inside and its channels have ended.
static void close_rest(struct tofu_group *group)
{
    tf_group_drop_mail(group);
    tf_notices_release(&group->engine->pool, group);
    tf_mailbox_close(&group->mailbox);
    group->magic = 0;
}

// Its gate, its waiter, its channels, its messages.
static void end_group(struct tofu_group *group)
{
    tf_group_close(group);
    tf_group_drain(group);
    group->destroy = (struct tf_command){.kind = TF_COMMAND_DESTROY_GROUP, .group = group};
    tf_reactor_command(&group->engine->reactor, &group->destroy);
    tf_command_wait(&group->destroy, TF_NEVER);
    // First off the list: a shutdown or a failing poller stops the mailboxes of all that are on it.
    leave_live(group);
    close_rest(group);
    bury(group);
}

// A shutdown may have stopped the mailboxes just before this one joined them.
static enum tofu_status go_live(struct tofu_engine *engine, struct tofu_group *group)
{
    group->magic = TF_GROUP_MAGIC;
    tf_gate_reopen(&group->gate);
    tf_mutex_lock(&engine->groups_lock);
    tf_list_append(&engine->live_groups, &group->link);
    tf_mutex_unlock(&engine->groups_lock);
    enum tofu_status status = tf_engine_accepts(engine);
    if (status != TOFU_OK) {
        end_group(group);
    }
    return status;
}

static enum tofu_status create_group(struct tofu_engine *engine, struct tofu_group **group_out)
{
    enum tofu_status status = tf_engine_accepts(engine);
    if (status != TOFU_OK) {
        return status;
    }
    struct tofu_group *group = find_memory(engine);
    if (group == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    status = open_group(engine, group);
    if (status != TOFU_OK) {
        bury(group);
        return status;
    }
    status = go_live(engine, group);
    if (status != TOFU_OK) {
        return status;
    }
    *group_out = group;
    return TOFU_OK;
}

enum tofu_status tofu_group_create(struct tofu_engine *engine, struct tofu_group **group_out)
{
    *group_out = NULL;
    if (tf_engine_is_forked(engine)) {
        return TOFU_FORKED;
    }
    if (!tf_gate_enter(&engine->gate)) {
        return TOFU_SHUTDOWN_STARTED;
    }
    enum tofu_status status = create_group(engine, group_out);
    tf_gate_leave(&engine->gate);
    return status;
}

// As tofu_engine_put(): what came here by an update may be a notice that another group waits for.
static void put_back(struct tofu_group *group, struct tofu_message *message)
{
    message->is_update = false;
    if (!tf_notices_come_home(message) && tf_pool_put(&group->engine->pool, message)) {
        tf_reactor_wake(&group->engine->reactor);
    }
}

void tf_group_drop_mail(struct tofu_group *group)
{
    struct tofu_message *message = tf_mailbox_empty(&group->mailbox);
    while (message != NULL) {
        struct tofu_message *next = message->next;
        tf_notices_left(&group->engine->table, message);
        put_back(group, message);
        message = next;
    }
}

void tf_group_close(struct tofu_group *group)
{
    tf_gate_close(&group->gate);
    tf_mailbox_stop(&group->mailbox, TOFU_SHUTDOWN_STARTED);
    // Posters that wait for room look at the gate again.
    tf_table_wake_posters(&group->engine->table);
}

void tf_group_drain(struct tofu_group *group)
{
    tf_gate_drain(&group->gate);
    // What is sorted leans on the closing notices of channels, which go when these end.
    tf_group_drop_mail(group);
}

void tf_group_free(struct tofu_group *group)
{
    if (group->magic == TF_GROUP_MAGIC) {
        close_rest(group);
    }
    tf_notices_release(&group->engine->pool, group);
    tf_free(&group->engine->allocator, group, sizeof *group);
}

void tofu_group_destroy(struct tofu_group **group_pointer)
{
    struct tofu_group *group = *group_pointer;
    *group_pointer = NULL;
    if (group == NULL || tf_engine_is_forked(group->engine)) {
        return;
    }
    TF_ASSERT(group->magic == TF_GROUP_MAGIC);

    struct tofu_engine *engine = group->engine;
    if (!tf_gate_enter(&engine->gate)) {
        return; // The engine is being destroyed, and its groups with it.
    }
    end_group(group);
    tf_gate_leave(&engine->gate);
}

// What every call on a group does first. After TOFU_OK it is inside the gate.
static enum tofu_status enter(struct tofu_group *group)
{
    if (tf_engine_is_forked(group->engine)) {
        return TOFU_FORKED;
    }
    return tf_gate_enter(&group->gate) ? TOFU_OK : TOFU_SHUTDOWN_STARTED;
}

static void note_taken(struct tofu_group *group, struct tofu_message *message)
{
    tf_notices_left(&group->engine->table, message);
    if (message->is_update) {
        message->is_update = false;
        atomic_fetch_sub(&group->update_count, 1);
    } else {
        tf_count(&group->counters.taken, 1);
    }
}

// Whoever destroys the group or the engine waits for this call, not for what its caller does with a
// message that came in the meantime.
static enum tofu_status keep_if_open(struct tofu_group *group, struct tofu_message **message)
{
    if (!tf_gate_is_closed(&group->gate)) {
        return TOFU_OK;
    }
    put_back(group, *message);
    *message = NULL;
    return TOFU_SHUTDOWN_STARTED;
}

enum tofu_status tofu_group_wait(
    struct tofu_group *group, uint64_t timeout_ns, struct tofu_message **message_out)
{
    *message_out = NULL;
    enum tofu_status status = enter(group);
    if (status != TOFU_OK) {
        return status;
    }
    status = tf_mailbox_wait(&group->mailbox, timeout_ns, message_out);
    if (*message_out != NULL) {
        note_taken(group, *message_out);
        status = keep_if_open(group, message_out);
    }
    tf_gate_leave(&group->gate);
    return status;
}

static enum tofu_status make_update(struct tofu_group *group, struct tofu_message **update)
{
    struct tofu_message *message = tf_pool_make_notice(&group->engine->pool);
    if (message == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    message->header.opcode = TOFU_SIGNAL;
    message->header.origin = TOFU_ENGINE;
    *update = message;
    return TOFU_OK;
}

// The count is raised first and lowered on refusal, so that racing updates cannot pass the limit together.
static enum tofu_status push_update(struct tofu_group *group, struct tofu_message **update)
{
    enum tofu_status status = tf_engine_accepts(group->engine);
    if (status != TOFU_OK) {
        return status;
    }
    uint64_t before = atomic_fetch_add(&group->update_count, 1);
    if (before >= group->engine->settings.update_messages_max) {
        atomic_fetch_sub(&group->update_count, 1);
        return TOFU_QUEUE_FULL;
    }
    struct tofu_message *message = update == NULL ? NULL : *update;
    if (message == NULL) {
        status = make_update(group, &message);
        if (status != TOFU_OK) {
            atomic_fetch_sub(&group->update_count, 1);
            return status;
        }
    } else {
        message->header.origin = TOFU_APPLICATION;
        *update = NULL;
    }
    message->header.status = TOFU_RECEIVER_UPDATE;
    message->is_update = true;
    message->flow = NULL;
    tf_mailbox_push(&group->mailbox, message, message, false);
    return TOFU_OK;
}

enum tofu_status tofu_group_update(struct tofu_group *group, struct tofu_message **update)
{
    enum tofu_status status = enter(group);
    if (status != TOFU_OK) {
        return status;
    }
    bool is_foreign = update != NULL && *update != NULL && (*update)->engine != group->engine;
    status = is_foreign ? TOFU_INVALID_MESSAGE : push_update(group, update);
    tf_gate_leave(&group->gate);
    return status;
}

enum tofu_status tofu_group_descriptor(struct tofu_group *group, tofu_descriptor *descriptor_out)
{
    enum tofu_status status = enter(group);
    if (status != TOFU_OK) {
        return status;
    }
    status = tf_mailbox_descriptor(&group->mailbox, descriptor_out);
    tf_gate_leave(&group->gate);
    return status;
}
