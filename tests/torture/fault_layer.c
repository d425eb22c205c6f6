// SPDX-License-Identifier: MIT
#include "torture/fault_layer.h"

#include <stdatomic.h>

#include "torture/real_calls.h"

enum mode { MODE_NONE, MODE_PLAN, MODE_TURNS };

// More than the threads of a play, so that two of them rarely share their turns.
#define THREADS_MAX 64

// Both change only while no engine is there to read them.
static struct fault_plan the_plan;
static const struct fault_turns *the_turns;
static atomic_int the_mode;
static atomic_size_t call_count;
static atomic_size_t struck_count;
static atomic_size_t bytes_limit;

static void start(enum mode mode)
{
    atomic_store(&call_count, 0);
    atomic_store(&struck_count, 0);
    atomic_store(&the_mode, mode);
}

void fault_start(const struct fault_plan *plan)
{
    the_plan = *plan;
    start(MODE_PLAN);
}

void fault_turns_start(const struct fault_turns *turns)
{
    the_turns = turns;
    start(MODE_TURNS);
}

void fault_mend(void)
{
    atomic_store(&the_mode, MODE_NONE);
}

size_t fault_struck_count(void)
{
    return atomic_load(&struck_count);
}

void fault_limit_bytes(size_t bytes_max)
{
    atomic_store(&bytes_limit, bytes_max);
}

size_t fault_bytes_max(void)
{
    return atomic_load(&bytes_limit);
}

static bool plan_strikes(fault_function function, enum fault_way *way_out, int *error_out)
{
    if (function != the_plan.function) {
        return false;
    }
    size_t number = atomic_fetch_add(&call_count, 1) + 1;
    if (number < the_plan.first || number - the_plan.first >= the_plan.count) {
        return false;
    }
    *way_out = the_plan.way;
    *error_out = the_plan.error;
    return true;
}

static bool takes_turns(fault_function function)
{
    for (size_t i = 0; i < the_turns->function_count; i++) {
        if (the_turns->functions[i] == function) {
            return true;
        }
    }
    return false;
}

// Every other call of the thread fails, so that each one that is done has failed once before. A thread has
// its place by its number and not by _Thread_local, for which some compilers take memory, by wrapped calls.
static bool turn_strikes(fault_function function, enum fault_way *way_out, int *error_out)
{
    static atomic_uint call_counts[THREADS_MAX][FAULT_FUNCTIONS_MAX];
    if (!takes_turns(function)) {
        return false;
    }
    atomic_uint *count = &call_counts[real_thread_number() % THREADS_MAX][function];
    if (atomic_fetch_add(count, 1) % 2 != 0) {
        return false;
    }
    *way_out = FAULT_INSTEAD;
    *error_out = the_turns->error;
    return true;
}

bool fault_strikes(fault_function function, enum fault_way *way_out, int *error_out)
{
    bool strikes = false;
    switch ((enum mode)atomic_load(&the_mode)) {
    case MODE_NONE:
        break;
    case MODE_PLAN:
        strikes = plan_strikes(function, way_out, error_out);
        break;
    case MODE_TURNS:
        strikes = turn_strikes(function, way_out, error_out);
        break;
    }
    if (strikes) {
        atomic_fetch_add(&struck_count, 1);
    }
    return strikes;
}
