// SPDX-License-Identifier: MIT
// The life of a message, its header and its body; its text headers are in text_headers.c.
//
// Buffers grow and are kept: after its first trips a pooled message costs no allocation.
#include "wire/message.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "wire/header.h"

struct tofu_message *tf_message_create(const struct tofu_allocator *allocator)
{
    struct tofu_message *message = tf_alloc_zeroed(allocator, sizeof *message);
    if (message != NULL) {
        message->allocator = allocator;
    }
    return message;
}

static void drop_peer(struct tofu_message *message)
{
    tf_free(message->allocator, message->peer, sizeof *message->peer);
    message->peer = NULL;
}

void tf_message_destroy(struct tofu_message **message)
{
    struct tofu_message *dead = *message;
    *message = NULL;
    if (dead == NULL) {
        return;
    }
    const struct tofu_allocator *allocator = dead->allocator;
    drop_peer(dead);
    tf_bytes_clear(&dead->text, allocator);
    tf_bytes_clear(&dead->body, allocator);
    tf_free(allocator, dead, sizeof *dead);
}

struct tofu_peer *tf_message_make_peer(struct tofu_message *message)
{
    TF_ASSERT(message->peer == NULL);

    message->peer = tf_alloc_zeroed(message->allocator, sizeof *message->peer);
    return message->peer;
}

size_t tf_message_wire_bytes(const struct tofu_message *message)
{
    return TF_HEADER_BYTES + (size_t)message->text.size + message->body.size;
}

bool tf_message_copy(struct tofu_message *target, const struct tofu_message *source)
{
    TF_ASSERT(target->text.size == 0);
    TF_ASSERT(target->body.size == 0);

    // Reserved first, so that the copy is exact and nothing is to be undone on failure.
    if (!tf_bytes_reserve(&target->text, target->allocator, source->text.size) ||
        !tf_bytes_reserve(&target->body, target->allocator, source->body.size)) {
        return false;
    }
    if (source->peer != NULL) {
        struct tofu_peer *peer = tf_message_make_peer(target);
        if (peer == NULL) {
            return false;
        }
        *peer = *source->peer;
    }
    if (source->text.size > 0) {
        memcpy(target->text.data, source->text.data, source->text.size);
    }
    if (source->body.size > 0) {
        memcpy(target->body.data, source->body.data, source->body.size);
    }
    target->text.size = source->text.size;
    target->body.size = source->body.size;
    target->header = source->header;
    target->user = source->user;
    return true;
}

struct tofu_header *tofu_message_header(struct tofu_message *message)
{
    TF_ASSERT(message != NULL);

    return &message->header;
}

enum tofu_status tofu_message_set_body(struct tofu_message *message, const void *bytes, size_t size)
{
    TF_ASSERT(message != NULL);
    TF_ASSERT(bytes != NULL || size == 0);

    if (size > TOFU_PART_BYTES_MAX) {
        return TOFU_INVALID_BODY_LEN;
    }
    if (!tf_bytes_reserve(&message->body, message->allocator, size)) {
        return TOFU_ALLOCATION_FAILED;
    }
    if (size > 0) {
        // May be a piece of this very body, which then fits: reserve has moved nothing.
        memmove(message->body.data, bytes, size);
    }
    message->body.size = (uint32_t)size;
    return TOFU_OK;
}

enum tofu_status tofu_message_append_body(
    struct tofu_message *message, const void *bytes, size_t size)
{
    TF_ASSERT(message != NULL);
    TF_ASSERT(bytes != NULL || size == 0);

    if (size > TOFU_PART_BYTES_MAX - message->body.size) {
        return TOFU_INVALID_BODY_LEN;
    }
    if (!tf_bytes_append(&message->body, message->allocator, bytes, size, TOFU_PART_BYTES_MAX)) {
        return TOFU_ALLOCATION_FAILED;
    }
    return TOFU_OK;
}

// The address of a body that never had memory; nobody reads or writes there. It lets an application
// hand any body, an empty one included, to memcpy() and its like, which must not get NULL.
static uint8_t no_body[1];

enum tofu_status tofu_message_resize_body(struct tofu_message *message, size_t size, void **body)
{
    TF_ASSERT(message != NULL);

    if (size > TOFU_PART_BYTES_MAX) {
        return TOFU_INVALID_BODY_LEN;
    }
    if (!tf_bytes_reserve(&message->body, message->allocator, size)) {
        return TOFU_ALLOCATION_FAILED;
    }
    message->body.size = (uint32_t)size;
    if (body != NULL) {
        *body = message->body.data != NULL ? message->body.data : no_body;
    }
    return TOFU_OK;
}

const void *tofu_message_body(const struct tofu_message *message, size_t *size)
{
    TF_ASSERT(message != NULL);

    if (size != NULL) {
        *size = message->body.size;
    }
    return message->body.data != NULL ? message->body.data : no_body;
}

void tofu_message_reset(struct tofu_message *message)
{
    TF_ASSERT(message != NULL);

    message->header = (struct tofu_header){0};
    message->text.size = 0;
    message->body.size = 0;
    message->user = NULL;
    drop_peer(message);
}

bool tofu_message_peer(const struct tofu_message *message, struct tofu_peer *peer)
{
    TF_ASSERT(message != NULL);

    if (message->peer == NULL) {
        return false;
    }
    *peer = *message->peer;
    return true;
}

void *tofu_message_user(const struct tofu_message *message)
{
    TF_ASSERT(message != NULL);

    return message->user;
}

void tofu_message_set_user(struct tofu_message *message, void *user)
{
    TF_ASSERT(message != NULL);

    message->user = user;
}
