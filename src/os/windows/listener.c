// SPDX-License-Identifier: MIT
// Listening sockets of Windows.
//
// Opening is socket, options, bind, listen, and the real address; a Unix path goes through
// unix_path.c. A process may have some sixteen million handles, so what runs out first is the system's
// memory for sockets; the socket kept in reserve frees some of it for a moment, to turn one waiting
// peer away, who would otherwise keep the listener readable for ever.
#include "os/socket.h"

#include <string.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include "base/assert.h"
#include "os/endpoint.h"
#include "os/tcp_listener.h"
#include "os/windows/own_error.h"
#include "os/windows/unix_path.h"
#include "os/windows/unix_provider.h"
#include "os/windows/winsock.h"

// How many connections that ended while they waited one accept skips.
#define TF_ACCEPT_SKIPS_MAX 64

enum tofu_status tf_listen_status(int error)
{
    bool is_of_address = error == WSAEAFNOSUPPORT || error == WSAEINVAL ||
                         error == TF_ERROR_NO_UNIX_SOCKETS || error == ERROR_NO_UNICODE_TRANSLATION;
    return is_of_address ? TOFU_INVALID_ADDRESS : TOFU_LISTEN_FAILED;
}

bool tf_listener_error_is_busy(int error)
{
    return error == ERROR_SHARING_VIOLATION || error == ERROR_DELETE_PENDING;
}

// A socket that is not bound depends on nothing and costs what the next connection will cost.
static intptr_t reserve_open(int *error_out)
{
    return (intptr_t)tf_winsock_socket(AF_INET, NULL, error_out);
}

// Asks the system for the port it has chosen. The host stays as the user wrote it.
static int port_read(SOCKET socket, uint16_t *port_out)
{
    struct sockaddr_storage storage;
    int size = (int)sizeof storage;
    memset(&storage, 0, sizeof storage);
    if (getsockname(socket, (struct sockaddr *)&storage, &size) != 0) {
        return WSAGetLastError();
    }
    struct tf_endpoint endpoint;
    struct tofu_address address;
    tf_endpoint_set(&endpoint, &storage, (size_t)size);
    tf_endpoint_to_address(&endpoint, &address);
    *port_out = address.port;
    return 0;
}

// What SO_REUSEADDR is on POSIX, Windows does unasked; here that option would let any program take the
// port away from us, and SO_EXCLUSIVEADDRUSE forbids it. "::" means IPv6 only; both together are what
// an empty host means.
static int tcp_set_options(SOCKET socket, int family, bool is_dual)
{
    BOOL yes = TRUE;
    if (setsockopt(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&yes, (int)sizeof yes) !=
        0) {
        return WSAGetLastError();
    }
    DWORD is_version_6_only = is_dual ? 0 : 1;
    if (family == AF_INET6 && setsockopt(
                                  socket,
                                  IPPROTO_IPV6,
                                  IPV6_V6ONLY,
                                  (const char *)&is_version_6_only,
                                  (int)sizeof is_version_6_only) != 0) {
        return WSAGetLastError();
    }
    return 0;
}

static int tcp_bind_and_listen(
    SOCKET socket, const struct tf_endpoint *endpoint, bool is_dual, uint16_t *port_out)
{
    int error = tcp_set_options(socket, tf_endpoint_family(endpoint), is_dual);
    if (error != 0) {
        return error;
    }
    const struct sockaddr *address = (const struct sockaddr *)(const void *)endpoint->storage;
    if (bind(socket, address, (int)endpoint->size) != 0 || listen(socket, SOMAXCONN) != 0) {
        return WSAGetLastError();
    }
    return port_read(socket, port_out);
}

int tf_tcp_listen(
    const struct tf_endpoint *endpoint, bool is_dual, tf_socket *socket_out, uint16_t *port_out)
{
    int error = 0;
    SOCKET socket = tf_winsock_socket(tf_endpoint_family(endpoint), NULL, &error);
    if (socket == INVALID_SOCKET) {
        return error;
    }
    error = tcp_bind_and_listen(socket, endpoint, is_dual, port_out);
    if (error != 0) {
        (void)closesocket(socket);
        return error;
    }
    *socket_out = (tf_socket)socket;
    return 0;
}

bool tf_listen_error_is_no_version_6(int error)
{
    return error == WSAEAFNOSUPPORT || error == WSAEADDRNOTAVAIL || error == WSAENOPROTOOPT ||
           error == WSAEINVAL;
}

// Those to whom a mode gives the right to write may connect. Windows has no such three kinds of users: if
// others than the owner may, the directory says who they are.
#define TF_MODE_OF_OTHERS 022

static int path_listen(SOCKET socket, bool is_private, struct tf_listener *made)
{
    struct tf_unix_file file;
    int error = tf_unix_path_full(made->address.path, made->path_full);
    if (error == 0) {
        error = tf_unix_path_listen(socket, made->address.path, made->path_full, is_private, &file);
    }
    if (error != 0) {
        return error;
    }
    made->socket = (tf_socket)socket;
    made->path_device = file.volume;
    made->path_inode = file.number;
    return 0;
}

