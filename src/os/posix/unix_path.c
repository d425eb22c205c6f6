// SPDX-License-Identifier: MIT
// A Unix path outlives its listener, so a new listener has to find out whether it may take it over.
//
// bind() refuses a path that exists, whatever it is. Then: it must be a socket (a symbolic link
// is none) and our user's, a connection to it must be refused, and it must be the same file just
// before it is removed. Anything else, doubt included, leaves it alone.
//
// bind() and connect() know of no folder and start from the working directory: a program must not change it
// just while its engine listens, and may at any other time.
//
// The lock is held from before the bind until after the listen: between the two a starter's own
// socket refuses connections and looks dead to another.
#include "os/posix/unix_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/assert.h"
#include "os/posix/native.h"
#include "os/posix/path_lock.h"

static bool is_same_file(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

// Only a refusal proves that nobody listens: a full backlog is EAGAIN, and anything else is doubt.
static bool path_refuses_connections(const struct sockaddr_un *address, socklen_t address_size)
{
    int probe = tf_native_socket(AF_UNIX);
    if (probe < 0) {
        return false;
    }
    int result = 0;
    do {
        result = connect(probe, (const struct sockaddr *)address, address_size);
    } while (result != 0 && errno == EINTR);
    bool is_refused = result != 0 && errno == ECONNREFUSED;
    (void)close(probe);
    return is_refused;
}

static int path_look(int folder, const char *path, struct stat *file_out)
{
    return fstatat(folder, path, file_out, AT_SYMLINK_NOFOLLOW);
}

static bool dead_socket_remove(
    int folder, const char *path, const struct sockaddr_un *address, socklen_t address_size)
{
    struct stat before;
    if (path_look(folder, path, &before) != 0) {
        return false;
    }
    if (!S_ISSOCK(before.st_mode) || before.st_uid != geteuid()) {
        return false;
    }
    if (!path_refuses_connections(address, address_size)) {
        return false;
    }
    struct stat now;
    if (path_look(folder, path, &now) != 0 || !is_same_file(&before, &now)) {
        return false;
    }
    return unlinkat(folder, path, 0) == 0;
}

static int path_bind(int descriptor, int folder, const char *path)
{
    struct sockaddr_un address;
    socklen_t address_size = tf_native_unix_address(path, &address);
    const struct sockaddr *generic = (const struct sockaddr *)&address;
    if (bind(descriptor, generic, address_size) == 0) {
        return 0;
    }
    int error = errno;
    if (error != EADDRINUSE || !dead_socket_remove(folder, path, &address, address_size)) {
        return error;
    }
    return bind(descriptor, generic, address_size) == 0 ? 0 : errno;
}

void tf_unix_path_remove(int folder, const char *path, uint64_t device, uint64_t inode)
{
    struct stat now;
    if (path_look(folder, path, &now) != 0) {
        return;
    }
    if (S_ISSOCK(now.st_mode) && (uint64_t)now.st_dev == device && (uint64_t)now.st_ino == inode) {
        (void)unlinkat(folder, path, 0);
    }
}

static int path_listen(
    int descriptor, int folder, const char *path, mode_t mode, struct stat *file_out)
{
    // Where the system takes the mode from the socket (Linux), the file is never more open than asked,
    // and mostly right from its first moment. Elsewhere this fails and the next step does it all.
    (void)fchmod(descriptor, mode);

    int error = path_bind(descriptor, folder, path);
    if (error != 0) {
        return error;
    }
    // The umask may have taken some permissions away; nobody can connect yet.
    error = tf_native_path_set_mode(folder, path, mode, file_out);
    if (error == 0 && listen(descriptor, SOMAXCONN) != 0) {
        error = errno;
    }
    if (error != 0 && (file_out->st_ino != 0 || path_look(folder, path, file_out) == 0)) {
        tf_unix_path_remove(folder, path, (uint64_t)file_out->st_dev, (uint64_t)file_out->st_ino);
    }
    return error;
}

int tf_unix_path_folder(const char *path, int *folder_out)
{
    TF_ASSERT(!tf_native_path_is_abstract(path));

    if (path[0] == '/') {
        *folder_out = AT_FDCWD;
        return 0;
    }
    int folder = tf_native_working_folder();
    if (folder < 0) {
        return errno;
    }
    *folder_out = folder;
    return 0;
}

int tf_unix_path_listen(
    int descriptor,
    int folder,
    const char *path,
    mode_t mode,
    uint64_t *device_out,
    uint64_t *inode_out)
{
    TF_ASSERT(!tf_native_path_is_abstract(path));
    TF_ASSERT((mode & ~(mode_t)0777) == 0);

    struct tf_path_lock lock;
    int error = tf_path_lock_open(&lock, folder, path);
    if (error != 0) {
        return error;
    }
    struct stat file = {0};
    error = path_listen(descriptor, folder, path, mode, &file);
    tf_path_lock_close(&lock);
    if (error != 0) {
        return error;
    }
    *device_out = (uint64_t)file.st_dev;
    *inode_out = (uint64_t)file.st_ino;
    return 0;
}
