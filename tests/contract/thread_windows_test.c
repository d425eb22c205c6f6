// SPDX-License-Identifier: MIT
// What Windows alone has of threads: names that can be read back, and handles that could be left.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include <cmocka.h>

#include "os/thread.h"
#include "os/windows/thread_name.h"
#include "support/machine.h"

typedef HRESULT(WINAPI *description_function)(HANDLE thread, wchar_t **description_out);

static description_function describe;

struct work {
    struct tf_thread thread;
    wchar_t name[TF_THREAD_NAME_UNITS_MAX + 8];
};

static bool work_step(void *context)
{
    struct work *work = context;
    wchar_t *description = NULL;
    if (describe != NULL && SUCCEEDED(describe(GetCurrentThread(), &description))) {
        wcsncpy(work->name, description, TF_THREAD_NAME_UNITS_MAX + 7);
        (void)LocalFree(description);
    }
    return false;
}

static void work_run(struct work *work, const char *name)
{
    assert_int_equal(tf_thread_start(&work->thread, name, work_step, work), TOFU_OK);
    tf_thread_join(&work->thread);
}

static void a_thread_has_its_name_cut_between_two_characters(void **state)
{
    struct work named = {0};
    struct work cut = {0};
    struct work unnamed = {0};
    struct work bad = {0};
    char long_name[100];
    (void)state;
    if (describe == NULL) {
        print_message("skipped: this Windows has no names of threads\n");
        skip();
    }
    memset(long_name, 'n', sizeof long_name);
    // Two bytes at the 63rd: one too many.
    memcpy(long_name + TF_THREAD_NAME_UNITS_MAX - 2, "\xC3\xA9", 3);

    work_run(&named, "work\xC3\xA9r");
    work_run(&cut, long_name);
    work_run(&unnamed, NULL);
    work_run(&bad, "\xFF");

    assert_int_equal(wcscmp(named.name, L"work\x00E9r"), 0);
    assert_int_equal(wcslen(cut.name), TF_THREAD_NAME_UNITS_MAX - 2);
    assert_int_equal(wcscmp(unnamed.name, L""), 0);
    assert_int_equal(wcscmp(bad.name, L""), 0);
}

static void a_thread_that_was_joined_leaves_no_handle(void **state)
{
    struct work first = {0};
    (void)state;
    work_run(&first, "first"); // What the system keeps for all threads to come.
    size_t before = machine_descriptor_count();

    for (int i = 0; i < 50; i++) {
        struct work work = {0};
        work_run(&work, "worker");
    }

    assert_int_equal(machine_descriptor_count(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_its_name_cut_between_two_characters),
        cmocka_unit_test(a_thread_that_was_joined_leaves_no_handle),
    };
    HMODULE module = GetModuleHandleW(L"kernelbase.dll");
    FARPROC found = module != NULL ? GetProcAddress(module, "GetThreadDescription") : NULL;
    memcpy(&describe, &found, sizeof describe);
    return cmocka_run_group_tests_name("threads: Windows", tests, NULL, NULL);
}
