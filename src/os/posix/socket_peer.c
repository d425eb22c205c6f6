// SPDX-License-Identifier: MIT
// Who is at the other end of a connected socket.
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "os/endpoint.h"
#include "os/posix/native.h"
#include "os/socket.h"

bool tf_socket_peer(tf_socket socket, struct tofu_peer *peer_out)
{
    struct sockaddr_storage storage;
    memset(&storage, 0, sizeof storage);
    socklen_t size = sizeof storage;
    if (getpeername((int)socket, (struct sockaddr *)&storage, &size) != 0) {
        return false;
    }
    *peer_out = (struct tofu_peer){0};
    if (storage.ss_family != AF_UNIX) {
        struct tf_endpoint endpoint;
        tf_endpoint_set(&endpoint, &storage, size);
        tf_endpoint_to_address(&endpoint, &peer_out->address);
        return true;
    }
    peer_out->address.transport = TOFU_UDS;
    tf_native_unix_path(
        (const struct sockaddr_un *)(const void *)&storage, size, peer_out->address.path);
    peer_out->has_credentials = tf_native_credentials((int)socket, peer_out);
    return true;
}
