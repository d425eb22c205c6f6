// SPDX-License-Identifier: MIT
// The plan that the functions before the system's look at.
#ifndef TF_TESTS_CONTRACT_FAILING_PLAN_H
#define TF_TESTS_CONTRACT_FAILING_PLAN_H

#include <stdbool.h>

/// Says whether this call is to fail now, and with which error.
bool plan_strikes(const char *call, int *error_out);

#endif
