// SPDX-License-Identifier: MIT
#include "hostile/comparison.h"

#include <stdlib.h>
#include <string.h>

#include "hostile/posix/urgency.h"

static bool is_urgent = true;

bool comparison_is_on_poll(void)
{
    const char *poller = getenv("TOFU_POLLER");
    return poller != NULL && strcmp(poller, "poll") == 0;
}

static bool is_judged(void)
{
    const char *mode = getenv("TOFU_LATENCY");
    return mode != NULL && strcmp(mode, "judge") == 0;
}

int comparison_rounds(void)
{
    return is_judged() ? COMPARISON_ROUNDS_MAX : 1;
}

void comparison_begin_half(void)
{
    is_urgent = urgency_raise() && is_urgent;
}

void comparison_end_half(void)
{
    urgency_drop();
}

void comparison_add(
    struct comparison *comparison, struct latencies *decoy, struct latencies *engine)
{
    assert_true(comparison->round_count < COMPARISON_ROUNDS_MAX);
    size_t round = comparison->round_count;
    comparison->trip_count += engine->count;
    comparison->decoy_us[round] = (double)latencies_percentile(decoy, 99) / 1e3;
    comparison->engine_us[round] = (double)latencies_percentile(engine, 99) / 1e3;
    comparison->decoy_median_us[round] = (double)latencies_percentile(decoy, 50) / 1e3;
    comparison->engine_median_us[round] = (double)latencies_percentile(engine, 50) / 1e3;
    comparison->round_count++;
    decoy->count = 0;
    engine->count = 0;
}

static int compare_numbers(const void *a, const void *b)
{
    const double *first = a;
    const double *second = b;
    return (*first > *second) - (*first < *second);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof values[0], compare_numbers);
    return values[count / 2];
}

static double print(struct comparison *comparison)
{
    double ratios[COMPARISON_ROUNDS_MAX];
    size_t count = comparison->round_count;
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        ratios[i] = comparison->engine_us[i] / comparison->decoy_us[i];
    }
    double ratio = median(ratios, count);
    print_message(
        "%s: p50 %.0f us, p99 %.0f us, beside a decoy %.0f us and %.0f us, ratio %.2f (%.2f to "
        "%.2f) of "
        "p99; %zu rounds, %zu honest round trips, 0 lost\n",
        comparison->what,
        median(comparison->engine_median_us, count),
        median(comparison->engine_us, count),
        median(comparison->decoy_median_us, count),
        median(comparison->decoy_us, count),
        ratio,
        ratios[0],
        ratios[count - 1],
        count,
        comparison->trip_count);
    return ratio;
}

void comparison_judge(struct comparison *comparison)
{
    double ratio = print(comparison);
    if (!is_judged()) {
        print_message("not judged: a build that costs more than what users get\n");
    } else if (!is_urgent) {
        print_message("not judged: the system does not let a thread be urgent\n");
    } else {
        assert_true_or(ratio <= COMPARISON_RATIO_MAX, "%s: honest clients wait", comparison->what);
    }
}
