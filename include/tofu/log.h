// SPDX-License-Identifier: MIT
// The user's log sink: what the engine says about itself. Silent unless a sink is set.
#ifndef TOFU_LOG_H
#define TOFU_LOG_H

#include <tofu/export.h>

/// Levels, the most important first.
enum tofu_log_level { TOFU_LOG_ERROR, TOFU_LOG_WARNING, TOFU_LOG_INFO, TOFU_LOG_DEBUG };

/// Takes one line, without a newline, NUL-terminated. Called on library threads; must not call the
/// library and should not block, since the I/O thread waits for it.
typedef void (*tofu_log_sink)(void *context, enum tofu_log_level level, const char *line);

#endif
