// SPDX-License-Identifier: MIT
// Playing a scene once, from the first engine to the last, with all its checks.
#ifndef TORTURE_PLAY_H
#define TORTURE_PLAY_H

#include "torture/scene.h"

struct verdict {
    bool has_struck;  ///< something failed by the fault
    bool is_perfect;  ///< everything succeeded
    bool missed_time; ///< if not: some deadline had to do with it
    bool is_good;     ///< no complaint
    uint64_t digest;
    char text[2 * SCENE_TEXT_BYTES]; ///< the complaint, or what went wrong first
};

/// Plays; `directory` is where Unix paths go.
void play(
    const struct scene_kind *kind,
    const char *directory,
    struct scene_fault *fault,
    struct verdict *verdict_out);

#endif
