// SPDX-License-Identifier: MIT
#include "engine/ids.h"

#include <stdatomic.h>

uint64_t tf_next_message_id(void)
{
    // 2^64 ids last longer than any process: at 10^9 a second, 584 years.
    static _Atomic uint64_t last_id;
    return atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
}
