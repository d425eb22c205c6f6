// SPDX-License-Identifier: MIT
// One seed from begin to end: what the world is like, its phases, and what must hold in the end.
#include "sim/flow.h"

#include "os/clock.h"

/// Virtual time that a phase may take. Whoever has not ended by then never will.
#define PHASE_NS (2000 * TF_SECOND)

bool flow_engine_has_failed(const struct flow_engine *home)
{
    return sim_poller_has_failed(home->number);
}

bool flow_engine_is_ending(const struct flow_engine *home)
{
    return home->is_shut_down || flow_engine_has_failed(home);
}

// Bodies are bounded by what the smallest buffer lets through in a few dozen pieces: more of the same
// would only take longer.
static void draw_flow(struct flow *flow)
{
    struct tf_sim_config *config = sim_config();
    flow->is_gentle = sim_chance(400);
    // Who starves for a second may have an unfinished message closed: a gentle world is not that slow.
    if (flow->is_gentle && config->delay_ns_max > 100000) {
        config->delay_ns_max = 100000;
    }
    if (sim_chance(300)) {
        config->request_short_rate = (uint32_t)sim_below(flow->is_gentle ? 10 : 200);
    }
    uint64_t pieces_max = flow->is_gentle ? 16 : 64;
    uint64_t bytes_max = (uint64_t)config->buffer_bytes_min * sim_between(1, pieces_max);
    bytes_max = bytes_max < 65535 ? bytes_max : 65535;
    flow->body_bytes_max = (uint32_t)bytes_max;
    flow->text_bytes_max = (uint32_t)(bytes_max < 20000 ? bytes_max : 20000);
    flow->both_say_bye = sim_chance(500);
    flow->hold_rate = (uint32_t)sim_below(800);
    if (flow->is_gentle) {
        return;
    }
    flow->ending = (enum flow_ending)sim_below(3);
    if (sim_chance(500)) {
        sim_config()->reset_rate = sim_chance(500) ? (uint32_t)sim_below(500) : 0;
        sim_config()->refuse_rate = sim_chance(300) ? (uint32_t)sim_below(300) : 0;
        sim_config()->silence_rate = sim_chance(200) ? (uint32_t)sim_below(20) : 0;
        sim_config()->exhausted_rate = sim_chance(300) ? (uint32_t)sim_below(300) : 0;
        sim_config()->poller_fail_rate = sim_chance(100) ? (uint32_t)sim_below(5000) : 0;
        sim_config()->wake_short_rate = sim_chance(200) ? (uint32_t)sim_below(200) : 0;
        sim_config()->port_short_rate = sim_chance(200) ? (uint32_t)sim_below(100) : 0;
        sim_config()->request_fail_rate = sim_chance(200) ? (uint32_t)sim_below(20) : 0;
    }
}

// Where nothing goes wrong nothing may time out either, though it could: a second is long there, even byte by
// byte. Elsewhere deadlines may be short.
static uint64_t draw_timeout(const struct flow *flow)
{
    if (flow->is_gentle) {
        return TF_SECOND;
    }
    return sim_chance(700) ? 0 : sim_between(TF_MILLISECOND, 20 * TF_SECOND);
}

static void open_engine(const struct flow *flow, struct flow_engine *home)
{
    static const char *const pollers[] = {"sim-level", "sim-edge", "sim-oneshot", "sim-afd"};
    home->pool_messages_max = sim_chance(700) ? sim_between(1, 8) : 64;
    home->update_messages_max = sim_between(1, 4);
    // Where few channels are to be had, somebody is turned away.
    home->channels_max = flow->is_gentle || sim_chance(700) ? 0 : sim_between(4, 12);
    struct tofu_options options = {
        .channels_max = home->channels_max,
        .half_open_max = flow->is_gentle || sim_chance(700) ? 0 : sim_between(1, 4),
        .pool_messages_max = home->pool_messages_max,
        .pool_messages_initial = sim_chance(500) ? home->pool_messages_max : 1,
        .send_queue_messages_max = sim_chance(500) ? sim_between(1, 8) : 0,
        .send_queue_bytes_max = sim_chance(300) ? sim_between(1, 4096) : 0,
        .update_messages_max = home->update_messages_max,
        .turn_bytes_max = sim_chance(500) ? sim_between(1, 4096) : 0,
        .connect_timeout_ns = draw_timeout(flow),
        .hello_timeout_ns = draw_timeout(flow),
        .frame_timeout_ns = draw_timeout(flow),
        // A Bye waits for an application, which may take its time.
        .close_timeout_ns = flow->is_gentle ? TOFU_UNLIMITED : draw_timeout(flow),
        .keepalive = sim_chance(300),
        .poller = pollers[sim_below(4)],
        .allocator = sim_allocator(),
    };
    enum tofu_status status = tofu_engine_create(&options, &home->engine);
    if (status != TOFU_OK) {
        sim_fail("engine_create: %s", tofu_status_name(status));
    }
}

