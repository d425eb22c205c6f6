// SPDX-License-Identifier: MIT
// The seed, the clock, the trace, and how a world begins, ends and fails.
#include "sim/os/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "sim/coverage.h"

// A gentle world stands ready, for tests that only want a system and never call sim_begin().
#define GENTLE_CONFIG                                                                              \
    {                                                                                              \
        .step_ns_max = 2000, .delay_ns_max = 50000, .buffer_bytes_min = 65536,                     \
        .buffer_bytes_max = 262144, .backlog_max = 128, .turns_max = 1000000000,                   \
    }

static struct {
    uint64_t seed;
    uint64_t now_ns;
    uint64_t hash;
    bool defect_is_done;
    bool is_verbose;
    const char *replay_program;
    const char *expected_failure;
} world = {.now_ns = 1000000};

uint64_t sim_random_state = 1;
struct tf_sim_config sim_settings = GENTLE_CONFIG;

// Small numbers and large ones alike: 1 byte is as likely as 64 KiB.
static uint32_t draw_size(unsigned exponent_min, unsigned exponent_max)
{
    uint64_t exponent = sim_between(exponent_min, exponent_max);
    return (uint32_t)sim_between(UINT64_C(1) << exponent, (UINT64_C(2) << exponent) - 1);
}

static uint32_t draw_rate(uint32_t rate_max)
{
    return sim_chance(400) ? 0 : (uint32_t)sim_below(rate_max + 1);
}

static void draw_config(struct tf_sim_config *config)
{
    static const uint64_t delays_ns[] = {0, 5000, 100000, 2000000};

    *config = (struct tf_sim_config){0};
    config->step_ns_max = sim_between(1, 5000);
    config->delay_ns_max = delays_ns[sim_below(4)];
    config->buffer_bytes_max = draw_size(0, 17);
    uint32_t spread = (uint32_t)sim_between(1, 16);
    config->buffer_bytes_min = (config->buffer_bytes_max + spread - 1) / spread;
    config->writable_rate = draw_rate(750);
    config->backlog_max = (uint32_t)sim_between(1, 8);
    config->split_rate = draw_rate(500);
    config->spurious_rate = draw_rate(200);
    config->fewer_rate = draw_rate(300);
    config->stickiness_rate = draw_rate(700);
    config->preempt_rate = draw_rate(100);
    config->reuses_sockets = sim_chance(500);
    config->coalesces_edges = sim_chance(500);
    config->puts_off = sim_chance(800);
    config->turns_max = 2000000;
}

void sim_begin(uint64_t seed)
{
    world.seed = seed;
    sim_random_state = seed;
    world.now_ns = 1000000;
    world.hash = UINT64_C(0xcbf29ce484222325);
    world.defect_is_done = false;
    sim_due_forget_all();
    draw_config(&sim_settings);
    sim_memory_begin();
    sim_schedule_begin();
    sim_locks_begin();
    sim_events_begin();
    sim_resolver_begin();
    sim_pollers_begin();
    sim_network_begin();
}

void sim_reseed(uint64_t seed)
{
    sim_random_state = seed;
    sim_schedule_reseed();
}

void sim_end(void)
{
    sim_schedule_end();
    sim_pollers_end();
    sim_network_end();
    sim_resolver_end();
    sim_events_end();
    sim_locks_end();
    sim_memory_end();
}

uint64_t sim_now(void)
{
    return world.now_ns;
}

void sim_time_add(uint64_t span_ns)
{
    world.now_ns += span_ns;
}

void sim_leap(uint64_t span_ns)
{
    sim_time_add(span_ns);
}

void sim_time_reach(uint64_t at_ns)
{
    if (at_ns > world.now_ns) {
        world.now_ns = at_ns;
    }
}

// Two looks at a clock in a row never show the same time for long; code that subtracts them in the
// wrong order shall be found.
uint64_t tf_clock_now(void)
{
    sim_preempt();
    world.now_ns += sim_below(20);
    return world.now_ns;
}

uint64_t sim_delay(void)
{
    if (sim_chance(sim_settings.silence_rate)) {
        sim_cover(SIM_SILENCE, 1);
        return sim_between(TF_SECOND, 120 * TF_SECOND);
    }
    if (sim_settings.delay_ns_max == 0 || sim_chance(200)) {
        return 0;
    }
    return sim_below(sim_settings.delay_ns_max);
}

bool sim_defect_strikes(uint32_t defect)
{
    if (sim_settings.defect != defect || world.defect_is_done) {
        return false;
    }
    if (sim_settings.defect_skip > 0) {
        sim_settings.defect_skip--;
        return false;
    }
    world.defect_is_done = true;
    sim_trace("defect", defect, 0);
    return true;
}

uint64_t sim_trace_hash(void)
{
    return world.hash;
}

// The four numbers are spread side by side and mixed in once.
void sim_trace_named(const char *what, uint64_t name, uint64_t a, uint64_t b)
{
    uint64_t entry = name * UINT64_C(0x9e3779b97f4a7c15) + world.now_ns;
    entry ^= a * UINT64_C(0xd6e8feb86659fd93);
    entry += b * UINT64_C(0xc2b2ae3d27d4eb4f);
    world.hash = (world.hash ^ entry ^ entry >> 32) * UINT64_C(0x9fb21c651e98df25);
    world.hash ^= world.hash >> 29;
    if (world.is_verbose) {
        printf(
            "%12.3f us  %-12s %llu %llx\n",
            (double)world.now_ns / 1000.0,
            what,
            (unsigned long long)a,
            (unsigned long long)b);
    }
}

void sim_set_verbose(bool is_verbose)
{
    world.is_verbose = is_verbose;
}

void sim_set_replay(const char *program)
{
    world.replay_program = program;
}

void sim_expect_failure(const char *what)
{
    world.expected_failure = what;
}

// The program ends here: the stack holds engines in the middle of their work, and there is no way
// back out of them. _Exit, because what they own is no leak.
_Noreturn void sim_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (world.expected_failure != NULL) {
        printf("found: %s (seed %llu): ", world.expected_failure, (unsigned long long)world.seed);
        vprintf(format, arguments);
        printf("\n");
        fflush(stdout);
        va_end(arguments);
        _Exit(0);
    }
    fflush(stdout);
    fprintf(stderr, "seed %llu: ", (unsigned long long)world.seed);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    if (world.replay_program != NULL) {
        fprintf(
            stderr,
            "replay: %s --seed %llu\n",
            world.replay_program,
            (unsigned long long)world.seed);
    }
    fflush(stderr);
    _Exit(1);
}

void *sim_buffer(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL) {
        sim_fail("the simulation itself has no memory");
    }
    return memory;
}

// Not calloc(): that of glibc goes past the cache of small blocks.
void *sim_memory(size_t count, size_t size)
{
    return memset(sim_buffer(count * size), 0, count * size);
}
