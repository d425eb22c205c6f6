// SPDX-License-Identifier: MIT
// Rates count a byte once, though it travels there and back, and an address's time ends with its last
// answer.
#include "echo_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "human.h"
#include "os/clock.h"

struct figures {
    const struct echo_result *result;
    double seconds;
    double messages_per_second;
    double mebibytes_per_second;
    uint64_t p50_ns;
    uint64_t p99_ns;
    uint64_t p999_ns;
};

static struct figures figures_of(const struct echo_result *result)
{
    struct figures figures = {
        .result = result,
        .seconds = (double)result->last_answer_ns / (double)NS_PER_S,
        .p50_ns = histogram_quantile_ns(&result->round_trips, 500),
        .p99_ns = histogram_quantile_ns(&result->round_trips, 990),
        .p999_ns = histogram_quantile_ns(&result->round_trips, 999)};
    if (figures.seconds > 0) {
        figures.messages_per_second = (double)result->parts_verified / figures.seconds;
        figures.mebibytes_per_second = (double)result->bytes_verified / MEBIBYTE / figures.seconds;
    }
    return figures;
}

static void add_result(struct echo_result *total, const struct echo_result *result)
{
    total->parts_verified += result->parts_verified;
    total->bytes_verified += result->bytes_verified;
    total->streams_verified += result->streams_verified;
    total->ended_gracefully += result->ended_gracefully;
    if (result->last_answer_ns > total->last_answer_ns) {
        total->last_answer_ns = result->last_answer_ns;
    }
    histogram_merge(&total->round_trips, &result->round_trips);
}

// A total is large (its histogram), so the caller has it.
static void sum_up(const struct echo_run *run, struct echo_result *total)
{
    *total = (struct echo_result){0};
    for (size_t index = 0; index < run->plan->addresses->count; index++) {
        add_result(total, &run->results[index]);
    }
}

// The column of the addresses is as wide as the longest.
static int name_width(const struct echo_run *run)
{
    size_t width = strlen("address");
    for (size_t index = 0; index < run->plan->addresses->count; index++) {
        size_t length = strlen(run->plan->addresses->texts[index]);
        width = length > width ? length : width;
    }
    return (int)width;
}

static void print_row(
    const struct echo_run *run, const char *name, uint32_t clients, const struct figures *figures)
{
    const struct echo_result *result = figures->result;
    printf("%-*s %7" PRIu32, name_width(run), name, clients);
    if (run->plan->payload->files != NULL) {
        printf(" %7" PRIu64, result->streams_verified);
    }
    printf(
        " %9" PRIu64 " %9.1f %10.0f %7.1f",
        result->parts_verified,
        (double)result->bytes_verified / MEBIBYTE,
        figures->messages_per_second,
        figures->mebibytes_per_second);
    print_time(figures->p50_ns);
    print_time(figures->p99_ns);
    print_time(figures->p999_ns);
    print_time(result->round_trips.max_ns);
    putchar('\n');
}

static void print_table(const struct echo_run *run, const struct figures *total)
{
    printf("%-*s %7s", name_width(run), "address", "clients");
    if (run->plan->payload->files != NULL) {
        printf(" %7s", "files");
    }
    printf(
        " %9s %9s %10s %7s %9s %9s %9s %9s\n",
        "messages",
        "MiB",
        "messages/s",
        "MiB/s",
        "p50",
        "p99",
        "p99.9",
        "max");
    size_t count = run->plan->addresses->count;
    for (size_t index = 0; index < count; index++) {
        struct figures figures = figures_of(&run->results[index]);
        print_row(
            run, run->plan->addresses->texts[index], run->plan->clients_per_address, &figures);
    }
    if (count > 1) {
        print_row(run, "all", run->client_count, total);
    }
}

static void print_failures(const struct echo_run *run)
{
    for (size_t index = 0; index < run->failures.count; index++) {
        complain("%s", run->failures.texts[index]);
    }
    if (run->failure_count > run->failures.count) {
        complain("%" PRIu64 " failures in all", run->failure_count);
    }
}

