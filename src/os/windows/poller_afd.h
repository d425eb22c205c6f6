// SPDX-License-Identifier: MIT
// The backend of Windows: a completion port and AFD_POLL; its contract is os/poller.h.
#ifndef TF_OS_WINDOWS_POLLER_AFD_H
#define TF_OS_WINDOWS_POLLER_AFD_H

#include "os/poller.h"

extern const struct tf_poller_ops tf_poller_afd;

#endif
