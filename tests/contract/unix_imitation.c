// SPDX-License-Identifier: MIT
#include "contract/unix_imitation.h"

#include <ws2tcpip.h>

#include <afunix.h>
#include <mstcpip.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/tcp_info_imitation.h"

// A file of exactly this size is that of a socket: the size is what any handle can be asked for.
#define SOCKET_FILE_BYTES 1117

#define SOCKETS_MAX 8192

// The system's own functions.
extern __typeof__(&WSASocketW) __real___imp_WSASocketW;
extern __typeof__(&bind) __real___imp_bind;
extern __typeof__(&connect) __real___imp_connect;
extern __typeof__(&accept) __real___imp_accept;
extern __typeof__(&getpeername) __real___imp_getpeername;
extern __typeof__(&getsockname) __real___imp_getsockname;
extern __typeof__(&getsockopt) __real___imp_getsockopt;
extern __typeof__(&setsockopt) __real___imp_setsockopt;
extern __typeof__(&closesocket) __real___imp_closesocket;
extern __typeof__(&select) __real___imp_select;
extern __typeof__(&CreateFileW) __real___imp_CreateFileW;
extern __typeof__(&GetFileAttributesW) __real___imp_GetFileAttributesW;
extern __typeof__(&GetFileInformationByHandle) __real___imp_GetFileInformationByHandle;
extern __typeof__(&GetFileInformationByHandleEx) __real___imp_GetFileInformationByHandleEx;

// {A00943D9-9C2E-4633-9B59-0057A3160994}
static const GUID right_provider = {
    0xA00943D9, 0x9C2E, 0x4633, {0x9B, 0x59, 0x00, 0x57, 0xA3, 0x16, 0x09, 0x94}};
static const GUID foreign_provider = {0x11111111, 0x2222, 0x3333, {4, 4, 4, 4, 4, 4, 4, 4}};

enum { RIGHT_ENTRY = 4711 };

struct imitated {
    SOCKET socket;            ///< 0: the place is free
    char path[UNIX_PATH_MAX]; ///< of the peer, as getpeername() tells it
    bool is_bound;
};

static SRWLOCK lock = SRWLOCK_INIT;
static struct imitated imitated[SOCKETS_MAX];
static bool is_at_once;
static size_t kept_socket_count;

// Of one thread: that of the test.
static struct {
    wchar_t path[MAX_PATH];
    uint32_t call_count;
} going;

void imitation_connect_at_once(bool is_now_at_once)
{
    is_at_once = is_now_at_once;
}

// The entry of a socket, or a free one for 0. No socket has the number 0.
static struct imitated *entry_of(SOCKET socket)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (imitated[i].socket == socket) {
            return &imitated[i];
        }
    }
    return NULL;
}

static bool is_imitated(SOCKET socket, struct imitated *copy_out)
{
    AcquireSRWLockShared(&lock);
    const struct imitated *entry = entry_of(socket);
    if (entry != NULL) {
        *copy_out = *entry;
    }
    ReleaseSRWLockShared(&lock);
    return entry != NULL;
}

static void remember(SOCKET socket)
{
    AcquireSRWLockExclusive(&lock);
    struct imitated *entry = entry_of(0);
    if (entry == NULL) {
        (void)fprintf(stderr, "the imitation has no room for another socket\n");
        abort();
    }
    *entry = (struct imitated){.socket = socket};
    ReleaseSRWLockExclusive(&lock);
}

static int fail_with(int error)
{
    WSASetLastError(error);
    return SOCKET_ERROR;
}

int WSAAPI imitation_WSAEnumProtocolsW(INT *protocols, WSAPROTOCOL_INFOW *entries, DWORD *size)
{
    (void)protocols;
    if (entries == NULL || *size < 2 * sizeof *entries) {
        *size = 2 * sizeof *entries;
        return fail_with(WSAENOBUFS);
    }
    memset(entries, 0, 2 * sizeof *entries);
    for (int i = 0; i < 2; i++) {
        entries[i].iAddressFamily = AF_UNIX;
        entries[i].iSocketType = SOCK_STREAM;
    }
    entries[0].ProviderId = foreign_provider;
    entries[1].ProviderId = right_provider;
    entries[1].dwCatalogEntryId = RIGHT_ENTRY;
    return 2;
}

SOCKET WSAAPI imitation_WSASocketW(
    int family, int type, int protocol, WSAPROTOCOL_INFOW *info, GROUP group, DWORD flags)
{
    if (family != AF_UNIX) {
        return __real___imp_WSASocketW(family, type, protocol, info, group, flags);
    }
    if (info == NULL || info->dwCatalogEntryId != RIGHT_ENTRY) {
        WSASetLastError(WSAEAFNOSUPPORT);
        return INVALID_SOCKET;
    }
    SOCKET socket = __real___imp_WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, group, flags);
    if (socket != INVALID_SOCKET) {
        remember(socket);
    }
    return socket;
}

static const char *path_of(const struct sockaddr *name)
{
    return ((const SOCKADDR_UN *)(const void *)name)->sun_path;
}

