// SPDX-License-Identifier: MIT
// One plan at a time; tests with plans are of one thread while a plan is on.
#include "contract/failing_plan.h"

#include <stddef.h>
#include <string.h>

#include "contract/failing_calls.h"

struct plan {
    const char *call; ///< NULL: no plan
    int error;
    uint32_t skip_count; ///< calls that still succeed
    uint32_t fail_count; ///< calls that then fail
    uint32_t failed_count;
    void (*action)(void *context); ///< NULL: none, or it has happened
    void *context;
};

static struct plan plan;

void plan_failure(const char *call, int error, uint32_t skip_count, uint32_t fail_count)
{
    plan = (struct plan){
        .call = call, .error = error, .skip_count = skip_count, .fail_count = fail_count};
}

void plan_action(void (*action)(void *context), void *context)
{
    plan.action = action;
    plan.context = context;
}

uint32_t plan_end(void)
{
    uint32_t failed_count = plan.failed_count;
    plan = (struct plan){0};
    return failed_count;
}

bool plan_strikes(const char *call, int *error_out)
{
    if (plan.call == NULL || strcmp(plan.call, call) != 0) {
        return false;
    }
    if (plan.skip_count > 0) {
        plan.skip_count--;
        return false;
    }
    if (plan.failed_count == plan.fail_count) {
        return false;
    }
    plan.failed_count++;
    if (plan.action != NULL) {
        void (*action)(void *context) = plan.action;
        plan.action = NULL; // What it calls may be of the plan's kind.
        action(plan.context);
    }
    *error_out = plan.error;
    return true;
}
