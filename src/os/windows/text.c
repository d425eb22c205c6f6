// SPDX-License-Identifier: MIT
#include "os/windows/text.h"

#include <limits.h>
#include <stdint.h>
#include <windows.h>

#include "base/assert.h"

bool tf_text_to_wide(const char *text, wchar_t *wide_out, size_t room)
{
    TF_ASSERT(room > 0);
    TF_ASSERT(room <= INT_MAX);

    return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide_out, (int)room) > 0;
}

// One character at a time: the system's own function can convert all or nothing. A pair of surrogates
// is one character; half a pair is none.
void tf_text_from_wide(const wchar_t *wide, char *text_out, size_t size)
{
    TF_ASSERT(size > 0);

    size_t used = 0;
    while (*wide != L'\0') {
        char character[8];
        int units = IS_HIGH_SURROGATE(wide[0]) && IS_LOW_SURROGATE(wide[1]) ? 2 : 1;
        int bytes = WideCharToMultiByte(
            CP_UTF8, 0, wide, units, character, (int)sizeof character, NULL, NULL);
        TF_ASSERT(bytes > 0);
        if (bytes <= 0 || used + (size_t)bytes >= size) {
            break;
        }
        for (int i = 0; i < bytes; i++) {
            text_out[used] = character[i];
            used++;
        }
        wide += units;
    }
    text_out[used] = '\0';
}
