// SPDX-License-Identifier: MIT
// The user's log sink: what the engine says about itself. Silent unless a sink is set.
//
// Each kind of line has an id that never changes its meaning, so that a program can count or filter
// without reading the text. No kind is logged more than TOFU_LOG_LINES_PER_SECOND times a second; the
// next line of that kind says how many were left out.
#ifndef TOFU_LOG_H
#define TOFU_LOG_H

#include <stdint.h>

#include <tofu/export.h>

#define TOFU_LOG_LINES_PER_SECOND 10

/// Levels, the most important first.
enum tofu_log_level { TOFU_LOG_ERROR, TOFU_LOG_WARNING, TOFU_LOG_INFO, TOFU_LOG_DEBUG };

/// Each kind of line once: id, value, level, name.
#define TOFU_LOG_LIST(X)                                                                           \
    X(TOFU_LOG_POLLER_FAILED, 1, TOFU_LOG_ERROR, "poller_failed")                                  \
    X(TOFU_LOG_ALLOCATION_FAILED, 2, TOFU_LOG_ERROR, "allocation_failed")                          \
    X(TOFU_LOG_LISTENER_RESTS, 3, TOFU_LOG_WARNING, "listener_rests")                              \
    X(TOFU_LOG_POOL_EMPTY, 4, TOFU_LOG_WARNING, "pool_empty")                                      \
    X(TOFU_LOG_RULE_BROKEN, 5, TOFU_LOG_WARNING, "rule_broken")                                    \
    X(TOFU_LOG_DEADLINE_MISSED, 6, TOFU_LOG_WARNING, "deadline_missed")                            \
    X(TOFU_LOG_CONNECTION_REFUSED, 7, TOFU_LOG_INFO, "connection_refused")                         \
    X(TOFU_LOG_LISTENING, 8, TOFU_LOG_INFO, "listening")                                           \
    X(TOFU_LOG_CHANNEL_CLOSED, 9, TOFU_LOG_INFO, "channel_closed")                                 \
    X(TOFU_LOG_CHANNEL_OPENED, 10, TOFU_LOG_DEBUG, "channel_opened")

#define TOFU_LOG_ENUMERATOR(id, value, level, name) id = (value),
enum tofu_log_id { TOFU_LOG_LIST(TOFU_LOG_ENUMERATOR) };
#undef TOFU_LOG_ENUMERATOR

/// One line, handed to the sink.
struct tofu_log_record {
    enum tofu_log_level level;
    enum tofu_log_id id;
    uint32_t suppressed; ///< lines of this id left out since the last one
    const char *name;    ///< of the id; a constant
    const char *line;    ///< without a newline, NUL-terminated; borrowed for the call
};

/// Takes one record. Called on the I/O thread, which waits for it: it should not block, and must not call
/// the library.
typedef void (*tofu_log_sink)(void *context, const struct tofu_log_record *record);

#endif
