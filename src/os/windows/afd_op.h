// SPDX-License-Identifier: MIT
// One socket's AFD_POLL request: a block of memory that the kernel writes to when it sees fit.
//
//             reconcile, mask wanted        packet
//       IDLE ----------------------> PENDING ------> IDLE
//                                       | reconcile, more wanted than was asked for
//                                       v        packet
//                                   CANCELLING -----> IDLE
//
// There is at most one request per socket. While there is one, its block belongs to the kernel, whatever
// a cancel answered: only the packet gives it back. A block whose socket was forgotten meanwhile is a
// zombie; its packet frees it and does nothing else. The I/O thread only.
#ifndef TF_OS_WINDOWS_AFD_OP_H
#define TF_OS_WINDOWS_AFD_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "os/poller.h"
#include "os/windows/nt.h"

enum tf_afd_state { TF_AFD_IDLE, TF_AFD_PENDING, TF_AFD_CANCELLING };

struct tf_afd_op {
    // The kernel's, unless the state is IDLE.
    struct tf_nt_io_status io_status;
    struct tf_nt_poll poll;

    // Ours.
    struct tf_list link;    ///< dirty, untold, refused, free or in none
    struct tf_watch *watch; ///< NULL: the block is free, or a zombie
    tf_nt_handle base;      ///< the system's own socket
    uint32_t index;         ///< among the blocks; never changes
    uint32_t generation;    ///< another one for each socket that has had the block
    uint32_t armed;         ///< the mask that was asked for; 0 while IDLE
    uint8_t state;          ///< enum tf_afd_state
    bool is_zombie;         ///< forgotten while not IDLE
    bool is_refused; ///< the kernel took no request or failed at it, and was not asked again yet
    bool reset_told; ///< a reset was reported
    tf_nt_status failure; ///< of a request that no later one can make good; then none is made
};

/// Gives an idle block to a watch.
void tf_afd_op_begin(struct tf_afd_op *op, struct tf_watch *watch, tf_nt_handle base);

/// Gives a zombie to a watch of the same socket: its packet will make it idle, and only then may there be
/// another request.
void tf_afd_op_revive(struct tf_afd_op *op, struct tf_watch *watch);

/// Makes the kernel match the watch's interest, as far as that can be done now; what has to wait for a
/// packet is done by the next call after it. Cancels only for more than was asked for, so there are never
/// more cancels than interests that became wider and sockets that were forgotten. Returns NT's refusal,
/// after which the block is idle, or TF_NT_SUCCESS.
tf_nt_status tf_afd_op_reconcile(struct tf_afd_op *op, const struct tf_nt *nt);

/// Takes the packet: the block is ours again. Gives what is ready for the watch's present interest, which
/// may be nothing, and for a zombie is. Not for a packet whose status is an error: see
/// tf_afd_op_has_failed().
uint8_t tf_afd_op_complete(struct tf_afd_op *op, tf_nt_status status);

/// Says whether a packet tells of a failure, rather than of readiness or of a cancel.
bool tf_afd_op_has_failed(tf_nt_status status);

/// Parts the block from its watch. Returns true if it is idle, else its packet has to be waited for.
bool tf_afd_op_abandon(struct tf_afd_op *op, const struct tf_nt *nt);

/// The number that a request's packet carries: never 0, and never that of another socket.
uint64_t tf_afd_op_context(const struct tf_afd_op *op);

#endif
