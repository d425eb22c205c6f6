// SPDX-License-Identifier: MIT
// Running a program to its end, or until its time is over, and keeping what it wrote.
#ifndef REAL_WINDOWS_PROGRAM_H
#define REAL_WINDOWS_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

enum program_end {
    PROGRAM_ENDED,
    PROGRAM_TOOK_TOO_LONG, ///< it was killed, and all that it had started
    PROGRAM_NEVER_BEGAN    ///< `status` is the system's error
};

struct program_run {
    enum program_end end;
    uint32_t status; ///< its exit status
    uint64_t milliseconds;
    char
        *output; ///< a string: both streams, the first megabytes of them; the caller's, to be freed
};

/// Runs a program without arguments, in the folder that it is in. Its path is one that the system understands
/// as it is, with a folder.
void program_run(const char *path, uint32_t milliseconds_max, struct program_run *run_out);

#endif
