// SPDX-License-Identifier: MIT
#include "payload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "os/reader.h"

#define READ_BYTES 65536

struct payload payload_of_pattern(uint64_t part_count, size_t part_size)
{
    return (struct payload){
        .part_size = part_size, .part_count = part_count, .byte_count = part_count * part_size};
}

// Reads to the end instead of asking for a size, so that pipes are files too.
static bool read_stream(FILE *stream, struct payload_file *file)
{
    size_t room = 0;
    for (;;) {
        if (file->size == room) {
            room = room == 0 ? READ_BYTES : room * 2;
            unsigned char *bytes = realloc(file->bytes, room);
            if (bytes == NULL) {
                errno = ENOMEM;
                return false;
            }
            file->bytes = bytes;
        }
        size_t size = fread(file->bytes + file->size, 1, room - file->size, stream);
        file->size += size;
        if (size == 0) {
            return ferror(stream) == 0;
        }
    }
}

static bool read_file(const char *path, struct payload_file *file)
{
    FILE *stream = reader_open_stream(path);
    bool is_read = stream != NULL && read_stream(stream, file);
    int error = errno;
    if (stream != NULL) {
        fclose(stream);
    }
    if (!is_read) {
        complain("--file: '%s': %s", path, strerror(error));
    }
    return is_read;
}

// An empty file is one empty part.
static uint64_t parts_of(const struct payload_file *file, size_t part_size)
{
    return file->size == 0 ? 1 : (file->size + part_size - 1) / part_size;
}

bool payload_open_files(
    struct payload *payload,
    const struct text_list *paths,
    size_t part_size,
    enum exit_code *exit_code_out)
{
    *payload = (struct payload){.part_size = part_size};
    payload->files = calloc(paths->count, sizeof *payload->files);
    if (payload->files == NULL) {
        complain("no memory");
        *exit_code_out = EXIT_CODE_SYSTEM;
        return false;
    }
    for (size_t index = 0; index < paths->count; index++) {
        struct payload_file *file = &payload->files[index];
        payload->file_count++;
        if (!read_file(paths->texts[index], file)) {
            *exit_code_out = EXIT_CODE_USAGE;
            return false;
        }
        file->first_part = payload->part_count;
        payload->part_count += parts_of(file, part_size);
        payload->byte_count += file->size;
    }
    return true;
}

void payload_close(struct payload *payload)
{
    for (size_t index = 0; index < payload->file_count; index++) {
        free(payload->files[index].bytes);
    }
    free(payload->files);
    *payload = (struct payload){0};
}

// The last file whose first part is not behind `number`.
static size_t file_of_part(const struct payload *payload, uint64_t number)
{
    size_t low = 0;
    size_t high = payload->file_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (payload->files[middle].first_part <= number) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

struct part payload_part(const struct payload *payload, uint64_t number)
{
    if (payload->files == NULL) {
        return (struct part){
            .stream = number, .size = payload->part_size, .is_first = true, .is_last = true};
    }
    size_t index = file_of_part(payload, number);
    const struct payload_file *file = &payload->files[index];
    uint64_t offset = (number - file->first_part) * payload->part_size;
    uint64_t left = file->size - offset;
    return (struct part){
        .stream = index,
        .offset = offset,
        .size = left < payload->part_size ? (size_t)left : payload->part_size,
        .is_first = offset == 0,
        .is_last = left <= payload->part_size};
}

// A linear congruential generator, seeded by client and number: no two parts look alike, and it is
// fast enough not to be what is measured.
static void write_pattern(uint64_t seed, unsigned char *bytes, size_t size)
{
    uint64_t word = (seed + 1) * 0x9e3779b97f4a7c15u;
    while (size > 0) {
        word = word * 6364136223846793005u + 1442695040888963407u;
        uint64_t mixed = word ^ word >> 29;
        size_t step = size < sizeof mixed ? size : sizeof mixed;
        memcpy(bytes, &mixed, step);
        bytes += step;
        size -= step;
    }
}

void payload_write(
    const struct payload *payload, const struct part *part, uint32_t client, unsigned char *bytes)
{
    if (part->size == 0) {
        return;
    }
    if (payload->files == NULL) {
        write_pattern((uint64_t)client << 32 ^ part->stream, bytes, part->size);
        return;
    }
    memcpy(bytes, payload->files[part->stream].bytes + part->offset, part->size);
}

void part_label(const struct part *part, char label[PART_LABEL_BYTES_MAX])
{
    snprintf(label, PART_LABEL_BYTES_MAX, "%" PRIu64, part->stream + 1);
}
