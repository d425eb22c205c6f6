// SPDX-License-Identifier: MIT
// What `tofu send` and `tofu receive` say to each other: docs/file-transfer.md.
#ifndef TOOL_TRANSFER_H
#define TOOL_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/tofu.h>

// Text headers and their values.
#define TRANSFER_ROLE       "tofu"      // of the HelloResponse ...
#define TRANSFER_ROLE_VALUE "receive 1" // ... with the version of the protocol
#define TRANSFER_NAME       "name"      // of the first Request of a file
#define TRANSFER_SIZE       "size"      // of the first one, in bytes
#define TRANSFER_CHECKSUM   "checksum"  // of the last one
#define TRANSFER_CANCEL     "cancel"    // of the last one, in place of the checksum
#define TRANSFER_RESULT     "result"    // of the Response: "ok"
#define TRANSFER_RESULT_OK  "ok"
#define TRANSFER_ERROR      "error" // of the Response, in place of the result: a word below

/// Why a file is refused: word on the wire, and a sentence for the user. The words never change their
/// meaning. REFUSAL_NONE is no refusal.
#define TRANSFER_REFUSAL_LIST(X)                                                                   \
    X(REFUSAL_NONE, "none", "nothing is wrong")                                                    \
    X(REFUSAL_BAD_REQUEST, "bad_request", "the receiver does not understand the request")          \
    X(REFUSAL_BAD_NAME, "bad_name", "the receiver takes no file of this name")                     \
    X(REFUSAL_EXISTS, "exists", "the receiver has a file of this name already")                    \
    X(REFUSAL_TOO_LARGE, "too_large", "the file is larger than the receiver allows")               \
    X(REFUSAL_BAD_SIZE, "bad_size", "not as many bytes arrived as were announced")                 \
    X(REFUSAL_BAD_CHECKSUM, "bad_checksum", "the checksum does not fit: other bytes arrived")      \
    X(REFUSAL_NO_SPACE, "no_space", "the receiver has no room for the file")                       \
    X(REFUSAL_NOT_WRITTEN, "not_written", "the receiver could not write the file")                 \
    X(REFUSAL_CANCELED, "canceled", "the sender called it off")

#define TRANSFER_REFUSAL_ENUMERATOR(enumerator, word, text) enumerator,
enum refusal { TRANSFER_REFUSAL_LIST(TRANSFER_REFUSAL_ENUMERATOR) };
#undef TRANSFER_REFUSAL_ENUMERATOR

const char *refusal_word(enum refusal refusal);
const char *refusal_text(enum refusal refusal);

/// Finds the refusal with this word. Returns false if this version knows none.
bool refusal_find(const char *word, size_t size, enum refusal *refusal);

#define FILE_NAME_BYTES_MAX 255

/// Says what is wrong with a name that is to become a file in a folder, or returns NULL. Right is what
/// can be nothing but one new visible entry: UTF-8 of 1 to 255 bytes, without '/' and '\', control
/// characters, a dot at the beginning, or blanks at either end.
const char *file_name_fault(const char *name, size_t size);

/// Tells whether a text header has exactly this value.
bool text_is(const struct tofu_message *message, const char *name, const char *value);

#endif
