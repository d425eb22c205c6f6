// SPDX-License-Identifier: MIT
// A lock that starters on the same Unix path share: a file beside it that exists while it is held.
#ifndef TF_OS_WINDOWS_PATH_LOCK_H
#define TF_OS_WINDOWS_PATH_LOCK_H

#include <winsock2.h>

/// Takes the lock beside `path`, which begins at its root and has less than TF_FULL_PATH_UNITS_MAX units, or
/// fails at once. CloseHandle() lets go of it, and so does a crash.
///
/// @return 0 and the lock, or the error: ERROR_SHARING_VIOLATION if another starter has it, ERROR_DELETE_PENDING
///         if one is just letting go, ERROR_ACCESS_DENIED if no such file may be made or opened.
int tf_path_lock_open(const wchar_t *path, HANDLE *lock_out);

#endif
