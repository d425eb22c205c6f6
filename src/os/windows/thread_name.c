// SPDX-License-Identifier: MIT
// The function is looked up: early versions of Windows 10 do not have it, and a program that names it
// would not start there. A thread without its name works as well as one with it.
#include "os/windows/thread_name.h"

#include <string.h>
#include <wchar.h>
#include <windows.h>

#include "os/windows/text.h"

typedef HRESULT(WINAPI *describe_function)(HANDLE thread, const wchar_t *description);

// Long names are cut between two characters of UTF-8; one that is no UTF-8 is no name.
static void name_cut(const char *name, char cut[TF_THREAD_NAME_UNITS_MAX])
{
    size_t length = strlen(name);
    if (length >= TF_THREAD_NAME_UNITS_MAX) {
        length = TF_THREAD_NAME_UNITS_MAX - 1;
        while (length > 0 && ((unsigned char)name[length] & 0xC0) == 0x80) {
            length--;
        }
    }
    memcpy(cut, name, length);
    cut[length] = '\0';
}

void tf_thread_name_self(const char *name)
{
    char cut[TF_THREAD_NAME_UNITS_MAX];
    wchar_t wide[TF_THREAD_NAME_UNITS_MAX];
    HMODULE module = GetModuleHandleW(L"kernelbase.dll");
    FARPROC found = module != NULL ? GetProcAddress(module, "SetThreadDescription") : NULL;
    name_cut(name, cut);
    if (found == NULL || !tf_text_to_wide(cut, wide, TF_THREAD_NAME_UNITS_MAX)) {
        return;
    }
    describe_function describe = NULL;
    memcpy(&describe, &found, sizeof describe);
    (void)describe(GetCurrentThread(), wide);
}
