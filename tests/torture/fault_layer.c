// SPDX-License-Identifier: MIT
#include "torture/fault_layer.h"

#include <errno.h>
#include <stdatomic.h>

enum mode { MODE_NONE, MODE_PLAN, MODE_INTERRUPT, MODE_BLOCK };

// The plan changes only while no engine is there to read it.
static struct fault_plan the_plan;
static atomic_int the_mode;
static atomic_size_t call_count;
static atomic_size_t struck_count;
static atomic_size_t bytes_limit;

#define FUNCTION_NAME(name) #name,
static const char *const function_names[] = {FAULT_FUNCTIONS(FUNCTION_NAME)};
#undef FUNCTION_NAME

const char *fault_function_name(enum fault_function function)
{
    return function_names[function];
}

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

void fault_mend(void)
{
    atomic_store(&the_mode, MODE_NONE);
}

void fault_interrupt_start(void)
{
    start(MODE_INTERRUPT);
}

void fault_block_start(void)
{
    start(MODE_BLOCK);
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

static bool plan_strikes(enum fault_function function, enum fault_way *way, int *error)
{
    if (function != the_plan.function) {
        return false;
    }
    size_t number = atomic_fetch_add(&call_count, 1) + 1;
    if (number < the_plan.first || number - the_plan.first >= the_plan.count) {
        return false;
    }
    *way = the_plan.way;
    *error = the_plan.error;
    return true;
}

static bool may_be_interrupted(enum fault_function function)
{
    switch (function) {
    case FAULT_accept4:
    case FAULT_close:
    case FAULT_connect:
    case FAULT_epoll_wait:
    case FAULT_flock:
    case FAULT_open:
    case FAULT_poll:
    case FAULT_read:
    case FAULT_recv:
    case FAULT_recvmsg:
    case FAULT_send:
    case FAULT_sendmsg:
    case FAULT_syscall:
    case FAULT_write:
        return true;
    default:
        return false;
    }
}

static bool may_block(enum fault_function function)
{
    return function == FAULT_accept4 || function == FAULT_recv || function == FAULT_recvmsg ||
           function == FAULT_send || function == FAULT_sendmsg;
}

// Every other call of the thread fails, so that each one that is done has failed once before.
static bool turn_strikes(enum fault_function function, int wanted, enum fault_way *way, int *error)
{
    static _Thread_local bool has_failed[FAULT_FUNCTION_COUNT];
    has_failed[function] = !has_failed[function];
    if (!has_failed[function]) {
        return false;
    }
    *way = FAULT_INSTEAD;
    *error = wanted;
    return true;
}

bool fault_strikes_how(enum fault_function function, enum fault_way *way, int *error)
{
    bool strikes = false;
    switch ((enum mode)atomic_load(&the_mode)) {
    case MODE_NONE:
        break;
    case MODE_PLAN:
        strikes = plan_strikes(function, way, error);
        break;
    case MODE_INTERRUPT:
        strikes = may_be_interrupted(function) && turn_strikes(function, EINTR, way, error);
        break;
    case MODE_BLOCK:
        strikes = may_block(function) && turn_strikes(function, EAGAIN, way, error);
        break;
    }
    if (strikes) {
        atomic_fetch_add(&struck_count, 1);
        errno = *error;
    }
    return strikes;
}

bool fault_strikes(enum fault_function function)
{
    enum fault_way way = FAULT_INSTEAD;
    int error = 0;
    return fault_strikes_how(function, &way, &error);
}
