// SPDX-License-Identifier: MIT
// Endpoints, as Windows needs them beyond os/endpoint.h.
#ifndef TF_OS_WINDOWS_ENDPOINT_H
#define TF_OS_WINDOWS_ENDPOINT_H

#include "os/endpoint.h"

/// Says whether it is 127.0.0.0/8 or ::1.
bool tf_endpoint_is_loopback(const struct tf_endpoint *endpoint);

#endif
