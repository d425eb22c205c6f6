// SPDX-License-Identifier: MIT
#include "torture/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/machine.h"
#include "torture/payload.h"
#include "torture/real_calls.h"
#include "torture/watchdog.h"
#include "unit/expect.h"

// How often calls come differs a little from play to play, so that one play that does not reach the
// n-th proves nothing. Who leaves calls out anyhow stops at the first.
#define UNREACHED_MAX 4

#define COMPLAINT_MAX 5

// Many plays end at a deadline, since nothing else can end what failed. Short ones make them fast; a busy
// machine misses them without any fault, and then the play is repeated with more time.
#define MILLISECOND_NS UINT64_C(1000000)
static const uint64_t timeouts_ns[] = {
    100 * MILLISECOND_NS, 400 * MILLISECOND_NS, 1600 * MILLISECOND_NS};
#define ATTEMPTS_MAX (sizeof timeouts_ns / sizeof timeouts_ns[0])

static char directory[SCENE_PATH_BYTES - 8];

bool sweep_open(void)
{
    real_open();
    watchdog_open();
    payload_open();
    return machine_make_directory(directory, sizeof directory);
}

// A failure of unlinkat leaves paths behind, as it should.
void sweep_close(void)
{
    machine_remove_directory(directory);
}

size_t sweep_percent(void)
{
    const char *percent = getenv("TOFU_TEST_PERCENT");
    size_t wanted = percent == NULL ? 100 : strtoul(percent, NULL, 10);
    return wanted > 0 && wanted <= 100 ? wanted : 100;
}

void sweep_tell_percent(void)
{
    if (sweep_percent() < 100) {
        print_message("%zu percent instead of 100, by TOFU_TEST_PERCENT\n", sweep_percent());
    }
}

void sweep_skip_impossible(const struct scene_kind *kind)
{
    if (!scene_is_possible(kind)) {
        skip_because("this machine has no such sockets: %s", kind->name);
    }
}

#define CASES_MAX      8
#define NAME_BYTES_MAX 128

int sweep_run(const char *name, const struct sweep_case *cases, size_t case_count)
{
    static struct CMUnitTest tests[CASES_MAX * SCENE_KIND_COUNT];
    static char names[CASES_MAX * SCENE_KIND_COUNT][NAME_BYTES_MAX];
    if (case_count > CASES_MAX || !sweep_open()) {
        print_error("too many cases, or the test has no directory\n");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < case_count * SCENE_KIND_COUNT; i++) {
        const struct sweep_case *one = &cases[i / SCENE_KIND_COUNT];
        const struct scene_kind *kind = &scene_kinds[i % SCENE_KIND_COUNT];
        (void)snprintf(names[i], NAME_BYTES_MAX, "%s: %s", kind->name, one->name);
        tests[i] = (struct CMUnitTest){
            .name = names[i], .test_func = one->run, .initial_state = (void *)(uintptr_t)kind};
    }
    int result = _cmocka_run_group_tests(name, tests, case_count * SCENE_KIND_COUNT, NULL, NULL);
    sweep_close();
    return result;
}

static bool is_bad(const struct verdict *verdict, bool must_be_perfect)
{
    bool should_be_perfect = must_be_perfect || !verdict->has_struck;
    return !verdict->is_good || (should_be_perfect && !verdict->is_perfect);
}

void sweep_play(
    const struct scene_kind *kind,
    struct scene_fault *fault,
    const char *name,
    bool must_be_perfect,
    struct verdict *verdict_out)
{
    char text[WATCHDOG_TEXT_BYTES];
    (void)snprintf(text, sizeof text, "%s: %s", kind->name, name);
    for (size_t i = 0; i < ATTEMPTS_MAX; i++) {
        fault->timeout_ns = timeouts_ns[i];
        watchdog_note(text);
        play(kind, directory, fault, verdict_out);
        watchdog_note(NULL);
        if (!is_bad(verdict_out, must_be_perfect) || !verdict_out->is_good ||
            !verdict_out->missed_time) {
            break;
        }
    }
    if (is_bad(verdict_out, must_be_perfect)) {
        verdict_out->is_good = false;
        print_error("%s: %s\n", text, verdict_out->text);
    }
}

void sweep(
    const struct sweep_order *order,
    struct scene_fault *fault,
    sweep_aim aim,
    struct sweep_count *count)
{
    size_t unreached_count = 0;
    size_t unreached_max = order->step > 1 ? 1 : UNREACHED_MAX;
    size_t bad_count = 0;
    size_t nth = order->first;
    while (unreached_count < unreached_max && bad_count < COMPLAINT_MAX) {
        char text[WATCHDOG_TEXT_BYTES];
        (void)snprintf(text, sizeof text, "%s, call %zu", order->name, nth);
        struct verdict verdict;
        aim(fault, nth);
        sweep_play(order->kind, fault, text, order->must_be_perfect, &verdict);
        count->play_count++;
        bad_count += verdict.is_good ? 0 : 1;
        if (verdict.has_struck) {
            unreached_count = 0;
            count->struck_count++;
            count->deepest = nth > count->deepest ? nth : count->deepest;
            nth += order->step;
        } else {
            unreached_count++;
        }
    }
    count->bad_count += bad_count;
}
