// SPDX-License-Identifier: MIT
#include "os/error.h"

#include <stdio.h>

#include "os/socket.h"
#include "sim/os/network.h"

void tf_error_text(int code, char *text, size_t size)
{
    static const char *const texts[] = {
        "",
        "simulated reset by peer",
        "simulated broken pipe",
        "simulated refusal",
        "no such simulated path",
        "simulated address in use",
        "too many simulated descriptors",
        "simulated address of another host",
        "simulated starter at the path",
    };
    bool is_known = code >= 0 && (size_t)code < sizeof texts / sizeof texts[0];
    snprintf(text, size, "%s", is_known ? texts[code] : "unknown simulated error");
}

bool tf_socket_error_is_disconnect(int error)
{
    return error == SIM_ERROR_RESET || error == SIM_ERROR_PIPE;
}
