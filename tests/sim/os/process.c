// SPDX-License-Identifier: MIT
// What a simulated process needs before it uses sockets: nothing.
#include "os/network.h"

enum tofu_status tf_network_open(void)
{
    return TOFU_OK;
}

void tf_network_close(void)
{
    // Nothing was opened.
}

bool tf_network_has_unix(void)
{
    return true;
}
