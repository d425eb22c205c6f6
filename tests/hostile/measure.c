// SPDX-License-Identifier: MIT
#include "hostile/measure.h"

#include <stdlib.h>
#include <string.h>

// How much an engine that has nothing to do may do, however long. The turn that answered us last is counted
// at its end, so it may be counted late, and the wake-up for it may have come when it was awake: that makes
// one more. A turn costs some microseconds; with thousands of sockets on poll(2) it is one or two milliseconds,
// and more beside a load or with a sanitizer.
#define IDLE_TURNS_MAX        2
#define IDLE_PROCESSOR_NS_MAX (10 * MILLISECOND_NS)

uint64_t scaled(const char *what, uint64_t count)
{
    const char *text = getenv("TOFU_TEST_PERCENT");
    if (text == NULL) {
        return count;
    }
    uint64_t percent = strtoull(text, NULL, 10);
    uint64_t result = count * percent / 100;
    result = result == 0 ? 1 : result;
    print_message(
        "%s: %llu instead of %llu, by TOFU_TEST_PERCENT\n",
        what,
        (unsigned long long)result,
        (unsigned long long)count);
    return result;
}

uint64_t connection_count(uint64_t count)
{
    const char *text = getenv("TOFU_TEST_CONNECTIONS");
    uint64_t borne = text == NULL ? count : strtoull(text, NULL, 10);
    if (borne >= count) {
        return count;
    }
    print_message(
        "%llu connections instead of %llu, by TOFU_TEST_CONNECTIONS\n",
        (unsigned long long)borne,
        (unsigned long long)count);
    return borne;
}

struct meter meter_open(const struct side *side, const char *thread_name)
{
    uint32_t number = system_thread_number(thread_name);
    assert_true_or(number != 0, "no thread has the name %s", thread_name);
    return (struct meter){.side = side, .thread = number};
}

static uint64_t processor_time(const struct meter *meter)
{
    uint64_t time_ns = system_thread_processor_ns(meter->thread);
    assert_true_or(time_ns != UINT64_MAX, "the system does not tell a thread's processor time");
    return time_ns;
}

struct cost meter_interval(const struct meter *meter, uint64_t interval_ns)
{
    uint64_t turns_before = side_stats(meter->side).turns;
    uint64_t processor_before_ns = processor_time(meter);

    interval_pass(interval_ns);

    return (struct cost){
        .turns = side_stats(meter->side).turns - turns_before,
        .processor_ns = processor_time(meter) - processor_before_ns,
    };
}

struct cost cost_of_interval(const struct side *side, const char *thread_name, uint64_t interval_ns)
{
    struct meter meter = meter_open(side, thread_name);
    return meter_interval(&meter, interval_ns);
}

void assert_idle(const char *what, struct cost cost)
{
    print_message(
        "%s: %llu turns, %.3f ms of processor time\n",
        what,
        (unsigned long long)cost.turns,
        (double)cost.processor_ns / 1e6);
    assert_in_range(cost.turns, 0, IDLE_TURNS_MAX);
    assert_in_range(cost.processor_ns, 0, IDLE_PROCESSOR_NS_MAX + system_processor_tick_ns());
}

void await_at_least_at(const struct side *side, size_t offset, const char *name, uint64_t value)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    for (;;) {
        struct tofu_stats stats = side_stats(side);
        uint64_t actual = 0;
        memcpy(&actual, (const char *)&stats + offset, sizeof actual);
        if (actual >= value) {
            return;
        }
        assert_true_or(
            test_now() < deadline_ns,
            "%s is %llu and should be %llu at least",
            name,
            (unsigned long long)actual,
            (unsigned long long)value);
        interval_pass(MILLISECOND_NS);
    }
}

// A group that comes and goes is a command to the I/O thread: it has had a turn since we looked, however
// busy the machine is.
static void await_turn(const struct side *side)
{
    struct tofu_group *group = NULL;
    if (tofu_group_create(side->engine, &group) == TOFU_OK) {
        tofu_group_destroy(&group);
    }
}

void await_quiet(const struct side *side)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    struct tofu_stats before = side_stats(side);
    for (int quiet = 0; quiet < 10;) {
        interval_pass(10 * MILLISECOND_NS);
        await_turn(side);
        struct tofu_stats now = side_stats(side);
        bool is_same =
            now.bytes_received == before.bytes_received && now.bytes_sent == before.bytes_sent;
        quiet = is_same ? quiet + 1 : 0;
        before = now;
        assert_true_or(test_now() < deadline_ns, "the engine does not come to rest");
    }
}

void latencies_add(struct latencies *latencies, uint64_t value_ns)
{
    if (latencies->count < LATENCIES_MAX) {
        latencies->values_ns[latencies->count] = value_ns;
        latencies->count++;
    }
}

static int compare_times(const void *a, const void *b)
{
    const uint64_t *first = a;
    const uint64_t *second = b;
    return (*first > *second) - (*first < *second);
}

uint64_t latencies_percentile(struct latencies *latencies, unsigned percent)
{
    assert_true(latencies->count > 0);
    qsort(latencies->values_ns, latencies->count, sizeof latencies->values_ns[0], compare_times);
    size_t index = (latencies->count - 1) * percent / 100;
    return latencies->values_ns[index];
}

void round_trip(const struct link_fixture *link, struct latencies *latencies)
{
    uint64_t start_ns = test_now();
    struct tofu_header asked = side_send(&link->client, TOFU_REQUEST, 0, "question");
    struct tofu_message *question = side_expect(&link->server, TOFU_REQUEST);
    assert_int_equal(tofu_message_header(question)->id, asked.id);
    assert_body(question, "question");
    side_put(&link->server, question);

    side_send(&link->server, TOFU_RESPONSE, asked.id, "answer");
    struct tofu_message *answer = side_expect(&link->client, TOFU_RESPONSE);
    assert_int_equal(tofu_message_header(answer)->id, asked.id);
    assert_body(answer, "answer");
    side_put(&link->client, answer);
    if (latencies != NULL) {
        latencies_add(latencies, test_now() - start_ns);
    }
}
