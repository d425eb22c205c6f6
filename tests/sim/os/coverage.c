// SPDX-License-Identifier: MIT
#include "sim/coverage.h"

#include <stdio.h>

uint64_t sim_coverage[SIM_COVERAGE_COUNT];

static const struct {
    const char *faults;
    const char *what;
} descriptions[] = {
#define SIM_COVERAGE_DESCRIPTION(name, faults, what) {faults, what},
    SIM_COVERAGE_LIST(SIM_COVERAGE_DESCRIPTION)
#undef SIM_COVERAGE_DESCRIPTION
};

bool sim_coverage_print(void)
{
    bool is_complete = true;
    for (size_t i = 0; i < SIM_COVERAGE_COUNT; i++) {
        printf(
            "%-7s %12llu %s%s\n",
            descriptions[i].faults,
            (unsigned long long)sim_coverage[i],
            descriptions[i].what,
            sim_coverage[i] == 0 ? ": NEVER" : "");
        is_complete = is_complete && sim_coverage[i] != 0;
    }
    return is_complete;
}
