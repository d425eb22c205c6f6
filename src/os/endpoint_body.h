// SPDX-License-Identifier: MIT
// What every endpoint.c consists of: addresses to endpoints and back.
//
// The functions and types that this takes of the system are the same on all; the headers that declare them
// are not, and stand in a platform's folder only. So each endpoint.c includes its system's headers and
// then this, once; it is no header for anybody else.
#ifndef TF_OS_ENDPOINT_BODY_H
#define TF_OS_ENDPOINT_BODY_H

#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "os/endpoint.h"
#include "os/host_scope.h"

static_assert(
    sizeof(struct sockaddr_storage) <= sizeof(((struct tf_endpoint *)0)->storage),
    "an endpoint holds any address");
static_assert(
    INET6_ADDRSTRLEN + sizeof "%4294967295" <= TOFU_HOST_BYTES_MAX + 1,
    "a host holds any numeric address");

// Where the four bytes are in an IPv6 address that stands for an IPv4 one, as a listener for both shows it.
#define MAPPED_OFFSET 12

void tf_endpoint_set(struct tf_endpoint *endpoint_out, const void *address, size_t size)
{
    TF_ASSERT(size <= sizeof endpoint_out->storage);

    memset(endpoint_out, 0, sizeof *endpoint_out);
    memcpy(endpoint_out->storage, address, size);
    endpoint_out->size = (uint32_t)size;
}

int tf_endpoint_family(const struct tf_endpoint *endpoint)
{
    struct sockaddr_storage address;
    memcpy(&address, endpoint->storage, sizeof address);
    return address.ss_family;
}

void tf_endpoint_set_port(struct tf_endpoint *endpoint, uint16_t port)
{
    struct sockaddr_storage storage;
    memcpy(&storage, endpoint->storage, sizeof storage);
    TF_ASSERT(storage.ss_family == AF_INET || storage.ss_family == AF_INET6);

    if (storage.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)&storage)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)(void *)&storage)->sin_port = htons(port);
    }
    memcpy(endpoint->storage, &storage, sizeof storage);
}

bool tf_endpoint_from_address(const struct tofu_address *address, struct tf_endpoint *endpoint_out)
{
    if (address->transport == TOFU_UDS) {
        tf_endpoint_set_unix(endpoint_out, address->path);
        return true;
    }
    struct sockaddr_in version_4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    if (inet_pton(AF_INET, address->host, &version_4.sin_addr) == 1) {
        tf_endpoint_set(endpoint_out, &version_4, sizeof version_4);
        return true;
    }
    char host[TOFU_HOST_BYTES_MAX + 1];
    struct sockaddr_in6 version_6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
    version_6.sin6_scope_id = tf_host_scope_split(address->host, host);
    if (inet_pton(AF_INET6, host, &version_6.sin6_addr) == 1) {
        tf_endpoint_set(endpoint_out, &version_6, sizeof version_6);
        return true;
    }
    return false;
}

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

#endif
