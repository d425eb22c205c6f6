// SPDX-License-Identifier: MIT
// Schedules by seed: nt_schedules [--seed S] [--count N] [--twice] [--must-fail]
//
// --twice runs each seed twice and compares what happened. --must-fail is for a poller with a planted defect:
// the run succeeds if a seed finds it, be it by a crash.
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nt/chance.h"
#include "nt/schedule.h"
#include "nt/world.h"

// A seed that takes longer is stuck.
#define DEADLINE_SECONDS 10

struct arguments {
    uint64_t seed;
    uint64_t count;
    bool is_twice;
    bool must_fail;
};

static bool read_arguments(int count, char **values, struct arguments *arguments)
{
    *arguments = (struct arguments){.seed = 1, .count = 1};
    for (int i = 1; i < count; i++) {
        if (strcmp(values[i], "--twice") == 0) {
            arguments->is_twice = true;
        } else if (strcmp(values[i], "--must-fail") == 0) {
            arguments->must_fail = true;
        } else if (strcmp(values[i], "--seed") == 0 && i + 1 < count) {
            arguments->seed = strtoull(values[++i], NULL, 10);
        } else if (strcmp(values[i], "--count") == 0 && i + 1 < count) {
            arguments->count = strtoull(values[++i], NULL, 10);
        } else {
            return false;
        }
    }
    return true;
}

static void run_all(const struct arguments *arguments)
{
    struct schedule_totals totals = {0};
    for (uint64_t i = 0; i < arguments->count; i++) {
        uint64_t seed = arguments->seed + i;
        (void)alarm(DEADLINE_SECONDS);
        uint64_t hash = schedule_run(seed, &totals);
        if (arguments->is_twice && schedule_run(seed, &totals) != hash) {
            nt_world_fail("the same seed did something else the second time");
        }
    }
    (void)printf(
        "%" PRIu64 " schedules: %" PRIu64 " waits, %" PRIu64 " events, %" PRIu64
        " wakes of which %" PRIu64 " without memory, %" PRIu64 " forgets; %" PRIu64
        " requests = %" PRIu64 " packets, %" PRIu64 " cancels of which %" PRIu64 " lied, %" PRIu64
        " refusals, %" PRIu64 " failures of which %" PRIu64 " were told, %" PRIu64
        " stray packets\n",
        totals.schedules,
        totals.waits,
        totals.events,
        totals.wakes,
        totals.vain_wakes,
        totals.forgets,
        totals.counts.requests,
        totals.counts.packets,
        totals.counts.cancels,
        totals.counts.cancels_that_lied,
        totals.counts.refusals,
        totals.counts.failures,
        totals.failures,
        totals.strays);
    bool has_seen_all = totals.counts.cancels_that_lied > 0 && totals.counts.refusals > 0 &&
                        totals.wakes > 0 && totals.vain_wakes > 0 && totals.strays > 0 &&
                        totals.failures > 0 && totals.events > 0;
    if (arguments->count >= 1000 && !has_seen_all) {
        nt_world_fail("so many schedules, and something never happened");
    }
}

// The defect may crash the process, so that happens in another one.
static int find_defect(const struct arguments *arguments)
{
    pid_t child = fork();
    if (child == 0) {
        run_all(arguments);
        _Exit(0);
    }
    int result = 0;
    if (child < 0 || waitpid(child, &result, 0) != child) {
        return 2;
    }
    if (WIFSIGNALED(result)) {
        (void)printf("found by signal %d\n", WTERMSIG(result));
        return 0;
    }
    if (WEXITSTATUS(result) != 0) {
        (void)printf("found\n");
        return 0;
    }
    (void)printf("the planted defect was not found\n");
    return 1;
}

int main(int count, char **values)
{
    struct arguments arguments;
    if (!read_arguments(count, values, &arguments)) {
        (void)fprintf(
            stderr, "usage: %s [--seed S] [--count N] [--twice] [--must-fail]\n", values[0]);
        return 2;
    }
    const char *slash = strrchr(values[0], '/');
    nt_chance_set_command(slash != NULL ? slash + 1 : values[0]);
    if (arguments.must_fail) {
        return find_defect(&arguments);
    }
    run_all(&arguments);
    return 0;
}
