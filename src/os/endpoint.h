// SPDX-License-Identifier: MIT
// Endpoints as the platform's folders fill and read them, beyond os/socket.h.
#ifndef TF_OS_ENDPOINT_H
#define TF_OS_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "os/socket.h"

/// Makes an endpoint of an address of the system.
void tf_endpoint_set(struct tf_endpoint *endpoint_out, const void *address, size_t size);

/// Makes an endpoint of a Unix path. Each platform's own.
void tf_endpoint_set_unix(struct tf_endpoint *endpoint_out, const char *path);

/// Gives a TCP endpoint another port.
void tf_endpoint_set_port(struct tf_endpoint *endpoint, uint16_t port);

/// Returns the system's number of its address family.
int tf_endpoint_family(const struct tf_endpoint *endpoint);

#endif
