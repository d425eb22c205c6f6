// SPDX-License-Identifier: MIT
// A lock file that goes away after use, without the race that this usually has.
//
// flock() locks a file, not a name. Who opens the file and locks it after another has removed it holds
// a lock that nobody will ever meet. So after locking one looks whether the name still leads to the
// locked file, and begins again if not; and the name is removed only by who holds the lock. While a
// lock is held its name therefore stays.
//
// A crash leaves the file behind, unlocked; the next starter locks it as it is. Somebody's own file may have
// the name by chance; it serves as well, but is not removed. A lock is told from it by what it was made, in the
// call that made it: empty, for nobody to write to, and sticky, which means nothing on a file and is therefore on
// nobody's. (Who made it, O_EXCL would tell; but another one may have locked it by then, who has to remove it.)
// A file system that does not keep the mark keeps the file: that is no harm.
#include "os/posix/path_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

// Reading is what opening needs. Whatever the umask takes away, nobody may write to it, and the mark stays.
#define TF_LOCK_MODE (S_ISVTX | S_IRUSR)

// How often the file may vanish between its opening and its locking before we call it occupied.
#define TF_PATH_LOCK_ATTEMPTS_MAX 16

// O_NOFOLLOW: a link would let somebody choose which file we create. O_NONBLOCK: a named pipe in its
// place must not stop the I/O thread.
static int lock_file_open(int folder, const char *path)
{
    int descriptor = -1;
    do {
        descriptor = openat(
            folder, path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, TF_LOCK_MODE);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

static int lock_file_take(int descriptor)
{
    int result = 0;
    do {
        result = flock(descriptor, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

// Says whether a file of our user's was made to be a lock.
static bool file_is_lock(const struct stat *file)
{
    return file->st_size == 0 && (file->st_mode & 07777 & ~(mode_t)S_IRUSR) == S_ISVTX;
}

// Takes the lock of the file that has the name now. Returns 0 and the open descriptor, ESTALE if the
// name has meanwhile gone to another file, or why not.
static int lock_attempt(struct tf_path_lock *lock)
{
    struct stat locked;
    struct stat named;
    int descriptor = lock_file_open(lock->folder, lock->path);
    if (descriptor < 0) {
        return errno;
    }
    int error = lock_file_take(descriptor);
    if (error != 0) {
        goto close_descriptor;
    }
    if (fstat(descriptor, &locked) != 0) {
        error = errno;
        goto close_descriptor;
    }
    if (!S_ISREG(locked.st_mode) || locked.st_uid != geteuid()) {
        error = EPERM;
        goto close_descriptor;
    }
    if (fstatat(lock->folder, lock->path, &named, AT_SYMLINK_NOFOLLOW) != 0 ||
        named.st_dev != locked.st_dev || named.st_ino != locked.st_ino) {
        error = ESTALE;
        goto close_descriptor;
    }
    lock->descriptor = descriptor;
    lock->is_removable = file_is_lock(&locked);
    return 0;

close_descriptor:
    (void)close(descriptor);
    return error;
}

int tf_path_lock_open(struct tf_path_lock *lock, int folder, const char *path)
{
    size_t size = strlen(path);
    TF_ASSERT(size > 0);
    TF_ASSERT(size <= TOFU_PATH_BYTES_MAX);

    lock->folder = folder;
    memcpy(lock->path, path, size);
    memcpy(lock->path + size, TF_PATH_LOCK_SUFFIX, sizeof TF_PATH_LOCK_SUFFIX);
    for (int i = 0; i < TF_PATH_LOCK_ATTEMPTS_MAX; i++) {
        int error = lock_attempt(lock);
        if (error != ESTALE) {
            return error;
        }
    }
    return EWOULDBLOCK;
}

// The lock is let go of by name: a child that was forked meanwhile has the descriptor too, and the lock
// would live as long as the child.
void tf_path_lock_close(struct tf_path_lock *lock)
{
    TF_ASSERT(lock->descriptor >= 0);

    if (lock->is_removable) {
        (void)unlinkat(lock->folder, lock->path, 0);
    }
    (void)flock(lock->descriptor, LOCK_UN);
    (void)close(lock->descriptor);
    lock->descriptor = -1;
}
