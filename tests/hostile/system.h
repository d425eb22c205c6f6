// SPDX-License-Identifier: MIT
// What the hostile tests ask of the system beside what support/machine.h does: a seam, with one
// implementation per platform.
#ifndef HOSTILE_SYSTEM_H
#define HOSTILE_SYSTEM_H

#include <stdint.h>

/// Lets time pass while something is observed; never a way to wait for an event. Needs no descriptor.
/// Threads: any.
void interval_pass(uint64_t interval_ns);

/// Returns the system's number of the thread of this process that has this name; 0: there is none.
uint32_t system_thread_number(const char *name);

/// Returns how much processor time a thread of this process has taken so far; UINT64_MAX: it is not known.
uint64_t system_thread_processor_ns(uint32_t number);

/// Returns how coarse these times are: a thread that runs at a tick may be billed for all of it.
uint64_t system_processor_tick_ns(void);

/// Returns the system's number of the calling thread.
uint32_t system_own_thread_number(void);

/// Returns how long a thread of this process has stood ready so far while the system ran others; UINT64_MAX: it
/// is not known.
uint64_t system_thread_delay_ns(uint32_t number);

/// Returns how much memory of the machine this process has at the moment; 0: it is not known.
uint64_t system_resident_bytes(void);

/// Lets the process have this many descriptors, or as many as the system grants; returns how many.
uint64_t system_allow_descriptors(uint64_t count);

/// Lets this process go before others where two are ready, as far as the system grants it; or take turns again.
void system_go_first(void);
void system_take_turns(void);

#endif
