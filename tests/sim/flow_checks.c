// SPDX-License-Identifier: MIT
// What must hold after every turn, and what must hold in the end.
#include "engine/engine.h"
#include "sim/flow.h"

// Whoever waits for a message must have been woken once there is one.
static void check_getters(const struct flow *flow, const struct flow_engine *home)
{
    for (size_t i = 0; i < flow->application_count; i++) {
        const struct application *application = &flow->applications[i];
        if (application->home == home && application->is_getting && !sim_is_unparked()) {
            sim_fail("a message is idle, and nobody woke the one who waits for it");
        }
    }
}

// Read where they lie: this is done after every turn, and nobody can be in the middle of changing them.
static void check_engine(const struct flow *flow, const struct flow_engine *home)
{
    const struct tf_pool *pool = &home->engine->pool;
    const struct tf_counters *counters = &home->engine->reactor.counters;
    // A shutdown takes Byes beyond the budget, two of a channel at most.
    uint64_t byes_max = home->is_shut_down ? 2 * counters->channels_opened : 0;
    if (pool->incoming_count > home->pool_messages_max + byes_max) {
        sim_fail(
            "%llu received messages, the budget is %llu",
            (unsigned long long)pool->incoming_count,
            (unsigned long long)home->pool_messages_max);
    }
    if (pool->idle_count > 0 && sim_is_blocking()) {
        check_getters(flow, home);
    }
    if (pool->idle_count > home->pool_messages_max) {
        sim_fail("the pool keeps more than its maximum");
    }
    uint64_t fates =
        counters->messages_sent + counters->messages_returned + counters->messages_dropped;
    if (fates > home->accepted && !home->is_shut_down) {
        sim_fail("more messages have a fate than were accepted");
    }
    // Its peer would only learn that the connection is gone: this names the reason.
    if (flow->is_gentle && counters->deadlines_missed != 0) {
        sim_fail("a deadline ended a channel, or somebody's patience did, and nothing was slow");
    }
    if (pool->alive_count < pool->idle_count + pool->incoming_count) {
        sim_fail("fewer messages are alive than are idle or received");
    }
}

void flow_check_gauges(void *context)
{
    const struct flow *flow = context;
    for (size_t i = 0; i < ENGINES_MAX; i++) {
        if (!flow->engines[i].is_gone) {
            check_engine(flow, &flow->engines[i]);
        }
    }
}

void flow_check_rest(const struct flow_engine *home)
{
    struct tofu_stats stats = {0};
    if (tofu_engine_stats(home->engine, &stats) != TOFU_OK) {
        sim_fail("engine_stats failed");
    }
    sim_cover(SIM_FRAME_LATE, stats.deadlines_missed);
    sim_cover(SIM_BUDGET_SPENT, stats.pool_empty_episodes);
    sim_cover(SIM_CONNECTION_REFUSED, stats.connections_refused);
    if (stats.channels != 0 || stats.half_open != 0 || stats.messages_incoming != 0) {
        sim_fail(
            "in the end there are %llu channels, %llu half-open ones, %llu received messages",
            (unsigned long long)stats.channels,
            (unsigned long long)stats.half_open,
            (unsigned long long)stats.messages_incoming);
    }
    if (stats.channels_opened != stats.channels_closed) {
        sim_fail("not as many channels were closed as opened");
    }
    if (stats.messages_alive != stats.messages_idle) {
        sim_fail(
            "in the end %llu messages are alive and %llu are idle",
            (unsigned long long)stats.messages_alive,
            (unsigned long long)stats.messages_idle);
    }
}

// Every accepted message has one fate. The sum is exact where no group left before it had read it all.
void flow_check_balance(const struct flow_engine *home)
{
    struct tofu_stats stats = {0};
    if (tofu_engine_stats(home->engine, &stats) != TOFU_OK || home->is_shut_down ||
        home->has_left_groups) {
        return;
    }
    uint64_t fates = stats.messages_sent + stats.messages_returned + stats.messages_dropped +
                     home->welcomed + home->consumed;
    if (fates != home->accepted) {
        sim_fail(
            "%llu messages were accepted: %llu sent, %llu returned, %llu dropped, %llu consumed",
            (unsigned long long)home->accepted,
            (unsigned long long)stats.messages_sent,
            (unsigned long long)stats.messages_returned,
            (unsigned long long)stats.messages_dropped,
            (unsigned long long)(home->welcomed + home->consumed));
    }
    if (stats.messages_received != home->delivered) {
        sim_fail(
            "%llu messages were received and %llu were delivered",
            (unsigned long long)stats.messages_received,
            (unsigned long long)home->delivered);
    }
    if (stats.messages_returned != home->returned) {
        sim_fail("the engine's count of returned messages is not the application's");
    }
}
