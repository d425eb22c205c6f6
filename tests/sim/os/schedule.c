// SPDX-License-Identifier: MIT
// The schedule: who takes the next turn, and when time jumps.
//
// There is one stack. An actor that blocks (os/park.c) runs the schedule from inside its step until it
// may go on; actors that run meanwhile return before it does.
#include "sim/os/schedule.h"

#include "os/clock.h"
#include "sim/coverage.h"
#include "sim/os/lock.h"
#include "sim/os/world.h"

#define ACTORS_MAX 64

/// Spurious events make some. More than a handful in a row is no accident.
#define IDLE_WAITS_MAX 100

/// How deep turns are taken inside turns.
#define INTERRUPTED_MAX 3

enum state {
    FREE, ///< no actor
    READY,
    RUNNING, ///< its step is on the stack
    DONE     ///< its last step returned
};

struct sim_actor {
    tf_thread_step step;
    void *context;
    enum state state;
    bool is_thread;              ///< started by the library
    bool is_interruptible;       ///< others may have turns in the middle of its step
    uint64_t wake_at_ns;         ///< 0: it does not sleep
    intptr_t descriptor;         ///< of the event that ends its sleep; -1: none
    const void *word;            ///< that it is parked on, if it sleeps
    bool (*resume)(void *state); ///< ends its sleep, before its next step; NULL: nothing to do
    void *resume_state;
    uint32_t idle_waits; ///< without sleep since it last got something done
};

static struct {
    struct sim_actor actors[ACTORS_MAX];
    size_t actor_count;
    struct sim_actor *current;
    struct sim_actor *last; ///< who had the last turn
    uint32_t interrupted;   ///< steps below the current one
    uint64_t calls_to_preemption;
    uint64_t turns;
    void (*check)(void *context);
    void *check_context;
} schedule;

struct sim_actor *sim_current_actor(void)
{
    return schedule.current;
}

bool sim_actor_is_thread(const struct sim_actor *actor)
{
    return actor->is_thread;
}

void sim_actor_note_progress(void)
{
    if (schedule.current != NULL) {
        schedule.current->idle_waits = 0;
    }
}

void sim_actor_note_wait(struct sim_actor *actor)
{
    actor->idle_waits++;
    if (actor->idle_waits > IDLE_WAITS_MAX) {
        sim_fail("the I/O thread spins: %d waits without sleep or success", IDLE_WAITS_MAX);
    }
}

void sim_actor_sleep(struct sim_actor *actor, uint64_t until_ns)
{
    actor->wake_at_ns = until_ns;
    actor->descriptor = -1;
    actor->word = NULL;
    actor->idle_waits = 0;
}

void sim_actor_sleep_in_call(
    struct sim_actor *actor, uint64_t until_ns, bool (*resume)(void *state), void *state)
{
    sim_actor_sleep(actor, until_ns);
    actor->resume = resume;
    actor->resume_state = state;
}

void sim_actor_park(struct sim_actor *actor, const void *word, uint64_t until_ns)
{
    if (!sim_has_failed_poller()) {
        sim_fail("the I/O thread parks");
    }
    sim_actor_sleep(actor, until_ns);
    actor->word = word;
}

void sim_actors_unpark(const void *word)
{
    for (size_t i = 0; i < schedule.actor_count; i++) {
        if (schedule.actors[i].word == word) {
            sim_actor_wake(&schedule.actors[i]);
        }
    }
}

void sim_actor_wake(struct sim_actor *actor)
{
    actor->wake_at_ns = 0;
}

void sim_sleep(uint64_t until_ns, intptr_t descriptor)
{
    sim_actor_sleep(schedule.current, until_ns);
    schedule.current->descriptor = descriptor;
}

static bool is_runnable(const struct sim_actor *actor)
{
    return actor->state == READY &&
           (actor->wake_at_ns <= sim_now() ||
            (actor->descriptor != -1 && sim_event_ends_sleep(actor->descriptor)));
}

static struct sim_actor *choose_actor(void)
{
    if (schedule.last != NULL && is_runnable(schedule.last) &&
        sim_chance(sim_config()->stickiness_rate)) {
        return schedule.last;
    }
    struct sim_actor *runnable[ACTORS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < schedule.actor_count; i++) {
        if (is_runnable(&schedule.actors[i])) {
            runnable[count++] = &schedule.actors[i];
        }
    }
    return count == 0 ? NULL : count == 1 ? runnable[0] : runnable[sim_below(count)];
}

// Returns false if the actor sleeps on in its call.
static bool has_resumed(struct sim_actor *actor)
{
    if (actor->resume != NULL && !actor->resume(actor->resume_state)) {
        return false;
    }
    actor->resume = NULL;
    return true;
}

static void run_actor(struct sim_actor *actor)
{
    struct sim_actor *outer = schedule.current;
    schedule.current = actor;
    schedule.last = actor;
    actor->wake_at_ns = 0;
    actor->state = RUNNING;
    sim_trace("turn", (uint64_t)(actor - schedule.actors), 0);

    if (has_resumed(actor)) {
        actor->state = actor->step(actor->context) ? READY : DONE;
    } else {
        actor->state = READY;
    }

    schedule.current = outer;
}

// One draw per preemption, not one per call: how many calls there are before it.
static bool is_preempted(void)
{
    if (schedule.calls_to_preemption > 0) {
        schedule.calls_to_preemption--;
        return false;
    }
    schedule.calls_to_preemption = sim_below(2000 / sim_config()->preempt_rate);
    return true;
}

