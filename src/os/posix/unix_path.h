// SPDX-License-Identifier: MIT
// Listening on a path without treading on anybody: PROTOCOL.md, section 2.
//
// A relative path starts from a folder: the descriptor that tf_unix_path_folder() gave when the listener
// began, so that the working directory may change before it ends. An absolute path looks at no folder.
#ifndef TF_OS_POSIX_UNIX_PATH_H
#define TF_OS_POSIX_UNIX_PATH_H

#include <stdint.h>
#include <sys/stat.h>

/// Opens the folder that `path` starts from: the working directory if it is relative. Returns 0, or the error
/// number. A folder that is not negative is to be closed.
int tf_unix_path_folder(const char *path, int *folder_out);

/// Binds the stream socket `descriptor` to `path` and listens, so that the path has the permissions
/// `mode` before anybody can connect. Only a dead socket of our own is replaced. Starters on the same
/// path take turns by a lock file beside it, and one who would have to wait is to come again.
///
/// Never blocks but for the file system.
/// @param device_out  with `inode_out`, on success, which file the path is now.
/// @return 0, or the error number: EADDRINUSE if the path is not ours to replace, EWOULDBLOCK if
///         another starter is at it.
int tf_unix_path_listen(
    int descriptor,
    int folder,
    const char *path,
    mode_t mode,
    uint64_t *device_out,
    uint64_t *inode_out);

/// Removes the path if it is still that file. To be called while the socket is open: until then the
/// file system cannot give the inode's number to another file.
void tf_unix_path_remove(int folder, const char *path, uint64_t device, uint64_t inode);

#endif
