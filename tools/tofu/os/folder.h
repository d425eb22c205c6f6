// SPDX-License-Identifier: MIT
// A folder in which files are made: each under a temporary name first, and under its own when it is whole.
//
// Names are looked up in the open folder, whatever happens to its path, and no link is followed. Whoever
// makes a file holds a lock on it that ends with the process, so that what a killed one left can be told
// from what a living one is at.
#ifndef TOOL_OS_FOLDER_H
#define TOOL_OS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "os/fault.h"
#include "os/handle.h"

struct folder {
    os_handle handle;
    void *path; // where names are looked up by path; else NULL
};

/// What is there under a name, without following it.
enum folder_entry { ENTRY_NONE, ENTRY_FOLDER, ENTRY_OTHER };

/// Opens a folder that can be written to. folder_close() is due whatever the result.
bool folder_open(struct folder *folder, const char *path, struct fault *fault);

void folder_close(struct folder *folder);

enum folder_entry folder_look(const struct folder *folder, const char *name);

/// Makes a new file, locked and open for writing. FAULT_EXISTS if the name is taken, or was taken away at
/// once by somebody who cleans. `*file` is unchanged after a failure.
bool folder_create(
    const struct folder *folder, const char *name, os_handle *file, struct fault *fault);

/// Writes all of it.
bool folder_write(os_handle file, const void *bytes, size_t size, struct fault *fault);

/// Waits until what was written has reached the disk.
bool folder_sync(os_handle file, struct fault *fault);

/// Gives the file `name` its final one, and closes it. Without `can_replace` nothing is ever replaced,
/// whoever else may come first; with it a file or a link is, but no folder. With `is_synced` the new name
/// has reached the disk. After a failure the file is as it was, or has its name all the same if only that
/// could not be written through: then `*file` is NO_HANDLE.
bool folder_keep(
    const struct folder *folder,
    os_handle *file,
    const char *name,
    const char *final_name,
    bool can_replace,
    bool is_synced,
    struct fault *fault);

/// Removes the file and closes it.
void folder_remove(const struct folder *folder, os_handle *file, const char *name);

/// Removes the plain files that nobody holds a lock on and whose names `is_ours` recognises, and counts
/// them. What the system does not let us remove stays.
bool folder_clean(
    const struct folder *folder,
    bool (*is_ours)(const char *name),
    size_t *removed_count,
    struct fault *fault);

#endif
