// SPDX-License-Identifier: MIT
// Every allocation fails, one after the other, once and for ever (F19).
//
// What fails is the engine's allocator. Memory that is not the engine's, the resolver's, is the business of
// call_test.c, where malloc itself fails.
#include "torture/sweep.h"
#include "unit/expect.h"

struct allocation_fault {
    struct scene_fault fault;
    size_t nth;
    size_t count;
};

static struct fault_allocator *memory_of(struct scene_fault *fault)
{
    struct scene *scene = fault->context;
    return &scene->memory;
}

static void start(struct scene_fault *fault)
{
    struct allocation_fault *allocations = (struct allocation_fault *)fault;
    fault_allocator_fail(memory_of(fault), allocations->nth, allocations->count);
}

static bool has_struck(struct scene_fault *fault)
{
    return atomic_load(&memory_of(fault)->failure_count) > 0;
}

static void mend(struct scene_fault *fault)
{
    fault_allocator_mend(memory_of(fault));
}

static void aim(struct scene_fault *fault, size_t nth)
{
    ((struct allocation_fault *)fault)->nth = nth;
}

static void fail_allocations(const struct scene_kind *kind, size_t count, const char *name)
{
    struct allocation_fault allocations = {
        .fault =
            {.start = start,
             .has_struck = has_struck,
             .mend = mend,
             .statuses = status_bit(TOFU_ALLOCATION_FAILED),
             .is_for_ever = count > 1},
        .count = count};
    struct sweep_count counts = {0};

    sweep(kind, &allocations.fault, aim, name, false, &counts);

    print_message(
        "%s: %s: %zu plays, each of %zu allocations failed\n",
        kind->name,
        name,
        counts.play_count,
        counts.deepest);
    assert_int_equal(counts.bad_count, 0);
    assert_int_equal(counts.struck_count, counts.deepest);
    // A cut so shallow would mean that nothing was played.
    assert_true(counts.deepest > 50);
}

static void an_allocation_fails_once(void **state)
{
    fail_allocations(*state, 1, "fails once");
}

static void allocations_fail_from_one_on(void **state)
{
    fail_allocations(*state, SIZE_MAX, "fails for ever");
}

int main(void)
{
    struct CMUnitTest tests[2 * SCENE_KIND_COUNT];
    for (size_t i = 0; i < SCENE_KIND_COUNT; i++) {
        tests[2 * i] = (struct CMUnitTest)cmocka_unit_test(an_allocation_fails_once);
        tests[2 * i + 1] = (struct CMUnitTest)cmocka_unit_test(allocations_fail_from_one_on);
        tests[2 * i].initial_state = tests[2 * i + 1].initial_state =
            (void *)(uintptr_t)&scene_kinds[i];
    }
    if (!sweep_open()) {
        print_error("the test has no directory\n");
        return 1;
    }
    int result = _cmocka_run_group_tests("allocations", tests, 2 * SCENE_KIND_COUNT, NULL, NULL);
    sweep_close();
    return result;
}
