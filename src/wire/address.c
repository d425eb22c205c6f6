// SPDX-License-Identifier: MIT
// The grammar of addresses, and addresses in messages.
//
// What is decided here beyond the specification:
//   * Schemes are lower case, and URLs know no escapes, no user and no path behind the port.
//   * A port has no leading zeros, so that each address has one bar form and a bar form travels
//     verbatim.
//   * A host has no blanks, control characters, brackets, slashes or bars. Whether the rest names
//     something is the resolver's question.
//   * A URL's host has a colon if and only if it is in brackets: they are for IPv6.
//   * A path has no NUL, CR, LF or bar, and does not end in a blank, which a reader would trim.
#include "wire/address.h"

#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "wire/message.h"
#include "wire/text_headers.h"

#define BAR_TCP "tcp|"
#define BAR_UDS "uds|"
#define URL_TCP "tcp://"
#define URL_UDS "uds://"

#define PORT_DIGITS_MAX 5

static_assert(
    TOFU_ADDRESS_BYTES_MAX >= sizeof BAR_TCP - 1 + TOFU_HOST_BYTES_MAX + 1 + PORT_DIGITS_MAX + 1,
    "the longest TCP address fits");
static_assert(
    TOFU_ADDRESS_BYTES_MAX >= sizeof BAR_UDS - 1 + TOFU_PATH_BYTES_MAX + 1,
    "the longest Unix address fits");

// Text as a range, because a text header's value has no NUL behind it.
struct piece {
    const char *begin;
    const char *end;
};

static size_t piece_size(struct piece piece)
{
    return (size_t)(piece.end - piece.begin);
}

static bool piece_has(struct piece piece, char byte)
{
    return memchr(piece.begin, byte, piece_size(piece)) != NULL;
}

// Drops `prefix`. Returns false, and changes nothing, if the piece begins otherwise.
static bool piece_skip(struct piece *piece, const char *prefix)
{
    size_t size = strlen(prefix);
    if (piece_size(*piece) < size || memcmp(piece->begin, prefix, size) != 0) {
        return false;
    }
    piece->begin += size;
    return true;
}

static bool host_is_valid(struct piece host)
{
    if (piece_size(host) > TOFU_HOST_BYTES_MAX) {
        return false;
    }
    for (const char *byte = host.begin; byte < host.end; byte++) {
        bool is_control_or_space = (unsigned char)*byte <= ' ' || *byte == 0x7F;
        if (is_control_or_space || strchr("[]/|", *byte) != NULL) {
            return false;
        }
    }
    return true;
}

static bool path_is_valid(struct piece path)
{
    if (path.begin == path.end || piece_size(path) > TOFU_PATH_BYTES_MAX) {
        return false;
    }
    if (path.end[-1] == ' ' || path.end[-1] == '\t') {
        return false;
    }
    return !piece_has(path, '\0') && !piece_has(path, '\r') && !piece_has(path, '\n') &&
           !piece_has(path, '|');
}

static bool port_parse(struct piece digits, uint16_t *port_out)
{
    size_t size = piece_size(digits);
    if (size == 0 || size > PORT_DIGITS_MAX || (size > 1 && *digits.begin == '0')) {
        return false;
    }
    uint32_t port = 0;
    for (const char *digit = digits.begin; digit < digits.end; digit++) {
        if (*digit < '0' || *digit > '9') {
            return false;
        }
        port = port * 10 + (uint32_t)(*digit - '0');
    }
    if (port > UINT16_MAX) {
        return false;
    }
    *port_out = (uint16_t)port;
    return true;
}

static bool tcp_make(struct piece host, struct piece port, struct tofu_address *address_out)
{
    struct tofu_address address = {.transport = TOFU_TCP};
    if (!host_is_valid(host) || !port_parse(port, &address.port)) {
        return false;
    }
    memcpy(address.host, host.begin, piece_size(host));
    *address_out = address;
    return true;
}

static bool uds_make(struct piece path, struct tofu_address *address_out)
{
    struct tofu_address address = {.transport = TOFU_UDS};
    if (!path_is_valid(path)) {
        return false;
    }
    memcpy(address.path, path.begin, piece_size(path));
    *address_out = address;
    return true;
}

// HOST|PORT. A second bar is refused as part of the port.
static bool bar_tcp_parse(struct piece text, struct tofu_address *address_out)
{
    const char *bar = memchr(text.begin, '|', piece_size(text));
    if (bar == NULL) {
        return false;
    }
    struct piece host = {.begin = text.begin, .end = bar};
    struct piece port = {.begin = bar + 1, .end = text.end};
    return tcp_make(host, port, address_out);
}

