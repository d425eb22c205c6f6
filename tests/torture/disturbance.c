// SPDX-License-Identifier: MIT
#include "torture/disturbance.h"

#include "torture/sweep.h"
#include "unit/expect.h"

struct disturbance {
    struct scene_fault fault;
    const struct fault_turns *turns; ///< NULL: calls succeed at once
    size_t bytes_max;                ///< 0: as many as there are
};

static void start(struct scene_fault *fault)
{
    const struct disturbance *disturbance = (struct disturbance *)fault;
    fault_limit_bytes(disturbance->bytes_max);
    if (disturbance->turns != NULL) {
        fault_turns_start(disturbance->turns);
    }
}

static bool has_struck(struct scene_fault *fault)
{
    (void)fault;
    return fault_struck_count() > 0;
}

static void mend(struct scene_fault *fault)
{
    (void)fault;
    fault_mend();
    fault_limit_bytes(0);
}

static uint64_t digest_of(
    const struct scene_kind *kind,
    const struct fault_turns *turns,
    size_t bytes_max,
    const char *name)
{
    struct disturbance disturbance = {
        .fault =
            {.start = start, .has_struck = has_struck, .mend = mend, .is_played_to_the_end = true},
        .turns = turns,
        .bytes_max = bytes_max};
    struct verdict verdict;
    sweep_play(kind, &disturbance.fault, name, true, &verdict);
    assert_true(verdict.is_good);
    if (turns != NULL) {
        assert_true(verdict.has_struck);
        print_message("%s: %s, %zu calls\n", kind->name, name, fault_struck_count());
    }
    return verdict.digest;
}

void disturbance_expect_invisible(
    const struct scene_kind *kind,
    const struct fault_turns *turns,
    size_t bytes_max,
    const char *name)
{
    sweep_skip_impossible(kind);
    uint64_t undisturbed = digest_of(kind, NULL, 0, "undisturbed");

    uint64_t disturbed = digest_of(kind, turns, bytes_max, name);

    assert_int_equal(disturbed, undisturbed);
}
