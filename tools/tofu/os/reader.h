// SPDX-License-Identifier: MIT
// A file that is read from its beginning to its end, and watched for changes.
#ifndef TOOL_OS_READER_H
#define TOOL_OS_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "os/fault.h"
#include "os/handle.h"

struct reader {
    os_handle handle;
    uint64_t size;    // when it was opened
    uint64_t changed; // when it was changed last, as the system counts time
};

/// Opens a plain file; nothing else is opened, or even waited for. `*reader` is unchanged after a failure.
bool reader_open(struct reader *reader, const char *path, struct fault *fault);

void reader_close(struct reader *reader);

/// Reads up to `size` bytes. `*count` is 0 at the end of the file only.
bool reader_read(
    struct reader *reader, void *bytes, size_t size, size_t *count, struct fault *fault);

/// Tells whether size and time of change are what they were when the file was opened.
bool reader_look_again(struct reader *reader, bool *is_unchanged, struct fault *fault);

/// Opens anything that can be read for the standard library, pipes included. NULL: errno says why not.
FILE *reader_open_stream(const char *path);

#endif