static bool bar_parse(struct piece text, struct tofu_address *address_out)
{
    if (piece_skip(&text, BAR_TCP)) {
        return bar_tcp_parse(text, address_out);
    }
    return piece_skip(&text, BAR_UDS) && uds_make(text, address_out);
}

// [IPV6]:PORT, or HOST:PORT where the host has no colon.
static bool url_tcp_parse(struct piece text, struct tofu_address *address_out)
{
    bool is_bracketed = piece_skip(&text, "[");
    char host_end = is_bracketed ? ']' : ':';
    const char *end = memchr(text.begin, host_end, piece_size(text));
    if (end == NULL) {
        return false;
    }
    struct piece host = {.begin = text.begin, .end = end};
    struct piece port = {.begin = end, .end = text.end};
    if (is_bracketed && (!piece_has(host, ':') || !piece_skip(&port, "]"))) {
        return false;
    }
    return piece_skip(&port, ":") && tcp_make(host, port, address_out);
}

enum tofu_status tofu_address_parse(const char *text, struct tofu_address *address)
{
    TF_ASSERT(text != NULL);
    TF_ASSERT(address != NULL);

    struct piece piece = {.begin = text, .end = text + strlen(text)};
    bool is_address;
    if (piece_skip(&piece, URL_TCP)) {
        is_address = url_tcp_parse(piece, address);
    } else if (piece_skip(&piece, URL_UDS)) {
        is_address = uds_make(piece, address);
    } else {
        is_address = bar_parse(piece, address);
    }
    return is_address ? TOFU_OK : TOFU_WRONG_ADDRESS;
}

// Appends to a text that has room.
static char *text_put(char *end, const char *bytes, size_t size)
{
    memcpy(end, bytes, size);
    return end + size;
}

