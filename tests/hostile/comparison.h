// SPDX-License-Identifier: MIT
// How long honest clients wait while an engine is attacked, against how long they wait while the same attack
// goes to a decoy beside it: what the attackers take of the machine is in both. Rounds of both in turn, and
// the median of their ratios.
//
// The honest threads, the engines' included, are urgent to the scheduler, in both. Otherwise an engine that
// is kept busy is made to wait for its turn on a processor, for milliseconds, as anybody who is busy
// while others are too; that would be the machine's latency, and not the engine's.
#ifndef HOSTILE_COMPARISON_H
#define HOSTILE_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>

#include "hostile/measure.h"

#define COMPARISON_ROUNDS_MAX 7

/// What honest clients may wait at most, in terms of what they wait beside a decoy (RELIABILITY.md, F6).
#define COMPARISON_RATIO_MAX 2.0

struct comparison {
    const char *what;
    size_t round_count;
    size_t trip_count; ///< honest round trips under attack, of all rounds
    double decoy_us[COMPARISON_ROUNDS_MAX];
    double engine_us[COMPARISON_ROUNDS_MAX];
    double decoy_median_us[COMPARISON_ROUNDS_MAX];
    double engine_median_us[COMPARISON_ROUNDS_MAX];
};

/// Returns how many rounds make a comparison: one where it is not judged.
int comparison_rounds(void);

/// Says whether the engines wait with poll(2).
bool comparison_is_on_poll(void);

/// Adds a round: the medians and 99th percentiles of both. Empties both.
void comparison_add(
    struct comparison *comparison, struct latencies *decoy, struct latencies *engine);

/// Prints the medians, and fails when the median ratio is more than COMPARISON_RATIO_MAX; prints only where
/// that would not judge what users get: without TOFU_LATENCY=judge in the environment (the builds with
/// assertions and sanitizers), or when the system does not let us be urgent.
void comparison_judge(struct comparison *comparison);

/// Makes the honest threads urgent, for one half of a round. The attackers were made before.
void comparison_begin_half(void);
void comparison_end_half(void);

#endif
