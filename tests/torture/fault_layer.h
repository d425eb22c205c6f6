// SPDX-License-Identifier: MIT
// Which call of the system fails, and how: a plan, made by a test, asked by the wrapped functions.
//
// The linker sends every call of a function in fault_functions.h that this program's objects make to
// fault_calls.c (option --wrap); calls inside the C library itself go where they always went.
#ifndef TORTURE_FAULT_LAYER_H
#define TORTURE_FAULT_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "torture/fault_functions.h"

/// What happens at a call that fails.
enum fault_way {
    FAULT_INSTEAD, ///< the system is not asked
    FAULT_AFTER,   ///< the system does it, and then says that it failed
    FAULT_VALUE,   ///< getsockopt: the call succeeds, and the option it reads is the error
};

struct fault_plan {
    enum fault_function function;
    enum fault_way way;
    int error;    ///< the error number; of getaddrinfo what it returns
    size_t first; ///< the number of the first call that fails, from 1
    size_t count; ///< how many fail from there on; SIZE_MAX: all
};

/// Starts counting calls from 0, with this plan.
void fault_start(const struct fault_plan *plan);

/// Lets no call fail any more, whatever was started. The counts stay.
void fault_mend(void);

/// Returns how many calls have failed since the last start.
size_t fault_struck_count(void);

/// Starts to interrupt: on each thread, of each function that a signal may interrupt, every call fails
/// with EINTR before the next one is let through.
void fault_interrupt_start(void);

/// Starts to block: likewise, with EAGAIN, of the functions that move bytes or accept.
void fault_block_start(void);

/// Cuts what one call sends or receives to so many bytes; 0: no more.
void fault_limit_bytes(size_t bytes_max);

const char *fault_function_name(enum fault_function function);

/// For fault_calls.c: says whether this call fails, and sets errno if it does.
bool fault_strikes(enum fault_function function);

/// For fault_calls.c: as fault_strikes(), for a function of which calls that fail differ.
bool fault_strikes_how(enum fault_function function, enum fault_way *way, int *error);

size_t fault_bytes_max(void);

#endif
