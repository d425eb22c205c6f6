// SPDX-License-Identifier: MIT
#include "outgoing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

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
            .path = paths->texts[index], .name = name_of(paths->texts[index]), .descriptor = -1};
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
    // Without O_NONBLOCK opening a pipe would wait for somebody who writes to it.
    file->descriptor = open(file->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file->descriptor < 0 || fstat(file->descriptor, &file->facts) != 0) {
        return fail(file, strerror(errno));
    }
    if (!S_ISREG(file->facts.st_mode)) {
        return fail(file, "it is no plain file");
    }
    file->size = (uint64_t)file->facts.st_size;
    return true;
}

bool outgoing_read(struct outgoing *file, void *bytes, size_t size)
{
    unsigned char *place = bytes;
    while (size > 0) {
        ssize_t count = read(file->descriptor, place, size);
        if (count == 0) {
            return fail(file, "it became shorter while it was sent");
        }
        if (count < 0 && errno != EINTR) {
            return fail(file, strerror(errno));
        }
        if (count > 0) {
            place += count;
            size -= (size_t)count;
        }
    }
    return true;
}

bool outgoing_is_unchanged(struct outgoing *file)
{
    struct stat now;
    if (fstat(file->descriptor, &now) != 0) {
        return fail(file, strerror(errno));
    }
    bool is_same = now.st_size == file->facts.st_size &&
                   now.st_mtim.tv_sec == file->facts.st_mtim.tv_sec &&
                   now.st_mtim.tv_nsec == file->facts.st_mtim.tv_nsec;
    return is_same || fail(file, "it changed while it was sent");
}

void outgoing_close(struct outgoing *file)
{
    if (file->descriptor >= 0) {
        close(file->descriptor);
    }
    file->descriptor = -1;
}
