// SPDX-License-Identifier: MIT
// What a test program told: its cases, those that it skipped and why, its figures.
#ifndef REAL_WINDOWS_VERDICT_H
#define REAL_WINDOWS_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

struct verdict {
    bool has_failed; ///< it did not end with 0, or has no case
    uint32_t case_count;
    uint32_t skip_count; ///< of them
};

struct program_run;

/// Prints a line about the program, one for each reason of skips and each figure, and all that it wrote if it
/// has failed. One that skipped all of its cases is called skipped.
struct verdict verdict_tell(const char *name, const struct program_run *run);

#endif
