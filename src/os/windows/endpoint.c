// SPDX-License-Identifier: MIT
#include "os/windows/endpoint.h"

#include <winsock2.h>
#include <ws2tcpip.h>

#include "os/endpoint_body.h"
#include "os/windows/unix_provider.h"

void tf_endpoint_set_unix(struct tf_endpoint *endpoint_out, const char *path)
{
    SOCKADDR_UN address;
    tf_unix_address(path, &address);
    tf_endpoint_set(endpoint_out, &address, sizeof address);
}

bool tf_endpoint_is_loopback(const struct tf_endpoint *endpoint)
{
    struct sockaddr_storage storage;
    memcpy(&storage, endpoint->storage, sizeof storage);
    if (storage.ss_family == AF_INET) {
        const struct sockaddr_in *version_4 = (const struct sockaddr_in *)(const void *)&storage;
        return ntohl(version_4->sin_addr.s_addr) >> 24 == 127;
    }
    if (storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *version_6 = (const struct sockaddr_in6 *)(const void *)&storage;
        return IN6_IS_ADDR_LOOPBACK(&version_6->sin6_addr);
    }
    return false;
}
