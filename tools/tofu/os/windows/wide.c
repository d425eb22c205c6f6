// SPDX-License-Identifier: MIT
#include "wide.h"

#include <stdlib.h>
#include <windows.h>

#include "os/windows/fault.h"

wchar_t *wide_of(const char *text, size_t room, struct fault *fault)
{
    int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    if (length <= 0) {
        (void)fault_set(fault, GetLastError());
        return NULL;
    }
    wchar_t *wide = calloc((size_t)length + room, sizeof *wide);
    if (wide == NULL) {
        (void)fault_set(fault, ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, length);
    return wide;
}

char *narrow_of(const wchar_t *text)
{
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *narrow = size > 0 ? malloc((size_t)size) : NULL;
    if (narrow != NULL) {
        WideCharToMultiByte(CP_UTF8, 0, text, -1, narrow, size, NULL, NULL);
    }
    return narrow;
}
