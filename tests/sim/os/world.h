// SPDX-License-Identifier: MIT
// What all parts of the simulated system share: time, chance, due things, failure.
#ifndef TF_SIM_WORLD_H
#define TF_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/park.h"
#include "sim/simulation.h"

/// Something that happens at a time. Embedded in what it happens to; zero is not set.
struct sim_due {
    uint64_t at_ns;
    uint64_t order; ///< breaks ties: first set, first served
    void (*happen)(struct sim_due *due);
    size_t place; ///< in the heap, from 1; 0: not set
};

void sim_due_set(struct sim_due *due, uint64_t at_ns, void (*happen)(struct sim_due *due));
void sim_due_clear(struct sim_due *due);
static inline bool sim_due_is_set(const struct sim_due *due)
{
    return due->place != 0;
}

/// The earliest time at which something is due, or TF_NEVER.
uint64_t sim_due_next(void);
/// Lets everything happen that is due. Returns whether anything was.
bool sim_due_run(void);
/// Forgets everything that is due: a new world begins.
void sim_due_forget_all(void);

/// Time only goes forward.
void sim_time_add(uint64_t span_ns);
void sim_time_reach(uint64_t at_ns);

/// A span of time as the network takes it: mostly up to delay_ns_max, sometimes none, and sometimes,
/// with silence_rate, minutes.
uint64_t sim_delay(void);

/// Memory of the simulation itself, all zero; never NULL.
void *sim_memory(size_t count, size_t size);
/// The same, but whatever was there before.
void *sim_buffer(size_t size);

/// Called by each function of the seam before it does anything: if the current actor may be interrupted
/// and nobody holds a lock, something may happen or another actor may have a turn right here, as on
/// another processor.
void sim_preempt_some(void);
static inline void sim_preempt(void)
{
    if (sim_config()->preempt_rate != 0) {
        sim_preempt_some();
    }
}

/// Says whether any poller of this world has failed.
bool sim_has_failed_poller(void);

// What each part does at the begin and at the end of a world.
void sim_memory_begin(void);
void sim_memory_end(void);
void sim_schedule_begin(void);
void sim_schedule_end(void);
void sim_schedule_reseed(void);
void sim_locks_begin(void);
void sim_locks_end(void);
void sim_events_begin(void);
void sim_events_end(void);
void sim_resolver_begin(void);
void sim_resolver_end(void);
void sim_pollers_begin(void);
void sim_pollers_end(void);
void sim_network_begin(void);
void sim_network_end(void);

#endif
