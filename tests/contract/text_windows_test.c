// SPDX-License-Identifier: MIT
// UTF-8 and UTF-16, and the words of errors.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#include "os/error.h"
#include "os/windows/own_error.h"
#include "os/windows/text.h"

// One, two, three and four bytes in UTF-8; the last one is two units in UTF-16.
static const wchar_t wide_sample[] = {L'a', 0x00E9, 0x6F22, 0xD83D, 0xDE00, L'z', 0};
static const char sample[] = "a\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80z";

static void text_goes_to_utf_16_and_back(void **state)
{
    wchar_t wide[16];
    char text[32];
    (void)state;

    assert_true(tf_text_to_wide(sample, wide, 16));
    tf_text_from_wide(wide, text, sizeof text);

    assert_int_equal(wcscmp(wide, wide_sample), 0);
    assert_string_equal(text, sample);
}

// Cut anywhere else, a text would be no UTF-8 and could not travel.
static void text_is_cut_between_two_characters(void **state)
{
    static const size_t borders[] = {0, 1, 3, 6, 10, 11};
    (void)state;
    for (size_t size = 1; size <= sizeof sample; size++) {
        char text[32];
        memset(text, 'x', sizeof text);
        size_t wanted = 0;
        for (size_t i = 0; i < sizeof borders / sizeof borders[0]; i++) {
            wanted = borders[i] < size ? borders[i] : wanted;
        }

        tf_text_from_wide(wide_sample, text, size);

        assert_int_equal(strlen(text), wanted);
        assert_memory_equal(text, sample, wanted);
        assert_int_equal(text[size], 'x');
    }
}

static void half_a_character_is_replaced(void **state)
{
    static const wchar_t halves[] = {L'a', 0xD83D, L'b', 0xDE00, 0xD83D, 0};
    char text[32];
    (void)state;

    tf_text_from_wide(halves, text, sizeof text);

    assert_string_equal(
        text,
        "a\xEF\xBF\xBD"
        "b\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void what_is_no_utf_8_is_refused(void **state)
{
    static const char *const bad[] = {"\xFF", "a\xC3", "\xE6\xBC", "\xC0\x80", "\xED\xA0\x80"};
    wchar_t wide[16];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(tf_text_to_wide(bad[i], wide, 16));
    }
}

static void a_text_that_does_not_fit_is_refused(void **state)
{
    wchar_t wide[16];
    (void)state;

    assert_true(tf_text_to_wide("123456789012345", wide, 16));
    assert_false(tf_text_to_wide("1234567890123456", wide, 16));
}

static void an_error_of_the_system_has_the_systems_words(void **state)
{
    char words[TF_ERROR_TEXT_BYTES_MAX];
    (void)state;

    tf_error_text(5, words, sizeof words); // ERROR_ACCESS_DENIED

    size_t length = strlen(words);
    assert_in_range(length, 1, sizeof words - 1);
    assert_null(strstr(words, "system error"));
    assert_int_not_equal(words[length - 1], ' ');
}

static void an_error_that_the_system_does_not_know_has_its_number(void **state)
{
    char words[TF_ERROR_TEXT_BYTES_MAX];
    (void)state;

    tf_error_text(999999, words, sizeof words);

    assert_string_equal(words, "system error 999999");
}

static void an_error_of_ours_has_our_words(void **state)
{
    char words[TF_ERROR_TEXT_BYTES_MAX];
    char cut[8];
    (void)state;

    tf_error_text(TF_ERROR_NO_UNIX_SOCKETS, words, sizeof words);
    tf_error_text(TF_ERROR_NO_UNIX_SOCKETS, cut, sizeof cut);

    assert_non_null(strstr(words, "Unix sockets"));
    assert_true(strlen(words) < sizeof words - 1);
    assert_int_equal(strlen(cut), sizeof cut - 1);
    assert_memory_equal(cut, words, sizeof cut - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_goes_to_utf_16_and_back),
        cmocka_unit_test(text_is_cut_between_two_characters),
        cmocka_unit_test(half_a_character_is_replaced),
        cmocka_unit_test(what_is_no_utf_8_is_refused),
        cmocka_unit_test(a_text_that_does_not_fit_is_refused),
        cmocka_unit_test(an_error_of_the_system_has_the_systems_words),
        cmocka_unit_test(an_error_that_the_system_does_not_know_has_its_number),
        cmocka_unit_test(an_error_of_ours_has_our_words),
    };
    return cmocka_run_group_tests_name("texts: Windows", tests, NULL, NULL);
}
