// SPDX-License-Identifier: MIT
// A Unix path outlives its listener, so a new listener has to find out whether it may take it over.
//
// bind() refuses a path that exists, whatever it is. Then: it must be a socket (lstat, so a symbolic
// link is none) and our user's, a connection to it must be refused, and it must be the same file just
// before it is removed. Anything else, doubt included, leaves it alone.
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

static bool dead_socket_remove(
    const char *path, const struct sockaddr_un *address, socklen_t address_size)
{
    struct stat before;
    if (lstat(path, &before) != 0) {
        return false;
    }
    if (!S_ISSOCK(before.st_mode) || before.st_uid != geteuid()) {
        return false;
    }
    if (!path_refuses_connections(address, address_size)) {
        return false;
    }
    struct stat now;
    if (lstat(path, &now) != 0 || !is_same_file(&before, &now)) {
        return false;
    }
    return unlink(path) == 0;
}

static int path_bind(int descriptor, const char *path)
{
    struct sockaddr_un address;
    socklen_t address_size = tf_native_unix_address(path, &address);
    const struct sockaddr *generic = (const struct sockaddr *)&address;
    if (bind(descriptor, generic, address_size) == 0) {
        return 0;
    }
    int error = errno;
    if (error != EADDRINUSE || !dead_socket_remove(path, &address, address_size)) {
        return error;
    }
    return bind(descriptor, generic, address_size) == 0 ? 0 : errno;
}

void tf_unix_path_remove(const char *path, uint64_t device, uint64_t inode)
{
    struct stat now;
    if (lstat(path, &now) != 0) {
        return;
    }
    if (S_ISSOCK(now.st_mode) && (uint64_t)now.st_dev == device && (uint64_t)now.st_ino == inode) {
        (void)unlink(path);
    }
}

static int path_listen(int descriptor, const char *path, mode_t mode, struct stat *file_out)
{
    // Where the system takes the mode from the socket (Linux), the file is never more open than asked,
    // and mostly right from its first moment. Elsewhere this fails and the next step does it all.
    (void)fchmod(descriptor, mode);

    int error = path_bind(descriptor, path);
    if (error != 0) {
        return error;
    }
    // The umask may have taken some permissions away; nobody can connect yet.
    error = tf_native_path_set_mode(path, mode, file_out);
    if (error == 0 && listen(descriptor, SOMAXCONN) != 0) {
        error = errno;
    }
    if (error != 0 && (file_out->st_ino != 0 || lstat(path, file_out) == 0)) {
        tf_unix_path_remove(path, (uint64_t)file_out->st_dev, (uint64_t)file_out->st_ino);
    }
    return error;
}

int tf_unix_path_listen(
    int descriptor, const char *path, mode_t mode, uint64_t *device_out, uint64_t *inode_out)
{
    TF_ASSERT(!tf_native_path_is_abstract(path));
    TF_ASSERT((mode & ~(mode_t)0777) == 0);

    struct tf_path_lock lock;
    int error = tf_path_lock_open(&lock, path);
    if (error != 0) {
        return error;
    }
    struct stat file = {0};
    error = path_listen(descriptor, path, mode, &file);
    tf_path_lock_close(&lock);
    if (error != 0) {
        return error;
    }
    *device_out = (uint64_t)file.st_dev;
    *inode_out = (uint64_t)file.st_ino;
    return 0;
}
