// SPDX-License-Identifier: MIT
// The wrapped functions of Winsock and of the system; NT's own are in fault_nt.c.
#include "torture/windows/wrapping.h"

// A function that fails with `failure`, and of which nothing more is to be known.
#define WRAP_PLAIN(type, convention, name, failure, parameters, arguments)                         \
    WRAP(type, convention, name, parameters)                                                       \
    {                                                                                              \
        return strikes(FAULT_##name) ? (failure) : __real___imp_##name arguments;                  \
    }

WRAP_PLAIN(
    HANDLE,
    WINAPI,
    CreateEventW,
    NULL,
    (LPSECURITY_ATTRIBUTES a, WINBOOL b, WINBOOL c, LPCWSTR d),
    (a, b, c, d))
WRAP_PLAIN(BOOL, WINAPI, GetModuleHandleExW, FALSE, (DWORD a, LPCWSTR b, HMODULE *c), (a, b, c))
WRAP_PLAIN(HMODULE, WINAPI, GetModuleHandleW, NULL, (LPCWSTR a), (a))
WRAP_PLAIN(FARPROC, WINAPI, GetProcAddress, NULL, (HMODULE a, LPCSTR b), (a, b))
WRAP_PLAIN(BOOL, WINAPI, SetHandleInformation, FALSE, (HANDLE a, DWORD b, DWORD c), (a, b, c))
WRAP_PLAIN(
    int,
    WSAAPI,
    WSAIoctl,
    SOCKET_ERROR,
    (SOCKET a,
     DWORD b,
     LPVOID c,
     DWORD d,
     LPVOID e,
     DWORD f,
     LPDWORD g,
     LPWSAOVERLAPPED h,
     LPWSAOVERLAPPED_COMPLETION_ROUTINE i),
    (a, b, c, d, e, f, g, h, i))
WRAP_PLAIN(
    SOCKET,
    WSAAPI,
    WSASocketW,
    INVALID_SOCKET,
    (int a, int b, int c, WSAPROTOCOL_INFOW *d, GROUP e, DWORD f),
    (a, b, c, d, e, f))
WRAP_PLAIN(int, WSAAPI, bind, SOCKET_ERROR, (SOCKET a, const struct sockaddr *b, int c), (a, b, c))
WRAP_PLAIN(
    int, WSAAPI, getpeername, SOCKET_ERROR, (SOCKET a, struct sockaddr *b, int *c), (a, b, c))
WRAP_PLAIN(
    int, WSAAPI, getsockname, SOCKET_ERROR, (SOCKET a, struct sockaddr *b, int *c), (a, b, c))
WRAP_PLAIN(int, WSAAPI, ioctlsocket, SOCKET_ERROR, (SOCKET a, long b, u_long *c), (a, b, c))
WRAP_PLAIN(int, WSAAPI, listen, SOCKET_ERROR, (SOCKET a, int b), (a, b))
WRAP_PLAIN(
    int,
    WSAAPI,
    setsockopt,
    SOCKET_ERROR,
    (SOCKET a, int b, int c, const char *d, int e),
    (a, b, c, d, e))
WRAP_PLAIN(int, WSAAPI, shutdown, SOCKET_ERROR, (SOCKET a, int b), (a, b))

// These say what is wrong by their result.
WRAP_PLAIN(
    INT,
    WSAAPI,
    GetAddrInfoW,
    (INT)GetLastError(),
    (PCWSTR a, PCWSTR b, const ADDRINFOW *c, PADDRINFOW *d),
    (a, b, c, d))

// A socket is never kept from being closed: nobody could close it again.
WRAP(int, WSAAPI, closesocket, (SOCKET socket))
{
    int result = __real___imp_closesocket(socket);
    return strikes(FAULT_closesocket) ? SOCKET_ERROR : result;
}

// Afterwards: the connection that waited is gone, and its error is what accept says.
WRAP(SOCKET, WSAAPI, accept, (SOCKET listener, struct sockaddr *address, int *size))
{
    enum fault_way way = FAULT_INSTEAD;
    int error = 0;
    if (!fault_strikes(FAULT_accept, &way, &error)) {
        return __real___imp_accept(listener, address, size);
    }
    if (way == FAULT_AFTER) {
        SOCKET accepted = __real___imp_accept(listener, address, size);
        if (accepted == INVALID_SOCKET) {
            return INVALID_SOCKET;
        }
        (void)__real___imp_closesocket(accepted);
    }
    SetLastError((DWORD)error);
    return INVALID_SOCKET;
}

// Afterwards: the connection has begun.
WRAP(int, WSAAPI, connect, (SOCKET socket, const struct sockaddr *address, int size))
{
    enum fault_way way = FAULT_INSTEAD;
    int error = 0;
    if (!fault_strikes(FAULT_connect, &way, &error)) {
        return __real___imp_connect(socket, address, size);
    }
    if (way == FAULT_AFTER && __real___imp_connect(socket, address, size) != 0 &&
        GetLastError() != WSAEWOULDBLOCK) {
        return SOCKET_ERROR;
    }
    SetLastError((DWORD)error);
    return SOCKET_ERROR;
}

WRAP(int, WSAAPI, getsockopt, (SOCKET socket, int level, int option, char *value, int *size))
{
    enum fault_way way = FAULT_INSTEAD;
    int error = 0;
    if (!fault_strikes(FAULT_getsockopt, &way, &error)) {
        return __real___imp_getsockopt(socket, level, option, value, size);
    }
    if (way == FAULT_VALUE && *size == (int)sizeof error) {
        memcpy(value, &error, sizeof error);
        return 0;
    }
    SetLastError((DWORD)error);
    return SOCKET_ERROR;
}

#define BUFFERS_MAX 64

// Copies the buffers, as many of their bytes as one call may move. Returns how many buffers that are.
static DWORD cut(const WSABUF *buffers, DWORD count, WSABUF *cut_out)
{
    size_t bytes_max = fault_bytes_max();
    size_t left = bytes_max == 0 ? SIZE_MAX : bytes_max;
    DWORD cut_count = 0;
    for (DWORD i = 0; i < count && i < BUFFERS_MAX && left > 0; i++) {
        WSABUF *buffer = &cut_out[cut_count++];
        *buffer = buffers[i];
        buffer->len = buffer->len < left ? buffer->len : (ULONG)left;
        left -= buffer->len;
    }
    return cut_count;
}

WRAP(
    int,
    WSAAPI,
    WSARecv,
    (SOCKET socket,
     LPWSABUF buffers,
     DWORD count,
     LPDWORD size,
     LPDWORD flags,
     LPWSAOVERLAPPED overlapped,
     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine))
{
    WSABUF some[BUFFERS_MAX];
    DWORD some_count = cut(buffers, count, some);
    return strikes(FAULT_WSARecv)
               ? SOCKET_ERROR
               : __real___imp_WSARecv(socket, some, some_count, size, flags, overlapped, routine);
}

WRAP(
    int,
    WSAAPI,
    WSASend,
    (SOCKET socket,
     LPWSABUF buffers,
     DWORD count,
     LPDWORD size,
     DWORD flags,
     LPWSAOVERLAPPED overlapped,
     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine))
{
    WSABUF some[BUFFERS_MAX];
    DWORD some_count = cut(buffers, count, some);
    return strikes(FAULT_WSASend)
               ? SOCKET_ERROR
               : __real___imp_WSASend(socket, some, some_count, size, flags, overlapped, routine);
}

int WSAAPI __real_WSAPoll(LPWSAPOLLFD entries, ULONG count, INT timeout);
int WSAAPI __wrap_WSAPoll(LPWSAPOLLFD entries, ULONG count, INT timeout);
int WSAAPI __wrap_WSAPoll(LPWSAPOLLFD entries, ULONG count, INT timeout)
{
    return strikes(FAULT_WSAPoll) ? SOCKET_ERROR : __real_WSAPoll(entries, count, timeout);
}

// No error: it was woken, by nobody who meant it.
BOOL WINAPI __real_WaitOnAddress(volatile void *word, void *expected, SIZE_T size, DWORD timeout);
BOOL WINAPI __wrap_WaitOnAddress(volatile void *word, void *expected, SIZE_T size, DWORD timeout);
BOOL WINAPI __wrap_WaitOnAddress(volatile void *word, void *expected, SIZE_T size, DWORD timeout)
{
    return strikes(FAULT_WaitOnAddress) ? GetLastError() == 0
                                        : __real_WaitOnAddress(word, expected, size, timeout);
}
