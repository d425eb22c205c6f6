// SPDX-License-Identifier: MIT
// The scope of a numeric IPv6 host, as in "fe80::1%2": which of the links that all have this address is meant.
//
// The number is written here. A scope by name, "fe80::1%eth0", is known to the resolver.
#ifndef TF_OS_HOST_SCOPE_H
#define TF_OS_HOST_SCOPE_H

#include <stdint.h>

#include <tofu/address.h>

/// Copies a host without its scope. Gives 0 for a host without one, or whose scope is no number: then
/// the copy is whole, and no numeric address.
uint32_t tf_host_scope_split(
    const char host[TOFU_HOST_BYTES_MAX + 1], char bare_out[TOFU_HOST_BYTES_MAX + 1]);

/// Appends a scope that is not 0 to a numeric host.
void tf_host_scope_append(char host[TOFU_HOST_BYTES_MAX + 1], uint32_t scope);

#endif
