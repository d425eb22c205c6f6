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
    // Where not all plays are wanted, each allocation fails once all the same.
    size_t step = count > 1 ? 100 / sweep_percent() : 1;
    struct sweep_order order = {.kind = kind, .name = name, .first = 1, .step = step};
    sweep_skip_impossible(kind);
    if (step > 1) {
        sweep_tell_percent();
    }

    sweep(&order, &allocations.fault, aim, &counts);

    print_message(
        "%s: %s: %zu plays, %zu of %zu allocations failed\n",
        kind->name,
        name,
        counts.play_count,
        counts.struck_count,
        counts.deepest);
    assert_int_equal(counts.bad_count, 0);
    assert_int_equal(counts.struck_count, (counts.deepest + step - 1) / step);
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
    static const struct sweep_case cases[] = {
        SWEEP_CASE(an_allocation_fails_once),
        SWEEP_CASE(allocations_fail_from_one_on),
    };
    return sweep_run("allocations", cases, sizeof cases / sizeof cases[0]);
}
