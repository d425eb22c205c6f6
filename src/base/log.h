// SPDX-License-Identifier: MIT
// The engine's way to the user's log sink.
#ifndef TF_BASE_LOG_H
#define TF_BASE_LOG_H

#include <tofu/log.h>

struct tf_log {
    tofu_log_sink sink; ///< NULL: silent
    void *context;
    enum tofu_log_level level; ///< the least important level that is logged
};

/// Longest line handed to a sink, NUL included; what is longer is cut.
#define TF_LOG_LINE_BYTES_MAX 512

#if defined(__GNUC__) || defined(__clang__)
__attribute__((format(printf, 3, 4)))
#endif
/// Formats a line and hands it to the sink, if there is one and the level is wanted. Threads: any.
void tf_log_line(const struct tf_log *log, enum tofu_log_level level, const char *format, ...);

#endif
