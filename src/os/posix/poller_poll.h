// SPDX-License-Identifier: MIT
// The poll(2) backend; its contract is os/poller.h.
#ifndef TF_OS_POSIX_POLLER_POLL_H
#define TF_OS_POSIX_POLLER_POLL_H

#include "os/poller.h"

extern const struct tf_poller_ops tf_poller_poll;

#endif
