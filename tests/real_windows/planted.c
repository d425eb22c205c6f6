// SPDX-License-Identifier: MIT
// Programs that pass and that do not, each by one of these cases, for real_windows to tell apart.
#include <windows.h>

#include "unit/expect.h"

static void passes(void **state)
{
    (void)state;
    (void)print_message("figure: a figure\n");
}

static void passes_over_a_skip(void **state)
{
    (void)state;
    skip_because("planted");
}

static void skips(void **state)
{
    (void)state;
    skip_because("planted");
}

static void fails(void **state)
{
    (void)state;
    assert_true(GetLastError() != 0 && GetLastError() == 0);
}

static void crashes(void **state)
{
    (void)state;
    __builtin_trap();
}

static void hangs(void **state)
{
    (void)state;
    (void)WaitForSingleObject(GetCurrentProcess(), INFINITE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes),
        cmocka_unit_test(passes_over_a_skip),
        cmocka_unit_test(skips),
        cmocka_unit_test(fails),
        cmocka_unit_test(crashes),
        cmocka_unit_test(hangs),
    };
    // The program's name; one has a name that no case has.
    cmocka_set_test_filter(PLANTED "*");
    return cmocka_run_group_tests_name("planted", tests, NULL, NULL);
}
