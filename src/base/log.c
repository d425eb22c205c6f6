// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#define SECOND_NS UINT64_C(1000000000)

static_assert(TOFU_LOG_CHANNEL_OPENED == TF_LOG_ID_COUNT - 1, "each id has its meter");

static enum tofu_log_level level_of(enum tofu_log_id id)
{
    switch (id) {
#define ID_LEVEL(identifier, value, level, name)                                                   \
    case identifier:                                                                               \
        return level;
        TOFU_LOG_LIST(ID_LEVEL)
#undef ID_LEVEL
    }
    return TOFU_LOG_ERROR;
}

static const char *name_of(enum tofu_log_id id)
{
    switch (id) {
#define ID_NAME(identifier, value, level, name)                                                    \
    case identifier:                                                                               \
        return name;
        TOFU_LOG_LIST(ID_NAME)
#undef ID_NAME
    }
    return "";
}

static bool has_room(struct tf_log_meter *meter, uint64_t now_ns)
{
    if (meter->line_count == 0 || now_ns - meter->second_starts_ns >= SECOND_NS) {
        meter->second_starts_ns = now_ns;
        meter->line_count = 0;
    }
    if (meter->line_count == TOFU_LOG_LINES_PER_SECOND) {
        meter->suppressed++;
        return false;
    }
    meter->line_count++;
    return true;
}

void tf_log_line(struct tf_log *log, uint64_t now_ns, enum tofu_log_id id, const char *format, ...)
{
    enum tofu_log_level level = level_of(id);
    if (log->sink == NULL || level > log->level || !has_room(&log->meters[id], now_ns)) {
        return;
    }
    char line[TF_LOG_LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    struct tofu_log_record record = {
        .level = level,
        .id = id,
        .suppressed = log->meters[id].suppressed,
        .name = name_of(id),
        .line = line};
    log->meters[id].suppressed = 0;
    log->sink(log->context, &record);
}
