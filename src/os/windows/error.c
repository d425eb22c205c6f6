// SPDX-License-Identifier: MIT
// The system's words for its error numbers: those of Win32 and those of Winsock, which share one range.
//
// The words come in the language of the user, as UTF-16, with a line's end behind them. Where the system
// has none (Wine, for most of Winsock) the number is all there is to say.
#include "os/error.h"

#include <stdio.h>
#include <string.h>
#include <windows.h>

#include "base/assert.h"
#include "os/windows/own_error.h"
#include "os/windows/text.h"

// Longer than any sentence of the system; one that is longer yet counts as none.
#define TF_SENTENCE_UNITS_MAX 512

static void text_copy(const char *words, char *text, size_t size)
{
    size_t length = strlen(words);
    length = length < size ? length : size - 1;
    memcpy(text, words, length);
    text[length] = '\0';
}

// Blanks for line ends, and nothing at the end that a sentence in parentheses could not have.
static void text_make_one_line(char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\r' || text[i] == '\n') {
            text[i] = ' ';
        }
    }
    while (length > 0 && text[length - 1] == ' ') {
        length--;
        text[length] = '\0';
    }
}

static bool text_of_system(int code, char *text, size_t size)
{
    wchar_t sentence[TF_SENTENCE_UNITS_MAX];
    DWORD flags =
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK;
    DWORD units =
        FormatMessageW(flags, NULL, (DWORD)code, 0, sentence, TF_SENTENCE_UNITS_MAX, NULL);
    if (units == 0) {
        return false;
    }
    tf_text_from_wide(sentence, text, size);
    text_make_one_line(text);
    return text[0] != '\0';
}

void tf_error_text(int code, char *text, size_t size)
{
    TF_ASSERT(text != NULL);
    TF_ASSERT(size > 0);

    text[0] = '\0';
    if (code == 0) {
        return;
    }
    if (code == TF_ERROR_NO_UNIX_SOCKETS) {
        text_copy(
            "this system has no Unix sockets: Windows 10 has them since version 1803", text, size);
        return;
    }
    if (!text_of_system(code, text, size)) {
        (void)snprintf(text, size, "system error %d", code);
    }
}
