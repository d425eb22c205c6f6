// SPDX-License-Identifier: MIT
// A Unix path outlives its listener, so a new listener has to find out whether it may take it over.
//
// The file of a socket is a reparse point with a tag of its own. bind() refuses a path that exists,
// whatever it is. Then: it must have that tag, a connection to it must be refused, and it must be the
// same file when it is removed. That is one and the same handle here: the file is opened before the
// question and removed through the handle, so nobody can put another in its place. Anything else, doubt
// included, leaves it alone. Whose file it is the system decides: who may not remove it cannot open it so.
//
// A client needs the right to write to the file; nobody can connect before it is asked who may.
//
// The lock is held from before the bind until after the listen: between the two a starter's own socket
// refuses connections and looks dead to another.
//
// bind() looks a relative path up from the working directory, and we look up where that leads from the root, so
// that the listener finds its file when the directory has changed: a program must not change it just while its
// engine listens. An open file would be found as well; but an old Windows keeps the name of an open file that
// somebody removes, and none lets a folder be renamed with such a file in it.
#include "os/windows/unix_path.h"

#include <windows.h>

#include <tofu/address.h>

#include "base/assert.h"
#include "os/socket.h"
#include "os/windows/path_lock.h"
#include "os/windows/text.h"
#include "os/windows/unix_access.h"
#include "os/windows/unix_provider.h"
#include "os/windows/winsock.h"

// How long somebody who listens may take to answer before we believe that he does.
#define TF_PROBE_MICROSECONDS 200000

// A reparse point is opened itself, and not what it stands for.
static HANDLE file_open(const wchar_t *path, DWORD access)
{
    DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    DWORD flags = FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS;
    return CreateFileW(path, access, share, NULL, OPEN_EXISTING, flags, NULL);
}