static char *text_put_port(char *end, uint16_t port)
{
    char digits[PORT_DIGITS_MAX];
    size_t first = PORT_DIGITS_MAX;
    unsigned rest = port;
    do {
        first--;
        digits[first] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    return text_put(end, digits + first, PORT_DIGITS_MAX - first);
}

// The text in an array of `size` bytes. Without a NUL it is as long as the array: too long for any
// host or path.
static struct piece piece_of_array(const char *array, size_t size)
{
    const char *nul = memchr(array, '\0', size);
    return (struct piece){.begin = array, .end = nul != NULL ? nul : array + size};
}

enum tofu_status tofu_address_format(const struct tofu_address *address, char *text, size_t size)
{
    TF_ASSERT(address != NULL);
    TF_ASSERT(text != NULL || size == 0);

    struct piece host = piece_of_array(address->host, sizeof address->host);
    struct piece path = piece_of_array(address->path, sizeof address->path);
    bool is_tcp = address->transport == TOFU_TCP && host_is_valid(host);
    bool is_uds = address->transport == TOFU_UDS && path_is_valid(path);
    if (!is_tcp && !is_uds) {
        return TOFU_WRONG_ADDRESS;
    }

    char bar_form[TOFU_ADDRESS_BYTES_MAX];
    char *end = text_put(bar_form, is_tcp ? BAR_TCP : BAR_UDS, sizeof BAR_TCP - 1);
    if (is_tcp) {
        end = text_put(end, host.begin, piece_size(host));
        end = text_put(end, "|", 1);
        end = text_put_port(end, address->port);
    } else {
        end = text_put(end, path.begin, piece_size(path));
    }
    *end = '\0';
    size_t bar_form_bytes = (size_t)(end - bar_form) + 1;
    if (bar_form_bytes > size) {
        return TOFU_WRONG_ADDRESS;
    }
    memcpy(text, bar_form, bar_form_bytes);
    return TOFU_OK;
}

static bool address_can_be_connected_to(const struct tofu_address *address)
{
    return address->transport == TOFU_UDS || (address->host[0] != '\0' && address->port != 0);
}

// Gives the message one address, `name` saying what for, in place of those it had. The new text is
// made aside, so that failure leaves the old one.
static enum tofu_status message_set_address(
    struct tofu_message *message, const char *name, const struct tofu_address *address)
{
    char bar_form[TOFU_ADDRESS_BYTES_MAX];
    enum tofu_status status = tofu_address_format(address, bar_form, sizeof bar_form);
    if (status != TOFU_OK) {
        return status;
    }
    struct tf_bytes text = {0};
    const struct tf_bytes *old = &message->text;
    if (!tf_bytes_append(&text, message->allocator, old->data, old->size, TOFU_PART_BYTES_MAX)) {
        return TOFU_ALLOCATION_FAILED;
    }
    tf_text_remove(&text, TF_TEXT_CONNECT_TO);
    tf_text_remove(&text, TF_TEXT_LISTEN_ON);
    status = tf_text_append(&text, message->allocator, name, bar_form);
    if (status != TOFU_OK) {
        tf_bytes_clear(&text, message->allocator);
        return status;
    }
    tf_bytes_clear(&message->text, message->allocator);
    message->text = text;
    return TOFU_OK;
}

enum tofu_status tofu_message_connect_to(struct tofu_message *message, const char *address)
{
    TF_ASSERT(message != NULL);

    struct tofu_address parsed;
    enum tofu_status status = tofu_address_parse(address, &parsed);
    if (status != TOFU_OK) {
        return status;
    }
    if (!address_can_be_connected_to(&parsed)) {
        return TOFU_WRONG_ADDRESS;
    }
    status = message_set_address(message, TF_TEXT_CONNECT_TO, &parsed);
    if (status != TOFU_OK) {
        return status;
    }
    message->header = (struct tofu_header){.opcode = TOFU_HELLO_REQUEST};
    return TOFU_OK;
}

enum tofu_status tofu_message_listen_on(struct tofu_message *message, const char *address)
{
    TF_ASSERT(message != NULL);

    struct tofu_address parsed;
    enum tofu_status status = tofu_address_parse(address, &parsed);
    if (status != TOFU_OK) {
        return status;
    }
    status = message_set_address(message, TF_TEXT_LISTEN_ON, &parsed);
    if (status != TOFU_OK) {
        return status;
    }
    message->header = (struct tofu_header){.opcode = TOFU_WELCOME_REQUEST};
    return TOFU_OK;
}

enum tofu_status tf_message_address(
    const struct tofu_message *message, struct tofu_address *address_out)
{
    uint8_t opcode = message->header.opcode;
    TF_ASSERT(opcode == TOFU_HELLO_REQUEST || opcode == TOFU_WELCOME_REQUEST);

    bool is_hello = opcode == TOFU_HELLO_REQUEST;
    const char *value;
    size_t size;
    if (!tf_text_find(
            &message->text, is_hello ? TF_TEXT_CONNECT_TO : TF_TEXT_LISTEN_ON, &value, &size)) {
        return TOFU_INVALID_ADDRESS;
    }
    struct tofu_address address;
    if (!bar_parse((struct piece){.begin = value, .end = value + size}, &address)) {
        return TOFU_INVALID_ADDRESS;
    }
    if (is_hello && !address_can_be_connected_to(&address)) {
        return TOFU_INVALID_ADDRESS;
    }
    *address_out = address;
    return TOFU_OK;
}

void tf_message_set_listen_on(struct tofu_message *message, const struct tofu_address *address)
{
    char bar_form[TOFU_ADDRESS_BYTES_MAX];
    enum tofu_status status = tofu_address_format(address, bar_form, sizeof bar_form);
    TF_ASSERT(status == TOFU_OK);
    if (status != TOFU_OK) {
        return;
    }
    tf_text_remove(&message->text, TF_TEXT_LISTEN_ON);
    status = tf_text_append(&message->text, message->allocator, TF_TEXT_LISTEN_ON, bar_form);
    TF_ASSERT(status == TOFU_OK);
}

// The longest line that an address can need, and a CR LF that the line before it may lack.
#define LISTEN_ON_LINE_BYTES_MAX (sizeof TF_TEXT_LISTEN_ON + TOFU_ADDRESS_BYTES_MAX + 2 + 2)

enum tofu_status tf_message_reserve_address(struct tofu_message *message)
{
    size_t others = message->text.size - tf_text_name_bytes(&message->text, TF_TEXT_LISTEN_ON);
    size_t needed = others + LISTEN_ON_LINE_BYTES_MAX;
    if (needed > TOFU_PART_BYTES_MAX) {
        return TOFU_INVALID_HEADERS_LEN;
    }
    if (!tf_bytes_reserve(&message->text, message->allocator, needed)) {
        return TOFU_ALLOCATION_FAILED;
    }
    return TOFU_OK;
}
