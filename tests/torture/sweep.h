// SPDX-License-Identifier: MIT
// Letting the first, the second, the third ... call fail, until a whole play does not reach it.
#ifndef TORTURE_SWEEP_H
#define TORTURE_SWEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "torture/play.h"

/// Of one or more sweeps.
struct sweep_count {
    size_t play_count;
    size_t struck_count; ///< plays in which something failed
    size_t deepest;      ///< the latest call that failed
    size_t bad_count;    ///< plays with a complaint
};

/// Sets which call fails next.
typedef void (*sweep_aim)(struct scene_fault *fault, size_t nth);

/// Makes the directory of this program's paths, and gets the process ready. Returns whether it could.
bool sweep_open(void);
void sweep_close(void);

/// Sweeps; prints what is wrong, after `name`; adds to `count`.
///
/// A play that reaches no failure must be perfect, and so must all be if `must_be_perfect`.
void sweep(
    const struct scene_kind *kind,
    struct scene_fault *fault,
    sweep_aim aim,
    const char *name,
    bool must_be_perfect,
    struct sweep_count *count);

/// Plays once, and again when a machine that stood still spoiled it; prints what is wrong.
void sweep_play(
    const struct scene_kind *kind,
    struct scene_fault *fault,
    const char *name,
    bool must_be_perfect,
    struct verdict *verdict_out);

#endif
