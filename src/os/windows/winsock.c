// SPDX-License-Identifier: MIT
// Every socket is overlapped, because the poller's question would block the thread on one that is not;
// non-blocking; and not inherited, because the poller does not hear of the end of a socket that a child
// still has open.
#include "os/windows/winsock.h"

#include <stdbool.h>

#include "os/socket.h"

static bool socket_make_non_blocking(SOCKET socket)
{
    u_long yes = 1;
    return ioctlsocket(socket, (long)FIONBIO, &yes) == 0;
}

SOCKET tf_winsock_socket(int family, WSAPROTOCOL_INFOW *provider, int *error_out)
{
    DWORD flags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
    SOCKET socket = WSASocketW(family, SOCK_STREAM, 0, provider, 0, flags);
    if (socket == INVALID_SOCKET) {
        *error_out = WSAGetLastError();
        return INVALID_SOCKET;
    }
    if (!socket_make_non_blocking(socket)) {
        *error_out = WSAGetLastError();
        (void)closesocket(socket);
        return INVALID_SOCKET;
    }
    return socket;
}

int tf_winsock_set_options(SOCKET socket, int family)
{
    if (family == AF_UNIX) {
        return 0;
    }
    BOOL yes = TRUE;
    int result = setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, (const char *)&yes, (int)sizeof yes);
    return result == 0 ? 0 : WSAGetLastError();
}

// What the listener hands on to an accepted socket differs between systems, so all is set here. A child
// that another thread starts between the two calls could inherit the handle: there is no accept without
// that moment but AcceptEx, which is a completion and not readiness.
SOCKET tf_winsock_accept(SOCKET listener, int family, int *error_out)
{
    SOCKET socket = accept(listener, NULL, NULL);
    if (socket == INVALID_SOCKET) {
        *error_out = WSAGetLastError();
        return INVALID_SOCKET;
    }
    bool is_ours = SetHandleInformation((HANDLE)socket, HANDLE_FLAG_INHERIT, 0) != 0 &&
                   socket_make_non_blocking(socket) && tf_winsock_set_options(socket, family) == 0;
    if (!is_ours) {
        tf_socket_reset((tf_socket)socket);
        *error_out = WSAECONNABORTED;
        return INVALID_SOCKET;
    }
    return socket;
}
