// SPDX-License-Identifier: MIT
#include "fault.h"

#include <stdio.h>
#include <string.h>
#include <windows.h>

// ERROR_DISK_QUOTA_EXCEEDED, which not every header knows.
#define QUOTA_EXCEEDED 1295

static enum fault_kind kind_of(unsigned long error)
{
    switch (error) {
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
        return FAULT_EXISTS;
    case ERROR_INVALID_NAME:
    case ERROR_FILENAME_EXCED_RANGE:
    case ERROR_NO_UNICODE_TRANSLATION:
        return FAULT_BAD_NAME;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case QUOTA_EXCEEDED:
    case ERROR_NOT_ENOUGH_QUOTA:
    case ERROR_FILE_TOO_LARGE:
        return FAULT_NO_SPACE;
    default:
        return FAULT_OTHER;
    }
}

// The system's sentences end with a full stop and a line break.
static void trim(wchar_t *text)
{
    size_t length = wcslen(text);
    while (length > 0 && (text[length - 1] <= L' ' || text[length - 1] == L'.')) {
        length--;
    }
    text[length] = L'\0';
}

bool fault_set(struct fault *fault, unsigned long error)
{
    // A third of the room: no unit of UTF-16 takes more than three bytes of UTF-8.
    wchar_t wide[FAULT_TEXT_BYTES / 3];
    DWORD flags =
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK;
    DWORD length = FormatMessageW(flags, NULL, error, 0, wide, sizeof wide / sizeof wide[0], NULL);
    fault->kind = kind_of(error);
    if (length == 0) {
        snprintf(fault->text, sizeof fault->text, "error %lu", error);
        return false;
    }
    trim(wide);
    WideCharToMultiByte(CP_UTF8, 0, wide, -1, fault->text, sizeof fault->text, NULL, NULL);
    return false;
}
