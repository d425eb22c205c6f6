// SPDX-License-Identifier: MIT
// The engine's way to the user's log sink. The I/O thread only.
#ifndef TF_BASE_LOG_H
#define TF_BASE_LOG_H

#include <stdint.h>

#include <tofu/log.h>

/// How much of one kind was logged in the present second.
struct tf_log_meter {
    uint64_t second_starts_ns;
    uint32_t line_count;
    uint32_t suppressed;
};

#define TF_LOG_ID_COUNT 11 ///< ids are 1 to 10

struct tf_log {
    tofu_log_sink sink; ///< NULL: silent
    void *context;
    enum tofu_log_level level; ///< the least important level that is logged
    struct tf_log_meter meters[TF_LOG_ID_COUNT];
};

/// Longest line handed to a sink, NUL included; what is longer is cut.
#define TF_LOG_LINE_BYTES_MAX 512

#if defined(__GNUC__) || defined(__clang__)
__attribute__((format(__printf__, 4, 5)))
#endif
/// Formats a line and hands it to the sink, if there is one, its level is wanted, and there were not too
/// many of its kind in this second.
void tf_log_line(
    struct tf_log *log, uint64_t now_ns, enum tofu_log_id id, const char *format, ...);

#endif
