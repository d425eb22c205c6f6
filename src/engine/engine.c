// SPDX-License-Identifier: MIT
// The public functions of an engine.
#include "engine/engine.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "engine/group.h"
#include "engine/notices.h"
#include "engine/shutdown.h"
#include "os/clock.h"
#include "os/network.h"

static enum tofu_status open_parts(struct tofu_engine *engine)
{
    enum tofu_status status = tf_network_open();
    if (status != TOFU_OK) {
        return status;
    }
    status = tf_mutex_open(&engine->groups_lock);
    if (status != TOFU_OK) {
        goto close_network;
    }
    status = tf_pool_open(
        &engine->pool,
        &engine->allocator,
        engine,
        engine->settings.pool_messages_initial,
        engine->settings.pool_messages_max);
    if (status != TOFU_OK) {
        goto close_lock;
    }
    status = tf_table_open(&engine->table, &engine->allocator, engine->settings.channels_max);
    if (status != TOFU_OK) {
        goto close_pool;
    }
    status = tf_reactor_open(&engine->reactor, engine);
    if (status != TOFU_OK) {
        goto close_table;
    }
    return TOFU_OK;

close_table:
    tf_table_close(&engine->table);
close_pool:
    tf_pool_close(&engine->pool);
close_lock:
    tf_mutex_close(&engine->groups_lock);
close_network:
    tf_network_close();
    return status;
}

