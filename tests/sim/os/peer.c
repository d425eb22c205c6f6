// SPDX-License-Identifier: MIT
// Who is at the other end: always the one program of this world.
#include <string.h>

#include "sim/os/address.h"
#include "sim/os/network.h"

// Clients are bound to no path, and to the first port of the loopback that their peer's family has.
static struct tofu_address client_address(const struct tofu_address *listener)
{
    struct tofu_address address = {.transport = listener->transport};
    if (listener->transport == TOFU_TCP) {
        strcpy(address.host, strchr(listener->host, ':') != NULL ? "::1" : "127.0.0.1");
        address.port = 1;
    }
    return address;
}

bool tf_socket_peer(tf_socket number, struct tofu_peer *peer_out)
{
    const struct sim_end *end = sim_socket_get(number)->end;
    if (end == NULL || end->state != SIM_OPEN) {
        return false;
    }
    const struct sim_connection *connection = end->connection;
    struct tofu_address listener;
    sim_endpoint_read(&connection->endpoint, &listener);
    bool is_client = end == &connection->ends[0];
    *peer_out = (struct tofu_peer){.has_credentials = connection->is_unix};
    peer_out->address = is_client ? listener : client_address(&listener);
    return true;
}
