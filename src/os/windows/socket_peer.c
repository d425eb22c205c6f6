// SPDX-License-Identifier: MIT
// Who is at the other end of a connected socket. Of a Unix socket's peer Windows knows the process, and
// neither user nor group as POSIX numbers them.
#include <stdbool.h>
#include <string.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include <afunix.h>

#include "os/socket.h"
#include "os/windows/endpoint.h"

static int64_t unix_peer_process(SOCKET socket)
{
    ULONG process = 0;
    DWORD size = 0;
    int result = WSAIoctl(
        socket,
        SIO_AF_UNIX_GETPEERPID,
        NULL,
        0,
        &process,
        (DWORD)sizeof process,
        &size,
        NULL,
        NULL);
    return result == 0 && size == sizeof process ? (int64_t)process : 0;
}

static void unix_peer_path(
    const struct sockaddr_storage *storage, int size, char path_out[TOFU_PATH_BYTES_MAX + 1])
{
    SOCKADDR_UN address;
    size_t offset = offsetof(SOCKADDR_UN, sun_path);
    size_t length = (size_t)size > offset ? (size_t)size - offset : 0;
    length = length < TOFU_PATH_BYTES_MAX ? length : TOFU_PATH_BYTES_MAX;
    memcpy(&address, storage, sizeof address);
    memcpy(path_out, address.sun_path, length);
    path_out[length] = '\0';
}

bool tf_socket_peer(tf_socket socket, struct tofu_peer *peer_out)
{
    struct sockaddr_storage storage;
    int size = (int)sizeof storage;
    memset(&storage, 0, sizeof storage);
    if (getpeername((SOCKET)socket, (struct sockaddr *)&storage, &size) != 0) {
        return false;
    }
    *peer_out = (struct tofu_peer){0};
    if (storage.ss_family != AF_UNIX) {
        struct tf_endpoint endpoint;
        tf_endpoint_set(&endpoint, &storage, (size_t)size);
        tf_endpoint_to_address(&endpoint, &peer_out->address);
        return true;
    }
    peer_out->address.transport = TOFU_UDS;
    unix_peer_path(&storage, size, peer_out->address.path);
    peer_out->process_id = unix_peer_process((SOCKET)socket);
    return true;
}
