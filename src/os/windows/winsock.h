// SPDX-License-Identifier: MIT
// Sockets as all of ours are. Errors are those of WSAGetLastError(), as int.
#ifndef TF_OS_WINDOWS_WINSOCK_H
#define TF_OS_WINDOWS_WINSOCK_H

#include <winsock2.h>
#include <ws2tcpip.h>

/// Makes a stream socket that is overlapped, non-blocking and not inherited. `provider` may be NULL: the
/// system then takes the first that fits. Returns INVALID_SOCKET and the error on failure.
SOCKET tf_winsock_socket(int family, WSAPROTOCOL_INFOW *provider, int *error_out);

/// Accepts a connection, with the same properties and the options of tf_winsock_set_options(). A
/// connection that cannot have them is reset, and the error is WSAECONNABORTED.
SOCKET tf_winsock_accept(SOCKET listener, int family, int *error_out);

/// Sets TCP_NODELAY; a Unix socket needs nothing. Returns 0, or the error.
int tf_winsock_set_options(SOCKET socket, int family);

#endif
