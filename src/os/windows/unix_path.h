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
    uint64_t number; ///< 0: of no file
};

/// Writes where a path leads from its root now, whatever the working directory will be later.
/// @param full_out  room for TF_FULL_PATH_UNITS_MAX units; undefined on failure.
/// @return 0, or the error: ERROR_NO_UNICODE_TRANSLATION if the path is no UTF-8, ERROR_FILENAME_EXCED_RANGE if
///         there is no room.
int tf_unix_path_full(const char *path, wchar_t *full_out);

/// Binds a Unix socket to `path` and listens; `full` is where it leads. Only a socket's file where nobody listens
/// is replaced. Starters on the same path take turns by a lock file beside it, and one who would have to
/// wait is to come again. A private path is for this process's user only, before anybody can connect; any
/// other is for those to whom its directory gives what is in it.
///
/// Blocks for the file system, and a moment for one who may listen at a path that is there already.
/// @return 0, or the error: WSAEADDRINUSE if the path is not ours to replace; for another starter that is at it see
///         path_lock.h.
int tf_unix_path_listen(
    SOCKET socket,
    const char *path,
    const wchar_t *full,
    bool is_private,
    struct tf_unix_file *file_out);

/// Removes what is at a path, given from its root, if it is still that file. To be called while the socket is
/// open: until then the file system cannot give the file's number to another one.
void tf_unix_path_remove(const wchar_t *full, const struct tf_unix_file *file);

#endif
