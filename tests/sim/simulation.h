// SPDX-License-Identifier: MIT
// The simulated system, as scenarios see it: one real thread, virtual time, one seed.
//
// Engines are linked with tests/sim/os instead of src/os/posix and src/os/linux. Their I/O threads,
// the network, the resolver and the application's actors take turns in one schedule that is drawn
// from the seed, so that a run can be repeated exactly. Whatever breaks is reported once, with the
// seed, through sim_fail().
#ifndef TF_SIM_SIMULATION_H
#define TF_SIM_SIMULATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tofu/allocator.h>

#include "os/thread.h"

/// Defects that can be planted to show that the checks find them; at most one per world.
enum sim_defect {
    SIM_NO_DEFECT,
    SIM_LOSE_BYTE,     ///< the network loses one byte
    SIM_REPEAT_BYTES,  ///< the network delivers some bytes twice
    SIM_CHANGE_BYTE,   ///< the network changes one byte
    SIM_LOSE_END,      ///< the network never delivers one FIN
    SIM_LOSE_WAKE,     ///< the poller loses one wake()
    SIM_LOSE_EVENT,    ///< the poller loses one event for good
    SIM_REPEAT_EVENT,  ///< the poller reports one socket for ever
    SIM_LOSE_UNPARK,   ///< one unpark does nothing
    SIM_LOSE_MEMORY,   ///< one block of memory is never given back
    SIM_OS_DEFECT_END, ///< scenarios number theirs from here
};

/// Rates are in thousandths, times in nanoseconds.
struct tf_sim_config {
    uint64_t step_ns_max;  ///< time that one turn of the schedule takes
    uint64_t delay_ns_max; ///< of the network and of the resolver, ordinarily
    uint64_t close_ns;     ///< to close or reset a connection; nobody gets a turn meanwhile
    uint32_t buffer_bytes_min;
    uint32_t buffer_bytes_max; ///< of one direction of a connection, kernel to kernel
    uint32_t writable_rate;    ///< of a buffer: must be free before its sender hears of room
    uint32_t backlog_max;      ///< connections that wait to be accepted

    uint32_t split_rate;    ///< sends, receives and deliveries that are cut short
    uint32_t spurious_rate; ///< waits with an event, and parks with a return, that nothing caused
    uint32_t fewer_rate;    ///< waits that give less than is ready
    uint32_t preempt_rate;  ///< calls of an I/O thread to the system before which others get a turn
    uint32_t stickiness_rate; ///< turns that go to who had the last one

    uint32_t reset_rate;     ///< connections that the network breaks
    uint32_t refuse_rate;    ///< connects that fail though somebody listens
    uint32_t silence_rate;   ///< deliveries, connects and resolutions that take minutes
    uint32_t exhausted_rate; ///< accepts for which the system has no descriptor
    uint32_t busy_rate;      ///< listeners to be that find another starter at their Unix path

    uint32_t poller_fail_rate; ///< waits that fail, and all of that poller after it: in millionths

    uint32_t request_fail_rate; ///< requests that sim-afd's kernel refuses or ends for good
    uint32_t request_fail_next; ///< so many more of them, whatever the rate

    // What sim-afd's kernel has no memory for.
    uint32_t request_short_rate; ///< requests: their sockets rest
    uint32_t wake_short_rate;    ///< wake-ups, some a few times and some until the waker gives up
    uint32_t port_short_rate;    ///< sockets that cannot be watched

    bool reuses_sockets;  ///< a closed socket's number is given again at once
    bool coalesces_edges; ///< sim-edge: no event for more of what was there already
    bool puts_off;        ///< sim-afd: what the kernel owes comes late, and its cancels lie

    uint64_t turns_max; ///< a world that takes more is called endless

    uint32_t defect;      ///< enum sim_defect
    uint32_t defect_skip; ///< chances to do harm that are left out
};

/// Starts a world; what the last one left behind is forgotten. The configuration is drawn from the
/// seed and has no faults; change it before anything happens.
void sim_begin(uint64_t seed);
extern struct tf_sim_config sim_settings;
static inline struct tf_sim_config *sim_config(void)
{
    return &sim_settings;
}

/// From here on chance goes as in another world that was reseeded with the same number.
void sim_reseed(uint64_t seed);

/// Moves the clock as if the machine had been asleep: nobody gets a turn meanwhile.
void sim_leap(uint64_t span_ns);

