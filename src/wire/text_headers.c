// SPDX-License-Identifier: MIT
// The one place that knows how lines and their halves are told apart: appending, finding, iterating
// and checking all use it.
//
// What was received is checked once, as a whole. Everything else here takes any bytes and never
// looks behind them; a line without a colon or a name is no text header and is passed over.
#include "wire/text_headers.h"

#include <string.h>

#include "base/assert.h"
#include "wire/message.h"

// Bytes inside a text: not NUL-terminated.
struct span {
    const char *data;
    size_t size;
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static struct span span_trimmed(const char *begin, const char *end)
{
    while (begin < end && is_blank(*begin)) {
        begin++;
    }
    while (begin < end && is_blank(end[-1])) {
        end--;
    }
    return (struct span){.data = begin, .size = (size_t)(end - begin)};
}

// A name as a caller gives it; blanks around it mean nothing, as on the wire.
static struct span span_of_name(const char *name)
{
    return span_trimmed(name, name + strlen(name));
}

static bool span_equals(struct span left, struct span right)
{
    return left.size == right.size && memcmp(left.data, right.data, left.size) == 0;
}

static bool span_is_reserved(struct span name)
{
    return span_equals(name, span_of_name(TF_TEXT_REASON)) ||
           span_equals(name, span_of_name(TF_TEXT_DETAIL));
}

struct line {
    const char *begin;
    const char *end;  // Behind its last byte, which is not its CR LF.
    const char *next; // Where the next line begins.
};

// Gives the line at `position`. Only CR LF ends it; a CR or LF alone is one of its bytes, for
// tf_text_is_valid() to find.
static struct line line_at(const char *position, const char *end)
{
    const char *search = position;
    while (search < end) {
        const char *cr = memchr(search, '\r', (size_t)(end - search));
        if (cr == NULL) {
            break;
        }
        if (cr + 1 < end && cr[1] == '\n') {
            return (struct line){.begin = position, .end = cr, .next = cr + 2};
        }
        search = cr + 1;
    }
    return (struct line){.begin = position, .end = end, .next = end};
}

// Splits at the first colon. Returns false if there is none, or no name before it.
static bool line_split(struct line line, struct span *name_out, struct span *value_out)
{
    const char *colon = memchr(line.begin, ':', (size_t)(line.end - line.begin));
    if (colon == NULL) {
        return false;
    }
    *name_out = span_trimmed(line.begin, colon);
    *value_out = span_trimmed(colon + 1, line.end);
    return name_out->size > 0;
}

static bool line_has_name(struct line line, struct span name)
{
    struct span line_name;
    struct span line_value;
    return line_split(line, &line_name, &line_value) && span_equals(line_name, name);
}

static struct tofu_text_iterator iterator_over(const struct tf_bytes *text)
{
    // A text that never had memory has no address to add to.
    const char *begin = text->data != NULL ? (const char *)text->data : "";
    return (struct tofu_text_iterator){.position = begin, .end = begin + text->size};
}

bool tofu_text_next(
    struct tofu_text_iterator *it,
    const char **name,
    size_t *name_size,
    const char **value,
    size_t *value_size)
{
    struct span name_found;
    struct span value_found;
    struct line line;
    do {
        if (it->position == it->end) {
            return false;
        }
        line = line_at(it->position, it->end);
        it->position = line.next;
    } while (!line_split(line, &name_found, &value_found));

    if (name != NULL) {
        *name = name_found.data;
    }
    if (name_size != NULL) {
        *name_size = name_found.size;
    }
    if (value != NULL) {
        *value = value_found.data;
    }
    if (value_size != NULL) {
        *value_size = value_found.size;
    }
    return true;
}

// Whether the next line would be glued to the last one: a peer may leave out the last CR LF.
static bool text_needs_end_of_line(const struct tf_bytes *text)
{
    return text->size > 0 &&
           (text->size < 2 || memcmp(text->data + text->size - 2, "\r\n", 2) != 0);
}

// Appends the pieces of a line, which fit. Returns false, and changes nothing, without memory.
static bool text_append_pieces(
    struct tf_bytes *text,
    const struct tofu_allocator *allocator,
    const struct span *pieces,
    size_t piece_count)
{
    uint32_t size_before = text->size;
    for (size_t i = 0; i < piece_count; i++) {
        if (!tf_bytes_append(
                text, allocator, pieces[i].data, pieces[i].size, TOFU_PART_BYTES_MAX)) {
            text->size = size_before;
            return false;
        }
    }
    return true;
}

enum tofu_status tf_text_append(
    struct tf_bytes *text,
    const struct tofu_allocator *allocator,
    const char *name,
    const char *value)
{
    struct span trimmed = span_of_name(name);
    size_t value_size = strlen(value);
    if (trimmed.size == 0 || strpbrk(name, ":\r\n") != NULL || value_size == 0 ||
        strpbrk(value, "\r\n") != NULL) {
        return TOFU_INVALID_MESSAGE;
    }

    const struct span pieces[] = {
        {.data = "\r\n", .size = text_needs_end_of_line(text) ? 2 : 0},
        trimmed,
        {.data = ":", .size = 1},
        {.data = value, .size = value_size},
        {.data = "\r\n", .size = 2},
    };
    const size_t piece_count = sizeof pieces / sizeof pieces[0];
    size_t needed = text->size;
    for (size_t i = 0; i < piece_count; i++) {
        needed += pieces[i].size;
    }
    if (needed > TOFU_PART_BYTES_MAX) {
        return TOFU_INVALID_HEADERS_LEN;
    }
    if (!text_append_pieces(text, allocator, pieces, piece_count)) {
        return TOFU_ALLOCATION_FAILED;
    }
    return TOFU_OK;
}

void tf_text_remove(struct tf_bytes *text, const char *name)
{
    if (text->size == 0) {
        return;
    }
    struct span wanted = span_of_name(name);
    const char *const begin = (const char *)text->data;
    const char *const end = begin + text->size;
    size_t kept = 0;
    struct line line;
    for (const char *position = begin; position < end; position = line.next) {
        line = line_at(position, end);
        if (!line_has_name(line, wanted)) {
            size_t line_bytes = (size_t)(line.next - position);
            memmove(text->data + kept, position, line_bytes);
            kept += line_bytes;
        }
    }
    text->size = (uint32_t)kept;
}

size_t tf_text_name_bytes(const struct tf_bytes *text, const char *name)
{
    struct span wanted = span_of_name(name);
    struct tofu_text_iterator it = iterator_over(text);
    size_t bytes = 0;
    struct line line;
    for (; it.position < it.end; it.position = line.next) {
        line = line_at(it.position, it.end);
        bytes += line_has_name(line, wanted) ? (size_t)(line.next - line.begin) : 0;
    }
    return bytes;
}

bool tf_text_find(
    const struct tf_bytes *text, const char *name, const char **value_out, size_t *size_out)
{
    struct span wanted = span_of_name(name);
    struct tofu_text_iterator it = iterator_over(text);
    struct span found;
    struct span value;
    while (tofu_text_next(&it, &found.data, &found.size, &value.data, &value.size)) {
        if (!span_equals(found, wanted)) {
            continue;
        }
        if (value_out != NULL) {
            *value_out = value.data;
        }
        if (size_out != NULL) {
            *size_out = value.size;
        }
        return true;
    }
    return false;
}

static bool line_is_valid(struct line line)
{
    size_t size = (size_t)(line.end - line.begin);
    if (memchr(line.begin, '\r', size) != NULL || memchr(line.begin, '\n', size) != NULL ||
        memchr(line.begin, '\0', size) != NULL) {
        return false;
    }
    struct span name;
    struct span value;
    return size == 0 || (line_split(line, &name, &value) && !span_is_reserved(name));
}

bool tf_text_is_valid(const struct tf_bytes *text)
{
    struct tofu_text_iterator it = iterator_over(text);
    while (it.position < it.end) {
        struct line line = line_at(it.position, it.end);
        if (!line_is_valid(line)) {
            return false;
        }
        it.position = line.next;
    }
    return true;
}

enum tofu_status tofu_message_append_text(
    struct tofu_message *message, const char *name, const char *value)
{
    TF_ASSERT(message != NULL);
    TF_ASSERT(name != NULL && value != NULL);

    if (span_is_reserved(span_of_name(name))) {
        return TOFU_NOT_ALLOWED;
    }
    return tf_text_append(&message->text, message->allocator, name, value);
}

bool tofu_message_find_text(
    const struct tofu_message *message, const char *name, const char **value, size_t *size)
{
    TF_ASSERT(message != NULL);
    TF_ASSERT(name != NULL);

    return tf_text_find(&message->text, name, value, size);
}

struct tofu_text_iterator tofu_message_texts(const struct tofu_message *message)
{
    TF_ASSERT(message != NULL);

    return iterator_over(&message->text);
}

void tofu_message_clear_texts(struct tofu_message *message)
{
    TF_ASSERT(message != NULL);

    message->text.size = 0;
}
