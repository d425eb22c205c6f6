// SPDX-License-Identifier: MIT
// What resolver.c needs of a system: one lookup that blocks, and a thread that nobody joins.
#ifndef TF_OS_LOOKUP_H
#define TF_OS_LOOKUP_H

#include <tofu/address.h>
#include <tofu/status.h>

#include "os/resolver.h"

/// Asks the system for the endpoints of a TCP address, in the order in which it prefers them.
/// Blocks: for as long as the system takes, which may be minutes. Threads: any.
void tf_lookup(const struct tofu_address *address, struct tf_resolution *resolution_out);

/// Starts a thread that runs run(context) and is joined by nobody; it may outlive all engines.
///
/// @retval TOFU_ALLOCATION_FAILED    no memory.
/// @retval TOFU_NOTIFICATION_FAILED  the system refused.
TOFU_NODISCARD enum tofu_status tf_lookup_thread_start(void (*run)(void *context), void *context);

#endif
