// SPDX-License-Identifier: MIT
#include "console.h"

#include <stdarg.h>
#include <stdio.h>

void complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("tofu: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    // Not everywhere it is written by itself.
    fflush(stderr);
}

bool flush_output(void)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        complain("could not write to standard output");
        return false;
    }
    return true;
}
