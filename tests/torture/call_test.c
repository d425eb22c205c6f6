// SPDX-License-Identifier: MIT
// Every call of the system fails, one after the other, with every error it may give, once and for ever (F18,
// F28).
//
// The first argument is an area of fault_table.c; the poller comes from the environment. A test is one
// function in one scene.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "torture/fault_table.h"
#include "torture/sweep.h"
#include "unit/expect.h"

#define TESTS_MAX      (FAULT_FUNCTIONS_MAX * SCENE_KIND_COUNT)
#define NAME_BYTES_MAX 64

struct call_fault {
    struct scene_fault fault;
    struct fault_plan plan;
};

struct call_test {
    const struct scene_kind *kind;
    enum fault_area area;
    fault_function function;
};

static const char *area_name(enum fault_area area)
{
    static const char *const area_names[AREA_COUNT] = {
        [AREA_OPENING] = "opening",
        [AREA_ACCEPTING] = "accepting",
        [AREA_RECEIVING] = "receiving",
        [AREA_SENDING] = "sending",
        [AREA_POLLING] = "polling",
        [AREA_THREADS] = "threads",
        [AREA_PATHS] = "paths"};
    return area_names[area];
}

// How often each function failed in all scenes of this program.
static size_t struck_counts[FAULT_FUNCTIONS_MAX];

static void start(struct scene_fault *fault)
{
    fault_start(&((struct call_fault *)fault)->plan);
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
}

static void aim(struct scene_fault *fault, size_t nth)
{
    ((struct call_fault *)fault)->plan.first = nth;
}

static const char *way_name(enum fault_way way)
{
    static const char *const names[] = {"", " afterwards", " as SO_ERROR"};
    return names[way];
}

// Of each function the first error is swept through all calls. Where not all plays are wanted, the other errors
// meet some of them, each row others, so that together they go on meeting all.
static void thoroughness_set(
    struct sweep_order *order, const struct fault_row *row, size_t row_number, bool is_for_ever)
{
    size_t step = 100 / sweep_percent();
    bool is_thorough = row_number == 0 && !is_for_ever && (row->flags & FAULT_IS_SAMPLED) == 0;
    order->step = is_thorough ? 1 : step;
    order->first = is_thorough ? 1 : 1 + row_number % step;
}

static void sweep_row(
    const struct call_test *test,
    const struct fault_row *row,
    size_t row_number,
    bool is_for_ever,
    struct sweep_count *count)
{
    struct call_fault call = {
        .fault =
            {.start = start,
             .has_struck = has_struck,
             .mend = mend,
             .statuses = row->statuses,
             .is_for_ever = is_for_ever,
             .may_keep_memory = is_for_ever && (row->flags & FAULT_KEEPS_MEMORY) != 0,
             .may_kill_engine = (row->flags & FAULT_KILLS_ENGINE) != 0},
        .plan = {
            .function = row->function,
            .way = row->way,
            .error = row->error,
            .count = is_for_ever ? SIZE_MAX : 1}};
    char name[160];
    (void)snprintf(
        name,
        sizeof name,
        "%s says %d%s %s (%s)",
        fault_function_name(row->function),
        row->error,
        way_name(row->way),
        is_for_ever ? "for ever" : "once",
        row->why);
    struct sweep_order order = {
        .kind = test->kind,
        .name = name,
        .must_be_perfect = (row->flags & FAULT_IS_INVISIBLE) != 0 && !is_for_ever};
    thoroughness_set(&order, row, row_number, is_for_ever);
    sweep(&order, &call.fault, aim, count);
}

static bool applies(const struct fault_row *row, const struct call_test *test)
{
    bool spares = (row->flags & FAULT_SPARES_LEVELS) != 0 && test->kind->uses_descriptor;
    return row->area == test->area && row->function == test->function && !spares;
}

