// SPDX-License-Identifier: MIT
#include "engine/shutdown.h"

#include "base/assert.h"
#include "engine/admit.h"
#include "engine/ending.h"
#include "engine/engine.h"
#include "engine/group.h"
#include "engine/ids.h"
#include "engine/notices.h"
#include "engine/transfer.h"
#include "wire/header.h"

/// The first look finds the answer, the second the end behind it.
#define LOOKS_AT_FAREWELL 2

enum tofu_status tf_shutdown_say_bye(struct tf_reactor *reactor, struct tf_channel *channel)
{
    enum tf_side side = (enum tf_side)channel->side;
    enum tf_session session = (enum tf_session)channel->session;
    bool answers = tf_rules_may_send(side, session, TOFU_BYE_RESPONSE);
    uint8_t opcode = answers ? TOFU_BYE_RESPONSE : TOFU_BYE_REQUEST;
    if (!tf_rules_may_send(side, session, opcode)) {
        return TOFU_OK;
    }
    struct tofu_message *message = NULL;
    enum tofu_status status = tf_pool_get(reactor->pool, TOFU_ALWAYS, &message);
    if (status != TOFU_OK) {
        return status;
    }
    message->header.opcode = opcode;
    message->header.id = answers ? channel->peer_bye_id : tf_next_message_id();
    tf_admit_own(reactor, channel, message);
    return TOFU_OK;
}

static void end_gracefully(struct tf_reactor *reactor, struct tf_channel *channel)
{
    enum tofu_status status = TOFU_OK;
    switch ((enum tf_phase)channel->phase) {
    case TF_PHASE_OPENING:
    case TF_PHASE_DRAINING:
    case TF_PHASE_CLOSED:
        return;
    case TF_PHASE_LISTENING:
        tf_ending_begin(reactor, channel, TOFU_OK, NULL, TF_ENDING_CLOSE);
        return;
    case TF_PHASE_HALF_OPEN:
        tf_ending_begin(reactor, channel, TOFU_SHUTDOWN_STARTED, NULL, TF_ENDING_ABANDON);
        return;
    case TF_PHASE_RESOLVING:
    case TF_PHASE_CONNECTING:
    case TF_PHASE_QUEUEING:
    case TF_PHASE_OPEN:
        break;
    }
    if (channel->side == TF_LISTENING) {
        tf_ending_begin(reactor, channel, TOFU_SHUTDOWN_STARTED, NULL, TF_ENDING_CLOSE);
        return;
    }
    // What is queued, the HelloRequest of a connect that is under way included, is sent first.
    status = tf_shutdown_say_bye(reactor, channel);
    if (status != TOFU_OK) {
        tf_ending_begin(reactor, channel, status, NULL, TF_ENDING_ABANDON);
    }
}

typedef void (*channel_action)(
    struct tf_reactor *reactor, struct tf_channel *channel, enum tofu_status reason);

static void abort_channel(
    struct tf_reactor *reactor, struct tf_channel *channel, enum tofu_status reason)
{
    if (channel->phase != TF_PHASE_CLOSED) {
        tf_ending_begin(reactor, channel, reason, NULL, TF_ENDING_RESET);
    } else {
        tf_ending_reset(reactor, channel);
    }
}

static void abandon_channel(
    struct tf_reactor *reactor, struct tf_channel *channel, enum tofu_status reason)
{
    if (channel->phase != TF_PHASE_CLOSED) {
        tf_ending_begin(reactor, channel, reason, NULL, TF_ENDING_ABANDON);
    }
}

// Its answer may have come in time, and its end with it, and nobody told us so yet.
static void look_at_farewell(
    struct tf_reactor *reactor, struct tf_channel *channel, enum tofu_status reason)
{
    (void)reason;
    for (int i = 0; i < LOOKS_AT_FAREWELL; i++) {
        bool is_connected = channel->phase == TF_PHASE_OPEN || channel->phase == TF_PHASE_DRAINING;
        if (!is_connected || tf_shutdown_cuts_turn(reactor) ||
            !tf_transfer_look_again(reactor, channel)) {
            return;
        }
    }
}

static void shut_channel_down(
    struct tf_reactor *reactor, struct tf_channel *channel, enum tofu_status reason)
{
    (void)reason;
    end_gracefully(reactor, channel);
}

// An ending may free the channel at hand, but never another one.
static void for_each_channel(
    struct tf_reactor *reactor,
    struct tofu_group *group,
    channel_action action,
    enum tofu_status reason)
{
    struct tf_list *link = group->channels.next;
    while (link != &group->channels) {
        struct tf_channel *channel = TF_CONTAINER_OF(link, struct tf_channel, group_link);
        link = link->next;
        action(reactor, channel, reason);
    }
}

