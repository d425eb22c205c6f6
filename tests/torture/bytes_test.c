// SPDX-License-Identifier: MIT
// Bytes one at a time, and readiness that is none: invisible (F17).
#include "torture/disturbance.h"
#include "torture/fault_table.h"
#include "torture/payload.h"
#include "torture/sweep.h"

// Where not all is wanted, the payload of each case is a smaller one.
static void expect_invisible(
    const struct scene_kind *kind,
    const struct fault_turns *turns,
    size_t bytes_max,
    const char *name)
{
    sweep_tell_percent();
    disturbance_expect_invisible(kind, turns, bytes_max, name);
}

static void readiness_for_nothing_is_invisible(void **state)
{
    expect_invisible(*state, &fault_blocking, 0, "ready for nothing");
}

static void bytes_one_by_one_are_invisible(void **state)
{
    expect_invisible(*state, NULL, 1, "one byte at a time");
}

static void bytes_one_by_one_when_ready_for_nothing_are_invisible(void **state)
{
    expect_invisible(*state, &fault_blocking, 1, "one byte at a time, ready for nothing");
}

// Around the size of a header, and numbers that divide nothing.
static void bytes_a_few_at_a_time_are_invisible(void **state)
{
    static const size_t few[] = {2, 17, 1009, 3, 7, 15, 16, 31, 33};
    size_t count = sweep_percent() < 100 ? 3 : sizeof few / sizeof few[0];
    for (size_t i = 0; i < count; i++) {
        expect_invisible(*state, NULL, few[i], "a few bytes at a time");
    }
}

int main(void)
{
    static const struct sweep_case cases[] = {
        SWEEP_CASE(readiness_for_nothing_is_invisible),
        SWEEP_CASE(bytes_one_by_one_are_invisible),
        SWEEP_CASE(bytes_one_by_one_when_ready_for_nothing_are_invisible),
        SWEEP_CASE(bytes_a_few_at_a_time_are_invisible),
    };
    // Where not all is wanted, calls are costly, and here each byte is one.
    if (sweep_percent() < 100) {
        payload_shrink();
    }
    return sweep_run("bytes", cases, sizeof cases / sizeof cases[0]);
}
