// SPDX-License-Identifier: MIT
// Blocking: whoever parks runs the schedule until somebody unparks its word, as a futex would have it.
//
// A word that changes without an unpark wakes nobody. Spurious returns are drawn from the seed.
#include "os/park.h"

#include "sim/coverage.h"
#include "sim/os/lock.h"
#include "sim/os/schedule.h"
#include "sim/os/world.h"

struct sleeper {
    _Atomic uint32_t *word;
    bool is_woken;
    struct sleeper *below; ///< on the stack
};

static struct sleeper *top;

bool sim_has_sleeper(void)
{
    return top != NULL;
}

bool sim_is_unparked(void)
{
    return top != NULL && top->is_woken;
}

// Whoever waits for longer than it had to must not go unnoticed because there was a deadline.
static void check_word(const struct sleeper *sleeper, uint32_t expected)
{
    if (!sleeper->is_woken && atomic_load(sleeper->word) != expected) {
        sim_fail("deadlock: a word changed, and nobody unparked the thread that waits for it");
    }
}

static void sleep_on(struct sleeper *sleeper, uint32_t expected, uint64_t deadline_ns)
{
    while (!sleeper->is_woken && sim_now() < deadline_ns) {
        if (sim_turn(deadline_ns) || deadline_ns != TF_NEVER) {
            continue;
        }
        check_word(sleeper, expected);
        sim_fail("deadlock: a thread waits for ever, and nothing can happen any more");
    }
    check_word(sleeper, expected);
}

void tf_park(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
    sim_preempt();
    struct sim_actor *actor = sim_current_actor();
    if (sim_locks_held() != 0) {
        sim_fail("a thread parks with a lock");
    }
    if (atomic_load(word) != expected || sim_chance(sim_config()->spurious_rate)) {
        return;
    }
    // A thread of the library has no stack of its own to wait on. It returns early, as it may, and gets
    // no other turn before it is unparked.
    if (actor != NULL && sim_actor_is_thread(actor)) {
        sim_actor_park(actor, word, deadline_ns);
        return;
    }

    sim_trace("park", expected, deadline_ns);
    sim_cover(SIM_BLOCKED, 1);
    struct sleeper sleeper = {.word = word, .below = top};
    top = &sleeper;
    sleep_on(&sleeper, expected, deadline_ns);
    top = sleeper.below;
}

void tf_unpark_one(_Atomic uint32_t *word)
{
    sim_preempt();
    sim_trace("unpark", 1, 0);
    if (top != NULL && sim_defect_strikes(SIM_LOSE_UNPARK)) {
        return;
    }
    for (struct sleeper *sleeper = top; sleeper != NULL; sleeper = sleeper->below) {
        if (sleeper->word == word && !sleeper->is_woken) {
            sleeper->is_woken = true;
            return;
        }
    }
    sim_actors_unpark(word);
}

void tf_unpark_all(_Atomic uint32_t *word)
{
    sim_preempt();
    sim_trace("unpark", 2, 0);
    if (top != NULL && sim_defect_strikes(SIM_LOSE_UNPARK)) {
        return;
    }
    for (struct sleeper *sleeper = top; sleeper != NULL; sleeper = sleeper->below) {
        sleeper->is_woken = sleeper->is_woken || sleeper->word == word;
    }
    sim_actors_unpark(word);
}