static void open_all(struct flow *flow)
{
    for (size_t i = 0; i < ENGINES_MAX; i++) {
        flow->engines[i].number = i;
        open_engine(flow, &flow->engines[i]);
    }
    flow->application_count = (size_t)sim_between(2, APPLICATIONS_MAX);
    for (size_t i = 0; i < flow->application_count; i++) {
        struct application *application = &flow->applications[i];
        application->flow = flow;
        application->home = &flow->engines[i % ENGINES_MAX];
        application->actions_left = (uint32_t)sim_between(5, 60);
        application_open(application);
        if (application->group != NULL) { // The poller may have failed before there was a group.
            posting_listen(application);
        }
        sim_actor_start(&application->actor, "application", application_step, application);
    }
}

static bool is_idle(void *context)
{
    const struct flow *flow = context;
    for (size_t i = 0; i < flow->application_count; i++) {
        const struct application *application = &flow->applications[i];
        if (application->actions_left > 0 && !flow_engine_is_ending(application->home) &&
            !application->home->is_gone) {
            return false;
        }
    }
    return true;
}

static bool are_links_settled(void *context)
{
    return ledger_is_settled(&((struct flow *)context)->ledger);
}

// Connections that nobody has heard of yet may still become channels.
static bool is_quiet(const struct flow_engine *home)
{
    struct tofu_stats stats = {0};
    if (home->is_gone) {
        return true;
    }
    if (tofu_engine_stats(home->engine, &stats) != TOFU_OK) {
        sim_fail("engine_stats failed");
    }
    return stats.channels == 0 && stats.half_open == 0;
}

static bool is_all_over(void *context)
{
    const struct flow *flow = context;
    if (!are_links_settled(context) || !is_quiet(&flow->engines[0]) ||
        !is_quiet(&flow->engines[1])) {
        return false;
    }
    for (size_t i = 0; i < flow->application_count; i++) {
        for (size_t j = 0; j < LISTENERS_MAX; j++) {
            if (flow->applications[i].listeners[j].state != LISTENER_NONE) {
                return false;
            }
        }
    }
    return true;
}

