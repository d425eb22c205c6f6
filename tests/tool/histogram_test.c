// SPDX-License-Identifier: MIT
// The times that the tool tells are only as good as the histogram behind them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "histogram.h"

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct histogram));
    return *state == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void empty_histogram_has_quantile_0(void **state)
{
    struct histogram *histogram = *state;

    assert_int_equal(histogram_quantile_ns(histogram, 500), 0);
    assert_int_equal(histogram_quantile_ns(histogram, 999), 0);
}

// Below 128 ns every time has a bucket, so there is nothing to round.
static void quantiles_of_short_times_are_exact(void **state)
{
    struct histogram *histogram = *state;
    for (uint64_t time_ns = 1; time_ns <= 100; time_ns++) {
        histogram_add(histogram, time_ns);
    }

    assert_int_equal(histogram_quantile_ns(histogram, 500), 50);
    assert_int_equal(histogram_quantile_ns(histogram, 990), 99);
    assert_int_equal(histogram_quantile_ns(histogram, 999), 100);
    assert_int_equal(histogram->max_ns, 100);
    assert_int_equal(histogram->count, 100);
}

// One slow answer in a thousand must show up behind p99.9 and not before.
static void one_late_time_in_a_thousand_is_not_in_p999(void **state)
{
    struct histogram *histogram = *state;
    for (int count = 0; count < 999; count++) {
        histogram_add(histogram, 10);
    }
    histogram_add(histogram, 1000000);

    assert_int_equal(histogram_quantile_ns(histogram, 999), 10);
    assert_int_equal(histogram_quantile_ns(histogram, 1000), 1000000);
}

// A quantile may be told too long, never too short, and by 1/128 at most.
static void quantiles_are_never_below_and_hardly_above_the_exact_time(void **state)
{
    struct histogram *histogram = *state;
    for (unsigned shift = 0; shift < 64; shift++) {
        const uint64_t edge_ns = 1ull << shift;
        const uint64_t times_ns[] = {edge_ns - 1, edge_ns, edge_ns + 1, edge_ns + edge_ns / 3};
        for (size_t index = 0; index < sizeof times_ns / sizeof times_ns[0]; index++) {
            const uint64_t exact_ns = times_ns[index];
            *histogram = (struct histogram){0};
            histogram_add(histogram, exact_ns);
            // The maximum must not hide what the bucket says.
            histogram->max_ns = UINT64_MAX;

            uint64_t told_ns = histogram_quantile_ns(histogram, 500);

            assert_true(told_ns >= exact_ns);
            assert_true(told_ns - exact_ns <= exact_ns / 128);
        }
    }
}

static void longest_time_has_a_bucket(void **state)
{
    struct histogram *histogram = *state;

    histogram_add(histogram, UINT64_MAX);

    assert_true(histogram_quantile_ns(histogram, 500) == UINT64_MAX);
}

static void merging_adds_counts_and_keeps_the_longest_time(void **state)
{
    struct histogram *histogram = *state;
    struct histogram *other = calloc(1, sizeof *other);
    assert_non_null(other);
    histogram_add(histogram, 10);
    histogram_add(other, 20);
    histogram_add(other, 30);

    histogram_merge(histogram, other);

    assert_int_equal(histogram->count, 3);
    assert_int_equal(histogram->max_ns, 30);
    assert_int_equal(histogram_quantile_ns(histogram, 500), 20);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(empty_histogram_has_quantile_0, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quantiles_of_short_times_are_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            one_late_time_in_a_thousand_is_not_in_p999, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            quantiles_are_never_below_and_hardly_above_the_exact_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(longest_time_has_a_bucket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            merging_adds_counts_and_keeps_the_longest_time, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
