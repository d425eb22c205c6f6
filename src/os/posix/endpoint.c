// SPDX-License-Identifier: MIT
#include "os/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "os/endpoint_body.h"
#include "os/posix/native.h"

void tf_endpoint_set_unix(struct tf_endpoint *endpoint_out, const char *path)
{
    struct sockaddr_un address;
    socklen_t size = tf_native_unix_address(path, &address);
    tf_endpoint_set(endpoint_out, &address, size);
}
