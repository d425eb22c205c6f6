// SPDX-License-Identifier: MIT
// Unix sockets, where this Windows has them.
#ifndef TF_OS_WINDOWS_UNIX_PROVIDER_H
#define TF_OS_WINDOWS_UNIX_PROVIDER_H

#include <winsock2.h>

#include <afunix.h>

#include <tofu/address.h>

/// Makes a Unix socket, as tf_winsock_socket() does. The error is TF_ERROR_NO_UNIX_SOCKETS where the system
/// has none, for the rest of the process's life; a shortage's is the system's own, of this call only.
SOCKET tf_unix_socket(int *error_out);

/// Writes the Unix address of a path.
void tf_unix_address(const char *path, SOCKADDR_UN *address_out);

#endif