static void for_each_group(
    struct tf_reactor *reactor, channel_action action, enum tofu_status reason)
{
    for (struct tf_list *link = reactor->groups.next; link != &reactor->groups; link = link->next) {
        struct tofu_group *group = TF_CONTAINER_OF(link, struct tofu_group, reactor_link);
        for_each_channel(reactor, group, action, reason);
    }
}

void tf_shutdown_end_all(struct tf_reactor *reactor, enum tofu_status reason)
{
    for_each_group(reactor, abort_channel, reason);
}

// Undelivered notices and messages of a group that is gone go back to the pool.
static void drop_outbox(struct tf_reactor *reactor, struct tofu_group *group)
{
    tf_list_remove(&group->outbox_link);
    while (group->outbox_newest != NULL) {
        struct tofu_message *message = group->outbox_newest;
        group->outbox_newest = message->next;
        tf_notices_left(reactor->table, message);
        tf_pool_put(reactor->pool, message);
    }
    group->outbox_oldest = NULL;
}

static void destroy_group(struct tf_reactor *reactor, struct tofu_group *group)
{
    group->is_destroyed = true;
    drop_outbox(reactor, group);
    for_each_channel(reactor, group, abort_channel, TOFU_CHANNEL_CLOSED);
}

static void stop(struct tf_reactor *reactor)
{
    for (struct tf_list *link = reactor->groups.next; link != &reactor->groups; link = link->next) {
        destroy_group(reactor, TF_CONTAINER_OF(link, struct tofu_group, reactor_link));
    }
    reactor->is_stopping = true;
}

// The counters of which a shutdown reports how much they grew. On the I/O thread, between two turns' worth
// of counting, they belong together.
static struct tofu_shutdown_report read_counters(struct tf_counters *counters)
{
    uint64_t graceful = atomic_load(&counters->channels_graceful);
    return (struct tofu_shutdown_report){
        .struct_size = sizeof(struct tofu_shutdown_report),
        .messages_delivered = atomic_load(&counters->messages_sent),
        .messages_returned = atomic_load(&counters->messages_returned),
        .messages_dropped = atomic_load(&counters->messages_dropped),
        .channels_graceful = graceful,
        .channels_forced = atomic_load(&counters->channels_closed) - graceful,
    };
}

static struct tofu_shutdown_report read_growth(
    struct tf_counters *counters, const struct tofu_shutdown_report *before)
{
    struct tofu_shutdown_report report = read_counters(counters);
    report.messages_delivered -= before->messages_delivered;
    report.messages_returned -= before->messages_returned;
    report.messages_dropped -= before->messages_dropped;
    report.channels_graceful -= before->channels_graceful;
    report.channels_forced -= before->channels_forced;
    return report;
}

// Whoever waits hears of the end when the last notice is there, whether or not somebody waits for this.
static void finish_shutdown(struct tf_reactor *reactor)
{
    struct tf_shutdown *shutdown = reactor->shutdown;
    shutdown->report = read_growth(&reactor->counters, &shutdown->before);
    reactor->shutdown = NULL;
    tf_engine_ended(reactor->engine);
    tf_engine_stop_mailboxes(reactor->engine, TOFU_SHUTDOWN_STARTED);
    tf_command_finish(&shutdown->command);
}

static void begin_shutdown(struct tf_reactor *reactor, struct tf_shutdown *shutdown)
{
    reactor->is_shutting_down = true;
    reactor->shutdown = shutdown;
    shutdown->before = read_counters(&reactor->counters);
    shutdown->channel_count = atomic_load(&reactor->table->channel_count);
    atomic_store(&shutdown->has_begun, true);
    if (reactor->is_aborting) {
        // The engine is being destroyed, and its abort was faster than this.
        tf_shutdown_end_all(reactor, TOFU_TIMED_OUT);
    } else {
        for_each_group(reactor, shut_channel_down, TOFU_OK);
    }
}

// What is known without the I/O thread, when that has no time for us.
static struct tofu_shutdown_report report_so_far(
    struct tf_shutdown *shutdown, struct tf_reactor *reactor)
{
    struct tofu_shutdown_report report = {.struct_size = sizeof report};
    // First: of a channel that is not there any more everything is counted.
    uint64_t left = atomic_load(&reactor->table->channel_count);
    uint64_t channel_count = left;
    if (atomic_load(&shutdown->has_begun)) {
        report = read_growth(&reactor->counters, &shutdown->before);
        channel_count = shutdown->channel_count;
    }
    uint64_t graceful = report.channels_graceful;
    report.channels_forced = channel_count > graceful ? channel_count - graceful : 0;
    report.channels_left = left < report.channels_forced ? left : report.channels_forced;
    return report;
}

