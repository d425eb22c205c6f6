// SPDX-License-Identifier: MIT
// What the kernel of kernel.h stands in: chance, sockets, time and other threads. Each program that links the
// kernel has its own.
#ifndef TF_NT_WORLD_H
#define TF_NT_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "os/windows/nt.h"

/// Draws a number below `limit`, which is not 0.
uint64_t nt_world_below(uint64_t limit);

/// Says yes `rate` times of 1000, and never while the world keeps quiet.
bool nt_world_chance(uint32_t rate);

/// What a call may find no memory for. An owner does not see that a request or a wake-up was refused, for they
/// are made up for; a socket that gets no port cannot be watched.
enum nt_need { NT_NEED_REQUEST, NT_NEED_WAKE, NT_NEED_PORT };

/// Says whether a call finds no memory, which is no fault of anybody.
bool nt_world_is_short(enum nt_need need);

/// Returns the status with which NT refuses or ends a request that no later one can make good, or TF_NT_SUCCESS.
tf_nt_status nt_world_failure(void);

/// Answers Winsock's question for the socket below (TF_NT_SIO_*): 0, or an error.
int nt_world_base_of(uintptr_t socket, uint32_t question, tf_nt_handle *base_out);

/// What holds of a socket: TF_AFD_*, or-ed.
uint32_t nt_world_ready(uintptr_t socket);

/// A call of NT's begins or is about to return: others may do something here.
void nt_world_interrupt(void);

/// An atomic of the poller's is about to change (nt/atomic_steps.h): others may wake or wait here.
void nt_world_step(void);

/// The caller of a wait has nothing to take. Lets something happen, or time pass, up to the deadline
/// (UINT64_MAX: none). Returns false when the deadline has come.
bool nt_world_idle(uint64_t deadline_ns);

/// A packet is there for whoever waits at the port.
void nt_world_packet(uintptr_t port);

/// Notes what happened, for the hash of the run.
void nt_world_trace(const char *what, uint64_t number, uint64_t value);

/// Says what is wrong, and how to see it again; does not return.
_Noreturn void nt_world_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
