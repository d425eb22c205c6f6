// SPDX-License-Identifier: MIT
// UTF-8, which is ours, and UTF-16, which is the system's.
#ifndef TF_OS_WINDOWS_TEXT_H
#define TF_OS_WINDOWS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

/// Writes a text as UTF-16, NUL-terminated. Returns false if it is no UTF-8, or needs more than `room`
/// units; then `wide_out` is undefined.
bool tf_text_to_wide(const char *text, wchar_t *wide_out, size_t room);

/// Writes UTF-16 as UTF-8, NUL-terminated, cut to `size` bytes between two characters. What is no
/// character comes out as U+FFFD.
void tf_text_from_wide(const wchar_t *wide, char *text_out, size_t size);

#endif
