// SPDX-License-Identifier: MIT
// The numbers are part of the wire format, the names part of closing notices: both are pinned here,
// by hand.
#include "unit/expect.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <tofu/status.h>
#include <tofu/version.h>

struct numbered_name {
    int value;
    const char *name;
};

// PROTOCOL.md, section 8.
static const struct numbered_name wanted[] = {
    {0, "success"},
    {1, "not_implemented_yet"},
    {2, "wrong_address"},
    {3, "not_allowed"},
    {4, "null_message"},
    {5, "invalid_message"},
    {6, "invalid_op_code"},
    {7, "invalid_headers_len"},
    {8, "invalid_body_len"},
    {9, "invalid_more_usage"},
    {10, "invalid_channel_number"},
    {11, "invalid_channel_group"},
    {12, "invalid_message_id"},
    {13, "invalid_address"},
    {14, "uds_path_not_found"},
    {15, "notification_disabled"},
    {16, "notification_failed"},
    {17, "peer_disconnected"},
    {18, "communication_failed"},
    {19, "pool_empty"},
    {20, "allocation_failed"},
    {21, "receiver_update"},
    {22, "channel_closed"},
    {23, "shutdown_started"},
    {24, "connect_failed"},
    {25, "listen_failed"},
    {26, "accept_failed"},
    {27, "send_failed"},
    {28, "recv_failed"},
    {29, "setsockopt_failed"},
    {30, "processing_failed"},
    {31, "unknown_error"},
    {64, "queue_full"},
    {65, "timed_out"},
    {66, "forked"},
};

#define WANTED_COUNT (sizeof wanted / sizeof wanted[0])

static const char *wanted_name(int value)
{
    for (size_t i = 0; i < WANTED_COUNT; i++) {
        if (wanted[i].value == value) {
            return wanted[i].name;
        }
    }
    return "unknown_error";
}

static void every_value_has_the_name_of_the_wire_format(void **state)
{
    (void)state;

    for (int value = 0; value < 256; value++) {
        assert_string_equal(tofu_status_name((enum tofu_status)value), wanted_name(value));
    }
}

static void every_status_has_a_sentence_of_its_own(void **state)
{
    (void)state;

    for (size_t i = 0; i < WANTED_COUNT; i++) {
        const char *text = tofu_status_text((enum tofu_status)wanted[i].value);
        size_t size = strlen(text);
        assert_true(size > 10);
        assert_true(isupper((unsigned char)text[0]));
        assert_true(text[size - 1] == '.' || text[size - 1] == '?');
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(text, tofu_status_text((enum tofu_status)wanted[j].value));
        }
    }
}

static void a_value_that_is_no_status_reads_as_unknown_error(void **state)
{
    (void)state;
    const char *unknown = tofu_status_text(TOFU_UNKNOWN_ERROR);

    assert_string_equal(tofu_status_text((enum tofu_status)32), unknown);
    assert_string_equal(tofu_status_text((enum tofu_status)63), unknown);
    assert_string_equal(tofu_status_text((enum tofu_status)67), unknown);
    assert_string_equal(tofu_status_text((enum tofu_status)255), unknown);
}

static void the_linked_library_has_the_version_of_its_headers(void **state)
{
    (void)state;
    char numbers[32];

    snprintf(
        numbers,
        sizeof numbers,
        "%d.%d.%d",
        TOFU_VERSION_MAJOR,
        TOFU_VERSION_MINOR,
        TOFU_VERSION_PATCH);

    assert_string_equal(tofu_version(), numbers);
    assert_string_equal(tofu_version(), TOFU_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_has_the_name_of_the_wire_format),
        cmocka_unit_test(every_status_has_a_sentence_of_its_own),
        cmocka_unit_test(a_value_that_is_no_status_reads_as_unknown_error),
        cmocka_unit_test(the_linked_library_has_the_version_of_its_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