static HANDLE file_open(const char *path, DWORD access, DWORD disposition)
{
    wchar_t wide[UNIX_PATH_MAX];
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, UNIX_PATH_MAX) <= 0) {
        SetLastError(ERROR_PATH_NOT_FOUND);
        return INVALID_HANDLE_VALUE;
    }
    DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    return __real___imp_CreateFileW(wide, access, share, NULL, disposition, 0, NULL);
}

static bool file_write_port(HANDLE file, uint16_t port)
{
    char bytes[SOCKET_FILE_BYTES] = {0};
    DWORD written = 0;
    (void)snprintf(bytes, sizeof bytes, "%u", (unsigned)port);
    return WriteFile(file, bytes, sizeof bytes, &written, NULL) != 0;
}

static uint16_t file_read_port(const char *path)
{
    char bytes[SOCKET_FILE_BYTES + 1] = {0};
    DWORD size = 0;
    HANDLE file = file_open(path, GENERIC_READ, OPEN_EXISTING);
    if (file == INVALID_HANDLE_VALUE) {
        return 0;
    }
    (void)ReadFile(file, bytes, sizeof bytes, &size, NULL);
    (void)CloseHandle(file);
    return size == SOCKET_FILE_BYTES ? (uint16_t)strtoul(bytes, NULL, 10) : 0;
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return name;
}

int WSAAPI imitation_bind(SOCKET socket, const struct sockaddr *name, int size)
{
    struct imitated entry;
    if (!is_imitated(socket, &entry)) {
        return __real___imp_bind(socket, name, size);
    }
    HANDLE file = file_open(path_of(name), GENERIC_WRITE, CREATE_NEW);
    if (file == INVALID_HANDLE_VALUE) {
        return fail_with(GetLastError() == ERROR_PATH_NOT_FOUND ? WSAENETDOWN : WSAEADDRINUSE);
    }
    struct sockaddr_in own = loopback(0);
    int own_size = (int)sizeof own;
    if (__real___imp_bind(socket, (const struct sockaddr *)&own, own_size) != 0 ||
        __real___imp_getsockname(socket, (struct sockaddr *)&own, &own_size) != 0 ||
        !file_write_port(file, ntohs(own.sin_port))) {
        (void)CloseHandle(file);
        return SOCKET_ERROR;
    }
    (void)CloseHandle(file);
    AcquireSRWLockExclusive(&lock);
    entry_of(socket)->is_bound = true;
    ReleaseSRWLockExclusive(&lock);
    return 0;
}

// Waits for the end of a connection that is under way, as a system does that connects at once.
static int connection_await(SOCKET socket)
{
    fd_set made;
    fd_set failed;
    int error = 0;
    int size = (int)sizeof error;
    FD_ZERO(&made);
    FD_ZERO(&failed);
    FD_SET(socket, &made);
    FD_SET(socket, &failed);
    (void)__real___imp_select(0, NULL, &made, &failed, NULL);
    (void)__real___imp_getsockopt(socket, SOL_SOCKET, SO_ERROR, (char *)&error, &size);
    return error == 0 ? 0 : fail_with(error);
}

int WSAAPI imitation_connect(SOCKET socket, const struct sockaddr *name, int size)
{
    struct imitated entry;
    if (!is_imitated(socket, &entry)) {
        return __real___imp_connect(socket, name, size);
    }
    uint16_t port = file_read_port(path_of(name));
    if (port == 0) {
        return fail_with(WSAECONNREFUSED);
    }
    AcquireSRWLockExclusive(&lock);
    memcpy(entry_of(socket)->path, path_of(name), UNIX_PATH_MAX);
    ReleaseSRWLockExclusive(&lock);
    struct sockaddr_in peer = loopback(port);
    if (__real___imp_connect(socket, (const struct sockaddr *)&peer, (int)sizeof peer) == 0) {
        return 0;
    }
    bool is_under_way = WSAGetLastError() == WSAEWOULDBLOCK;
    return is_under_way && is_at_once ? connection_await(socket) : SOCKET_ERROR;
}

SOCKET WSAAPI imitation_accept(SOCKET socket, struct sockaddr *name, int *size)
{
    struct imitated entry;
    SOCKET accepted = __real___imp_accept(socket, name, size);
    if (accepted != INVALID_SOCKET && is_imitated(socket, &entry)) {
        remember(accepted);
    }
    return accepted;
}

int WSAAPI imitation_getpeername(SOCKET socket, struct sockaddr *name, int *size)
{
    struct imitated entry;
    if (__real___imp_getpeername(socket, name, size) != 0) {
        return SOCKET_ERROR;
    }
    if (is_imitated(socket, &entry)) {
        SOCKADDR_UN peer = {.sun_family = AF_UNIX};
        memcpy(peer.sun_path, entry.path, sizeof peer.sun_path);
        memcpy(name, &peer, sizeof peer);
        *size = (int)sizeof peer;
    }
    return 0;
}

// A Unix socket has no reset.
int WSAAPI imitation_setsockopt(SOCKET socket, int level, int option, const char *value, int size)
{
    struct imitated entry;
    if (level == SOL_SOCKET && option == SO_LINGER && is_imitated(socket, &entry)) {
        return 0;
    }
    return __real___imp_setsockopt(socket, level, option, value, size);
}

