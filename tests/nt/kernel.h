// SPDX-License-Identifier: MIT
// A deterministic NT kernel: files, completion ports, AFD_POLL requests and their packets.
//
// It fills the same table as the real one (os/windows/nt.h), with the habits that real Windows is known
// for where a kinder system would hide our mistakes:
//   * a request's memory is the kernel's until its packet is taken, and only then is the result written;
//   * data and the end of a peer are reported together, and what holds is reported again and again;
//   * a cancel may say "done" and the request still succeed, or "not found" before the packet is there;
//     after a cancel the buffer holds what was asked for;
//   * of two requests on one socket, one is deaf;
//   * a wait that times out writes a count of 1, and may be early by a tick;
//   * the value of a closed handle is given to the next one at once, and a file lives until its last handle
//     and its last request are gone;
//   * somebody else's call on a socket gives the port a packet that belongs to no request of ours;
//   * a request that was taken may be answered by any status that is no error;
//   * a wait for many packets may find no memory where one for a single packet does;
//   * a file has one port, for ever, and none if it is not overlapped;
//   * a request may be refused, or end, for good: who asks again under the same number has not understood.
// Whether, when and in which order is drawn from the world around it (world.h).
//
// The memory that it owns is poisoned where AddressSanitizer is there, and compared anyway.
#ifndef TF_NT_KERNEL_H
#define TF_NT_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/windows/nt.h"

struct nt_file;

/// What went on since nt_kernel_begin().
struct nt_counts {
    uint64_t requests; ///< accepted
    uint64_t packets;  ///< of requests, taken
    uint64_t cancels;
    uint64_t cancels_that_lied; ///< answered other than how the request ended
    uint64_t doubled;           ///< a second request on a socket that had one
    uint64_t refusals;          ///< requests that were not accepted, for want of memory
    uint64_t failures;          ///< requests that were not accepted, or ended, for good
    uint64_t handles;           ///< open now: ports and files
};

void nt_kernel_begin(void);

/// Fails if a handle is open, or a request has not come back.
void nt_kernel_end(void);

const struct nt_counts *nt_kernel_counts(void);

/// Opens the file of a socket; `socket` is the world's. Returns its handle.
tf_nt_handle nt_file_open(uintptr_t socket, bool is_overlapped);

/// Gives another handle of the same file.
tf_nt_handle nt_handle_duplicate(tf_nt_handle handle);

/// Closes a handle. With the last one, requests on the file end with LOCAL_CLOSE.
void nt_handle_close(tf_nt_handle handle);

/// Something about the socket has changed: requests on it may be done.
void nt_file_changed(tf_nt_handle handle);

/// Says whether the last request on the socket was refused, or ended, for good.
bool nt_file_has_failed(tf_nt_handle handle);

/// Says whether the kernel has put something off.
bool nt_kernel_owes(void);

/// Says whether a port, by its number in the order of opening, has packets.
bool nt_port_has_packets(uintptr_t port);

/// Returns how many posted packets were taken from a port that is open.
uint64_t nt_port_posts_taken(uintptr_t port);

/// Says how many packets of NtSetIoCompletion with a key are in the port.
uint64_t nt_port_posts(uintptr_t port);

/// Gives the port a packet as if a request were done whose socket is gone. Returns false if there was none.
bool nt_port_stray(uintptr_t port);

/// Lets the kernel finish one thing that it has put off. Returns false if there is none.
bool nt_kernel_step(void);

/// Says whether any of these bytes is the kernel's at present.
bool nt_kernel_owns(const void *memory, size_t size);

#endif
