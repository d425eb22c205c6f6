// SPDX-License-Identifier: MIT
// From a TCP endpoint, such as a resolver gave, back to an address that can be shown.
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "os/host_scope.h"
#include "os/socket.h"

static_assert(
    INET6_ADDRSTRLEN + sizeof "%4294967295" <= TOFU_HOST_BYTES_MAX + 1,
    "a host holds any numeric address");

// Where the four bytes are in an IPv6 address that stands for an IPv4 one, as a listener for both shows it.
#define MAPPED_OFFSET 12

void tf_endpoint_to_address(const struct tf_endpoint *endpoint, struct tofu_address *address_out)
{
    struct sockaddr_storage storage;
    memcpy(&storage, endpoint->storage, sizeof storage);
    TF_ASSERT(storage.ss_family == AF_INET || storage.ss_family == AF_INET6);

    *address_out = (struct tofu_address){.transport = TOFU_TCP};
    const void *number = NULL;
    int family = AF_INET;
    uint32_t scope = 0;
    if (storage.ss_family == AF_INET) {
        const struct sockaddr_in *version_4 = (const struct sockaddr_in *)(const void *)&storage;
        number = &version_4->sin_addr;
        address_out->port = ntohs(version_4->sin_port);
    } else {
        const struct sockaddr_in6 *version_6 = (const struct sockaddr_in6 *)(const void *)&storage;
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&version_6->sin6_addr);
        number = is_mapped ? (const void *)((const char *)&version_6->sin6_addr + MAPPED_OFFSET)
                           : &version_6->sin6_addr;
        family = is_mapped ? AF_INET : AF_INET6;
        scope = is_mapped ? 0 : version_6->sin6_scope_id;
        address_out->port = ntohs(version_6->sin6_port);
    }
    // Both families fit, so that the only failure is a family we have excluded.
    const char *text = inet_ntop(family, number, address_out->host, sizeof address_out->host);
    TF_ASSERT(text != NULL);
    (void)text;
    tf_host_scope_append(address_out->host, scope);
}
