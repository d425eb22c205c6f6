// SPDX-License-Identifier: MIT
// The epoll backend; its contract is os/poller.h.
#ifndef TF_OS_LINUX_POLLER_EPOLL_H
#define TF_OS_LINUX_POLLER_EPOLL_H

#include "os/poller.h"

extern const struct tf_poller_ops tf_poller_epoll;

#endif
