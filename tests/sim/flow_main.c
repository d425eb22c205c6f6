// SPDX-License-Identifier: MIT
// sim_flows: runs seeds, one or many.
//
//   --seed S        the first seed [1]
//   --count N       how many, one after the other [1]
//   --trace         print everything that happens
//   --cover         print what the seeds ran into, and fail if anything is missing (sim/coverage.h)
//   --twice         run each seed twice: both runs must be the same to the last event
//   --plant DEFECT  plant a defect: the run succeeds when a check finds it in one of the seeds
//   --fail          let the planted defect be a failure like any other
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/flow.h"

static const struct {
    const char *name;
    uint32_t defect;
} defects[] = {
    {"lose-byte", SIM_LOSE_BYTE},
    {"repeat-bytes", SIM_REPEAT_BYTES},
    {"change-byte", SIM_CHANGE_BYTE},
    {"lose-end", SIM_LOSE_END},
    {"lose-wake", SIM_LOSE_WAKE},
    {"lose-event", SIM_LOSE_EVENT},
    {"repeat-event", SIM_REPEAT_EVENT},
    {"lose-unpark", SIM_LOSE_UNPARK},
    {"lose-memory", SIM_LOSE_MEMORY},
    {"forget-message", FLOW_FORGET_MESSAGE},
    {"count-twice", FLOW_COUNT_TWICE},
    {"keep-message", FLOW_KEEP_MESSAGE},
    {"change-message", FLOW_CHANGE_MESSAGE},
    {"forget-notice", FLOW_FORGET_NOTICE},
};

struct arguments {
    uint64_t seed;
    uint64_t count;
    bool is_verbose;
    bool runs_twice;
    bool must_cover;
    bool may_fail;
    const char *defect_name;
    uint32_t defect;
};

static volatile uint64_t current_seed;

// An assertion of the library, or a sanitizer, ends the program in abort(): the seed must not be lost.
static void say_seed(int signal_number)
{
    fprintf(stderr, "replay: sim_flows --seed %llu\n", (unsigned long long)current_seed);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static bool read_number(const char *text, uint64_t *number_out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = text == NULL ? 0 : strtoull(text, &end, 10);
    if (text == NULL || end == text || *end != '\0' || errno != 0) {
        return false;
    }
    *number_out = number;
    return true;
}

static bool read_defect(const char *name, struct arguments *arguments_out)
{
    for (size_t i = 0; name != NULL && i < sizeof defects / sizeof defects[0]; i++) {
        if (strcmp(defects[i].name, name) == 0) {
            arguments_out->defect = defects[i].defect;
            arguments_out->defect_name = name;
            return true;
        }
    }
    return false;
}

static bool read_arguments(int count, char **texts, struct arguments *arguments_out)
{
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? texts[i + 1] : NULL;
        if (strcmp(texts[i], "--trace") == 0) {
            arguments_out->is_verbose = true;
        } else if (strcmp(texts[i], "--twice") == 0) {
            arguments_out->runs_twice = true;
        } else if (strcmp(texts[i], "--cover") == 0) {
            arguments_out->must_cover = true;
        } else if (strcmp(texts[i], "--fail") == 0) {
            arguments_out->may_fail = true;
        } else if (strcmp(texts[i], "--seed") == 0 && read_number(value, &arguments_out->seed)) {
            i++;
        } else if (strcmp(texts[i], "--count") == 0 && read_number(value, &arguments_out->count)) {
            i++;
        } else if (strcmp(texts[i], "--plant") == 0 && read_defect(value, arguments_out)) {
            i++;
        } else {
            return false;
        }
    }
    return true;
}

// The planted defect strikes early in some worlds and late in others.
static uint32_t defect_skip(uint64_t seed)
{
    return (uint32_t)(seed % 40);
}

static struct flow_result run_seed(const struct arguments *arguments, uint64_t seed)
{
    current_seed = seed;
    struct flow_result result = flow_run(seed, arguments->defect, defect_skip(seed));
    if (arguments->runs_twice) {
        struct flow_result again = flow_run(seed, arguments->defect, defect_skip(seed));
        if (again.hash != result.hash || again.turns != result.turns) {
            fprintf(stderr, "seed %llu: two runs differ\n", (unsigned long long)seed);
            exit(1);
        }
    }
    return result;
}

static int run(const struct arguments *arguments)
{
    uint64_t turns = 0;
    uint64_t messages = 0;
    uint64_t hash = 0;
    clock_t begin = clock();
    for (uint64_t i = 0; i < arguments->count; i++) {
        struct flow_result result = run_seed(arguments, arguments->seed + i);
        turns += result.turns;
        messages += result.messages;
        hash = (hash ^ result.hash) * UINT64_C(0x100000001b3);
    }
    if (arguments->defect_name != NULL) {
        fprintf(stderr, "%s was never found\n", arguments->defect_name);
        return 1;
    }
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    printf(
        "%llu seeds, %llu turns, %llu messages, %.1f s, %.0f seeds/s, hash %016llx\n",
        (unsigned long long)arguments->count,
        (unsigned long long)turns,
        (unsigned long long)messages,
        seconds,
        (double)arguments->count / (seconds > 0 ? seconds : 1),
        (unsigned long long)hash);
    if (arguments->must_cover && !sim_coverage_print()) {
        fprintf(stderr, "these seeds leave something out\n");
        return 1;
    }
    return 0;
}

int main(int count, char **texts)
{
    struct arguments arguments = {.seed = 1, .count = 1};
    if (!read_arguments(count, texts, &arguments)) {
        fprintf(
            stderr,
            "usage: sim_flows [--seed S] [--count N] [--trace] [--cover] [--twice] "
            "[--plant DEFECT [--fail]]\n");
        return 2;
    }
    signal(SIGABRT, say_seed);
    signal(SIGSEGV, say_seed);
    static char replay[80] = "sim_flows";
    if (arguments.defect_name != NULL) {
        (void)snprintf(replay, sizeof replay, "sim_flows --plant %s --fail", arguments.defect_name);
    }
    sim_set_replay(replay);
    sim_set_verbose(arguments.is_verbose);
    if (arguments.defect_name != NULL && !arguments.may_fail) {
        sim_expect_failure(arguments.defect_name);
    }
    return run(&arguments);
}
