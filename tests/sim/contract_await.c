// SPDX-License-Identifier: MIT
// In the simulated system a socket may belong to several pollers.
#include "contract/await.h"

#include "base/alloc.h"

bool contract_socket_await(tf_socket socket, uint8_t interest, uint64_t timeout_ns)
{
    struct tofu_allocator allocator = tf_allocator_or_default((struct tofu_allocator){0});
    struct tf_poller_options options = {.allocator = &allocator};
    struct tf_poller poller = {.ops = tf_pollers[0]};
    struct tf_watch watch = {.socket = socket, .token = 1};
    struct tf_poll_event event = {0};
    uint32_t event_count = 0;
    if (poller.ops->open(&poller, &options) != TOFU_OK) {
        return false;
    }
    bool is_ready = poller.ops->watch(&poller, &watch, interest) == TOFU_OK &&
                    poller.ops->wait(&poller, timeout_ns, &event, 1, &event_count) == TOFU_OK &&
                    event_count == 1;
    poller.ops->forget(&poller, &watch);
    poller.ops->close(&poller);
    return is_ready;
}
