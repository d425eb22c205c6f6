// SPDX-License-Identifier: MIT
#include "unit/expect.h"

#include <string.h>

#include "base/log.h"

// What the sink was given.
struct record {
    size_t line_count;
    enum tofu_log_level level;
    char line[2 * TF_LOG_LINE_BYTES_MAX];
};

static void record_line(void *context, enum tofu_log_level level, const char *line)
{
    struct record *record = context;
    record->line_count++;
    record->level = level;
    assert_true(strlen(line) < sizeof record->line);
    strcpy(record->line, line);
}

static void a_wanted_line_reaches_the_sink_formatted(void **state)
{
    (void)state;
    struct record record = {0};
    struct tf_log log = {.sink = record_line, .context = &record, .level = TOFU_LOG_INFO};

    tf_log_line(&log, TOFU_LOG_INFO, "channel %d: %s", 7, "closed");

    assert_int_equal(record.line_count, 1);
    assert_int_equal(record.level, TOFU_LOG_INFO);
    assert_string_equal(record.line, "channel 7: closed");
}

static void less_important_lines_are_left_out(void **state)
{
    (void)state;
    struct record record = {0};
    struct tf_log log = {.sink = record_line, .context = &record, .level = TOFU_LOG_WARNING};

    tf_log_line(&log, TOFU_LOG_INFO, "detail");
    assert_int_equal(record.line_count, 0);

    tf_log_line(&log, TOFU_LOG_WARNING, "warning");
    tf_log_line(&log, TOFU_LOG_ERROR, "error");
    assert_int_equal(record.line_count, 2);
}

static void a_line_that_is_too_long_is_cut(void **state)
{
    (void)state;
    struct record record = {0};
    struct tf_log log = {.sink = record_line, .context = &record, .level = TOFU_LOG_ERROR};
    char text[TF_LOG_LINE_BYTES_MAX + 100];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';

    tf_log_line(&log, TOFU_LOG_ERROR, "%s", text);

    assert_int_equal(strlen(record.line), TF_LOG_LINE_BYTES_MAX - 1);
}

static void without_a_sink_it_is_silent(void **state)
{
    (void)state;
    struct tf_log log = {.level = TOFU_LOG_DEBUG};

    tf_log_line(&log, TOFU_LOG_ERROR, "%s", "nobody reads this");

    assert_null(log.sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wanted_line_reaches_the_sink_formatted),
        cmocka_unit_test(less_important_lines_are_left_out),
        cmocka_unit_test(a_line_that_is_too_long_is_cut),
        cmocka_unit_test(without_a_sink_it_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