static enum tofu_status unix_listener_open(struct tf_listener *made, uint32_t mode, int *error_out)
{
    int error = 0;
    SOCKET socket = tf_unix_socket(&error);
    if (socket == INVALID_SOCKET) {
        *error_out = error;
        return tf_listen_status(error);
    }
    bool is_private = (mode & TF_MODE_OF_OTHERS) == 0;
    error = path_listen(socket, is_private, made);
    if (error != 0) {
        (void)closesocket(socket);
        *error_out = error;
        return error == ERROR_NO_UNICODE_TRANSLATION ? TOFU_INVALID_ADDRESS : TOFU_LISTEN_FAILED;
    }
    return TOFU_OK;
}

enum tofu_status tf_listener_open(
    struct tf_listener *listener, const struct tofu_address *address, uint32_t mode, int *error_out)
{
    struct tf_listener made = {.socket = TF_SOCKET_NONE, .address = *address};
    // First, so that a process that has no socket to spare hears it now and not at its first peer.
    made.reserve = reserve_open(error_out);
    if (made.reserve == TF_SOCKET_NONE) {
        return TOFU_LISTEN_FAILED;
    }
    enum tofu_status status = address->transport == TOFU_UDS
                                  ? unix_listener_open(&made, mode, error_out)
                                  : tf_tcp_listener_open(&made, error_out);
    if (status != TOFU_OK) {
        (void)closesocket((SOCKET)made.reserve);
        return status;
    }
    *listener = made;
    return TOFU_OK;
}

// The path goes first: while the socket is open nobody takes the path for dead, and no other file can
// have its number.
void tf_listener_close(struct tf_listener *listener)
{
    TF_ASSERT(listener->socket != TF_SOCKET_NONE);

    if (listener->path_inode != 0) {
        struct tf_unix_file file = {
            .volume = listener->path_device, .number = listener->path_inode};
        tf_unix_path_remove(listener->path_full, &file);
        listener->path_inode = 0;
    }
    (void)closesocket((SOCKET)listener->socket);
    listener->socket = TF_SOCKET_NONE;
    if (listener->reserve != TF_SOCKET_NONE) {
        (void)closesocket((SOCKET)listener->reserve);
        listener->reserve = TF_SOCKET_NONE;
    }
}

// The errors that speak of the waiting connection and not of the listener.
static bool error_is_of_connection(int error)
{
    return error == WSAECONNRESET || error == WSAECONNABORTED || error == WSAETIMEDOUT ||
           error == WSAENETRESET || error == WSAEHOSTUNREACH || error == WSAENETUNREACH;
}

static bool error_is_exhaustion(int error)
{
    return error == WSAEMFILE || error == WSAENOBUFS || error == WSA_NOT_ENOUGH_MEMORY;
}

// Another thread may take what the reserve gives up; then nobody is turned away, and the reserve is taken
// again when there is one.
static void peer_turn_away(struct tf_listener *listener, int family)
{
    int error = 0;
    if (listener->reserve == TF_SOCKET_NONE) {
        return;
    }
    (void)closesocket((SOCKET)listener->reserve);
    SOCKET refused = tf_winsock_accept((SOCKET)listener->socket, family, &error);
    if (refused != INVALID_SOCKET) {
        tf_socket_reset((tf_socket)refused);
    }
    listener->reserve = reserve_open(&error);
}

// After too many skips the answer is not "would block": that would promise that the listener has been
// emptied. It is to rest, as if the system were exhausted.
enum tf_io tf_listener_accept(struct tf_listener *listener, tf_socket *socket_out, int *error_out)
{
    TF_ASSERT(listener->socket != TF_SOCKET_NONE);

    int family = listener->address.transport == TOFU_UDS ? AF_UNIX : AF_INET;
    int error = 0;
    if (listener->reserve == TF_SOCKET_NONE) {
        listener->reserve = reserve_open(&error);
    }
    for (int skip_count = 0; skip_count < TF_ACCEPT_SKIPS_MAX; skip_count++) {
        SOCKET socket = tf_winsock_accept((SOCKET)listener->socket, family, &error);
        if (socket != INVALID_SOCKET) {
            *socket_out = (tf_socket)socket;
            return TF_IO_DONE;
        }
        if (error == WSAEWOULDBLOCK) {
            return TF_IO_WOULD_BLOCK;
        }
        if (error_is_exhaustion(error)) {
            peer_turn_away(listener, family);
            *error_out = error;
            return TF_IO_EXHAUSTED;
        }
        if (!error_is_of_connection(error)) {
            *error_out = error;
            return TF_IO_FAILED;
        }
    }
    *error_out = error;
    return TF_IO_EXHAUSTED;
}
