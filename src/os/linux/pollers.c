// SPDX-License-Identifier: MIT
// The pollers of Linux. poll(2) is there for systems and sandboxes that refuse epoll, and because two
// backends keep each other honest.
#include "os/linux/poller_epoll.h"
#include "os/poller.h"
#include "os/posix/poller_poll.h"

const struct tf_poller_ops *const tf_pollers[] = {&tf_poller_epoll, &tf_poller_poll, NULL};
