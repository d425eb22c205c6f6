// SPDX-License-Identifier: MIT
// An endpoint: one byte for the transport, two for the port, then host or path.
#include "sim/os/address.h"

#include <string.h>

#include "sim/os/world.h"

#define TEXT_OFFSET 3

// Four numbers up to 255.
static bool is_version_4(const char *host)
{
    for (int i = 0; i < 4; i++) {
        unsigned number = 0;
        size_t digits = strspn(host, "0123456789");
        for (size_t j = 0; j < digits && j < 3; j++) {
            number = 10 * number + (unsigned)(host[j] - '0');
        }
        if (digits == 0 || digits > 3 || number > 255 || host[digits] != (i < 3 ? '.' : '\0')) {
            return false;
        }
        host += digits + 1;
    }
    return true;
}

bool sim_host_is_numeric(const char *host, bool may_be_empty)
{
    if (host[0] == '\0') {
        return may_be_empty;
    }
    if (strchr(host, ':') != NULL) {
        return strspn(host, "0123456789abcdefABCDEF:.%") == strlen(host);
    }
    return is_version_4(host);
}

void sim_endpoint_write(const struct tofu_address *address, struct tf_endpoint *endpoint_out)
{
    const char *text = address->transport == TOFU_UDS ? address->path : address->host;
    size_t size = strlen(text) + 1;
    *endpoint_out = (struct tf_endpoint){0};
    if (TEXT_OFFSET + size > sizeof endpoint_out->storage) {
        sim_fail("an address does not fit into an endpoint");
    }
    unsigned char *bytes = (unsigned char *)endpoint_out->storage;
    bytes[0] = address->transport == TOFU_UDS ? 2 : 1;
    bytes[1] = (unsigned char)(address->port >> 8);
    bytes[2] = (unsigned char)(address->port & 0xff);
    memcpy(bytes + TEXT_OFFSET, text, size);
    endpoint_out->size = (uint32_t)(TEXT_OFFSET + size);
}

void sim_endpoint_read(const struct tf_endpoint *endpoint, struct tofu_address *address_out)
{
    const unsigned char *bytes = (const unsigned char *)endpoint->storage;
    *address_out = (struct tofu_address){0};
    if (bytes[0] != 1 && bytes[0] != 2) {
        sim_fail("an endpoint that is none");
    }
    address_out->transport = bytes[0] == 2 ? TOFU_UDS : TOFU_TCP;
    char *text = bytes[0] == 2 ? address_out->path : address_out->host;
    memcpy(text, bytes + TEXT_OFFSET, endpoint->size - TEXT_OFFSET);
    address_out->port = (uint16_t)(bytes[1] << 8 | bytes[2]);
}

bool tf_endpoint_from_address(const struct tofu_address *address, struct tf_endpoint *endpoint_out)
{
    if (address->transport == TOFU_TCP && !sim_host_is_numeric(address->host, false)) {
        return false;
    }
    sim_endpoint_write(address, endpoint_out);
    return true;
}

void tf_endpoint_to_address(const struct tf_endpoint *endpoint, struct tofu_address *address_out)
{
    sim_endpoint_read(endpoint, address_out);
}
