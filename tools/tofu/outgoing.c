// SPDX-License-Identifier: MIT
#include "outgoing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "os/file_name.h"

// Opening shows what looking does not: whether we may read.
static bool look(struct outgoing *file)
{
    if (!outgoing_open(file)) {
        complain("'%s': %s", file->path, file->fault);
        return false;
    }
    outgoing_close(file);
    const char *fault = file_name_fault(file->name, strlen(file->name));
    if (fault != NULL) {
        complain("'%s' cannot be sent under its name: %s", file->path, fault);
        return false;
    }
    return true;
}

static int compare_names(const void *left, const void *right)
{
    const struct outgoing *const *left_file = left;
    const struct outgoing *const *right_file = right;
    return strcmp((*left_file)->name, (*right_file)->name);
}

// The second one of a name would be refused, or replace the first.
static bool names_differ(const struct outgoing_list *list, enum exit_code *exit_code_out)
{
    const struct outgoing **sorted = calloc(list->count, sizeof(const struct outgoing *));
    if (sorted == NULL) {
        complain("no memory");
        *exit_code_out = EXIT_CODE_SYSTEM;
        return false;
    }
    for (size_t index = 0; index < list->count; index++) {
        sorted[index] = &list->files[index];
    }
    qsort(sorted, list->count, sizeof(const struct outgoing *), compare_names);
    bool do_differ = true;
    for (size_t index = 1; index < list->count && do_differ; index++) {
        do_differ = strcmp(sorted[index - 1]->name, sorted[index]->name) != 0;
        if (!do_differ) {
            complain("two files would be called '%s'", sorted[index]->name);
        }
    }
    free(sorted);
    return do_differ;
}

bool outgoing_list_open(
    struct outgoing_list *list, const struct text_list *paths, enum exit_code *exit_code_out)
{
    *list = (struct outgoing_list){0};
    list->files = calloc(paths->count, sizeof *list->files);
    if (list->files == NULL) {
        complain("no memory");
        *exit_code_out = EXIT_CODE_SYSTEM;
        return false;
    }
    *exit_code_out = EXIT_CODE_USAGE;
    for (size_t index = 0; index < paths->count; index++) {
        struct outgoing *file = &list->files[index];
        *file = (struct outgoing){
            .path = paths->texts[index],
            .name = file_name_of_path(paths->texts[index]),
            .reader.handle = NO_HANDLE};
        list->count++;
        if (!look(file)) {
            return false;
        }
        list->bytes += file->size;
    }
    return names_differ(list, exit_code_out);
}

void outgoing_list_close(struct outgoing_list *list)
{
    for (size_t index = 0; index < list->count; index++) {
        outgoing_close(&list->files[index]);
    }
    free(list->files);
    *list = (struct outgoing_list){0};
}

static bool fail(struct outgoing *file, const char *fault)
{
    snprintf(file->fault, sizeof file->fault, "%s", fault);
    return false;
}

bool outgoing_open(struct outgoing *file)
{
    struct fault fault;
    if (!reader_open(&file->reader, file->path, &fault)) {
        return fail(file, fault.text);
    }
    file->size = file->reader.size;
    return true;
}

bool outgoing_read(struct outgoing *file, void *bytes, size_t size)
{
    unsigned char *place = bytes;
    while (size > 0) {
        struct fault fault;
        size_t count = 0;
        if (!reader_read(&file->reader, place, size, &count, &fault)) {
            return fail(file, fault.text);
        }
        if (count == 0) {
            return fail(file, "it became shorter while it was sent");
        }
        place += count;
        size -= count;
    }
    return true;
}

bool outgoing_is_unchanged(struct outgoing *file)
{
    struct fault fault;
    bool is_unchanged = false;
    if (!reader_look_again(&file->reader, &is_unchanged, &fault)) {
        return fail(file, fault.text);
    }
    if (!is_unchanged) {
        return fail(file, "it changed while it was sent");
    }
    // Files that are made up as they are read, as in /proc, do not know their size.
    char beyond = 0;
    size_t count = 0;
    if (!reader_read(&file->reader, &beyond, sizeof beyond, &count, &fault)) {
        return fail(file, fault.text);
    }
    return count == 0 || fail(file, "it is longer than its size says");
}

void outgoing_close(struct outgoing *file)
{
    reader_close(&file->reader);
}
