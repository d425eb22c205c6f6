// SPDX-License-Identifier: MIT
// What an application does when it gets a turn: receive, or do something, or sleep.
#include "os/clock.h"
#include "sim/flow.h"

void application_open(struct application *application)
{
    enum tofu_status status = tofu_group_create(application->home->engine, &application->group);
    if (status != TOFU_OK && flow_engine_is_ending(application->home)) {
        application->has_heard_end = true;
        return;
    }
    if (status != TOFU_OK) {
        sim_fail("a group could not be created: %s", tofu_status_name(status));
    }
    application->uses_descriptor = sim_chance(400);
    if (application->uses_descriptor &&
        tofu_group_descriptor(application->group, &application->descriptor) != TOFU_OK) {
        sim_fail("a group has no descriptor");
    }
}

void application_release(struct application *application)
{
    while (application->held_count > 0) {
        posting_put(application, &application->held[--application->held_count]);
    }
    posting_put(application, &application->pool_empty_notice);
}

void application_leave(struct application *application)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        application->listeners[i].state = LISTENER_NONE;
    }
    application->update_count = 0;
    application->stream = NULL;
    application->home->has_left_groups = true;
    sim_cover(SIM_GROUP_LEFT, ledger_has_open_side(&application->flow->ledger, application));
    ledger_orphan(&application->flow->ledger, application);
    application->leaving_group = application->group;
    tofu_group_destroy(&application->group);
    application->leaving_group = NULL;
    if (application->group != NULL) {
        sim_fail("group_destroy left the pointer");
    }
}

static void release_one(struct application *application)
{
    if (sim_chance(500)) {
        posting_put(application, &application->pool_empty_notice);
    }
    if (application->held_count == 0) {
        return;
    }
    size_t chosen = (size_t)sim_below(application->held_count);
    struct tofu_message *message = application->held[chosen];
    application->held[chosen] = application->held[--application->held_count];

    const struct tofu_header *header = tofu_message_header(message);
    struct side *side = ledger_find(&application->flow->ledger, application, header->channel);
    if (side != NULL && header->opcode == TOFU_REQUEST && sim_chance(500)) {
        tofu_message_header(message)->opcode = TOFU_RESPONSE;
        tofu_message_header(message)->more = 0;
        posting_submit(application, side, message);
        return;
    }
    posting_put(application, &message);
}

static bool hears_bye(const struct side *side)
{
    return side->has_heard_bye && !side->has_answered_bye;
}

// The connecting side says Bye, and the other one too where both do; every Bye is answered.
static bool close_one(struct application *application)
{
    struct flow *flow = application->flow;
    for (struct link *link = flow->ledger.links; link != NULL; link = link->next) {
        for (int i = 0; i < 2; i++) {
            struct side *side = &link->sides[i];
            if (side->application != application || side->state != SIDE_OPEN) {
                continue;
            }
            bool says_bye = side->is_connecting || flow->both_say_bye;
            if (hears_bye(side) && side_may_post(side, TOFU_BYE_RESPONSE)) {
                posting_bye(application, side, TOFU_BYE_RESPONSE);
                return true;
            }
            if (flow->phase != FLOW_RUN && says_bye && side_may_post(side, TOFU_BYE_REQUEST)) {
                posting_bye(application, side, TOFU_BYE_REQUEST);
                return true;
            }
        }
    }
    return false;
}

static void end_some_channel(struct application *application)
{
    struct flow *flow = application->flow;
    uint8_t opcode = flow->is_gentle || sim_chance(600) ? TOFU_BYE_REQUEST : TOFU_BYE_SIGNAL;
    for (struct link *link = flow->ledger.links; link != NULL; link = link->next) {
        struct side *side = &link->sides[sim_below(2)];
        if (side->application == application && side->state == SIDE_OPEN && sim_chance(500)) {
            posting_bye(application, side, opcode);
            return;
        }
    }
}

static void unlisten_some(struct application *application)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        struct listener *listener = &application->listeners[i];
        if (listener->state == LISTENER_OPEN) {
            posting_unlisten(application, listener);
            return;
        }
    }
}

static void start_over(struct application *application)
{
    if (application->flow->is_gentle || sim_is_blocking() ||
        flow_engine_is_ending(application->home)) {
        return;
    }
    application_leave(application);
    posting_put(application, &application->pool_empty_notice);
    application_open(application);
}

static void act(struct application *application)
{
    trespass_on_leaving(application);
    uint64_t choice = sim_below(100);
    if (choice < 8) {
        posting_listen(application);
    } else if (choice < 22) {
        posting_connect(application);
    } else if (choice < 75) {
        posting_part(application);
    } else if (choice < 82) {
        posting_update(application);
    } else if (choice < 90) {
        release_one(application);
    } else if (choice < 94) {
        trespass(application);
    } else if (choice < 98) {
        end_some_channel(application);
    } else if (choice == 98 && !application->flow->is_gentle) {
        unlisten_some(application);
    } else if (sim_chance(500)) {
        start_over(application);
    }
}

// Whoever has looked in vain again and again looks less often: others may need minutes. But never so seldom
// that somebody's patience with a starving channel ends.
static void sleep_a_while(struct application *application)
{
    uint64_t span_ns = sim_below(UINT64_C(1) << sim_between(4, 20));
    bool has_plans = application->flow->phase == FLOW_RUN && application->actions_left > 0 &&
                     !flow_engine_is_ending(application->home);
    if (!has_plans) {
        span_ns = sim_between(TF_MILLISECOND, 20 * TF_MILLISECOND);
        span_ns <<= application->idle_sleeps < 32 ? application->idle_sleeps / 8 : 4;
        application->idle_sleeps++;
    }
    sim_sleep(sim_now() + span_ns, application->uses_descriptor ? application->descriptor : -1);
}

static bool do_something(struct application *application)
{
    switch (application->flow->phase) {
    case FLOW_RUN:
        if (sim_chance(100) && close_one(application)) {
            return true;
        }
        if (application->actions_left == 0 || sim_chance(300)) {
            release_one(application);
            return false;
        }
        application->actions_left--;
        act(application);
        return true;
    case FLOW_CLOSE:
        application_release(application);
        return close_one(application);
    case FLOW_UNLISTEN:
        // With all links settled the last phase is over at once, and half-open connections may still wait
        // for the budget.
        application_release(application);
        unlisten_some(application);
        return close_one(application);
    case FLOW_DONE:
        break;
    }
    return false;
}

bool application_step(void *context)
{
    struct application *application = context;
    if (application->home->is_gone || application->has_heard_end) {
        return false;
    }
    if (application->flow->phase == FLOW_DONE) {
        return application_receive(application, 0); // What is still queued is read to the end.
    }
    uint64_t timeout_ns = sim_chance(50) && !sim_is_blocking() ? sim_below(TF_MILLISECOND) : 0;
    if (sim_chance(600) && application_receive(application, timeout_ns)) {
        application->idle_sleeps = 0;
        return true;
    }
    if (flow_engine_is_ending(application->home)) {
        application_release(application);
    } else if (do_something(application)) {
        return true;
    }
    if (application_receive(application, 0)) {
        application->idle_sleeps = 0;
    } else {
        sleep_a_while(application);
    }
    return true;
}
