// SPDX-License-Identifier: MIT
// A lock that starters on the same Unix path share: a file beside it that exists while it is held.
#ifndef TF_OS_POSIX_PATH_LOCK_H
#define TF_OS_POSIX_PATH_LOCK_H

#include <stdbool.h>

#include <tofu/address.h>

#define TF_PATH_LOCK_SUFFIX ".lock"

struct tf_path_lock {
    int descriptor;
    int folder;        ///< what a relative path starts from; not ours
    bool is_removable; ///< the file was made to be a lock, and is nobody's data
    char path[TOFU_PATH_BYTES_MAX + sizeof TF_PATH_LOCK_SUFFIX];
};

/// Takes the lock beside `path`, or fails at once, so that the I/O thread may do other things meanwhile.
/// `folder` is what the path starts from (unix_path.h), open until the close. Returns 0, or the error number:
/// EWOULDBLOCK if somebody else has it, EPERM if what is there is no file of ours.
int tf_path_lock_open(struct tf_path_lock *lock, int folder, const char *path);

/// Removes the lock file, if it was made for that, and lets go of the lock.
void tf_path_lock_close(struct tf_path_lock *lock);

#endif
