// SPDX-License-Identifier: MIT
// System calls that fail on demand. The linker puts our functions before the system's (`--wrap`, see
// CMakeLists.txt): failing_calls.c, or on Windows calls_windows.c. A plan says which call fails, when and how often; without one all goes through.
#ifndef TF_TESTS_CONTRACT_FAILING_CALLS_H
#define TF_TESTS_CONTRACT_FAILING_CALLS_H

#include <stdint.h>

#define FOR_EVER UINT32_MAX

/// Lets `call` succeed `skip_count` times and then fail `fail_count` times, with `error`.
void plan_failure(const char *call, int error, uint32_t skip_count, uint32_t fail_count);

/// Lets something happen just before the first call of the plan fails.
void plan_action(void (*action)(void *context), void *context);

/// Ends the plan, if there is one; returns how many calls it made fail.
uint32_t plan_end(void);

/// Counts the descriptors below 200 that are open; a test opens few. On POSIX only.
uint32_t open_descriptors(void);

#endif
