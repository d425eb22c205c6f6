// SPDX-License-Identifier: MIT
// The system's words for its error numbers.
//
// There are two functions called strerror_r. This file asks for that of POSIX, which every system
// has, even where the rest of the library is compiled with the GNU extensions.
#undef _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "os/error.h"

#include <string.h>

#include "base/assert.h"

void tf_error_text(int code, char *text, size_t size)
{
    TF_ASSERT(text != NULL);
    TF_ASSERT(size > 0);

    text[0] = '\0';
    if (code == 0) {
        return;
    }
    // An unknown code, or words that had to be cut, are failures to strerror_r, not to us.
    (void)strerror_r(code, text, size);
    text[size - 1] = '\0';
    for (char *c = text; *c != '\0'; c++) {
        if (*c == '\r' || *c == '\n') {
            *c = ' ';
        }
    }
}
