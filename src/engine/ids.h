// SPDX-License-Identifier: MIT
// Message ids that the engine chooses: unique in the process, never 0.
#ifndef TF_ENGINE_IDS_H
#define TF_ENGINE_IDS_H

#include <stdint.h>

/// Threads: any.
uint64_t tf_next_message_id(void);

#endif
