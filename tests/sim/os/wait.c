// SPDX-License-Identifier: MIT
#include "os/clock.h"
#include "sim/coverage.h"
#include "sim/os/network.h"
#include "sim/os/pollers.h"

static struct {
    uint64_t open;
    uint64_t opened;
    uint64_t failed; ///< one bit per number
} pollers;

void sim_wait_open(struct sim_wait *wait)
{
    wait->look_again_ns = TF_NEVER;
    wait->number = pollers.opened++;
    pollers.open++;
}

void sim_wait_close(struct sim_wait *wait)
{
    wait->sleeper = NULL;
    pollers.open--;
}

bool sim_poller_has_failed(uint64_t number)
{
    return number < 64 && (pollers.failed >> number & 1) != 0;
}

bool sim_has_failed_poller(void)
{
    return pollers.failed != 0;
}

static bool fails(const struct sim_wait *wait)
{
    uint32_t rate = sim_config()->poller_fail_rate;
    if (rate != 0 && sim_below(1000000) < rate && wait->number < 64) {
        sim_trace("poller dies", wait->number, 0);
        sim_cover(SIM_POLLER_FAILED, 1);
        pollers.failed |= UINT64_C(1) << wait->number;
    }
    return sim_poller_has_failed(wait->number);
}

static uint64_t time_to_look(const struct sim_wait *wait)
{
    return wait->look_again_ns < wait->deadline_ns ? wait->look_again_ns : wait->deadline_ns;
}

// Who finds nothing after all sleeps on: a poller does not come back for that.
static bool resume_wait(void *context)
{
    struct sim_wait *wait = context;
    struct sim_actor *actor = wait->sleeper;
    wait->sleeper = NULL;
    if (wait->look(wait->context, wait->events, wait->event_capacity, wait->event_count)) {
        sim_actor_note_wait(actor);
        return true;
    }
    if (sim_now() >= wait->deadline_ns) {
        return true;
    }
    wait->sleeper = actor;
    sim_actor_sleep(actor, time_to_look(wait));
    return false;
}

static void sleep_in_wait(
    struct sim_wait *wait,
    struct sim_actor *actor,
    uint64_t deadline_ns,
    struct tf_poll_event *events,
    uint32_t capacity,
    uint32_t *event_count)
{
    wait->sleeper = actor;
    wait->deadline_ns = deadline_ns;
    wait->events = events;
    wait->event_capacity = capacity;
    wait->event_count = event_count;
    sim_actor_sleep_in_call(actor, time_to_look(wait), resume_wait, wait);
}

enum tofu_status sim_wait(
    struct sim_wait *wait,
    uint64_t timeout_ns,
    struct tf_poll_event *events,
    uint32_t capacity,
    uint32_t *event_count_out)
{
    uint64_t deadline_ns = tf_deadline(sim_now(), timeout_ns);
    struct sim_actor *actor = sim_current_actor();
    sim_tick();
    wait->sleeper = NULL;
    if (fails(wait)) {
        return TOFU_NOTIFICATION_FAILED;
    }
    bool is_thread = actor != NULL && sim_actor_is_thread(actor);
    while (!wait->look(wait->context, events, capacity, event_count_out) &&
           sim_now() < deadline_ns) {
        if (is_thread) {
            sleep_in_wait(wait, actor, deadline_ns, events, capacity, event_count_out);
            return TOFU_OK;
        }
        if (!sim_turn(deadline_ns) && deadline_ns == TF_NEVER) {
            sim_fail("deadlock: a wait for ever, and nothing can happen any more");
        }
    }
    if (is_thread) {
        sim_actor_note_wait(actor);
    }
    return TOFU_OK;
}

bool sim_wait_end(struct sim_wait *wait)
{
    if (wait->sleeper == NULL) {
        return false;
    }
    sim_actor_wake(wait->sleeper);
    return true;
}

void sim_pollers_begin(void)
{
    pollers.open = 0;
    pollers.opened = 0;
    pollers.failed = 0;
    sim_afd_begin();
}

void sim_pollers_end(void)
{
    if (pollers.open != 0) {
        sim_fail("%llu pollers were never closed", (unsigned long long)pollers.open);
    }
    sim_afd_end();
}