static void a_function_fails(void **state)
{
    const struct call_test *test = *state;
    struct sweep_count count = {0};
    size_t error_count = 0;
    size_t row_count = 0;
    const struct fault_row *rows = fault_table(&row_count);
    sweep_skip_impossible(test->kind);
    sweep_tell_percent();

    for (size_t i = 0; i < row_count; i++) {
        if (!applies(&rows[i], test)) {
            continue;
        }
        sweep_row(test, &rows[i], error_count, false, &count);
        if ((rows[i].flags & FAULT_PASSES) == 0) {
            sweep_row(test, &rows[i], error_count, true, &count);
        }
        error_count++;
        if (count.struck_count == 0) {
            break; // Nobody calls it in this scene.
        }
    }

    struck_counts[test->function] += count.struck_count;
    print_message(
        "%zu errors, %zu plays, %zu of them with the failure, %zu calls deep\n",
        error_count,
        count.play_count,
        count.struck_count,
        count.deepest);
    assert_int_equal(count.bad_count, 0);
}

// A table that names what nobody calls would promise too much.
static void every_function_of_the_area_has_failed(void **state)
{
    enum fault_area area = *(const enum fault_area *)*state;
    const char *poller = getenv("TOFU_POLLER");
    size_t row_count = 0;
    const struct fault_row *rows = fault_table(&row_count);
    for (size_t i = 0; i < row_count; i++) {
        fault_function function = rows[i].function;
        if (rows[i].area == area && fault_function_is_of(function, poller)) {
            assert_true_or(
                struck_counts[function] > 0, "%s never failed", fault_function_name(function));
        }
    }
}

static struct call_test calls[TESTS_MAX];
static char names[TESTS_MAX][NAME_BYTES_MAX];
static struct CMUnitTest tests[TESTS_MAX + 1];

static size_t add_tests(size_t count, enum fault_area area, fault_function function)
{
    for (size_t k = 0; k < SCENE_KIND_COUNT; k++) {
        calls[count] = (struct call_test){&scene_kinds[k], area, function};
        (void)snprintf(
            names[count],
            NAME_BYTES_MAX,
            "%s: %s may fail",
            scene_kinds[k].name,
            fault_function_name(function));
        tests[count] = (struct CMUnitTest){
            .name = names[count], .test_func = a_function_fails, .initial_state = &calls[count]};
        count++;
    }
    return count;
}

// In the order of the table, where the rows of a function stand together.
static int run_area(enum fault_area area)
{
    size_t count = 0;
    const char *poller = getenv("TOFU_POLLER");
    size_t row_count = 0;
    const struct fault_row *rows = fault_table(&row_count);
    for (size_t i = 0; i < row_count; i++) {
        bool is_first = i == 0 || rows[i - 1].function != rows[i].function;
        if (is_first && rows[i].area == area && fault_function_is_of(rows[i].function, poller)) {
            count = add_tests(count, area, rows[i].function);
        }
    }
    tests[count] = (struct CMUnitTest)cmocka_unit_test(every_function_of_the_area_has_failed);
    tests[count].initial_state = &area;
    return _cmocka_run_group_tests(area_name(area), tests, count + 1, NULL, NULL);
}

int main(int argument_count, char **arguments)
{
    enum fault_area area = AREA_COUNT;
    for (int i = 0; i < AREA_COUNT && argument_count == 2; i++) {
        if (strcmp(arguments[1], area_name((enum fault_area)i)) == 0) {
            area = (enum fault_area)i;
        }
    }
    if (area == AREA_COUNT) {
        print_error("usage: %s AREA\n", arguments[0]);
        return EXIT_FAILURE;
    }
    if (!sweep_open()) {
        print_error("the test has no directory\n");
        return EXIT_FAILURE;
    }
    const char *filter = getenv("TOFU_TEST_FILTER");
    if (filter != NULL) {
        cmocka_set_test_filter(filter);
    }
    int result = run_area(area);
    sweep_close();
    return result;
}
