// SPDX-License-Identifier: MIT
#include "inbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "os/process.h"

// A dot at the beginning: no sender can name a file like this.
#define TEMPORARY_PREFIX ".tofu-receive-"
#define TEMPORARY_SUFFIX ".part"

// What is written goes to the disk in steps of this size, so that the last one does not take long.
#define SYNC_BYTES (UINT64_C(64) << 20)

// A name is taken only if a receiver in another container has our process id, or by what such a one left.
#define CREATE_ATTEMPTS 100

static bool is_temporary_name(const char *name)
{
    size_t length = strlen(name);
    size_t prefix = strlen(TEMPORARY_PREFIX);
    size_t suffix = strlen(TEMPORARY_SUFFIX);
    if (length <= prefix + suffix || memcmp(name, TEMPORARY_PREFIX, prefix) != 0 ||
        strcmp(name + length - suffix, TEMPORARY_SUFFIX) != 0) {
        return false;
    }
    size_t middle = strspn(name + prefix, "0123456789-");
    return prefix + middle + suffix == length;
}

bool inbox_open(struct inbox *inbox, const char *path, size_t *removed_count_out)
{
    struct fault fault;
    bool is_usable = folder_open(&inbox->folder, path, &fault) &&
                     folder_clean(&inbox->folder, is_temporary_name, removed_count_out, &fault);
    if (!is_usable) {
        complain("'%s': %s", path, fault.text);
    }
    return is_usable;
}

void inbox_close(struct inbox *inbox)
{
    folder_close(&inbox->folder);
}

// Complains about everything that is not the sender's business.
static enum refusal refusal_of(const struct fault *fault, const char *doing)
{
    switch (fault->kind) {
    case FAULT_EXISTS:
        return REFUSAL_EXISTS;
    case FAULT_BAD_NAME:
        return REFUSAL_BAD_NAME;
    case FAULT_NO_SPACE:
        complain("%s: %s", doing, fault->text);
        return REFUSAL_NO_SPACE;
    case FAULT_OTHER:
        break;
    }
    complain("%s: %s", doing, fault->text);
    return REFUSAL_NOT_WRITTEN;
}

enum refusal inbox_look(const struct inbox *inbox, const char *name)
{
    switch (folder_look(&inbox->folder, name)) {
    case ENTRY_NONE:
        return REFUSAL_NONE;
    case ENTRY_OTHER:
        return inbox->can_replace ? REFUSAL_NONE : REFUSAL_EXISTS;
    case ENTRY_FOLDER:
        break;
    }
    return REFUSAL_EXISTS;
}

enum refusal inbox_create(struct inbox *inbox, struct inbox_file *file)
{
    struct fault fault = {.kind = FAULT_EXISTS};
    for (int attempt = 0; attempt < CREATE_ATTEMPTS && fault.kind == FAULT_EXISTS; attempt++) {
        snprintf(
            file->temporary_name,
            sizeof file->temporary_name,
            TEMPORARY_PREFIX "%" PRIu64 "-%" PRIu64 TEMPORARY_SUFFIX,
            process_id(),
            inbox->temporary_count++);
        if (folder_create(&inbox->folder, file->temporary_name, &file->handle, &fault)) {
            file->unsynced_bytes = 0;
            return REFUSAL_NONE;
        }
    }
    // That it exists is not what the sender asked about.
    fault.kind = fault.kind == FAULT_EXISTS ? FAULT_OTHER : fault.kind;
    return refusal_of(&fault, "could not create a file");
}

enum refusal inbox_write(
    const struct inbox *inbox, struct inbox_file *file, const void *bytes, size_t size)
{
    struct fault fault;
    if (!folder_write(file->handle, bytes, size, &fault)) {
        return refusal_of(&fault, "could not write");
    }
    file->unsynced_bytes += size;
    if (inbox->is_synced && file->unsynced_bytes >= SYNC_BYTES) {
        file->unsynced_bytes = 0;
        if (!folder_sync(file->handle, &fault)) {
            return refusal_of(&fault, "could not write to the disk");
        }
    }
    return REFUSAL_NONE;
}

static enum refusal give_name(const struct inbox *inbox, struct inbox_file *file, const char *name)
{
    struct fault fault;
    if (inbox->is_synced && !folder_sync(file->handle, &fault)) {
        return refusal_of(&fault, "could not write to the disk");
    }
    bool is_kept = folder_keep(
        &inbox->folder,
        &file->handle,
        file->temporary_name,
        name,
        inbox->can_replace,
        inbox->is_synced,
        &fault);
    return is_kept ? REFUSAL_NONE : refusal_of(&fault, "could not name a file");
}

enum refusal inbox_keep(struct inbox *inbox, struct inbox_file *file, const char *name)
{
    enum refusal refusal = give_name(inbox, file, name);
    inbox_drop(inbox, file);
    return refusal;
}

void inbox_drop(const struct inbox *inbox, struct inbox_file *file)
{
    if (file->handle != NO_HANDLE) {
        folder_remove(&inbox->folder, &file->handle, file->temporary_name);
    }
}
