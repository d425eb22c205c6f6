// SPDX-License-Identifier: MIT
#include "inbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"

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

static bool remove_leftovers(int folder, size_t *removed_count_out)
{
    *removed_count_out = 0;
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
    if (entries == NULL) {
        if (copy >= 0) {
            close(copy);
        }
        return false;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (is_temporary_name(entry->d_name)) {
            *removed_count_out += remove_if_left(folder, entry->d_name);
        }
    }
    closedir(entries);
    return true;
}

bool inbox_open(struct inbox *inbox, const char *path, size_t *removed_count_out)
{
    inbox->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_usable = inbox->folder >= 0 && faccessat(inbox->folder, ".", W_OK | X_OK, 0) == 0 &&
                     remove_leftovers(inbox->folder, removed_count_out);
    if (!is_usable) {
        complain("'%s': %s", path, strerror(errno));
    }
    return is_usable;
}

void inbox_close(struct inbox *inbox)
{
    if (inbox->folder >= 0) {
        close(inbox->folder);
    }
    inbox->folder = -1;
}

// Complains about everything that is not the sender's business.
static enum refusal refusal_of(int error, const char *doing)
{
    switch (error) {
    case EEXIST:
    case EISDIR:
    case ENOTEMPTY:
        return REFUSAL_EXISTS;
    case ENAMETOOLONG:
    case EILSEQ:
        return REFUSAL_BAD_NAME;
    default:
        complain("%s: %s", doing, strerror(error));
        return error == ENOSPC || error == EDQUOT || error == EFBIG ? REFUSAL_NO_SPACE
                                                                    : REFUSAL_NOT_WRITTEN;
    }
}

enum refusal inbox_look(const struct inbox *inbox, const char *name)
{
    struct stat facts;
    bool is_there = fstatat(inbox->folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0;
    return is_there && (!inbox->can_replace || S_ISDIR(facts.st_mode)) ? REFUSAL_EXISTS
                                                                       : REFUSAL_NONE;
}

enum refusal inbox_create(struct inbox *inbox, struct inbox_file *file)
{
    int error = EEXIST;
    for (int attempt = 0; attempt < CREATE_ATTEMPTS && error == EEXIST; attempt++) {
        snprintf(
            file->temporary_name,
            sizeof file->temporary_name,
            TEMPORARY_PREFIX "%ld-%" PRIu64 TEMPORARY_SUFFIX,
            (long)getpid(),
            inbox->temporary_count++);
        file->descriptor = openat(
            inbox->folder,
            file->temporary_name,
            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
            0666);
        if (file->descriptor < 0) {
            error = errno;
            continue;
        }
        // Where the file system knows no locks, nobody removes what is left either.
        bool is_locked = take_lock(file->descriptor);
        bool is_contended = !is_locked && (errno == EAGAIN || errno == EACCES);
        struct stat facts;
        if (!is_contended && has_name(file->descriptor, &facts)) {
            file->unsynced_bytes = 0;
            return REFUSAL_NONE;
        }
        // Another receiver starts just now, and took the file for one that was left.
        close(file->descriptor);
        file->descriptor = -1;
    }
    return refusal_of(error == EEXIST ? EAGAIN : error, "could not create a file");
}

enum refusal inbox_write(
    const struct inbox *inbox, struct inbox_file *file, const void *bytes, size_t size)
{
    const unsigned char *rest = bytes;
    while (size > 0) {
        ssize_t written = write(file->descriptor, rest, size);
        if (written < 0 && errno != EINTR) {
            return refusal_of(errno, "could not write");
        }
        if (written > 0) {
            rest += written;
            size -= (size_t)written;
            file->unsynced_bytes += (uint64_t)written;
        }
    }
    if (inbox->is_synced && file->unsynced_bytes >= SYNC_BYTES) {
        file->unsynced_bytes = 0;
        if (fdatasync(file->descriptor) != 0) {
            return refusal_of(errno, "could not write to the disk");
        }
    }
    return REFUSAL_NONE;
}

// Some file systems cannot sync a folder, and need not.
static bool sync_folder(const struct inbox *inbox)
{
    return !inbox->is_synced || fsync(inbox->folder) == 0 || errno == EINVAL || errno == ENOTSUP;
}

static enum refusal give_name(
    const struct inbox *inbox, const struct inbox_file *file, const char *name)
{
    if (inbox->is_synced && fsync(file->descriptor) != 0) {
        return refusal_of(errno, "could not write to the disk");
    }
    const char *temporary_name = file->temporary_name;
    // A new link never replaces anything, whoever else may have come first; a rename always does.
    int result = inbox->can_replace ? renameat(inbox->folder, temporary_name, inbox->folder, name)
                                    : linkat(inbox->folder, temporary_name, inbox->folder, name, 0);
    if (result != 0) {
        bool has_no_links = !inbox->can_replace && (errno == EPERM || errno == EOPNOTSUPP);
        return refusal_of(
            errno,
            has_no_links ? "could not name a file; without hard links only --force can"
                         : "could not name a file");
    }
    return sync_folder(inbox) ? REFUSAL_NONE : refusal_of(errno, "could not sync the folder");
}

enum refusal inbox_keep(struct inbox *inbox, struct inbox_file *file, const char *name)
{
    enum refusal refusal = give_name(inbox, file, name);
    if (inbox->can_replace && refusal == REFUSAL_NONE) {
        // The rename freed the temporary name, and it may be another receiver's by now.
        close(file->descriptor);
        file->descriptor = -1;
    }
    inbox_drop(inbox, file);
    return refusal;
}

void inbox_drop(const struct inbox *inbox, struct inbox_file *file)
{
    if (file->descriptor < 0) {
        return;
    }
    (void)unlinkat(inbox->folder, file->temporary_name, 0);
    close(file->descriptor);
    file->descriptor = -1;
}
