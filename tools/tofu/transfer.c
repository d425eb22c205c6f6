// SPDX-License-Identifier: MIT
#include "transfer.h"

#include <jansson.h>
#include <string.h>

#include "os/file_name.h"

struct refusal_row {
    const char *word;
    const char *text;
};

#define REFUSAL_ROW(enumerator, word, text) {word, text},

static const struct refusal_row refusals[] = {TRANSFER_REFUSAL_LIST(REFUSAL_ROW)};

#define REFUSAL_COUNT (sizeof refusals / sizeof refusals[0])

const char *refusal_word(enum refusal refusal)
{
    return refusals[refusal].word;
}

const char *refusal_text(enum refusal refusal)
{
    return refusals[refusal].text;
}

bool refusal_find(const char *word, size_t size, enum refusal *refusal_out)
{
    for (size_t index = 1; index < REFUSAL_COUNT; index++) {
        if (size == strlen(refusals[index].word) && memcmp(word, refusals[index].word, size) == 0) {
            *refusal_out = (enum refusal)index;
            return true;
        }
    }
    return false;
}

// jansson takes valid UTF-8 only, and it is there anyway.
static bool is_utf8(const char *text, size_t size)
{
    json_t *string = json_stringn(text, size);
    json_decref(string);
    return string != NULL;
}

// C0, DEL, and C1, which UTF-8 writes as C2 80 to C2 9F: a terminal may obey any of them.
static bool has_control(const char *text, size_t size)
{
    unsigned char before = 0;
    for (size_t index = 0; index < size; index++) {
        unsigned char byte = (unsigned char)text[index];
        if (byte < ' ' || byte == 0x7f || (before == 0xc2 && byte >= 0x80 && byte <= 0x9f)) {
            return true;
        }
        before = byte;
    }
    return false;
}

const char *file_name_fault(const char *name, size_t size)
{
    if (size == 0) {
        return "it is empty";
    }
    if (size > FILE_NAME_BYTES_MAX) {
        return "it is longer than 255 bytes";
    }
    if (name[0] == '.') {
        return "it begins with a dot";
    }
    if (name[0] == ' ' || name[size - 1] == ' ') {
        return "it begins or ends with a blank";
    }
    if (memchr(name, '/', size) != NULL || memchr(name, '\\', size) != NULL) {
        return "it holds a '/' or a '\\'";
    }
    if (has_control(name, size)) {
        return "it holds a control character";
    }
    return is_utf8(name, size) ? file_name_fault_here(name, size) : "it is not UTF-8";
}

bool text_is(const struct tofu_message *message, const char *name, const char *value)
{
    const char *found = NULL;
    size_t size = 0;
    return tofu_message_find_text(message, name, &found, &size) && size == strlen(value) &&
           memcmp(found, value, size) == 0;
}
