// SPDX-License-Identifier: MIT
// Opening TCP listeners: the part that is every platform's, and what it needs of a platform's listener.c.
#ifndef TF_OS_TCP_LISTENER_H
#define TF_OS_TCP_LISTENER_H

#include "os/socket.h"

/// Opens a listener on its TCP address, and writes its socket and the real port. On failure nothing is open,
/// and the status and error are those of tf_listener_open().
TOFU_NODISCARD enum tofu_status tf_tcp_listener_open(struct tf_listener *listener, int *error_out);

/// Opens a listening socket on one endpoint; `is_dual`: on IPv6 for IPv4 too. Returns 0, or the error
/// number and nothing open. Each platform's own, like those below.
int tf_tcp_listen(
    const struct tf_endpoint *endpoint, bool is_dual, tf_socket *socket_out, uint16_t *port_out);

/// Says whether a dual-stack listener failed for want of IPv6, in one of the ways the system has for it.
bool tf_listen_error_is_no_version_6(int error);

/// Returns what a failure to listen is to the user.
enum tofu_status tf_listen_status(int error);

#endif