static bool file_is_socket(HANDLE file)
{
    FILE_ATTRIBUTE_TAG_INFO info;
    return GetFileInformationByHandleEx(file, FileAttributeTagInfo, &info, sizeof info) != 0 &&
           (info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 &&
           info.ReparseTag == (DWORD)IO_REPARSE_TAG_AF_UNIX;
}

static bool file_identify(HANDLE file, struct tf_unix_file *file_out)
{
    BY_HANDLE_FILE_INFORMATION info;
    if (GetFileInformationByHandle(file, &info) == 0) {
        return false;
    }
    *file_out = (struct tf_unix_file){
        .volume = info.dwVolumeSerialNumber,
        .number = (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow};
    return file_out->number != 0;
}

static bool file_remove(HANDLE file)
{
    FILE_DISPOSITION_INFO gone = {.DeleteFile = TRUE};
    return SetFileInformationByHandle(file, FileDispositionInfo, &gone, sizeof gone) != 0;
}

// Waits, for a moment, for a connection that is under way; gives why it failed, or 0 if there is no
// failure yet.
static int connection_await_failure(SOCKET socket)
{
    fd_set failed;
    fd_set made;
    FD_ZERO(&failed);
    FD_ZERO(&made);
    FD_SET(socket, &failed);
    FD_SET(socket, &made);
    struct timeval timeout = {.tv_usec = TF_PROBE_MICROSECONDS};
    int error = 0;
    int size = (int)sizeof error;
    if (select(0, NULL, &made, &failed, &timeout) <= 0 || !FD_ISSET(socket, &failed)) {
        return 0;
    }
    (void)getsockopt(socket, SOL_SOCKET, SO_ERROR, (char *)&error, &size);
    return error;
}

// Only a refusal proves that nobody listens; anything else is doubt.
static bool path_refuses_connections(const SOCKADDR_UN *address)
{
    int error = 0;
    SOCKET probe = tf_unix_socket(&error);
    if (probe == INVALID_SOCKET) {
        return false;
    }
    if (connect(probe, (const struct sockaddr *)address, (int)sizeof *address) != 0) {
        error = WSAGetLastError();
    }
    if (error == WSAEWOULDBLOCK) {
        error = connection_await_failure(probe);
    }
    (void)closesocket(probe);
    return error == WSAECONNREFUSED;
}

static bool dead_socket_remove(const wchar_t *path, const SOCKADDR_UN *address)
{
    HANDLE file = file_open(path, DELETE | FILE_READ_ATTRIBUTES);
    if (file == INVALID_HANDLE_VALUE) {
        return false;
    }
    bool is_removed =
        file_is_socket(file) && path_refuses_connections(address) && file_remove(file);
    (void)CloseHandle(file);
    return is_removed;
}

static int path_bind(SOCKET socket, const char *path, const wchar_t *full)
{
    SOCKADDR_UN address;
    tf_unix_address(path, &address);
    const struct sockaddr *generic = (const struct sockaddr *)&address;
    if (bind(socket, generic, (int)sizeof address) == 0) {
        return 0;
    }
    int error = WSAGetLastError();
    if (error != WSAEADDRINUSE || !dead_socket_remove(full, &address)) {
        return error;
    }
    return bind(socket, generic, (int)sizeof address) == 0 ? 0 : WSAGetLastError();
}

// Looks which file the bind has made, and says who may connect to it. Gives 0, or the error.
static int path_take(const wchar_t *path, bool is_private, struct tf_unix_file *file_out)
{
    HANDLE file = file_open(path, FILE_READ_ATTRIBUTES | WRITE_DAC);
    if (file == INVALID_HANDLE_VALUE) {
        return (int)GetLastError();
    }
    SetLastError(ERROR_INVALID_DATA); // For a file that can be asked, and is none of ours.
    bool is_known = file_is_socket(file) && file_identify(file, file_out);
    int error = is_known ? 0 : (int)GetLastError();
    if (error == 0 && is_private) {
        error = tf_unix_access_restrict(file);
    }
    (void)CloseHandle(file);
    return error;
}

static bool is_same_file(const struct tf_unix_file *one, const struct tf_unix_file *other)
{
    return one->volume == other->volume && one->number == other->number;
}

void tf_unix_path_remove(const wchar_t *full, const struct tf_unix_file *wanted)
{
    TF_ASSERT(wanted->number != 0);

    struct tf_unix_file now;
    HANDLE file = file_open(full, DELETE | FILE_READ_ATTRIBUTES);
    if (file == INVALID_HANDLE_VALUE) {
        return;
    }
    if (file_is_socket(file) && file_identify(file, &now) && is_same_file(&now, wanted)) {
        (void)file_remove(file);
    }
    (void)CloseHandle(file);
}

// What the bind has made goes again if anything fails later. But for a file that could not be identified: it may
// be somebody else's, and if it is ours it is a dead socket, which the next starter takes over.
static int path_listen(
    SOCKET socket,
    const char *path,
    const wchar_t *full,
    bool is_private,
    struct tf_unix_file *file_out)
{
    int error = path_bind(socket, path, full);
    if (error != 0) {
        return error;
    }
    error = path_take(full, is_private, file_out);
    if (error == 0 && listen(socket, SOMAXCONN) != 0) {
        error = WSAGetLastError();
    }
    if (error != 0 && file_out->number != 0) {
        tf_unix_path_remove(full, file_out);
    }
    return error;
}

int tf_unix_path_full(const char *path, wchar_t *full_out)
{
    wchar_t wide[UNIX_PATH_MAX];
    if (!tf_text_to_wide(path, wide, UNIX_PATH_MAX)) {
        return ERROR_NO_UNICODE_TRANSLATION;
    }
    DWORD units = GetFullPathNameW(wide, TF_FULL_PATH_UNITS_MAX, full_out, NULL);
    if (units == 0) {
        return (int)GetLastError();
    }
    return units < TF_FULL_PATH_UNITS_MAX ? 0 : ERROR_FILENAME_EXCED_RANGE;
}

int tf_unix_path_listen(
    SOCKET socket,
    const char *path,
    const wchar_t *full,
    bool is_private,
    struct tf_unix_file *file_out)
{
    HANDLE lock = INVALID_HANDLE_VALUE;
    struct tf_unix_file file = {0};
    int error = tf_path_lock_open(full, &lock);
    if (error != 0) {
        return error;
    }
    error = path_listen(socket, path, full, is_private, &file);
    (void)CloseHandle(lock);
    if (error != 0) {
        return error;
    }
    TF_ASSERT(file.number != 0);
    *file_out = file;
    return 0;
}
