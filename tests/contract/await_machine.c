// SPDX-License-Identifier: MIT
// On the machine itself the tests have bare sockets of their own.
#include "contract/await.h"
#include "support/raw_socket.h"

bool contract_socket_await(tf_socket socket, uint8_t interest, uint64_t timeout_ns)
{
    return raw_socket_await((int)socket, interest == TF_POLL_READ, timeout_ns);
}
