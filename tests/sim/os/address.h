// SPDX-License-Identifier: MIT
// How the simulated system writes addresses into endpoints.
#ifndef TF_SIM_ADDRESS_H
#define TF_SIM_ADDRESS_H

#include <stdbool.h>

#include <tofu/address.h>

#include "os/socket.h"

/// Says whether a host needs no resolver. Listeners may leave it empty.
bool sim_host_is_numeric(const char *host, bool may_be_empty);

void sim_endpoint_write(const struct tofu_address *address, struct tf_endpoint *endpoint_out);
void sim_endpoint_read(const struct tf_endpoint *endpoint, struct tofu_address *address_out);

#endif
