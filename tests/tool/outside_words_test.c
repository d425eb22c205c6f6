// SPDX-License-Identifier: MIT
// Numbers with units, and the names that a peer may give to a file: both come from outside.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "quantity.h"
#include "transfer.h"

struct example {
    const char *text;
    enum unit unit;
    uint64_t value;
};

#define UNTOUCHED 0x5eed

static void good_quantities_are_read(void **state)
{
    (void)state;
    const struct example examples[] = {
        {"0", UNIT_NONE, 0},
        {"18446744073709551615", UNIT_NONE, UINT64_MAX},
        {"007", UNIT_NONE, 7},
        {"1", UNIT_BYTES, 1},
        {"1B", UNIT_BYTES, 1},
        {"64KiB", UNIT_BYTES, 65536},
        {"8MiB", UNIT_BYTES, 8u << 20},
        {"3GiB", UNIT_BYTES, UINT64_C(3) << 30},
        {"16777215TiB", UNIT_BYTES, UINT64_C(16777215) << 40},
        {"1ns", UNIT_TIME, 1},
        {"2us", UNIT_TIME, 2000},
        {"500ms", UNIT_TIME, 500000000},
        {"10s", UNIT_TIME, UINT64_C(10000000000)},
        {"5min", UNIT_TIME, UINT64_C(300000000000)},
        {"1h", UNIT_TIME, UINT64_C(3600000000000)},
        {"0660", UNIT_MODE, 0660},
        {"777", UNIT_MODE, 0777}};

    for (size_t index = 0; index < sizeof examples / sizeof examples[0]; index++) {
        uint64_t value = UNTOUCHED;
        assert_true(quantity_read(examples[index].text, examples[index].unit, &value));
        assert_true(value == examples[index].value);
    }
}

static void bad_quantities_are_refused_and_touch_nothing(void **state)
{
    (void)state;
    const struct example examples[] = {
        {"", UNIT_NONE, 0},
        {" 1", UNIT_NONE, 0},
        {"1 ", UNIT_NONE, 0},
        {"+1", UNIT_NONE, 0},
        {"-1", UNIT_NONE, 0},
        {"0x1", UNIT_NONE, 0},
        {"1B", UNIT_NONE, 0},
        {"18446744073709551616", UNIT_NONE, 0},
        {"99999999999999999999999", UNIT_NONE, 0},
        {"KiB", UNIT_BYTES, 0},
        {"1kib", UNIT_BYTES, 0},
        {"1 KiB", UNIT_BYTES, 0},
        {"1KiBx", UNIT_BYTES, 0},
        {"1s", UNIT_BYTES, 0},
        {"16777216TiB", UNIT_BYTES, 0},
        {"1", UNIT_TIME, 0},
        {"1S", UNIT_TIME, 0},
        {"1.5s", UNIT_TIME, 0},
        {"18446744074s", UNIT_TIME, 0},
        {"8", UNIT_MODE, 0},
        {"0668", UNIT_MODE, 0},
        {"0o66", UNIT_MODE, 0}};

    for (size_t index = 0; index < sizeof examples / sizeof examples[0]; index++) {
        uint64_t value = UNTOUCHED;
        assert_false(quantity_read(examples[index].text, examples[index].unit, &value));
        assert_true(value == UNTOUCHED);
    }
}

static void plain_names_are_taken(void **state)
{
    (void)state;
    const char *const names[] = {
        "a",
        "a.b",
        "a..",
        "-rf",
        "two words",
        "\xc3\xa4",
        "\xe2\x82\xac",
        "~",
        "a:b",
        "\xf0\x9f\x98\x80"};

    for (size_t index = 0; index < sizeof names / sizeof names[0]; index++) {
        assert_null(file_name_fault(names[index], strlen(names[index])));
    }
}

static void every_byte_that_could_do_harm_makes_a_name_bad(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char name[] = "a?b";
        name[1] = (char)byte;
        bool is_bad = byte < ' ' || byte == '/' || byte == '\\' || byte >= 0x7f;
        assert_true((file_name_fault(name, 3) != NULL) == is_bad);
    }
}

static void names_at_the_borders_are_judged_right(void **state)
{
    (void)state;
    char name[FILE_NAME_BYTES_MAX + 1];
    memset(name, 'n', sizeof name);

    assert_null(file_name_fault(name, FILE_NAME_BYTES_MAX));
    assert_non_null(file_name_fault(name, FILE_NAME_BYTES_MAX + 1));
    assert_non_null(file_name_fault("", 0));
    assert_non_null(file_name_fault(".", 1));
    assert_non_null(file_name_fault("..", 2));
    assert_non_null(file_name_fault(".a", 2));
    assert_non_null(file_name_fault(" a", 2));
    assert_non_null(file_name_fault("a ", 2));
    // C1 control characters, in UTF-8: the first, the last, and their neighbours.
    assert_non_null(file_name_fault("\xc2\x80", 2));
    assert_non_null(file_name_fault("\xc2\x9f", 2));
    assert_null(file_name_fault("\xc2\xa0", 2));
    assert_null(file_name_fault("\xc3\x80", 2));
}

static void refusals_are_found_by_their_words_only(void **state)
{
    (void)state;
    enum refusal refusal = REFUSAL_NONE;

    for (int index = REFUSAL_BAD_REQUEST; index <= REFUSAL_CANCELED; index++) {
        const char *word = refusal_word((enum refusal)index);
        assert_true(refusal_find(word, strlen(word), &refusal));
        assert_int_equal(refusal, index);
        assert_false(refusal_find(word, strlen(word) - 1, &refusal));
    }
    assert_false(refusal_find("none", 4, &refusal));
    assert_false(refusal_find("", 0, &refusal));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_quantities_are_read),
        cmocka_unit_test(bad_quantities_are_refused_and_touch_nothing),
        cmocka_unit_test(plain_names_are_taken),
        cmocka_unit_test(every_byte_that_could_do_harm_makes_a_name_bad),
        cmocka_unit_test(names_at_the_borders_are_judged_right),
        cmocka_unit_test(refusals_are_found_by_their_words_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
