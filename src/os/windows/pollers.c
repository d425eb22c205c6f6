// SPDX-License-Identifier: MIT
// The pollers of Windows.
#include "os/poller.h"
#include "os/windows/poller_afd.h"

const struct tf_poller_ops *const tf_pollers[] = {&tf_poller_afd, NULL};
