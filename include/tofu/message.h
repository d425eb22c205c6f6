// SPDX-License-Identifier: MIT
// A message: a header, text headers ("name: value"), and a body of bytes.
//
// Messages come from tofu_engine_get() or tofu_group_wait() and go back with tofu_engine_put() or
// tofu_group_post(). A message has one owner at a time and no lock: the functions here may be called
// from any thread, by one thread at a time per message.
#ifndef TOFU_MESSAGE_H
#define TOFU_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/export.h>
#include <tofu/status.h>

/// What a message is for; the values are those on the wire (PROTOCOL.md, section 1).
enum tofu_opcode {
    TOFU_REQUEST,
    TOFU_RESPONSE,
    TOFU_SIGNAL,
    TOFU_HELLO_REQUEST,
    TOFU_HELLO_RESPONSE,
    TOFU_BYE_REQUEST,
    TOFU_BYE_RESPONSE,
    TOFU_BYE_SIGNAL,
    TOFU_WELCOME_REQUEST,
    TOFU_WELCOME_RESPONSE
};

/// Who made a message: a peer's or this application, or the engine (then it is a notice).
enum tofu_origin { TOFU_APPLICATION, TOFU_ENGINE };

/// The header as the application sees it: a plain value in host byte order.
struct tofu_header {
    uint16_t channel; ///< local number of the channel; 0 in a Hello or Welcome request
    uint8_t opcode;   ///< enum tofu_opcode
    uint8_t origin;   ///< enum tofu_origin; set by the engine
    uint8_t more;     ///< 1: further messages with this id follow
    uint8_t status;   ///< enum tofu_status; set by the engine
    uint64_t id;      ///< ties answers to questions; 0 lets the engine choose one
};

/// Most bytes that the text headers, and that the body, of one message can have.
#define TOFU_PART_BYTES_MAX 65535

struct tofu_message;

TOFU_EXTERN_C_BEGIN

/// Returns the header, to read and to change.
///
/// Ownership: borrowed; lives as long as the message.
TOFU_API struct tofu_header *tofu_message_header(struct tofu_message *message);

/// Replaces the body with a copy of `size` bytes. `bytes` may be NULL when `size` is 0.
///
/// @retval TOFU_INVALID_BODY_LEN   `size` is over TOFU_PART_BYTES_MAX; the body is unchanged.
/// @retval TOFU_ALLOCATION_FAILED  no memory; the body is unchanged.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_message_set_body(
    struct tofu_message *message, const void *bytes, size_t size);

/// Appends a copy of `size` bytes to the body; they may be a piece of it.
///
/// @retval TOFU_INVALID_BODY_LEN   the body would be over TOFU_PART_BYTES_MAX; it is unchanged.
/// @retval TOFU_ALLOCATION_FAILED  no memory; the body is unchanged.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_message_append_body(
    struct tofu_message *message, const void *bytes, size_t size);

/// Makes the body `size` bytes long for writing in place, and gives its address.
///
/// The first min(old, new) bytes stay; new bytes are not initialised.
/// @param body  may be NULL; writable until the message is put, posted or changed in size.
/// @retval TOFU_INVALID_BODY_LEN   `size` is over TOFU_PART_BYTES_MAX; nothing changed.
/// @retval TOFU_ALLOCATION_FAILED  no memory; nothing changed.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_message_resize_body(
    struct tofu_message *message, size_t size, void **body);

/// Returns the body and its size in bytes; never NULL, even when `*size` is 0.
///
/// Ownership: borrowed until the message is put, posted or changed.
/// @param size  may be NULL.
TOFU_API const void *tofu_message_body(const struct tofu_message *message, size_t *size);

/// Appends the text header `name: value`; both are NUL-terminated.
///
/// Blanks around the name are dropped. Names starting with `~` belong to the protocol.
/// @retval TOFU_INVALID_MESSAGE      the name is empty or holds `:`, CR or LF; or the value is empty
///                                   or holds CR or LF.
/// @retval TOFU_NOT_ALLOWED          the name is `~reason` or `~detail`, which only the engine writes.
/// @retval TOFU_INVALID_HEADERS_LEN  the text headers would be over TOFU_PART_BYTES_MAX bytes.
/// @retval TOFU_ALLOCATION_FAILED    no memory. Whatever the failure, the message is unchanged.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_message_append_text(
    struct tofu_message *message, const char *name, const char *value);

/// Finds the first text header with exactly this name. Returns false, and touches nothing, without one.
///
/// Ownership: borrowed until the message is put, posted or changed. `*value` is not NUL-terminated.
/// @param value  may be NULL.  @param size  may be NULL; bytes.
TOFU_API bool tofu_message_find_text(
    const struct tofu_message *message, const char *name, const char **value, size_t *size);

/// A place in the text headers of a message: a plain value, made by tofu_message_texts(). It is valid
/// until the message is put, posted or changed.
struct tofu_text_iterator {
    const char *position; ///< the next line
    const char *end;      ///< behind the last line
};

/// Returns an iterator at the first text header.
TOFU_API struct tofu_text_iterator tofu_message_texts(const struct tofu_message *message);

/// Gives the next text header and moves on. Returns false, and touches nothing, behind the last.
///
/// Ownership: borrowed as the iterator. Name and value are not NUL-terminated.
/// @param name, name_size, value, value_size  each may be NULL.
TOFU_API bool tofu_text_next(
    struct tofu_text_iterator *it,
    const char **name,
    size_t *name_size,
    const char **value,
    size_t *value_size);

/// Removes all text headers.
TOFU_API void tofu_message_clear_texts(struct tofu_message *message);

/// Makes the message as it came from the pool: header 0, no texts, no body, no user pointer.
TOFU_API void tofu_message_reset(struct tofu_message *message);

/// Makes a copy of header, texts, body and user pointer, with memory of the same engine, as
/// tofu_engine_get(TOFU_ALWAYS) would.
///
/// Ownership: `*clone` is yours after TOFU_OK, else NULL.
/// @retval TOFU_ALLOCATION_FAILED  no memory.
/// @retval TOFU_FORKED             the engine is the parent process's.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_message_clone(
    const struct tofu_message *message, struct tofu_message **clone);

/// Returns the pointer set by tofu_message_set_user(), or NULL.
TOFU_API void *tofu_message_user(const struct tofu_message *message);

/// Ties a pointer of your own to the message. It is never sent, stays through notices that return
/// the message, and is NULL in a message from the pool or from a peer.
TOFU_API void tofu_message_set_user(struct tofu_message *message, void *user);

TOFU_EXTERN_C_END

#endif
