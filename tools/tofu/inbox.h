// SPDX-License-Identifier: MIT
// The folder that files are received into.
//
// A file is written under a temporary name in the folder and gets its own name only when it is whole: no
// half file ever has it. All names are looked up from the open folder and no link is followed. The
// temporary files of a receiver that was killed are told from those of one that lives by a lock, and
// removed by the next one.
#ifndef TOOL_INBOX_H
#define TOOL_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/folder.h"
#include "transfer.h"

struct inbox {
    struct folder folder;
    bool can_replace; // a file of the same name is replaced
    bool is_synced;   // what is kept has reached the disk
    uint64_t temporary_count;
};

#define TEMPORARY_NAME_BYTES_MAX 64

struct inbox_file {
    os_handle handle; // NO_HANDLE: none is open
    char temporary_name[TEMPORARY_NAME_BYTES_MAX];
    uint64_t unsynced_bytes;
};

/// Opens the folder, removes what killed receivers of the same user left, and says how many files that
/// were. Complains and returns false if the folder cannot be used.
bool inbox_open(struct inbox *inbox, const char *path, size_t *removed_count);

void inbox_close(struct inbox *inbox);

/// Tells whether a file of this name would be refused now, so that nobody sends it in vain.
enum refusal inbox_look(const struct inbox *inbox, const char *name);

/// Creates the temporary file. Complains about what the system refuses.
enum refusal inbox_create(struct inbox *inbox, struct inbox_file *file);

/// Appends to the file. After a refusal the file is to be dropped.
enum refusal inbox_write(
    const struct inbox *inbox, struct inbox_file *file, const void *bytes, size_t size);

/// Gives the file its name. Whatever comes out, the temporary name is gone and the file is closed.
enum refusal inbox_keep(struct inbox *inbox, struct inbox_file *file, const char *name);

/// Removes and closes the file, if one is open.
void inbox_drop(const struct inbox *inbox, struct inbox_file *file);

#endif
