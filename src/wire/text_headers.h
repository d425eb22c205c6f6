// SPDX-License-Identifier: MIT
// Text headers: lines "name:value CRLF", kept in a message exactly as they travel.
#ifndef TF_WIRE_TEXT_HEADERS_H
#define TF_WIRE_TEXT_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include <tofu/allocator.h>
#include <tofu/message.h>
#include <tofu/status.h>

#include "base/bytes.h"

#define TF_TEXT_CONNECT_TO "~connect_to"
#define TF_TEXT_LISTEN_ON  "~listen_on"
#define TF_TEXT_REASON     "~reason"
#define TF_TEXT_DETAIL     "~detail"

/// Appends a line, `~reason` and `~detail` included. Statuses as tofu_message_append_text().
TOFU_NODISCARD enum tofu_status tf_text_append(
    struct tf_bytes *text,
    const struct tofu_allocator *allocator,
    const char *name,
    const char *value);

/// Removes every line with exactly this name.
void tf_text_remove(struct tf_bytes *text, const char *name);

/// Returns the bytes of all lines with exactly this name: what tf_text_remove() would free.
size_t tf_text_name_bytes(const struct tf_bytes *text, const char *name);

/// Finds the first line with exactly this name; see tofu_message_find_text().
bool tf_text_find(
    const struct tf_bytes *text, const char *name, const char **value_out, size_t *size_out);

/// Checks received text headers: every line has a name and a colon, no CR or LF stands alone, no NUL,
/// and no name is `~reason` or `~detail`.
bool tf_text_is_valid(const struct tf_bytes *text);

#endif
