// SPDX-License-Identifier: MIT
// Options as the engine uses them: checked, defaults filled in.
#ifndef TF_ENGINE_SETTINGS_H
#define TF_ENGINE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <tofu/engine.h>

#include "os/poller.h"
#include "wire/header.h"

/// Channel numbers are 1..65534: 0 is "none", 65535 is reserved (PROTOCOL.md, section 3).
#define TF_CHANNELS_MAX 65534

/// What one message can take on the wire, and how many of them a channel's load word can count.
#define TF_MESSAGE_BYTES_MAX     (TF_HEADER_BYTES + 2 * TOFU_PART_BYTES_MAX)
#define TF_QUEUED_MESSAGES_LIMIT (UINT64_C(1) << 22)

#define TF_THREAD_NAME_BYTES_MAX 16

/// What is read from one channel in a turn, whatever the option says: a peer that writes as fast as we read
/// would otherwise keep the I/O thread for itself, also from a shutdown.
#define TF_TURN_BYTES_LIMIT (UINT64_C(16) << 20)

struct tf_settings {
    const struct tf_poller_ops *poller;
    struct tf_part_limits part_limits;
    uint64_t pool_messages_initial;
    uint64_t pool_messages_max;
    uint64_t channels_max;
    uint64_t half_open_max;
    uint64_t send_queue_messages_max;
    uint64_t send_queue_bytes_max;
    uint64_t update_messages_max;
    uint64_t connect_timeout_ns;
    uint64_t hello_timeout_ns;
    uint64_t frame_timeout_ns;
    uint64_t close_timeout_ns;
    uint64_t turn_bytes_max;
    uint32_t share_shift; ///< of the budget, in the receive queues (rounds.h)
    uint32_t uds_mode;
    bool keep_alive;
    bool lsp_fallback;
    char thread_name[TF_THREAD_NAME_BYTES_MAX];
};

/// Checks `options` (may be NULL) and fills in the defaults of tofu/engine.h.
///
/// @retval TOFU_NOT_IMPLEMENTED_YET  struct_size of another version, or an option this platform has
///                                   not got.
/// @retval TOFU_NOT_ALLOWED          an option out of its range, or an unknown poller.
TOFU_NODISCARD enum tofu_status tf_settings_read(
    const struct tofu_options *options, struct tf_settings *settings_out);

#endif
