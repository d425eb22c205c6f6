// SPDX-License-Identifier: MIT
#include "stats_report.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "human.h"
#include "os/clock.h"
#include "transfer.h"

#define ASK_NAME  "tofu"
#define ASK_VALUE "stats"

struct number_row {
    const char *name;
    size_t offset; // in struct tofu_stats
};

#define NUMBER(member)                                                                             \
    {                                                                                              \
#        member, offsetof(struct tofu_stats, member)                                               \
    }

static const struct number_row counters[] = {
    NUMBER(messages_sent),
    NUMBER(messages_received),
    NUMBER(messages_returned),
    NUMBER(messages_dropped),
    NUMBER(bytes_sent),
    NUMBER(bytes_received),
    NUMBER(connections_accepted),
    NUMBER(connections_refused),
    NUMBER(channels_opened),
    NUMBER(channels_closed),
    NUMBER(channels_graceful),
    NUMBER(deadlines_missed),
    NUMBER(rules_broken),
    NUMBER(accepts_failed),
    NUMBER(pool_empty_episodes),
    NUMBER(turns),
    NUMBER(wakeups)};
static const struct number_row gauges[] = {
    NUMBER(channels),
    NUMBER(half_open),
    NUMBER(messages_alive),
    NUMBER(messages_idle),
    NUMBER(messages_incoming)};
static const struct number_row histograms[] = {NUMBER(queue_dwell), NUMBER(loop_lag)};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static_assert(
    sizeof(struct tofu_stats) == sizeof(size_t) +
                                     (COUNT_OF(counters) + COUNT_OF(gauges)) * sizeof(uint64_t) +
                                     COUNT_OF(histograms) * sizeof(struct tofu_histogram),
    "every member of struct tofu_stats has its row");

enum tofu_status stats_ask(struct tofu_message *message)
{
    return tofu_message_append_text(message, ASK_NAME, ASK_VALUE);
}

bool stats_is_asked(const struct tofu_message *message)
{
    return text_is(message, ASK_NAME, ASK_VALUE);
}

static const void *member_at(const struct tofu_stats *stats, size_t offset)
{
    return (const unsigned char *)stats + offset;
}

static uint64_t number_at(const struct tofu_stats *stats, size_t offset)
{
    uint64_t number = 0;
    memcpy(&number, member_at(stats, offset), sizeof number);
    return number;
}

// Returns NULL without memory.
static json_t *json_of_numbers(
    const struct tofu_stats *stats, const struct number_row *rows, size_t count)
{
    json_t *object = json_object();
    for (size_t index = 0; index < count; index++) {
        json_t *number = json_integer((json_int_t)number_at(stats, rows[index].offset));
        if (json_object_set_new(object, rows[index].name, number) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static uint64_t bucket_end_ns(size_t bucket)
{
    return (UINT64_C(2) << bucket) - 1;
}

// The end of the bucket in which the time of that rank lies: at most twice the time.
static uint64_t quantile_ns(
    const struct tofu_histogram *histogram, uint64_t total, uint64_t per_mille)
{
    uint64_t rank = total / 1000 * per_mille + (total % 1000 * per_mille + 999) / 1000;
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < TOFU_HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->counts[bucket];
        if (seen >= rank && seen > 0) {
            return bucket_end_ns(bucket);
        }
    }
    return 0;
}

static json_t *json_of_histogram(const struct tofu_histogram *histogram)
{
    uint64_t total = 0;
    json_t *buckets = json_array();
    for (size_t bucket = 0; bucket < TOFU_HISTOGRAM_BUCKETS; bucket++) {
        total += histogram->counts[bucket];
        if (json_array_append_new(buckets, json_integer((json_int_t)histogram->counts[bucket])) !=
            0) {
            json_decref(buckets);
            return NULL;
        }
    }
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:o}",
        "count",
        (json_int_t)total,
        "p50_ns",
        (json_int_t)quantile_ns(histogram, total, 500),
        "p99_ns",
        (json_int_t)quantile_ns(histogram, total, 990),
        "max_ns",
        (json_int_t)quantile_ns(histogram, total, 1000),
        "buckets",
        buckets);
}

static json_t *json_of_stats(const struct tofu_stats *stats, const char *role)
{
    json_t *all = json_object();
    for (size_t index = 0; index < COUNT_OF(histograms); index++) {
        struct tofu_histogram histogram;
        memcpy(&histogram, member_at(stats, histograms[index].offset), sizeof histogram);
        if (json_object_set_new(all, histograms[index].name, json_of_histogram(&histogram)) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o}",
        "version",
        tofu_version(),
        "role",
        role,
        "counters",
        json_of_numbers(stats, counters, COUNT_OF(counters)),
        "gauges",
        json_of_numbers(stats, gauges, COUNT_OF(gauges)),
        "histograms",
        all);
}

void stats_answer(struct tofu_engine *engine, const char *role, struct tofu_message *message)
{
    tofu_message_clear_texts(message);
    void *body = NULL;
    // A body only shrinks here, so nothing can fail.
    enum tofu_status status = tofu_message_resize_body(message, 0, &body);
    struct tofu_stats stats = {.struct_size = sizeof stats};
    if (status == TOFU_OK) {
        status = tofu_engine_stats(engine, &stats);
    }
    if (status != TOFU_OK) {
        return;
    }
    json_t *object = json_of_stats(&stats, role);
    size_t size = json_dumpb(object, NULL, 0, JSON_COMPACT);
    if (size > 0 && tofu_message_resize_body(message, size, &body) == TOFU_OK) {
        json_dumpb(object, body, size, JSON_COMPACT);
    }
    json_decref(object);
}

json_t *stats_read_answer(const struct tofu_message *message)
{
    size_t size = 0;
    const char *body = tofu_message_body(message, &size);
    json_t *report = json_loadb(body, size, JSON_REJECT_DUPLICATES, NULL);
    bool is_report = json_is_object(json_object_get(report, "counters")) &&
                     json_is_object(json_object_get(report, "gauges")) &&
                     json_is_object(json_object_get(report, "histograms"));
    if (!is_report) {
        json_decref(report);
        return NULL;
    }
    return report;
}

// The peer may be of another version: what it does not tell is no zero.
static void print_numbers(const json_t *object, const struct number_row *rows, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        const json_t *number = json_object_get(object, rows[index].name);
        printf("  %-22s", rows[index].name);
        if (json_is_integer(number)) {
            printf(" %14" PRId64 "\n", (int64_t)json_integer_value(number));
        } else {
            printf(" %14s\n", "-");
        }
    }
}

static void print_histograms(const json_t *object)
{
    for (size_t index = 0; index < COUNT_OF(histograms); index++) {
        const json_t *histogram = json_object_get(object, histograms[index].name);
        int64_t count = json_integer_value(json_object_get(histogram, "count"));
        printf("  %-22s %14" PRId64, histograms[index].name, count);
        const char *const columns[] = {"p50_ns", "p99_ns", "max_ns"};
        for (size_t column = 0; column < COUNT_OF(columns); column++) {
            print_time((uint64_t)json_integer_value(json_object_get(histogram, columns[column])));
        }
        putchar('\n');
    }
}

void stats_print(const json_t *report)
{
    printf("counters\n");
    print_numbers(json_object_get(report, "counters"), counters, COUNT_OF(counters));
    printf("gauges\n");
    print_numbers(json_object_get(report, "gauges"), gauges, COUNT_OF(gauges));
    printf("%-24s %14s %9s %9s %9s\n", "histograms", "count", "p50", "p99", "max");
    print_histograms(json_object_get(report, "histograms"));
}
