// SPDX-License-Identifier: MIT
#include "hostile/measure.h"

#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// How much an engine that has nothing to do may do: a turn or two for what was under way, and no more
// processor time than two ticks of the scheduler's books.
#define IDLE_TURNS_MAX        4
#define IDLE_PROCESSOR_NS_MAX (20 * MILLISECOND_NS)

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

// Needs no descriptor: poll passes over an entry without one.
void interval_pass(uint64_t interval_ns)
{
    struct pollfd nothing = {.fd = -1};
    uint64_t end_ns = test_now() + interval_ns;
    for (uint64_t now_ns = test_now(); now_ns < end_ns; now_ns = test_now()) {
        (void)poll(&nothing, 1, (int)((end_ns - now_ns) / MILLISECOND_NS) + 1);
    }
}

// Reads the start of a small file of /proc; returns false if it is gone.
static bool file_read(const char *path, char *text, size_t text_size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t size = fread(text, 1, text_size - 1, file);
    text[size] = '\0';
    (void)fclose(file);
    return true;
}

int thread_number(const char *name)
{
    int number = 0;
    DIR *directory = opendir("/proc/self/task");
    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char path[320];
        char text[64] = "";
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        if (file_read(path, text, sizeof text)) {
            text[strcspn(text, "\n")] = '\0';
        }
        if (strcmp(text, name) == 0) {
            number = atoi(entry->d_name);
        }
    }
    (void)closedir(directory);
    assert_true_or(number != 0, "no thread has the name %s", name);
    return number;
}

// The kernel makes a thread's processor clock of its number: complemented, and 6 for "of one thread, as
// the scheduler counts" (what pthread_getcpuclockid() does for a thread that one has made oneself).
struct meter meter_open(const struct side *side, const char *thread_name)
{
    unsigned number = (unsigned)thread_number(thread_name);
    return (struct meter){.side = side, .processor = (clockid_t)(~number << 3 | 6u)};
}

static uint64_t processor_time(const struct meter *meter)
{
    struct timespec time;
    assert_int_equal(clock_gettime(meter->processor, &time), 0);
    return (uint64_t)time.tv_sec * SECOND_NS + (uint64_t)time.tv_nsec;
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
    assert_in_range(cost.processor_ns, 0, IDLE_PROCESSOR_NS_MAX);
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

uint64_t descriptors_allow(uint64_t count)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < count) {
        struct rlimit wanted = {
            .rlim_cur = count, .rlim_max = limit.rlim_max < count ? count : limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) {
            limit = wanted;
        } else {
            limit.rlim_cur = limit.rlim_max;
            (void)setrlimit(RLIMIT_NOFILE, &limit);
        }
    }
    return limit.rlim_cur;
}

size_t descriptors_open(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    (void)closedir(directory);
    return count - 1; // One was the directory.
}

bool urgency_raise(void)
{
    const struct sched_param urgent = {.sched_priority = 1};
    return sched_setscheduler(0, SCHED_FIFO, &urgent) == 0;
}

void urgency_drop(void)
{
    const struct sched_param normal = {.sched_priority = 0};
    (void)sched_setscheduler(0, SCHED_OTHER, &normal);
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