/// Ends the world: fails if anything is left that should have been closed, joined or freed.
void sim_end(void);

/// Runs the schedule until `is_met` says so. Returns false when virtual time reached `deadline_ns`, or
/// when nothing can happen any more.
bool sim_run_until(bool (*is_met)(void *context), void *context, uint64_t deadline_ns);

/// One turn of the schedule; false when nothing can happen before `limit_ns`, where time then stands.
bool sim_turn(uint64_t limit_ns);

uint64_t sim_now(void);
uint64_t sim_turns(void);

/// sim_trace() with the number that stands for `what`.
void sim_trace_named(const char *what, uint64_t name, uint64_t a, uint64_t b);

/// A hash over everything that was decided and everything that happened so far.
uint64_t sim_trace_hash(void);

/// Adds to the trace, and prints if sim_set_verbose(true). `what` is a literal, different from others in
/// its length or its first letters, so that the compiler makes a number of it.
static inline void sim_trace(const char *what, uint64_t a, uint64_t b)
{
    size_t size = strlen(what);
    uint64_t name = 0;
    memcpy(&name, what, size < sizeof name ? size : sizeof name);
    sim_trace_named(what, name ^ (uint64_t)size << 56, a, b);
}
void sim_set_verbose(bool is_verbose);

/// Random numbers of this world. In the header, as drawing is what the simulator does most.
extern uint64_t sim_random_state;

/// splitmix64: every seed, neighbours included, gives an unrelated sequence.
static inline uint64_t sim_random(void)
{
    sim_random_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t bits = sim_random_state;
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

/// 0 .. end - 1; `end` is not 0. Small ranges, nearly all there are, go without a division.
static inline uint64_t sim_below(uint64_t end)
{
    return end <= UINT32_MAX ? (sim_random() >> 32) * end >> 32 : sim_random() % end;
}

/// Both included.
static inline uint64_t sim_between(uint64_t first, uint64_t last)
{
    return first + sim_below(last - first + 1);
}

static inline bool sim_chance(uint32_t thousandths)
{
    return thousandths != 0 && sim_below(1000) < thousandths;
}

#if defined(__GNUC__) || defined(__clang__)
__attribute__((format(__printf__, 1, 2)))
#endif
/// Says what broke and ends the program with status 1, after "replay: ..." if a replay is known.
_Noreturn void
sim_fail(const char *format, ...);

/// Says whether the planted defect `defect` strikes here and now; once per world.
bool sim_defect_strikes(uint32_t defect);

/// The program to name in "replay: <program> --seed S"; NULL: none.
void sim_set_replay(const char *program);

/// Ends the program with status 0 at the first failure instead: for planted defects, which must be
/// found. Assertions that fail are no such failure.
void sim_expect_failure(const char *what);

/// Called after every turn of the schedule; may be NULL.
void sim_set_check(void (*check)(void *context), void *context);

/// An actor of the application: a step function like a thread's, which may block (tf_park).
void sim_actor_start(
    struct tf_thread *thread, const char *name, tf_thread_step step, void *context);

/// Inside an actor's step: do not call it again before `until_ns`, or before the event (tf_event's
/// descriptor; -1: none) is set.
void sim_sleep(uint64_t until_ns, intptr_t descriptor);

/// Says whether who blocked last has been unparked and only waits for its turn.
bool sim_is_unparked(void);

/// Lets others have turns in the middle of the calls that the current actor makes from now on, as I/O
/// threads always do.
void sim_set_interruptible(bool is_interruptible);

/// Says whether somebody was interrupted in the middle of a call and sits below.
bool sim_is_interrupting(void);

/// Says whether somebody sits below on the only stack there is, blocked or interrupted: an actor that
/// blocks then could wait for it.
bool sim_is_blocking(void);

/// Says whether the poller that was opened as number `number`, from 0, in this world has failed.
bool sim_poller_has_failed(uint64_t number);

/// Connections that somebody reset, or closed before the FINs of both sides were through.
uint64_t sim_hasty_ends(void);

/// Says whether the event is set.
bool sim_event_is_set(intptr_t descriptor);

/// Counts what it gives and takes; sim_end() fails if the two differ.
struct tofu_allocator sim_allocator(void);
uint64_t sim_allocated_bytes(void);

#endif
