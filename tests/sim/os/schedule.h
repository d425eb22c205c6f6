// SPDX-License-Identifier: MIT
// Actors: everything that has a step function, the engines' I/O threads included.
#ifndef TF_SIM_SCHEDULE_H
#define TF_SIM_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "os/thread.h"

struct sim_actor;

/// Who is in a step right now; NULL: the test's own code.
struct sim_actor *sim_current_actor(void);

/// Says whether an actor is a thread of the library, which must never block.
bool sim_actor_is_thread(const struct sim_actor *actor);

/// The actor that runs got something done: bytes moved, a connection came or went, it was woken.
void sim_actor_note_progress(void);

/// A thread waits and finds something to do, or only looks. Fails if it does so again and again without
/// ever getting anything done: that would be a busy loop.
void sim_actor_note_wait(struct sim_actor *actor);

/// Puts an actor to sleep, or wakes it. One that is being run sleeps after its step.
void sim_actor_sleep(struct sim_actor *actor, uint64_t until_ns);
void sim_actor_wake(struct sim_actor *actor);

/// Puts a thread of the library to sleep in the middle of a call that has to return all the same:
/// `resume` does the rest of the call when the thread gets its next turn, right before its step; if it puts
/// the thread to sleep again, it returns false, and will be called again.
void sim_actor_sleep_in_call(
    struct sim_actor *actor, uint64_t until_ns, bool (*resume)(void *state), void *state);

/// Says whether somebody is parked.
bool sim_has_sleeper(void);

/// Puts a thread of the library to sleep until its word is unparked. Fails while its poller works: that
/// is where it has to wait.
void sim_actor_park(struct sim_actor *actor, const void *word, uint64_t until_ns);
void sim_actors_unpark(const void *word);

/// Says whether an event is set, or was closed while somebody slept on it.
bool sim_event_ends_sleep(intptr_t descriptor);

#endif
