// SPDX-License-Identifier: MIT
// The run of one seed: every choice, the virtual clock, the hash of what happened, and failure.
#ifndef TF_NT_CHANCE_H
#define TF_NT_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

/// Begins a run. The same seed makes the same choices.
void nt_chance_begin(uint64_t seed);

/// Begins a run without a seed: everything goes smoothly, but for the decisions with these numbers,
/// ascending, counted from 0.
void nt_chance_begin_smooth(const uint32_t *departures, uint32_t departure_count);

/// Returns how many decisions the run has had so far.
uint32_t nt_chance_decisions(void);

/// From now on nothing goes wrong: nt_world_chance() says no.
void nt_chance_be_quiet(void);
bool nt_chance_is_quiet(void);

/// While set, no call finds memory.
void nt_chance_be_short(bool is_short);

/// The hash of all that happened so far.
uint64_t nt_chance_hash(void);

/// Time only goes forward.
void nt_clock_reach(uint64_t at_ns);

/// What a failure prints before the seed, to run it again.
void nt_chance_set_command(const char *command);

#endif
