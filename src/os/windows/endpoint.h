// SPDX-License-Identifier: MIT
// Endpoints, as the files that fill and read them need them beyond os/socket.h.
#ifndef TF_OS_WINDOWS_ENDPOINT_H
#define TF_OS_WINDOWS_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include "os/socket.h"

/// Makes an endpoint of an address of the system.
void tf_endpoint_set(struct tf_endpoint *endpoint_out, const void *address, size_t size);

int tf_endpoint_family(const struct tf_endpoint *endpoint);

/// Says whether it is 127.0.0.0/8 or ::1.
bool tf_endpoint_is_loopback(const struct tf_endpoint *endpoint);

#endif