bool tf_shutdown_run(
    struct tf_shutdown *shutdown,
    struct tf_reactor *reactor,
    uint64_t timeout_ns,
    struct tofu_shutdown_report *report_out)
{
    TF_ASSERT(!atomic_load(&shutdown->has_begun));

    shutdown->command.kind = TF_COMMAND_SHUTDOWN;
    shutdown->deadline_ns = tf_deadline(tf_clock_now(), timeout_ns);
    tf_reactor_command(reactor, &shutdown->command);
    bool is_done = tf_command_wait(
        &shutdown->command, tf_deadline(shutdown->deadline_ns, TF_SHUTDOWN_LEAVE_NS));
    *report_out = is_done ? shutdown->report : report_so_far(shutdown, reactor);
    return is_done;
}

void tf_shutdown_run_commands(struct tf_reactor *reactor, struct tf_list *taken)
{
    for (struct tf_list *link = tf_list_take_first(taken); link != NULL;
         link = tf_list_take_first(taken)) {
        struct tf_command *command = TF_CONTAINER_OF(link, struct tf_command, link);
        switch (command->kind) {
        case TF_COMMAND_DESTROY_GROUP:
            destroy_group(reactor, command->group);
            break;
        case TF_COMMAND_SHUTDOWN:
            begin_shutdown(reactor, TF_CONTAINER_OF(command, struct tf_shutdown, command));
            continue; // Finished when the last channel has ended.
        case TF_COMMAND_ABORT:
            reactor->is_aborting = true;
            tf_shutdown_end_all(reactor, TOFU_TIMED_OUT);
            break;
        case TF_COMMAND_STOP:
            stop(reactor);
            break;
        }
        tf_list_append(&reactor->running, link);
    }
}

// A group is gone when its last channel is; one of them may still wait for a poster's load.
static bool is_complete(const struct tf_command *command)
{
    return command->kind != TF_COMMAND_DESTROY_GROUP || tf_list_is_empty(&command->group->channels);
}

static uint64_t after_deadline(const struct tf_reactor *reactor, uint64_t time_ns)
{
    return tf_deadline(reactor->shutdown->deadline_ns, time_ns);
}

bool tf_shutdown_can_finish(struct tf_reactor *reactor)
{
    return reactor->shutdown != NULL && atomic_load(&reactor->table->channel_count) == 0 &&
           atomic_load(&reactor->counters.half_open) == 0 &&
           (tf_list_is_empty(&reactor->abandoned) ||
            tf_clock_now() >= after_deadline(reactor, TF_SHUTDOWN_RESET_NS));
}

static bool waits_for_byes(const struct tf_reactor *reactor)
{
    return reactor->shutdown != NULL && !reactor->is_aborting;
}

uint64_t tf_shutdown_deadline(const struct tf_reactor *reactor)
{
    return waits_for_byes(reactor) ? reactor->shutdown->deadline_ns : UINT64_MAX;
}

bool tf_shutdown_cuts_turn(const struct tf_reactor *reactor)
{
    return waits_for_byes(reactor) &&
           tf_clock_now() >= after_deadline(reactor, TF_SHUTDOWN_TURN_NS);
}

void tf_shutdown_keep_deadline(struct tf_reactor *reactor)
{
    if (waits_for_byes(reactor) && tf_clock_now() >= reactor->shutdown->deadline_ns) {
        for_each_group(reactor, look_at_farewell, TOFU_TIMED_OUT);
        reactor->is_aborting = true;
        for_each_group(reactor, abandon_channel, TOFU_TIMED_OUT);
    }
}

void tf_shutdown_finish_commands(struct tf_reactor *reactor)
{
    struct tf_list *link = reactor->running.next;
    while (link != &reactor->running) {
        struct tf_command *command = TF_CONTAINER_OF(link, struct tf_command, link);
        link = link->next;
        if (!is_complete(command)) {
            continue;
        }
        tf_list_remove(&command->link);
        if (command->kind == TF_COMMAND_DESTROY_GROUP) {
            tf_list_remove(&command->group->reactor_link);
        }
        tf_command_finish(command);
    }
    if (tf_shutdown_can_finish(reactor)) {
        finish_shutdown(reactor);
    }
}