void echo_report_print(const struct echo_run *run)
{
    if (run->start_ns != 0) {
        struct echo_result sum;
        sum_up(run, &sum);
        struct figures total = figures_of(&sum);
        print_table(run, &total);
        printf(
            "%s: %" PRIu64 " bytes verified in %.3f s, %" PRIu64 " mismatches; %" PRIu64
            " of %" PRIu32 " channels ended gracefully\n",
            run->failure_count == 0 ? "ok" : "FAILED",
            sum.bytes_verified,
            total.seconds,
            run->mismatch_count,
            sum.ended_gracefully,
            run->client_count);
    }
    print_failures(run);
}

static json_t *microseconds(uint64_t time_ns)
{
    return json_real((double)time_ns / (double)NS_PER_US);
}

// Steals nothing: returns an object of its own, or NULL without memory.
static json_t *json_of_figures(const struct figures *figures, uint32_t clients)
{
    const struct echo_result *result = figures->result;
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:{s:o, s:o, s:o, s:o}}",
        "clients",
        (json_int_t)clients,
        "ended_gracefully",
        (json_int_t)result->ended_gracefully,
        "streams",
        (json_int_t)result->streams_verified,
        "messages",
        (json_int_t)result->parts_verified,
        "bytes",
        (json_int_t)result->bytes_verified,
        "seconds",
        figures->seconds,
        "messages_per_second",
        figures->messages_per_second,
        "mebibytes_per_second",
        figures->mebibytes_per_second,
        "round_trip_us",
        "p50",
        microseconds(figures->p50_ns),
        "p99",
        microseconds(figures->p99_ns),
        "p99.9",
        microseconds(figures->p999_ns),
        "max",
        microseconds(result->round_trips.max_ns));
}

static bool append_addresses(const struct echo_run *run, json_t *array)
{
    const struct text_list *addresses = run->plan->addresses;
    for (size_t index = 0; index < addresses->count; index++) {
        struct figures figures = figures_of(&run->results[index]);
        json_t *object = json_of_figures(&figures, run->plan->clients_per_address);
        if (json_object_set_new(object, "address", json_string(addresses->texts[index])) != 0 ||
            json_array_append_new(array, object) != 0) {
            return false;
        }
    }
    return true;
}

static bool append_failures(const struct echo_run *run, json_t *array)
{
    for (size_t index = 0; index < run->failures.count; index++) {
        // A reason may hold the system's words in any encoding; JSON has but one.
        json_t *text = json_string(run->failures.texts[index]);
        if (text == NULL) {
            text = json_string("not UTF-8");
        }
        if (json_array_append_new(array, text) != 0) {
            return false;
        }
    }
    return true;
}

static const char *name_of_result(enum exit_code code)
{
    switch (code) {
    case EXIT_CODE_OK:
        return "ok";
    case EXIT_CODE_FAILED:
        return "failed";
    case EXIT_CODE_UNREACHABLE:
        return "unreachable";
    case EXIT_CODE_USAGE:
    case EXIT_CODE_SYSTEM:
        return "error";
    }
    return "error";
}

bool echo_report_print_json(const struct echo_run *run, enum exit_code code)
{
    struct echo_result sum;
    sum_up(run, &sum);
    struct figures total = figures_of(&sum);
    json_t *addresses = json_array();
    json_t *failures = json_array();
    bool is_complete = append_addresses(run, addresses) && append_failures(run, failures);
    json_t *object = json_pack(
        "{s:s, s:I, s:I, s:o, s:o, s:o}",
        "result",
        name_of_result(code),
        "mismatches",
        (json_int_t)run->mismatch_count,
        "failure_count",
        (json_int_t)run->failure_count,
        "failures",
        failures,
        "total",
        json_of_figures(&total, run->client_count),
        "addresses",
        addresses);
    is_complete = is_complete && object != NULL;
    if (is_complete) {
        json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
        putchar('\n');
    }
    json_decref(object);
    return is_complete;
}
