// SPDX-License-Identifier: MIT
// What the system said went wrong: its number and its words.
#ifndef TF_OS_ERROR_H
#define TF_OS_ERROR_H

#include <stddef.h>

/// Longest text of an error, NUL included.
#define TF_ERROR_TEXT_BYTES_MAX 96

/// Writes the system's words for its error `code`, NUL-terminated, cut to `size`, without CR or LF.
/// "" for code 0. Threads: any.
void tf_error_text(int code, char *text, size_t size);

#endif
