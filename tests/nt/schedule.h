// SPDX-License-Identifier: MIT
// One seed's schedule: an application over the poller, its peers, a second thread, and what must hold.
#ifndef TF_NT_SCHEDULE_H
#define TF_NT_SCHEDULE_H

#include <stdint.h>

#include "nt/kernel.h"

/// What all schedules together went through.
struct schedule_totals {
    uint64_t schedules;
    uint64_t events;
    uint64_t wakes;
    uint64_t vain_wakes; ///< of these, without memory
    uint64_t failures;   ///< of sockets, told
    uint64_t forgets;
    uint64_t strays; ///< packets for requests that are over
    uint64_t waits;
    struct nt_counts counts;
};

/// Runs one. Returns the hash of what happened.
uint64_t schedule_run(uint64_t seed, struct schedule_totals *totals);

/// Runs a script with one socket at a time, in which everything goes smoothly but for some decisions. Letters:
/// o open and watch to read, c forget and close, f forget and watch again, 0 to 3 declare that interest,
/// p the peer sends, d the owner receives, z look, t wait for a millisecond, w another
/// thread wakes.
void schedule_run_script(
    const char *script,
    const uint32_t *departures,
    uint32_t departure_count,
    struct schedule_totals *totals);

#endif
