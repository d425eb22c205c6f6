// SPDX-License-Identifier: MIT
#include "unit/expect.h"

#include <string.h>

#include "base/log.h"

#define SECOND_NS UINT64_C(1000000000)

// What the sink was given.
struct notebook {
    size_t line_count;
    struct tofu_log_record last;
    char line[2 * TF_LOG_LINE_BYTES_MAX];
};

static void note_record(void *context, const struct tofu_log_record *record)
{
    struct notebook *notebook = context;
    notebook->line_count++;
    notebook->last = *record;
    assert_true(strlen(record->line) < sizeof notebook->line);
    strcpy(notebook->line, record->line);
}

static void a_wanted_line_reaches_the_sink_with_its_id_and_level(void **state)
{
    (void)state;
    struct notebook notebook = {0};
    struct tf_log log = {.sink = note_record, .context = &notebook, .level = TOFU_LOG_INFO};

    tf_log_line(&log, 1, TOFU_LOG_CHANNEL_CLOSED, "channel %d: %s", 7, "closed");

    assert_int_equal(notebook.line_count, 1);
    assert_int_equal(notebook.last.level, TOFU_LOG_INFO);
    assert_int_equal(notebook.last.id, TOFU_LOG_CHANNEL_CLOSED);
    assert_string_equal(notebook.last.name, "channel_closed");
    assert_string_equal(notebook.line, "channel 7: closed");
}

static void less_important_lines_are_left_out(void **state)
{
    (void)state;
    struct notebook notebook = {0};
    struct tf_log log = {.sink = note_record, .context = &notebook, .level = TOFU_LOG_WARNING};

    tf_log_line(&log, 1, TOFU_LOG_LISTENING, "information");
    assert_int_equal(notebook.line_count, 0);

    tf_log_line(&log, 1, TOFU_LOG_POOL_EMPTY, "warning");
    tf_log_line(&log, 1, TOFU_LOG_POLLER_FAILED, "error");
    assert_int_equal(notebook.line_count, 2);
}

static void a_line_that_is_too_long_is_cut(void **state)
{
    (void)state;
    struct notebook notebook = {0};
    struct tf_log log = {.sink = note_record, .context = &notebook, .level = TOFU_LOG_ERROR};
    char text[TF_LOG_LINE_BYTES_MAX + 100];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';

    tf_log_line(&log, 1, TOFU_LOG_POLLER_FAILED, "%s", text);

    assert_int_equal(strlen(notebook.line), TF_LOG_LINE_BYTES_MAX - 1);
}

// A peer that breaks rules as fast as it can must not fill the user's disk.
static void one_kind_has_so_many_lines_a_second_and_then_says_how_many_were_left_out(void **state)
{
    (void)state;
    struct notebook notebook = {0};
    struct tf_log log = {.sink = note_record, .context = &notebook, .level = TOFU_LOG_DEBUG};

    for (int i = 0; i < TOFU_LOG_LINES_PER_SECOND + 5; i++) {
        tf_log_line(&log, SECOND_NS, TOFU_LOG_RULE_BROKEN, "again");
    }
    assert_int_equal(notebook.line_count, TOFU_LOG_LINES_PER_SECOND);

    tf_log_line(&log, SECOND_NS, TOFU_LOG_POOL_EMPTY, "another kind has its own meter");
    assert_int_equal(notebook.line_count, TOFU_LOG_LINES_PER_SECOND + 1);
    assert_int_equal(notebook.last.suppressed, 0);

    tf_log_line(&log, 2 * SECOND_NS, TOFU_LOG_RULE_BROKEN, "a second later");
    assert_int_equal(notebook.line_count, TOFU_LOG_LINES_PER_SECOND + 2);
    assert_int_equal(notebook.last.suppressed, 5);
}

static void without_a_sink_it_is_silent_and_counts_nothing(void **state)
{
    (void)state;
    struct tf_log log = {.level = TOFU_LOG_DEBUG};

    tf_log_line(&log, 1, TOFU_LOG_POLLER_FAILED, "%s", "nobody reads this");

    assert_int_equal(log.meters[TOFU_LOG_POLLER_FAILED].line_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wanted_line_reaches_the_sink_with_its_id_and_level),
        cmocka_unit_test(less_important_lines_are_left_out),
        cmocka_unit_test(a_line_that_is_too_long_is_cut),
        cmocka_unit_test(one_kind_has_so_many_lines_a_second_and_then_says_how_many_were_left_out),
        cmocka_unit_test(without_a_sink_it_is_silent_and_counts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
