// SPDX-License-Identifier: MIT
// Listening on a path without treading on anybody: PROTOCOL.md, section 2.
#ifndef TF_OS_WINDOWS_UNIX_PATH_H
#define TF_OS_WINDOWS_UNIX_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <winsock2.h>

/// Which file a path was, however it is called now.
struct tf_unix_file {
    uint64_t volume;
    uint64_t number; ///< never 0 for a file that is there
};

/// Binds a Unix socket to `path` and listens. Only a socket's file where nobody listens is replaced.
/// Starters on the same path take turns by a lock file beside it, and one who would have to wait is to come
/// again. A private path is for this process's user only, before anybody can connect; any other is for
/// those to whom its directory gives what is in it.
///
/// Blocks for the file system, and a moment for one who may listen at a path that is there already.
/// @return 0, or the error: WSAEADDRINUSE if the path is not ours to replace, ERROR_SHARING_VIOLATION if
///         another starter is at it, ERROR_NO_UNICODE_TRANSLATION if the path is no UTF-8.
int tf_unix_path_listen(
    SOCKET socket, const char *path, bool is_private, struct tf_unix_file *file_out);

/// Removes the path if it is still that file. To be called while the socket is open: until then the
/// file system cannot give the file's number to another one.
void tf_unix_path_remove(const char *path, const struct tf_unix_file *file);

#endif
