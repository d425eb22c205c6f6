// SPDX-License-Identifier: MIT
#include "incoming.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "human.h"
#include "quantity.h"

struct incoming *incoming_create(const struct tofu_message *hello)
{
    struct incoming *incoming = calloc(1, sizeof *incoming);
    if (incoming == NULL) {
        return NULL;
    }
    incoming->file.handle = NO_HANDLE;
    if (!checksum_open(&incoming->checksum)) {
        free(incoming);
        return NULL;
    }
    struct tofu_peer peer;
    if (!tofu_message_peer(hello, &peer) ||
        tofu_address_format(&peer.address, incoming->peer, sizeof incoming->peer) != TOFU_OK) {
        // A Unix socket that connects has no path, as a rule.
        incoming->peer[0] = '\0';
    }
    return incoming;
}

void incoming_destroy(const struct inbox *inbox, struct incoming **incoming)
{
    if (*incoming == NULL) {
        return;
    }
    inbox_drop(inbox, &(*incoming)->file);
    checksum_close(&(*incoming)->checksum);
    free(*incoming);
    *incoming = NULL;
}

// Copies a value and ends it with a NUL. Returns false if there is none, or it does not fit.
static bool copy_text(
    const struct tofu_message *message, const char *name, char *text_out, size_t room)
{
    const char *value = NULL;
    size_t size = 0;
    if (!tofu_message_find_text(message, name, &value, &size) || size >= room) {
        return false;
    }
    memcpy(text_out, value, size);
    text_out[size] = '\0';
    return true;
}

static enum refusal read_name(struct incoming *incoming, const struct tofu_message *request)
{
    const char *name = NULL;
    size_t size = 0;
    if (!tofu_message_find_text(request, TRANSFER_NAME, &name, &size)) {
        return REFUSAL_BAD_REQUEST;
    }
    const char *fault = file_name_fault(name, size);
    if (fault == NULL) {
        memcpy(incoming->name, name, size);
        incoming->name[size] = '\0';
        return REFUSAL_NONE;
    }
    make_printable(name, size, incoming->name, sizeof incoming->name);
    return REFUSAL_BAD_NAME;
}

// Everything that can be known before the first byte is written.
static enum refusal begin(
    struct incoming *incoming,
    struct inbox *inbox,
    uint64_t bytes_max,
    const struct tofu_message *request)
{
    incoming->id = tofu_message_header((struct tofu_message *)(uintptr_t)request)->id;
    incoming->name[0] = '\0';
    incoming->size = 0;
    incoming->received = 0;
    enum refusal refusal = read_name(incoming, request);
    if (refusal != REFUSAL_NONE) {
        return refusal;
    }
    char size[24];
    if (!copy_text(request, TRANSFER_SIZE, size, sizeof size) ||
        !quantity_read(size, UNIT_NONE, &incoming->size)) {
        return REFUSAL_BAD_REQUEST;
    }
    if (incoming->size > bytes_max) {
        return REFUSAL_TOO_LARGE;
    }
    refusal = inbox_look(inbox, incoming->name);
    if (refusal != REFUSAL_NONE) {
        return refusal;
    }
    checksum_reset(&incoming->checksum);
    return inbox_create(inbox, &incoming->file);
}

static enum refusal append(
    struct incoming *incoming, const struct inbox *inbox, const struct tofu_message *request)
{
    size_t size = 0;
    const void *body = tofu_message_body(request, &size);
    if (size > incoming->size - incoming->received) {
        return REFUSAL_BAD_SIZE;
    }
    incoming->received += size;
    checksum_add(&incoming->checksum, body, size);
    return inbox_write(inbox, &incoming->file, body, size);
}

static enum refusal finish(
    struct incoming *incoming, struct inbox *inbox, const struct tofu_message *request)
{
    if (tofu_message_find_text(request, TRANSFER_CANCEL, NULL, NULL)) {
        return REFUSAL_CANCELED;
    }
    if (incoming->received != incoming->size) {
        return REFUSAL_BAD_SIZE;
    }
    if (!tofu_message_find_text(request, TRANSFER_CHECKSUM, NULL, NULL)) {
        return REFUSAL_BAD_REQUEST;
    }
    checksum_write(&incoming->checksum, incoming->checksum_text);
    if (!text_is(request, TRANSFER_CHECKSUM, incoming->checksum_text)) {
        return REFUSAL_BAD_CHECKSUM;
    }
    return inbox_keep(inbox, &incoming->file, incoming->name);
}

static enum refusal go_on(
    struct incoming *incoming,
    struct inbox *inbox,
    uint64_t bytes_max,
    struct tofu_message *request)
{
    enum refusal refusal = REFUSAL_NONE;
    if (incoming->state == INCOMING_IDLE) {
        refusal = begin(incoming, inbox, bytes_max, request);
    }
    if (refusal == REFUSAL_NONE) {
        refusal = append(incoming, inbox, request);
    }
    if (refusal == REFUSAL_NONE && tofu_message_header(request)->more == 0) {
        refusal = finish(incoming, inbox, request);
    }
    return refusal;
}

enum incoming_step incoming_take(
    struct incoming *incoming,
    struct inbox *inbox,
    uint64_t bytes_max,
    struct tofu_message *request,
    enum refusal *refusal_out)
{
    const struct tofu_header *header = tofu_message_header(request);
    // What has no id cannot be answered, and one file ends before the next one begins.
    bool is_begun = incoming->state != INCOMING_IDLE;
    if (header->id == 0 || (is_begun && header->id != incoming->id)) {
        return STEP_FORBIDDEN;
    }
    bool is_last = header->more == 0;
    if (incoming->state == INCOMING_DROPPING) {
        incoming->state = is_last ? INCOMING_IDLE : INCOMING_DROPPING;
        return STEP_MORE;
    }
    enum refusal refusal = go_on(incoming, inbox, bytes_max, request);
    if (refusal != REFUSAL_NONE) {
        inbox_drop(inbox, &incoming->file);
        incoming->state = is_last ? INCOMING_IDLE : INCOMING_DROPPING;
        *refusal_out = refusal;
        return STEP_REFUSED;
    }
    incoming->state = is_last ? INCOMING_IDLE : INCOMING_WRITING;
    return is_last ? STEP_KEPT : STEP_MORE;
}
