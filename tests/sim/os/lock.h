// SPDX-License-Identifier: MIT
#ifndef TF_SIM_LOCK_H
#define TF_SIM_LOCK_H

#include <stdint.h>

/// Locks that somebody holds right now.
uint64_t sim_locks_held(void);

#endif
