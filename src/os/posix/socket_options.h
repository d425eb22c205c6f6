// SPDX-License-Identifier: MIT
// The options that every connected socket of ours has, however it came to be.
#ifndef TF_OS_POSIX_SOCKET_OPTIONS_H
#define TF_OS_POSIX_SOCKET_OPTIONS_H

#include <stdbool.h>

/// Sets TCP_NODELAY, or the send buffer of a Unix socket. Returns false and errno on failure.
bool tf_socket_set_options(int descriptor, int family);

#endif
