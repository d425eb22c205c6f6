// SPDX-License-Identifier: MIT
// The run of one seed: every choice, the virtual clock, the hash of what happened, and failure.
#ifndef TF_NT_CHANCE_H
#define TF_NT_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

/// Begins a run. The same seed makes the same choices.
void nt_chance_begin(uint64_t seed);

/// From now on nothing goes wrong: nt_world_chance() says no.
void nt_chance_be_quiet(void);
bool nt_chance_is_quiet(void);

/// The hash of all that happened so far.
uint64_t nt_chance_hash(void);

/// Time only goes forward.
void nt_clock_reach(uint64_t at_ns);

/// What a failure prints before the seed, to run it again.
void nt_chance_set_command(const char *command);

#endif
