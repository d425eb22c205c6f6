// SPDX-License-Identifier: MIT
// Errors that are ours and not the system's. Windows leaves the numbers with bit 29 to programs.
#ifndef TF_OS_WINDOWS_OWN_ERROR_H
#define TF_OS_WINDOWS_OWN_ERROR_H

enum {
    /// tf_network_has_unix() says no.
    TF_ERROR_NO_UNIX_SOCKETS = 0x20000001,
};

#endif
