// SPDX-License-Identifier: MIT
#include "torture/payload.h"

#include <string.h>

#define FIRST_ID 1000

// The text header of every third part has so many bytes: more than a message starts with.
#define NOTE_BYTES_MAX 3000

static size_t note_bytes = NOTE_BYTES_MAX;

static struct {
    size_t body_bytes;
    uint8_t more;
} parts[PAYLOAD_COUNT] = {
    {0, 0},
    {3, 0},
    {TOFU_PART_BYTES_MAX, 1},
    {TOFU_PART_BYTES_MAX, 1},
    {40000, 0},
    {17, 1},
    {0, 0},
    {TOFU_PART_BYTES_MAX, 0},
    {1000, 0},
    {1, 0},
};

// All bodies are cut from one sequence that does not repeat itself, each part's from a place of its own, so
// that comparing them costs a play next to nothing.
#define STEP_BYTES 1009

static uint8_t sequence[TOFU_PART_BYTES_MAX + PAYLOAD_COUNT * STEP_BYTES];

// What goes in a few calls, even byte by byte.
#define SMALL_BYTES 100

void payload_shrink(void)
{
    note_bytes = SMALL_BYTES;
    for (size_t i = 0; i < PAYLOAD_COUNT; i++) {
        bool is_small = parts[i].body_bytes < SMALL_BYTES;
        parts[i].body_bytes = is_small ? parts[i].body_bytes : SMALL_BYTES;
    }
}

void payload_open(void)
{
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof sequence; i++) {
        state = state * 1664525 + 1013904223;
        sequence[i] = (uint8_t)(state >> 24);
    }
}

static const uint8_t *body_of(uint32_t index)
{
    return sequence + index * STEP_BYTES;
}

static bool has_note(uint32_t index)
{
    return index % 3 == 2;
}

static void note_write(uint32_t index, char *note)
{
    memset(note, 'a' + (int)index, note_bytes);
    note[note_bytes] = '\0';
}

enum tofu_status payload_write(struct tofu_message *message, uint32_t index)
{
    struct tofu_header *header = tofu_message_header(message);
    header->id = FIRST_ID + index;
    header->more = parts[index].more;
    if (has_note(index)) {
        char note[NOTE_BYTES_MAX + 1];
        note_write(index, note);
        enum tofu_status status = tofu_message_append_text(message, "note", note);
        if (status != TOFU_OK) {
            return status;
        }
    }
    void *body = NULL;
    enum tofu_status status = tofu_message_resize_body(message, parts[index].body_bytes, &body);
    if (status != TOFU_OK) {
        return status;
    }
    if (parts[index].body_bytes > 0) {
        memcpy(body, body_of(index), parts[index].body_bytes);
    }
    return TOFU_OK;
}

uint32_t payload_index(struct tofu_message *message)
{
    uint64_t id = tofu_message_header(message)->id;
    return id >= FIRST_ID && id < FIRST_ID + PAYLOAD_COUNT ? (uint32_t)(id - FIRST_ID)
                                                           : PAYLOAD_COUNT;
}

static bool note_is_whole(const struct tofu_message *message, uint32_t index)
{
    const char *value = NULL;
    size_t size = 0;
    bool is_there = tofu_message_find_text(message, "note", &value, &size);
    if (!has_note(index)) {
        return !is_there;
    }
    char note[NOTE_BYTES_MAX + 1];
    note_write(index, note);
    return is_there && size == note_bytes && memcmp(value, note, size) == 0;
}

bool payload_is_whole(struct tofu_message *message)
{
    uint32_t index = payload_index(message);
    if (index == PAYLOAD_COUNT || tofu_message_header(message)->more != parts[index].more) {
        return false;
    }
    size_t size = 0;
    const void *body = tofu_message_body(message, &size);
    return size == parts[index].body_bytes && note_is_whole(message, index) &&
           (size == 0 || memcmp(body, body_of(index), size) == 0);
}

// FNV-1a.
static uint64_t mix(uint64_t digest, const void *memory, size_t size)
{
    const uint8_t *bytes = memory;
    for (size_t i = 0; i < size; i++) {
        digest = (digest ^ bytes[i]) * UINT64_C(1099511628211);
    }
    return digest;
}

uint64_t payload_digest(struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    uint64_t digest = UINT64_C(14695981039346656037);
    uint8_t small[] = {header->opcode, header->origin, header->more, header->status};
    digest = mix(digest, small, sizeof small);

    struct tofu_text_iterator texts = tofu_message_texts(message);
    const char *name = NULL;
    const char *value = NULL;
    size_t name_size = 0;
    size_t value_size = 0;
    while (tofu_text_next(&texts, &name, &name_size, &value, &value_size)) {
        bool is_address = name_size > 2 && name[0] == '~' && (name[1] == 'c' || name[1] == 'l');
        digest = mix(digest, name, name_size);
        digest = is_address ? digest : mix(digest, value, value_size);
    }
    size_t size = 0;
    const void *body = tofu_message_body(message, &size);
    return mix(digest, body, size);
}
