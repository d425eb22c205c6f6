// SPDX-License-Identifier: MIT
// Which call of the system fails, and how: a plan, made by a test, asked by the wrapped functions.
//
// The linker sends every call of a function in PLATFORM/fault_functions.h that this program's objects make
// to PLATFORM/fault_calls.c (option --wrap); calls inside the system's own libraries go where they always
// went.
#ifndef TORTURE_FAULT_LAYER_H
#define TORTURE_FAULT_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A function of the system that may fail: its place in the platform's fault_functions.h.
typedef unsigned fault_function;

/// No platform has more of them.
#define FAULT_FUNCTIONS_MAX 64

/// What happens at a call that fails.
enum fault_way {
    FAULT_INSTEAD, ///< the system is not asked
    FAULT_AFTER,   ///< the system does it, and then says that it failed
    FAULT_VALUE,   ///< getsockopt: the call succeeds, and the option it reads is the error
};

struct fault_plan {
    fault_function function;
    enum fault_way way;
    int error;    ///< the error number, or what the function returns where it has no other way
    size_t first; ///< the number of the first call that fails, from 1
    size_t count; ///< how many fail from there on; SIZE_MAX: all
};

/// Functions of which, on each thread, every call fails before the next one is let through.
struct fault_turns {
    int error;
    size_t function_count;
    const fault_function *functions;
};

/// Starts counting calls from 0, with this plan.
void fault_start(const struct fault_plan *plan);

/// Starts counting calls from 0, with these turns, which stay where they are.
void fault_turns_start(const struct fault_turns *turns);

/// Lets no call fail any more, whatever was started. The counts stay.
void fault_mend(void);

/// Returns how many calls have failed since the last start.
size_t fault_struck_count(void);

/// Cuts what one call sends or receives to so many bytes; 0: no more.
void fault_limit_bytes(size_t bytes_max);

/// For fault_calls.c: says whether this call fails, and how.
bool fault_strikes(fault_function function, enum fault_way *way_out, int *error_out);

size_t fault_bytes_max(void);

#endif
