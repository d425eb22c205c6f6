// SPDX-License-Identifier: MIT
// From a socket to the system's own one, which alone can be polled.
//
// Layered providers may stand between Winsock and the system. The system's own socket is asked for by
// SIO_BASE_HANDLE, which no provider has a right to intercept; some do, and then the honest answer is a
// loud failure that names them. With the option `lsp_fallback` we go down the chain one provider at a
// time instead, which such providers let through because Winsock's own poll needs it.
#ifndef TF_OS_WINDOWS_AFD_BASE_H
#define TF_OS_WINDOWS_AFD_BASE_H

#include <stdbool.h>

#include "os/poller.h"
#include "os/windows/nt.h"

/// Finds the base of a socket. On failure `detail` (TF_POLLER_DETAIL_BYTES_MAX bytes) says why, and what to
/// do about it.
bool tf_afd_base_find(
    const struct tf_nt *nt,
    tf_socket socket,
    bool lsp_fallback,
    tf_nt_handle *base_out,
    char *detail);

#endif
