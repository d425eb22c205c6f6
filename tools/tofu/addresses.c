// SPDX-License-Identifier: MIT
#include "addresses.h"

#include <tofu/tofu.h>

#include "console.h"

bool address_is_target(const char *text)
{
    struct tofu_address address;
    if (tofu_address_parse(text, &address) != TOFU_OK) {
        complain("'%s' is no address; write tcp://HOST:PORT or uds://PATH", text);
        return false;
    }
    bool is_target =
        address.transport == TOFU_UDS || (address.host[0] != '\0' && address.port != 0);
    if (!is_target) {
        complain("'%s' can only be listened on; give the host and the port", text);
    }
    return is_target;
}

bool addresses_are_listenable(const struct text_list *addresses, const char *command)
{
    if (addresses->count == 0) {
        complain("%s needs --listen ADDRESS; try 'tofu %s --help'", command, command);
        return false;
    }
    for (size_t index = 0; index < addresses->count; index++) {
        struct tofu_address address;
        if (tofu_address_parse(addresses->texts[index], &address) != TOFU_OK) {
            complain(
                "--listen: '%s' is no address; write tcp://HOST:PORT or uds://PATH",
                addresses->texts[index]);
            return false;
        }
    }
    return true;
}
