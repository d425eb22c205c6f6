// SPDX-License-Identifier: MIT
// What a process needs before it can use sockets: on Windows a library that is started and stopped, and
// elsewhere nothing. It belongs to us, not to the program around us.
#ifndef TF_OS_NETWORK_H
#define TF_OS_NETWORK_H

#include <stdbool.h>

#include <tofu/status.h>

/// Makes sockets usable until the close. The system counts: an engine, a resolver's thread and the
/// program around them each have their own. Threads: any.
///
/// @retval TOFU_NOTIFICATION_FAILED  the system refused.
TOFU_NODISCARD enum tofu_status tf_network_open(void);

/// Undoes one open. Threads: any.
void tf_network_close(void);

/// Says whether this system has Unix sockets; while the network is open. The first call may have to try,
/// with a file among the temporary ones; where a shortage keeps it from that, it says no, and the next call
/// tries again. Threads: any.
bool tf_network_has_unix(void);

#endif