static void run_phase(
    struct flow *flow, enum flow_phase phase, bool (*is_over)(void *context), const char *what)
{
    flow->phase = phase;
    if (!sim_run_until(is_over, flow, tf_deadline(sim_now(), PHASE_NS))) {
        sim_fail("stuck: %s", what);
    }
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static void leave_engine(struct flow *flow, struct flow_engine *home)
{
    home->is_gone = true;
    sim_cover(SIM_ENGINE_LEFT, 1);
    for (size_t i = 0; i < flow->application_count; i++) {
        struct application *application = &flow->applications[i];
        if (application->home == home) {
            application_release(application);
            ledger_orphan(&flow->ledger, application);
            for (size_t j = 0; j < LISTENERS_MAX; j++) {
                application->listeners[j].state = LISTENER_NONE;
            }
        }
    }
    tofu_engine_destroy(&home->engine);
}

// From now on messages that come to this engine may be dropped, also those nobody has heard of yet.
static void note_shutdown(struct flow *flow, struct flow_engine *home)
{
    home->is_shut_down = true;
    for (struct link *link = flow->ledger.links; link != NULL; link = link->next) {
        for (int i = 0; i < 2; i++) {
            struct side *side = &link->sides[i];
            if (side->application != NULL && side->application->home == home) {
                side->may_miss_messages = true;
            }
        }
    }
}

static void shut_down(struct flow *flow, struct flow_engine *home)
{
    note_shutdown(flow, home);
    uint64_t timeout_ns = sim_chance(500) ? 100 * TF_SECOND : sim_below(TF_SECOND);
    uint64_t begin_ns = sim_now();
    struct tofu_shutdown_report report = {0};
    enum tofu_status status = tofu_engine_shutdown(home->engine, timeout_ns, &report);
    sim_cover(SIM_SHUT_DOWN, 1);
    if (flow_engine_has_failed(home)) {
        return;
    }
    sim_cover(SIM_SHUTDOWN_FORCED, report.channels_forced > 0);
    if (status != TOFU_OK && status != TOFU_TIMED_OUT) {
        sim_fail("shutdown answers %s", tofu_status_name(status));
    }
    // A wake-up that was refused is seen a second later: too late perhaps, and then there may be nothing left
    // to force.
    uint64_t late_ns = sim_config()->wake_short_rate != 0 ? TF_SECOND : 0;
    bool is_ok = status == TOFU_OK;
    bool may_differ = !is_ok && late_ns != 0;
    if (is_ok != (report.channels_forced == 0) && !may_differ) {
        sim_fail(
            "shutdown answers %s with %llu channels forced",
            tofu_status_name(status),
            (unsigned long long)report.channels_forced);
    }
    if (sim_now() > begin_ns + timeout_ns + late_ns + 100 * TF_MILLISECOND) {
        sim_fail("shutdown came back late");
    }
}

// Some of the work is done, and then an engine goes, with whatever was under way.
static void end_early(struct flow *flow)
{
    uint64_t span_ns = UINT64_C(1) << sim_between(10, 24);
    flow->phase = FLOW_RUN;
    (void)sim_run_until(never, flow, tf_deadline(sim_now(), span_ns));
    struct flow_engine *home = &flow->engines[sim_below(ENGINES_MAX)];
    if (flow->ending == FLOW_SHUTDOWN) {
        shut_down(flow, home);
    } else if (flow->ending == FLOW_DESTROY) {
        leave_engine(flow, home);
    }
}

static void close_all(struct flow *flow)
{
    flow->phase = FLOW_DONE;
    for (size_t i = 0; i < flow->application_count; i++) {
        tf_thread_join(&flow->applications[i].actor);
    }
    for (size_t i = 0; i < ENGINES_MAX; i++) {
        if (!flow->engines[i].is_gone) {
            flow_check_balance(&flow->engines[i]);
        }
    }
    for (size_t i = 0; i < flow->application_count; i++) {
        struct application *application = &flow->applications[i];
        if (!application->home->is_gone) {
            application_release(application);
            application_leave(application);
        }
    }
    for (size_t i = 0; i < ENGINES_MAX; i++) {
        struct flow_engine *home = &flow->engines[i];
        if (!home->is_gone) {
            flow_check_rest(home);
            home->is_gone = true;
            tofu_engine_destroy(&home->engine);
        }
        if (home->engine != NULL) {
            sim_fail("engine_destroy left the pointer");
        }
    }
}

struct flow_result flow_run(uint64_t seed, uint32_t defect, uint32_t defect_skip)
{
    static struct flow flow;
    flow = (struct flow){.seed = seed};
    sim_begin(seed);
    sim_config()->defect = defect;
    sim_config()->defect_skip = defect_skip;
    draw_flow(&flow);
    ledger_open(&flow.ledger, flow.is_gentle);
    sim_trace(flow.is_gentle ? "gentle" : "rough", flow.ending, 0);
    open_all(&flow);
    sim_set_check(flow_check_gauges, &flow);

    if (flow.ending != FLOW_BYE) {
        end_early(&flow);
    }
    run_phase(&flow, FLOW_RUN, is_idle, "applications that still have something to do");
    run_phase(&flow, FLOW_CLOSE, are_links_settled, "channels that never end");
    run_phase(&flow, FLOW_UNLISTEN, is_all_over, "listeners that never end");
    close_all(&flow);

    if (!ledger_is_settled(&flow.ledger)) {
        sim_fail("a channel has no closing notice in the end");
    }
    if (flow.is_gentle && sim_hasty_ends() != 0) {
        sim_fail("a connection was not closed in good order");
    }
    ledger_check_fates(&flow.ledger);
    struct flow_result result = {
        .hash = sim_trace_hash(),
        .turns = sim_turns(),
        .messages = flow.ledger.accepted_count,
    };
    ledger_close(&flow.ledger);
    sim_end();
    return result;
}
