// SPDX-License-Identifier: MIT
// Letting the first, the second, the third ... call fail, until a whole play does not reach it.
#ifndef TORTURE_SWEEP_H
#define TORTURE_SWEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "torture/play.h"

/// What is swept, and how thoroughly.
struct sweep_order {
    const struct scene_kind *kind;
    const char *name;
    bool must_be_perfect; ///< even a play in which something failed
    size_t first;         ///< the call that fails in the first play
    size_t step;          ///< how many later is that of the next play
};

/// Of one or more sweeps.
struct sweep_count {
    size_t play_count;
    size_t struck_count; ///< plays in which something failed
    size_t deepest;      ///< the latest call that failed
    size_t bad_count;    ///< plays with a complaint
};

/// Sets which call fails next.
typedef void (*sweep_aim)(struct scene_fault *fault, size_t nth);

/// A case of cmocka that is run once per scene: its state is the kind.
struct sweep_case {
    const char *name;
    void (*run)(void **state);
};

#define SWEEP_CASE(function)                                                                       \
    {                                                                                              \
#        function, (function)                                                                      \
    }

/// Runs the cases of a program, each in each scene. Returns the program's exit status.
int sweep_run(const char *name, const struct sweep_case *cases, size_t case_count);

/// For who runs cases of other kinds: makes the directory of this program's paths, and gets the process
/// ready. Returns whether it could.
bool sweep_open(void);
void sweep_close(void);

/// Returns how many percent of the plays are wanted (TOFU_TEST_PERCENT); 100: all.
size_t sweep_percent(void);

/// Says in a case that makes use of it when fewer are wanted; scripts/count_skips.py counts these cases.
void sweep_tell_percent(void);

/// Skips the running test of cmocka, and says why, where this machine cannot play the scene.
void sweep_skip_impossible(const struct scene_kind *kind);

/// Sweeps; prints what is wrong, after the name; adds to `count`.
///
/// A play that reaches no failure must be perfect.
void sweep(
    const struct sweep_order *order,
    struct scene_fault *fault,
    sweep_aim aim,
    struct sweep_count *count);

/// Plays once, and again when a machine that stood still spoiled it; prints what is wrong.
void sweep_play(
    const struct scene_kind *kind,
    struct scene_fault *fault,
    const char *name,
    bool must_be_perfect,
    struct verdict *verdict_out);

#endif
