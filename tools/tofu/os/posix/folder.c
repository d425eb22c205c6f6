// SPDX-License-Identifier: MIT
#include "os/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/posix/fault.h"

// A lock of the process; the system releases it when the process ends, however that happens.
static bool take_lock(int descriptor)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, F_SETLK, &lock) == 0;
}

// Whoever has the lock, and finds that the file still has a name, may decide about that name.
static bool has_name(int descriptor, struct stat *facts)
{
    return fstat(descriptor, facts) == 0 && facts->st_nlink > 0;
}

bool folder_open(struct folder *folder, const char *path, struct fault *fault)
{
    *folder = (struct folder){.handle = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    bool is_usable =
        folder->handle != NO_HANDLE && faccessat((int)folder->handle, ".", W_OK | X_OK, 0) == 0;
    return is_usable || fault_set(fault, errno);
}

void folder_close(struct folder *folder)
{
    if (folder->handle != NO_HANDLE) {
        close((int)folder->handle);
    }
    folder->handle = NO_HANDLE;
}

enum folder_entry folder_look(const struct folder *folder, const char *name)
{
    struct stat facts;
    if (fstatat((int)folder->handle, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) {
        return ENTRY_NONE;
    }
    return S_ISDIR(facts.st_mode) ? ENTRY_FOLDER : ENTRY_OTHER;
}

bool folder_create(
    const struct folder *folder, const char *name, os_handle *file_out, struct fault *fault)
{
    int descriptor = openat(
        (int)folder->handle, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        return fault_set(fault, errno);
    }
    // Where the file system knows no locks, nobody removes what is left either.
    bool is_locked = take_lock(descriptor);
    bool is_contended = !is_locked && (errno == EAGAIN || errno == EACCES);
    struct stat facts;
    if (is_contended || !has_name(descriptor, &facts)) {
        // Another receiver starts just now, and took the file for one that was left.
        close(descriptor);
        return fault_set(fault, EEXIST);
    }
    *file_out = descriptor;
    return true;
}

bool folder_write(os_handle file, const void *bytes, size_t size, struct fault *fault)
{
    const unsigned char *rest = bytes;
    while (size > 0) {
        ssize_t written = write((int)file, rest, size);
        if (written < 0 && errno != EINTR) {
            return fault_set(fault, errno);
        }
        if (written > 0) {
            rest += written;
            size -= (size_t)written;
        }
    }
    return true;
}

bool folder_sync(os_handle file, struct fault *fault)
{
    return fsync((int)file) == 0 || fault_set(fault, errno);
}

// Some file systems cannot sync a folder, and need not.
static bool sync_folder(const struct folder *folder)
{
    return fsync((int)folder->handle) == 0 || errno == EINVAL || errno == ENOTSUP;
}

// A rename always replaces.
static bool replace(
    const struct folder *folder,
    os_handle *file,
    const char *name,
    const char *final_name,
    struct fault *fault)
{
    if (renameat((int)folder->handle, name, (int)folder->handle, final_name) != 0) {
        return fault_set(fault, errno);
    }
    close((int)*file);
    *file = NO_HANDLE;
    return true;
}

// A new link never replaces anything, whoever else may have come first.
static bool link_and_remove(
    const struct folder *folder,
    os_handle *file,
    const char *name,
    const char *final_name,
    struct fault *fault)
{
    if (linkat((int)folder->handle, name, (int)folder->handle, final_name, 0) == 0) {
        folder_remove(folder, file, name);
        return true;
    }
    int error = errno;
    (void)fault_set(fault, error);
    if (error == EPERM || error == EOPNOTSUPP) {
        snprintf(
            fault->text,
            sizeof fault->text,
            "without hard links only --force can: %s",
            strerror(error));
    }
    return false;
}

bool folder_keep(
    const struct folder *folder,
    os_handle *file,
    const char *name,
    const char *final_name,
    bool can_replace,
    bool is_synced,
    struct fault *fault)
{
    bool is_named = can_replace ? replace(folder, file, name, final_name, fault)
                                : link_and_remove(folder, file, name, final_name, fault);
    if (is_named && is_synced && !sync_folder(folder)) {
        return fault_set(fault, errno);
    }
    return is_named;
}

void folder_remove(const struct folder *folder, os_handle *file, const char *name)
{
    (void)unlinkat((int)folder->handle, name, 0);
    close((int)*file);
    *file = NO_HANDLE;
}

static bool remove_if_left(int folder, const char *name)
{
    // Without O_NONBLOCK a pipe of that name would keep us here.
    int descriptor = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) {
        return false;
    }
    struct stat facts;
    bool is_left = fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode) &&
                   facts.st_uid == geteuid() && take_lock(descriptor) &&
                   has_name(descriptor, &facts) && unlinkat(folder, name, 0) == 0;
    close(descriptor);
    return is_left;
}

bool folder_clean(
    const struct folder *folder,
    bool (*is_ours)(const char *name),
    size_t *removed_count_out,
    struct fault *fault)
{
    int copy = openat((int)folder->handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
    if (entries == NULL) {
        (void)fault_set(fault, errno);
        if (copy >= 0) {
            close(copy);
        }
        return false;
    }
    size_t removed_count = 0;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (is_ours(entry->d_name)) {
            removed_count += remove_if_left((int)folder->handle, entry->d_name);
        }
    }
    closedir(entries);
    *removed_count_out = removed_count;
    return true;
}
