// SPDX-License-Identifier: MIT
// Signals at every call, bytes one at a time, and readiness that is none: invisible (F17).
//
// Each scene is played once as it is; then every play with a disturbance must end as perfectly, and the
// application must have seen exactly the same.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "torture/fault_layer.h"
#include "torture/sweep.h"
#include "unit/expect.h"

struct disturbance {
    struct scene_fault fault;
    void (*begin)(void); ///< NULL: calls succeed at once
    size_t bytes_max;    ///< 0: as many as there are
};

static void start(struct scene_fault *fault)
{
    const struct disturbance *disturbance = (struct disturbance *)fault;
    fault_limit_bytes(disturbance->bytes_max);
    if (disturbance->begin != NULL) {
        disturbance->begin();
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
    const struct scene_kind *kind, void (*begin)(void), size_t bytes_max, const char *name)
{
    struct disturbance disturbance = {
        .fault =
            {.start = start, .has_struck = has_struck, .mend = mend, .is_played_to_the_end = true},
        .begin = begin,
        .bytes_max = bytes_max};
    struct verdict verdict;
    sweep_play(kind, &disturbance.fault, name, true, &verdict);
    assert_true(verdict.is_good);
    if (begin != NULL) {
        assert_true(verdict.has_struck);
        print_message("%s: %s, %zu calls\n", kind->name, name, fault_struck_count());
    }
    return verdict.digest;
}

static void expect_the_same(
    const struct scene_kind *kind, void (*begin)(void), size_t bytes_max, const char *name)
{
    uint64_t undisturbed = digest_of(kind, NULL, 0, "undisturbed");

    uint64_t disturbed = digest_of(kind, begin, bytes_max, name);

    assert_int_equal(disturbed, undisturbed);
}

static void a_signal_at_every_call_is_invisible(void **state)
{
    expect_the_same(*state, fault_interrupt_start, 0, "interrupted");
}

static void readiness_for_nothing_is_invisible(void **state)
{
    expect_the_same(*state, fault_block_start, 0, "ready for nothing");
}

static void bytes_one_by_one_are_invisible(void **state)
{
    expect_the_same(*state, NULL, 1, "one byte at a time");
}

static void bytes_one_by_one_with_signals_are_invisible(void **state)
{
    expect_the_same(*state, fault_interrupt_start, 1, "one byte at a time, interrupted");
}

static void bytes_one_by_one_when_ready_for_nothing_are_invisible(void **state)
{
    expect_the_same(*state, fault_block_start, 1, "one byte at a time, ready for nothing");
}

// Around the size of a header, and numbers that divide nothing.
static void bytes_a_few_at_a_time_are_invisible(void **state)
{
    static const size_t few[] = {2, 3, 7, 15, 16, 17, 31, 33, 1009};
    for (size_t i = 0; i < sizeof few / sizeof few[0]; i++) {
        expect_the_same(*state, NULL, few[i], "a few bytes at a time");
    }
}

static const struct CMUnitTest signal_cases[] = {
    cmocka_unit_test(a_signal_at_every_call_is_invisible),
    cmocka_unit_test(readiness_for_nothing_is_invisible),
    cmocka_unit_test(bytes_one_by_one_with_signals_are_invisible),
};

static const struct CMUnitTest byte_cases[] = {
    cmocka_unit_test(bytes_one_by_one_are_invisible),
    cmocka_unit_test(bytes_one_by_one_when_ready_for_nothing_are_invisible),
    cmocka_unit_test(bytes_a_few_at_a_time_are_invisible),
};

enum { CASE_COUNT = sizeof signal_cases / sizeof signal_cases[0] };
static_assert(sizeof byte_cases == sizeof signal_cases, "as many of each");

int main(int argument_count, char **arguments)
{
    if (argument_count != 2) {
        print_error("usage: %s signals|bytes\n", arguments[0]);
        return EXIT_FAILURE;
    }
    bool has_signals = strcmp(arguments[1], "signals") == 0;
    const struct CMUnitTest *cases = has_signals ? signal_cases : byte_cases;
    struct CMUnitTest tests[CASE_COUNT * SCENE_KIND_COUNT];
    for (size_t i = 0; i < CASE_COUNT * SCENE_KIND_COUNT; i++) {
        tests[i] = cases[i / SCENE_KIND_COUNT];
        tests[i].initial_state = (void *)(uintptr_t)&scene_kinds[i % SCENE_KIND_COUNT];
    }
    if (!sweep_open()) {
        print_error("the test has no directory\n");
        return EXIT_FAILURE;
    }
    int result =
        _cmocka_run_group_tests(arguments[1], tests, CASE_COUNT * SCENE_KIND_COUNT, NULL, NULL);
    sweep_close();
    return result;
}