// The port of a dead path stays ours, so that nobody can come to life there: a socket that is bound to it
// and does not listen refuses like none.
static void port_keep(uint16_t port)
{
    BOOL yes = TRUE;
    struct sockaddr_in name = loopback(port);
    SOCKET keeper = __real___imp_WSASocketW(
        AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    (void)__real___imp_setsockopt(
        keeper, SOL_SOCKET, SO_REUSEADDR, (const char *)&yes, (int)sizeof yes);
    (void)__real___imp_bind(keeper, (const struct sockaddr *)&name, (int)sizeof name);
    AcquireSRWLockExclusive(&lock);
    kept_socket_count++;
    ReleaseSRWLockExclusive(&lock);
}

size_t imitation_kept_sockets(void)
{
    AcquireSRWLockShared(&lock);
    size_t count = kept_socket_count;
    ReleaseSRWLockShared(&lock);
    return count;
}

int WSAAPI imitation_closesocket(SOCKET socket)
{
    struct imitated entry;
    struct sockaddr_in name = {0};
    int size = (int)sizeof name;
    if (!is_imitated(socket, &entry)) {
        return __real___imp_closesocket(socket);
    }
    (void)__real___imp_getsockname(socket, (struct sockaddr *)&name, &size);
    // The number is free for others as soon as the socket is closed.
    AcquireSRWLockExclusive(&lock);
    entry_of(socket)->socket = 0;
    ReleaseSRWLockExclusive(&lock);
    int result = __real___imp_closesocket(socket);
    if (entry.is_bound) {
        port_keep(ntohs(name.sin_port));
    }
    return result;
}

int WSAAPI imitation_WSAIoctl(
    SOCKET socket,
    DWORD code,
    LPVOID in,
    DWORD in_size,
    LPVOID out,
    DWORD out_size,
    LPDWORD written,
    LPWSAOVERLAPPED overlapped,
    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    struct imitated entry;
    ULONG process = GetCurrentProcessId();
    bool is_asked = code == SIO_AF_UNIX_GETPEERPID || code == SIO_TCP_INFO;
    if (!is_asked || !is_imitated(socket, &entry)) {
        return tcp_info_WSAIoctl(
            socket, code, in, in_size, out, out_size, written, overlapped, routine);
    }
    if (code == SIO_TCP_INFO) {
        return fail_with(WSAEOPNOTSUPP);
    }
    if (out_size < sizeof process) {
        return fail_with(WSAEFAULT);
    }
    memcpy(out, &process, sizeof process);
    *written = sizeof process;
    return 0;
}

BOOL WINAPI imitation_GetFileInformationByHandleEx(
    HANDLE file, FILE_INFO_BY_HANDLE_CLASS kind, LPVOID info, DWORD size)
{
    BY_HANDLE_FILE_INFORMATION real;
    if (kind != FileAttributeTagInfo) {
        return __real___imp_GetFileInformationByHandleEx(file, kind, info, size);
    }
    FILE_ATTRIBUTE_TAG_INFO *tag_info = info;
    if (!__real___imp_GetFileInformationByHandle(file, &real)) {
        return FALSE;
    }
    bool is_socket = real.nFileSizeHigh == 0 && real.nFileSizeLow == SOCKET_FILE_BYTES;
    *tag_info = (FILE_ATTRIBUTE_TAG_INFO){.FileAttributes = real.dwFileAttributes};
    if (is_socket) {
        tag_info->FileAttributes |= FILE_ATTRIBUTE_REPARSE_POINT;
        tag_info->ReparseTag = (DWORD)IO_REPARSE_TAG_AF_UNIX;
    }
    return TRUE;
}

void imitation_file_is_going(const char *path, uint32_t call_count)
{
    going.call_count = call_count;
    (void)MultiByteToWideChar(CP_UTF8, 0, path, -1, going.path, MAX_PATH);
}

// The path may be written in another way, but it ends in the same name.
static bool is_going(const wchar_t *path)
{
    const wchar_t *name = wcsrchr(going.path, L'/');
    size_t length = name == NULL ? 0 : wcslen(++name);
    size_t path_length = wcslen(path);
    if (going.call_count == 0 || path_length < length ||
        wcscmp(path + path_length - length, name) != 0) {
        return false;
    }
    going.call_count--;
    SetLastError(ERROR_ACCESS_DENIED);
    return true;
}

HANDLE WINAPI imitation_CreateFileW(
    LPCWSTR path,
    DWORD access,
    DWORD share,
    LPSECURITY_ATTRIBUTES security,
    DWORD disposition,
    DWORD flags,
    HANDLE model)
{
    return is_going(path)
               ? INVALID_HANDLE_VALUE
               : __real___imp_CreateFileW(path, access, share, security, disposition, flags, model);
}

DWORD WINAPI imitation_GetFileAttributesW(LPCWSTR path)
{
    return is_going(path) ? INVALID_FILE_ATTRIBUTES : __real___imp_GetFileAttributesW(path);
}
