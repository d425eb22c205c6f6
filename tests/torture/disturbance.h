// SPDX-License-Identifier: MIT
// Disturbances that nobody may see: each scene is played once as it is; then a play with a disturbance must
// end as perfectly, and the application must have seen exactly the same.
#ifndef TORTURE_DISTURBANCE_H
#define TORTURE_DISTURBANCE_H

#include "torture/fault_layer.h"
#include "torture/scene.h"

/// Plays undisturbed and disturbed, and fails the test of cmocka where the two differ: with functions that
/// fail by turns (NULL: none), and `bytes_max` bytes at a time (0: as many as there are).
void disturbance_expect_invisible(
    const struct scene_kind *kind,
    const struct fault_turns *turns,
    size_t bytes_max,
    const char *name);

#endif