enum tofu_status tofu_engine_create(
    const struct tofu_options *options, struct tofu_engine **engine_out)
{
    *engine_out = NULL;
    struct tf_settings settings;
    enum tofu_status status = tf_settings_read(options, &settings);
    if (status != TOFU_OK) {
        return status;
    }
    struct tofu_allocator allocator =
        tf_allocator_or_default(options == NULL ? (struct tofu_allocator){0} : options->allocator);
    struct tofu_engine *engine = tf_alloc_zeroed(&allocator, sizeof *engine);
    if (engine == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    engine->magic = TF_ENGINE_MAGIC;
    engine->process_generation = tf_process_generation();
    engine->allocator = allocator;
    engine->settings = settings;
    if (options != NULL) {
        engine->log.sink = options->log_sink;
        engine->log.context = options->log_context;
        engine->log.level = options->log_level;
    }
    tf_list_init(&engine->live_groups);
    tf_list_init(&engine->dead_groups);
    status = open_parts(engine);
    if (status != TOFU_OK) {
        tf_free(&allocator, engine, sizeof *engine);
        return status;
    }
    *engine_out = engine;
    return TOFU_OK;
}

static void close_live_groups(struct tofu_engine *engine)
{
    tf_mutex_lock(&engine->groups_lock);
    for (struct tf_list *link = engine->live_groups.next; link != &engine->live_groups;
         link = link->next) {
        tf_group_close(TF_CONTAINER_OF(link, struct tofu_group, link));
    }
    tf_mutex_unlock(&engine->groups_lock);
}

// The gates are closed, so no group comes or goes any more and the lists need no lock.
static void drain_live_groups(struct tofu_engine *engine)
{
    for (struct tf_list *link = engine->live_groups.next; link != &engine->live_groups;
         link = link->next) {
        tf_group_drain(TF_CONTAINER_OF(link, struct tofu_group, link));
    }
}

// Before any group is freed: what waits in one may be the notice of another.
static void drop_mail_of_live_groups(struct tofu_engine *engine)
{
    for (struct tf_list *link = engine->live_groups.next; link != &engine->live_groups;
         link = link->next) {
        tf_group_drop_mail(TF_CONTAINER_OF(link, struct tofu_group, link));
    }
}

static void free_groups(struct tf_list *groups)
{
    for (struct tf_list *link = tf_list_take_first(groups); link != NULL;
         link = tf_list_take_first(groups)) {
        tf_group_free(TF_CONTAINER_OF(link, struct tofu_group, link));
    }
}

void tofu_engine_destroy(struct tofu_engine **engine_pointer)
{
    struct tofu_engine *engine = *engine_pointer;
    *engine_pointer = NULL;
    if (engine == NULL || tf_engine_is_forked(engine)) {
        return;
    }
    TF_ASSERT(engine->magic == TF_ENGINE_MAGIC);

    atomic_store(&engine->state, TF_ENGINE_ENDED);
    // Groups first, so that a waiter that is woken from here on keeps nothing that it would have to put
    // back; and once more for a group that was just being created.
    close_live_groups(engine);
    tf_gate_close(&engine->gate);
    tf_pool_stop(&engine->pool);
    close_live_groups(engine);
    // A shutdown that is inside must not wait for peers any more.
    struct tf_command abort = {.kind = TF_COMMAND_ABORT};
    tf_reactor_command(&engine->reactor, &abort);
    tf_command_wait(&abort, TF_NEVER);
    tf_gate_drain(&engine->gate);
    drain_live_groups(engine);

    struct tf_command stop = {.kind = TF_COMMAND_STOP};
    tf_reactor_command(&engine->reactor, &stop);
    tf_reactor_close(&engine->reactor);
    drop_mail_of_live_groups(engine);
    free_groups(&engine->live_groups);
    free_groups(&engine->dead_groups);
    tf_table_close(&engine->table);
    tf_pool_close(&engine->pool);
    tf_mutex_close(&engine->groups_lock);
    tf_network_close();
    engine->magic = 0;
    struct tofu_allocator allocator = engine->allocator;
    tf_free(&allocator, engine, sizeof *engine);
}

// What every call on the engine does first. After TOFU_OK it is inside the gate.
static enum tofu_status enter(struct tofu_engine *engine)
{
    if (tf_engine_is_forked(engine)) {
        return TOFU_FORKED;
    }
    TF_ASSERT(engine->magic == TF_ENGINE_MAGIC);
    return tf_gate_enter(&engine->gate) ? TOFU_OK : TOFU_SHUTDOWN_STARTED;
}

enum tofu_status tofu_engine_get(
    struct tofu_engine *engine, enum tofu_strategy strategy, struct tofu_message **message_out)
{
    *message_out = NULL;
    enum tofu_status status = enter(engine);
    if (status == TOFU_OK) {
        status = tf_pool_get(&engine->pool, strategy, message_out);
        tf_gate_leave(&engine->gate);
    }
    return status;
}

enum tofu_status tofu_engine_get_within(
    struct tofu_engine *engine, uint64_t timeout_ns, struct tofu_message **message_out)
{
    *message_out = NULL;
    enum tofu_status status = enter(engine);
    if (status == TOFU_OK) {
        status = tf_pool_get_within(&engine->pool, timeout_ns, message_out);
        tf_gate_leave(&engine->gate);
    }
    return status;
}

void tofu_engine_put(struct tofu_engine *engine, struct tofu_message **message_pointer)
{
    struct tofu_message *message = *message_pointer;
    *message_pointer = NULL;
    if (message == NULL || tf_engine_is_forked(engine)) {
        return;
    }
    // A waiter that the engine's end has woken may give back what it got last.
    tf_gate_enter_late(&engine->gate);
    TF_ASSERT(message->engine == engine);

    if (!tf_notices_come_home(message) && tf_pool_put(&engine->pool, message)) {
        tf_reactor_wake(&engine->reactor);
    }
    tf_gate_leave(&engine->gate);
}

enum tofu_status tofu_message_clone(
    const struct tofu_message *message, struct tofu_message **clone_out)
{
    struct tofu_engine *engine = message->engine;
    enum tofu_status status = tofu_engine_get(engine, TOFU_ALWAYS, clone_out);
    if (status == TOFU_OK && !tf_message_copy(*clone_out, message)) {
        tofu_engine_put(engine, clone_out);
        status = TOFU_ALLOCATION_FAILED;
    }
    return status;
}

enum tofu_status tf_engine_accepts(struct tofu_engine *engine)
{
    switch ((enum tf_engine_state)atomic_load(&engine->state)) {
    case TF_ENGINE_RUNNING:
        return TOFU_OK;
    case TF_ENGINE_FAILED:
        return TOFU_NOTIFICATION_FAILED;
    case TF_ENGINE_SHUTTING_DOWN:
    case TF_ENGINE_ENDED:
        break;
    }
    return TOFU_SHUTDOWN_STARTED;
}

void tf_engine_failed(struct tofu_engine *engine)
{
    uint32_t running = TF_ENGINE_RUNNING;
    atomic_compare_exchange_strong(&engine->state, &running, TF_ENGINE_FAILED);
}

void tf_engine_ended(struct tofu_engine *engine)
{
    atomic_store(&engine->state, TF_ENGINE_ENDED);
}

void tf_engine_stop_mailboxes(struct tofu_engine *engine, enum tofu_status status)
{
    tf_mutex_lock(&engine->groups_lock);
    for (struct tf_list *link = engine->live_groups.next; link != &engine->live_groups;
         link = link->next) {
        tf_mailbox_stop(&TF_CONTAINER_OF(link, struct tofu_group, link)->mailbox, status);
    }
    tf_mutex_unlock(&engine->groups_lock);
}

static enum tofu_status shut_down(
    struct tofu_engine *engine, uint64_t timeout_ns, struct tofu_shutdown_report *report_out)
{
    uint32_t state = TF_ENGINE_RUNNING;
    if (!atomic_compare_exchange_strong(&engine->state, &state, TF_ENGINE_SHUTTING_DOWN)) {
        // Nothing is left to end after an earlier shutdown, or when the poller failed.
        return state == TF_ENGINE_SHUTTING_DOWN ? TOFU_NOT_ALLOWED : TOFU_OK;
    }
    tf_table_wake_posters(&engine->table);
    bool is_done = tf_shutdown_run(&engine->shutdown, &engine->reactor, timeout_ns, report_out);
    return is_done && report_out->channels_forced == 0 ? TOFU_OK : TOFU_TIMED_OUT;
}

enum tofu_status tofu_engine_shutdown(
    struct tofu_engine *engine, uint64_t timeout_ns, struct tofu_shutdown_report *report_out)
{
    if (tf_engine_is_forked(engine)) {
        return TOFU_FORKED;
    }
    if (report_out != NULL && report_out->struct_size != 0 &&
        report_out->struct_size != sizeof *report_out) {
        return TOFU_NOT_ALLOWED;
    }
    enum tofu_status status = enter(engine);
    if (status != TOFU_OK) {
        return status;
    }
    struct tofu_shutdown_report report = {.struct_size = sizeof report};
    status = shut_down(engine, timeout_ns, &report);
    tf_gate_leave(&engine->gate);
    if (report_out != NULL && status != TOFU_NOT_ALLOWED) {
        *report_out = report;
    }
    return status;
}
