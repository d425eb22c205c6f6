// SPDX-License-Identifier: MIT
#include "human.h"

#include <stdio.h>

#include "os/clock.h"

void print_time(uint64_t time_ns)
{
    if (time_ns < NS_PER_MS) {
        printf(" %6.1f us", (double)time_ns / (double)NS_PER_US);
    } else if (time_ns < NS_PER_S) {
        printf(" %6.2f ms", (double)time_ns / (double)NS_PER_MS);
    } else {
        printf(" %6.2f s ", (double)time_ns / (double)NS_PER_S);
    }
}

// `\xNN` and the NUL.
#define ESCAPE_BYTES 5

void make_printable(const char *bytes, size_t size, char *text_out, size_t room)
{
    size_t length = 0;
    for (size_t index = 0; index < size && length + ESCAPE_BYTES <= room; index++) {
        unsigned char byte = (unsigned char)bytes[index];
        if (byte >= ' ' && byte < 0x7f && byte != '\\') {
            text_out[length] = (char)byte;
            length++;
        } else {
            snprintf(text_out + length, ESCAPE_BYTES, "\\x%02x", (unsigned)byte);
            length += ESCAPE_BYTES - 1;
        }
    }
    text_out[length] = '\0';
}
