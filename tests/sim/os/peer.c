// SPDX-License-Identifier: MIT
// Who is at the other end: always the one program of this world.
#include <string.h>

#include "sim/os/network.h"

bool tf_socket_peer(tf_socket number, struct tofu_peer *peer_out)
{
    const struct sim_end *end = sim_socket_get(number)->end;
    if (end == NULL || end->state != SIM_OPEN) {
        return false;
    }
    bool is_unix = end->connection->is_unix;
    *peer_out = (struct tofu_peer){.has_credentials = is_unix};
    peer_out->address.transport = is_unix ? TOFU_UDS : TOFU_TCP;
    if (!is_unix) {
        strcpy(peer_out->address.host, "127.0.0.1");
        peer_out->address.port = 1;
    }
    return true;
}
