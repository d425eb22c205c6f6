// SPDX-License-Identifier: MIT
// What names of files mean on Windows. The rules are plain C, so they are tested wherever tests run.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "os/file_name.h"

static void expect_bad(const char *name)
{
    if (file_name_fault_here(name, strlen(name)) == NULL) {
        fail_msg("'%s' is taken", name);
    }
}

static void expect_good(const char *name)
{
    const char *fault = file_name_fault_here(name, strlen(name));
    if (fault != NULL) {
        fail_msg("'%s' is refused: %s", name, fault);
    }
}

static void names_of_devices_are_refused_in_any_case_and_with_any_extension(void **state)
{
    (void)state;
    const char *const names[] = {
        "CON",
        "con",
        "Prn",
        "aUX",
        "NUL",
        "CONIN$",
        "conout$",
        "NUL.txt",
        "nul.tar.gz",
        "con.",
        "aux .txt",
        "COM1   .x"};

    for (size_t index = 0; index < sizeof names / sizeof names[0]; index++) {
        expect_bad(names[index]);
    }
}

static void every_port_is_refused(void **state)
{
    (void)state;
    char name[] = "COM?";
    for (char digit = '0'; digit <= '9'; digit++) {
        name[3] = digit;
        memcpy(name, "COM", 3);
        expect_bad(name);
        memcpy(name, "lpt", 3);
        expect_bad(name);
    }
    // The raised digits of Latin-1 count as digits there.
    expect_bad("COM\xc2\xb9");
    expect_bad("LPT\xc2\xb2.x");
    expect_bad("com\xc2\xb3");
}

static void names_that_only_resemble_devices_are_taken(void **state)
{
    (void)state;
    const char *const names[] = {
        "CONS",
        "CO",
        "xCON",
        "a.CON",
        "NUL_",
        "_NUL.txt",
        "COM",
        "COM10",
        "COMA",
        "COM\xc2\xb4",
        "LPT",
        "CONIN",
        "$"};

    for (size_t index = 0; index < sizeof names / sizeof names[0]; index++) {
        expect_good(names[index]);
    }
}

static void characters_that_no_name_can_hold_are_refused_at_any_place(void **state)
{
    (void)state;
    for (const char *bad = "<>:\"|?*"; *bad != '\0'; bad++) {
        for (size_t place = 0; place < 3; place++) {
            char name[] = "abc";
            name[place] = *bad;
            expect_bad(name);
        }
    }
    expect_good("!#$%&'()+,-;=@[]^_`{}~");
}

static void a_dot_at_the_end_is_refused(void **state)
{
    (void)state;

    expect_bad("name.");
    expect_bad("name..");
    expect_bad("name. .");
    expect_good("na.me");
}

static void the_size_counts_and_not_the_nul(void **state)
{
    (void)state;

    assert_null(file_name_fault_here("file:stream", 4));
    assert_non_null(file_name_fault_here("file:stream", 5));
    assert_non_null(file_name_fault_here("NULL", 3));
    assert_non_null(file_name_fault_here("COM12", 4));
}

static void the_name_of_a_path_is_behind_every_separator_and_the_drive(void **state)
{
    (void)state;
    const char *const examples[][2] = {
        {"name", "name"},
        {"folder/name", "name"},
        {"folder\\name", "name"},
        {"C:\\folder\\name", "name"},
        {"C:/folder\\sub/name", "name"},
        {"C:name", "name"},
        {"\\\\?\\C:\\name", "name"},
        {"\\\\server\\share\\name", "name"},
        {"folder/", ""},
        {"", ""}};

    for (size_t index = 0; index < sizeof examples / sizeof examples[0]; index++) {
        assert_string_equal(file_name_of_path(examples[index][0]), examples[index][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_devices_are_refused_in_any_case_and_with_any_extension),
        cmocka_unit_test(every_port_is_refused),
        cmocka_unit_test(names_that_only_resemble_devices_are_taken),
        cmocka_unit_test(characters_that_no_name_can_hold_are_refused_at_any_place),
        cmocka_unit_test(a_dot_at_the_end_is_refused),
        cmocka_unit_test(the_size_counts_and_not_the_nul),
        cmocka_unit_test(the_name_of_a_path_is_behind_every_separator_and_the_drive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
