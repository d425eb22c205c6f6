// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void tf_log_line(const struct tf_log *log, enum tofu_log_level level, const char *format, ...)
{
    if (log->sink == NULL || level > log->level) {
        return;
    }
    char line[TF_LOG_LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    log->sink(log->context, level, line);
}
