// SPDX-License-Identifier: MIT
// A file that is open for nobody else is a lock. Ours is made so that it goes when it is closed, by a crash too;
// one that was there before is somebody's, serves as well, and stays.
//
// Made or found, that must be told in one step: a file that is opened "or made" may be another one's a moment
// after. So making comes first, and opening second; what vanishes in between is tried again.
//
// A file that is closed and not yet gone denies access, as does one that is somebody else's. Asked for its
// attributes, a file that is there tells them, even to who may not open it, if he may list its directory; one
// that is going denies these, too; and where there is none it is the directory that denies.
#include "os/windows/path_lock.h"

#include <string.h>
#include <windows.h>

#include "base/assert.h"
#include "os/socket.h"

#define TF_PATH_LOCK_SUFFIX L".lock"

// How often the file may come and go between two questions before we call it occupied.
#define TF_PATH_LOCK_ATTEMPTS_MAX 16

// A reparse point is taken itself: a link would let somebody choose which file is made.
static HANDLE file_open(const wchar_t *path, DWORD access, DWORD disposition, DWORD flags)
{
    return CreateFileW(
        path, access, 0, NULL, disposition, flags | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
}

static int file_take(const wchar_t *path, HANDLE *lock_out)
{
    HANDLE lock = file_open(path, DELETE, CREATE_NEW, FILE_FLAG_DELETE_ON_CLOSE);
    if (lock == INVALID_HANDLE_VALUE && GetLastError() == ERROR_FILE_EXISTS) {
        lock = file_open(path, FILE_READ_DATA, OPEN_EXISTING, 0);
    }
    if (lock == INVALID_HANDLE_VALUE) {
        return (int)GetLastError();
    }
    *lock_out = lock;
    return 0;
}

static int denial_reason(const wchar_t *path)
{
    if (GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES) {
        return ERROR_ACCESS_DENIED;
    }
    return GetLastError() == ERROR_ACCESS_DENIED ? ERROR_DELETE_PENDING : ERROR_FILE_NOT_FOUND;
}

int tf_path_lock_open(const wchar_t *path, HANDLE *lock_out)
{
    wchar_t lock_path[TF_FULL_PATH_UNITS_MAX + sizeof TF_PATH_LOCK_SUFFIX / sizeof(wchar_t)];
    size_t length = wcslen(path);
    TF_ASSERT(length > 0);
    TF_ASSERT(length < TF_FULL_PATH_UNITS_MAX);

    memcpy(lock_path, path, length * sizeof *path);
    memcpy(lock_path + length, TF_PATH_LOCK_SUFFIX, sizeof TF_PATH_LOCK_SUFFIX);
    int error = 0;
    for (int i = 0; i < TF_PATH_LOCK_ATTEMPTS_MAX; i++) {
        error = file_take(lock_path, lock_out);
        int reason = error == ERROR_ACCESS_DENIED ? denial_reason(lock_path) : error;
        if (reason != ERROR_FILE_NOT_FOUND) {
            return reason;
        }
    }
    return error == ERROR_FILE_NOT_FOUND ? ERROR_SHARING_VIOLATION : error;
}
