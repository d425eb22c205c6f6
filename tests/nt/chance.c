// SPDX-License-Identifier: MIT
#include "nt/chance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "nt/world.h"
#include "os/clock.h"

#define NT_INVALID_DEVICE_REQUEST ((tf_nt_status)0xC0000010)

static struct {
    const char *command;
    uint64_t seed;
    uint64_t state;
    uint64_t hash;
    uint64_t now_ns;
    bool is_quiet;
    bool is_short;
    bool is_smooth; ///< but for the departures
    const uint32_t *departures;
    uint32_t departure_count;
    uint32_t decisions;
} run;

void nt_chance_begin(uint64_t seed)
{
    run.seed = seed;
    run.state = seed * UINT64_C(0x9E3779B97F4A7C15) + UINT64_C(0x2545F4914F6CDD1D);
    run.hash = UINT64_C(0xCBF29CE484222325);
    run.now_ns = TF_SECOND;
    run.is_quiet = false;
    run.is_short = false;
    run.is_smooth = false;
}

void nt_chance_begin_smooth(const uint32_t *departures, uint32_t departure_count)
{
    nt_chance_begin(0);
    run.is_smooth = true;
    run.departures = departures;
    run.departure_count = departure_count;
    run.decisions = 0;
}

uint32_t nt_chance_decisions(void)
{
    return run.decisions;
}

// Says whether the run departs from the smooth one at the next decision.
static bool departs(void)
{
    uint32_t decision = run.decisions++;
    for (uint32_t i = 0; i < run.departure_count; i++) {
        if (run.departures[i] == decision) {
            return true;
        }
    }
    return false;
}

void nt_chance_set_command(const char *command)
{
    run.command = command;
}

void nt_chance_be_quiet(void)
{
    run.is_quiet = true;
}

bool nt_chance_is_quiet(void)
{
    return run.is_quiet;
}

void nt_chance_be_short(bool is_short)
{
    run.is_short = is_short;
}

uint64_t nt_chance_hash(void)
{
    return run.hash;
}

// SplitMix64: every seed gives another sequence, neighbouring ones included.
static uint64_t next_number(void)
{
    run.state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = run.state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint64_t nt_world_below(uint64_t limit)
{
    return run.is_smooth ? 0 : next_number() % limit;
}

bool nt_world_chance(uint32_t rate)
{
    if (run.is_quiet) {
        return false;
    }
    return run.is_smooth ? departs() : next_number() % 1000 < rate;
}

bool nt_world_is_short(enum nt_need need)
{
    (void)need;
    return run.is_short || nt_world_chance(20);
}

tf_nt_status nt_world_failure(void)
{
    return nt_world_chance(2) ? NT_INVALID_DEVICE_REQUEST : TF_NT_SUCCESS;
}

void nt_world_trace(const char *what, uint64_t number, uint64_t value)
{
    const uint64_t words[] = {(uint8_t)what[0], (uint8_t)what[1], number, value, run.now_ns};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        run.hash = (run.hash ^ words[i]) * UINT64_C(0x100000001B3);
    }
}

uint64_t tf_clock_now(void)
{
    return run.now_ns;
}

void nt_clock_reach(uint64_t at_ns)
{
    run.now_ns = at_ns > run.now_ns ? at_ns : run.now_ns;
}

void nt_world_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "seed %llu: ", (unsigned long long)run.seed);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "\nreplay: %s", run.command);
    if (!run.is_smooth) {
        (void)fprintf(stderr, " --seed %llu", (unsigned long long)run.seed);
    }
    for (uint32_t i = 0; run.is_smooth && i < run.departure_count; i++) {
        (void)fprintf(stderr, " %u", (unsigned)run.departures[i]);
    }
    (void)fprintf(stderr, "\n");
    (void)fflush(NULL);
    _Exit(1);
}
