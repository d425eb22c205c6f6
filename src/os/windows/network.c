// SPDX-License-Identifier: MIT
// Winsock, started and stopped by us: the program around us may never have heard of it.
#include "os/network.h"

#include <winsock2.h>

enum tofu_status tf_network_open(void)
{
    WSADATA unused;
    return WSAStartup(MAKEWORD(2, 2), &unused) == 0 ? TOFU_OK : TOFU_NOTIFICATION_FAILED;
}

void tf_network_close(void)
{
    (void)WSACleanup();
}