void sim_preempt_some(void)
{
    const struct sim_actor *below = schedule.current;
    if (below == NULL || !below->is_interruptible || sim_locks_held() != 0 ||
        schedule.interrupted == INTERRUPTED_MAX || !is_preempted()) {
        return;
    }
    struct sim_actor *last = schedule.last;
    sim_due_run();
    struct sim_actor *actor = choose_actor();
    if (actor != NULL) {
        sim_cover(SIM_PREEMPTED, below->is_thread);
        schedule.turns++;
        schedule.interrupted++;
        run_actor(actor);
        schedule.interrupted--;
    }
    schedule.last = last;
}

void sim_set_interruptible(bool is_interruptible)
{
    if (schedule.current != NULL) {
        schedule.current->is_interruptible = is_interruptible;
    }
}

bool sim_is_interrupting(void)
{
    return schedule.interrupted > 0;
}

bool sim_is_blocking(void)
{
    return schedule.interrupted > 0 || sim_has_sleeper();
}

// Nobody has anything to do now: time jumps to the next thing that will happen.
static bool jump(uint64_t limit_ns)
{
    uint64_t next_ns = sim_due_next();
    for (size_t i = 0; i < schedule.actor_count; i++) {
        const struct sim_actor *actor = &schedule.actors[i];
        if (actor->state == READY && actor->wake_at_ns < next_ns) {
            next_ns = actor->wake_at_ns;
        }
    }
    if (next_ns < limit_ns) {
        sim_time_reach(next_ns);
        return true;
    }
    if (limit_ns != TF_NEVER) {
        sim_time_reach(limit_ns);
    }
    return false;
}

// Whoever is blocked below must not be taken for the one who checks, and be interrupted.
static void run_check(void)
{
    struct sim_actor *below = schedule.current;
    if (schedule.check != NULL) {
        schedule.current = NULL;
        schedule.check(schedule.check_context);
        schedule.current = below;
    }
}

bool sim_turn(uint64_t limit_ns)
{
    schedule.turns++;
    if (schedule.turns > sim_config()->turns_max) {
        sim_fail("no end after %llu turns", (unsigned long long)sim_config()->turns_max);
    }

    sim_time_add(sim_below(sim_config()->step_ns_max) + 1);
    bool has_happened = sim_due_run();
    struct sim_actor *actor = choose_actor();
    if (actor == NULL) {
        // What happened may be what somebody waits for who is no actor: time must not jump past it.
        return has_happened || jump(limit_ns);
    }
    run_actor(actor);
    run_check();
    return true;
}

bool sim_run_until(bool (*is_met)(void *context), void *context, uint64_t deadline_ns)
{
    while (!is_met(context)) {
        if (sim_now() >= deadline_ns || !sim_turn(deadline_ns)) {
            return is_met(context);
        }
    }
    return true;
}

uint64_t sim_turns(void)
{
    return schedule.turns;
}

void sim_set_check(void (*check)(void *context), void *context)
{
    schedule.check = check;
    schedule.check_context = context;
}

// The storage of a thread holds the number of its actor, from 1.
static struct sim_actor *actor_of(const struct tf_thread *thread)
{
    uint64_t number = thread->storage[0];
    if (number == 0 || number > schedule.actor_count) {
        sim_fail("a thread that was never started");
    }
    return &schedule.actors[number - 1];
}

static struct sim_actor *free_place(void)
{
    for (size_t i = 0; i < schedule.actor_count; i++) {
        if (schedule.actors[i].state == FREE) {
            return &schedule.actors[i];
        }
    }
    if (schedule.actor_count == ACTORS_MAX) {
        sim_fail("more than %d actors", ACTORS_MAX);
    }
    return &schedule.actors[schedule.actor_count++];
}

static void start(struct tf_thread *thread, tf_thread_step step, void *context, bool is_thread)
{
    struct sim_actor *actor = free_place();
    *actor = (struct sim_actor){
        .step = step,
        .context = context,
        .state = READY,
        .is_thread = is_thread,
        .is_interruptible = is_thread,
        .descriptor = -1};
    thread->storage[0] = (uint64_t)(actor - schedule.actors) + 1;
    sim_trace("start", thread->storage[0], is_thread);
}

enum tofu_status tf_thread_start(
    struct tf_thread *thread, const char *name, tf_thread_step step, void *context)
{
    (void)name;
    start(thread, step, context, true);
    return TOFU_OK;
}

void sim_actor_start(struct tf_thread *thread, const char *name, tf_thread_step step, void *context)
{
    (void)name;
    start(thread, step, context, false);
}

void tf_thread_join(struct tf_thread *thread)
{
    struct sim_actor *actor = actor_of(thread);
    if (schedule.current != NULL && schedule.current->is_thread) {
        sim_fail("a thread of the library waits for another one's end");
    }
    while (actor->state != DONE) {
        if (!sim_turn(TF_NEVER)) {
            sim_fail("deadlock: a thread is joined that never ends");
        }
    }
    actor->state = FREE;
    sim_trace("join", thread->storage[0], 0);
}

bool tf_thread_is_current(const struct tf_thread *thread)
{
    return schedule.current != NULL && actor_of(thread) == schedule.current;
}

void sim_schedule_begin(void)
{
    schedule.actor_count = 0;
    schedule.current = NULL;
    schedule.last = NULL;
    schedule.interrupted = 0;
    schedule.calls_to_preemption = 0;
    schedule.turns = 0;
    schedule.check = NULL;
}

// What was drawn for later is drawn anew.
void sim_schedule_reseed(void)
{
    schedule.calls_to_preemption = 0;
    schedule.last = NULL;
}

void sim_schedule_end(void)
{
    for (size_t i = 0; i < schedule.actor_count; i++) {
        if (schedule.actors[i].state != FREE) {
            sim_fail("thread %zu was never joined", i + 1);
        }
    }
}
