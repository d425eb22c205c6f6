// SPDX-License-Identifier: MIT
// What every client sends: parts, numbered from 0, that anyone can make again to compare with.
//
// Either all parts are messages of a pattern that tells client, number and place apart, or they are
// the chunks of files: one stream of parts per file, all but the last announcing more.
#ifndef TOOL_PAYLOAD_H
#define TOOL_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exit_code.h"
#include "text_list.h"

struct payload_file {
    unsigned char *bytes;
    size_t size;
    uint64_t first_part; // its number in the payload
};

struct payload {
    struct payload_file *files; // NULL: the pattern
    size_t file_count;
    size_t part_size;    // of each part, or at most
    uint64_t part_count; // of one client
    uint64_t byte_count; // of one client
};

/// The part of one number, without its bytes: they depend on the client.
struct part {
    uint64_t stream; // parts of one file have one, and every part of the pattern its own
    uint64_t offset; // in the stream
    size_t size;
    bool is_first; // of its stream
    bool is_last;
};

#define PART_LABEL_BYTES_MAX 32

/// Makes a payload of `part_count` messages of `part_size` bytes.
struct payload payload_of_pattern(uint64_t part_count, size_t part_size);

/// Reads the files and makes a payload of them, in chunks of `part_size` bytes, which is not 0. Files
/// are read once, so what happens to them later cannot look like a broken echo.
///
/// Complains and returns false, with `*exit_code`, if a file cannot be read. payload_close() is due
/// whatever the result.
bool payload_open_files(
    struct payload *payload,
    const struct text_list *paths,
    size_t part_size,
    enum exit_code *exit_code);

void payload_close(struct payload *payload);

struct part payload_part(const struct payload *payload, uint64_t number);

/// Writes the bytes of a part as `client` sends them to `bytes`, which has room for part->size.
void payload_write(
    const struct payload *payload, const struct part *part, uint32_t client, unsigned char *bytes);

/// Writes the label that the first part of a stream carries as a text header.
void part_label(const struct part *part, char label[PART_LABEL_BYTES_MAX]);

#endif
