// SPDX-License-Identifier: MIT
#include "os/tcp_listener.h"

#include <string.h>

#include "base/assert.h"

// `host` stands for all addresses of a family, so it is numeric.
static int listen_on_all(struct tf_listener *listener, const char *host, bool is_dual)
{
    struct tofu_address any = {.transport = TOFU_TCP, .port = listener->address.port};
    struct tf_endpoint endpoint;
    memcpy(any.host, host, strlen(host));
    bool is_numeric = tf_endpoint_from_address(&any, &endpoint);
    TF_ASSERT(is_numeric);
    (void)is_numeric;
    return tf_tcp_listen(&endpoint, is_dual, &listener->socket, &listener->address.port);
}

// An empty host means both families, or IPv4 alone where the system has no other.
static int listen_everywhere(struct tf_listener *listener)
{
    int error = listen_on_all(listener, "::", true);
    if (!tf_listen_error_is_no_version_6(error)) {
        return error;
    }
    return listen_on_all(listener, "0.0.0.0", false);
}

enum tofu_status tf_tcp_listener_open(struct tf_listener *listener, int *error_out)
{
    TF_ASSERT(listener->address.transport == TOFU_TCP);
    TF_ASSERT(listener->socket == TF_SOCKET_NONE);

    struct tf_endpoint endpoint;
    int error = 0;
    if (listener->address.host[0] == '\0') {
        error = listen_everywhere(listener);
    } else if (tf_endpoint_from_address(&listener->address, &endpoint)) {
        error = tf_tcp_listen(&endpoint, false, &listener->socket, &listener->address.port);
    } else {
        *error_out = 0;
        return TOFU_INVALID_ADDRESS;
    }
    if (error != 0) {
        *error_out = error;
        return tf_listen_status(error);
    }
    return TOFU_OK;
}
