// SPDX-License-Identifier: MIT
// Connecting: a call that starts it, and a question that is asked as often as one likes.
//
// A connection that has failed keeps its error in SO_ERROR; one that has not failed is connected only if
// it has a peer. The question has no memory, so it may be asked after any event, or none.
#include "os/socket.h"

#include <string.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include <mstcpip.h>

#include "base/assert.h"
#include "os/windows/endpoint.h"
#include "os/windows/own_error.h"
#include "os/windows/text.h"
#include "os/windows/unix_provider.h"
#include "os/windows/winsock.h"

static enum tofu_status status_of_connect(int error)
{
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
        return TOFU_UDS_PATH_NOT_FOUND;
    case WSAEAFNOSUPPORT:
    case WSAEINVAL:
    case TF_ERROR_NO_UNIX_SOCKETS:
    case ERROR_NO_UNICODE_TRANSLATION:
        return TOFU_INVALID_ADDRESS;
    default:
        return TOFU_CONNECT_FAILED;
    }
}

// A TCP socket that connects to a free port of its own host may be given that very port for its own end,
// and is then connected to itself. Nobody listens there: it is a refusal.
static bool socket_is_its_own_peer(
    SOCKET socket, const struct sockaddr_storage *peer, int peer_size)
{
    if (peer->ss_family != AF_INET && peer->ss_family != AF_INET6) {
        return false;
    }
    struct sockaddr_storage own;
    int own_size = (int)sizeof own;
    memset(&own, 0, sizeof own);
    if (getsockname(socket, (struct sockaddr *)&own, &own_size) != 0) {
        return false;
    }
    return own_size == peer_size && memcmp(&own, peer, (size_t)own_size) == 0;
}

// A connection that was made and reset before anybody asked has neither an error nor a peer any more, and
// is told from one under way by asking what is ready.
static int unconnected_error(SOCKET socket)
{
    WSAPOLLFD entry = {.fd = socket, .events = POLLWRNORM};
    bool has_failed =
        WSAPoll(&entry, 1, 0) == 1 && (entry.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
    return has_failed ? WSAECONNRESET : WSAENOTCONN;
}

// Gives 0 for a socket that is connected, WSAENOTCONN for one that is not yet, or why it failed.
static int connection_error(SOCKET socket)
{
    int error = 0;
    int error_size = (int)sizeof error;
    if (getsockopt(socket, SOL_SOCKET, SO_ERROR, (char *)&error, &error_size) != 0) {
        return WSAGetLastError();
    }
    if (error != 0) {
        return error;
    }
    struct sockaddr_storage peer;
    int peer_size = (int)sizeof peer;
    memset(&peer, 0, sizeof peer);
    if (getpeername(socket, (struct sockaddr *)&peer, &peer_size) != 0) {
        error = WSAGetLastError();
        return error == WSAENOTCONN ? unconnected_error(socket) : error;
    }
    return socket_is_its_own_peer(socket, &peer, peer_size) ? WSAECONNREFUSED : 0;
}

enum tf_connect tf_socket_connect_finish(
    tf_socket socket, enum tofu_status *status_out, int *error_out)
{
    TF_ASSERT(socket != TF_SOCKET_NONE);

    int error = connection_error((SOCKET)socket);
    if (error == 0) {
        return TF_CONNECT_DONE;
    }
    if (error == WSAENOTCONN) {
        return TF_CONNECT_PENDING;
    }
    *status_out = status_of_connect(error);
    *error_out = error;
    return TF_CONNECT_FAILED;
}

// Windows asks again, twice, when it was refused, which takes 2 s. On one's own host a refusal is final.
// Systems that do not know the request are none the worse.
static void refusal_make_final(SOCKET socket)
{
    TCP_INITIAL_RTO_PARAMETERS once = {
        .Rtt = TCP_INITIAL_RTO_UNSPECIFIED_RTT,
        .MaxSynRetransmissions = TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS};
    DWORD size = 0;
    (void)WSAIoctl(
        socket, SIO_TCP_INITIAL_RTO, &once, (DWORD)sizeof once, NULL, 0, &size, NULL, NULL);
}

// A path that is not there is refused like one where nobody listens, so the file system is asked.
static int unix_error(const struct tf_endpoint *endpoint, int error)
{
    SOCKADDR_UN address;
    wchar_t wide[UNIX_PATH_MAX];
    memcpy(&address, endpoint->storage, sizeof address);
    if (!tf_text_to_wide(address.sun_path, wide, UNIX_PATH_MAX)) {
        return ERROR_NO_UNICODE_TRANSLATION;
    }
    if (GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES) {
        return error;
    }
    DWORD reason = GetLastError();
    bool is_missing = reason == ERROR_FILE_NOT_FOUND || reason == ERROR_PATH_NOT_FOUND;
    return is_missing ? (int)reason : error;
}

// Gives 0 and a socket whose connection is made or under way, or the error and no socket.
static int connect_start(const struct tf_endpoint *endpoint, int family, SOCKET *socket_out)
{
    int error = 0;
    SOCKET socket =
        family == AF_UNIX ? tf_unix_socket(&error) : tf_winsock_socket(family, NULL, &error);
    if (socket == INVALID_SOCKET) {
        return error;
    }
    if (tf_endpoint_is_loopback(endpoint)) {
        refusal_make_final(socket);
    }
    const struct sockaddr *address = (const struct sockaddr *)(const void *)endpoint->storage;
    if (connect(socket, address, (int)endpoint->size) != 0) {
        error = WSAGetLastError();
    }
    if (error != 0 && error != WSAEWOULDBLOCK) {
        (void)closesocket(socket);
        return family == AF_UNIX ? unix_error(endpoint, error) : error;
    }
    *socket_out = socket;
    return 0;
}

// The connection may be made already: the question says so.
enum tf_connect tf_socket_connect(
    const struct tf_endpoint *endpoint,
    tf_socket *socket_out,
    enum tofu_status *status_out,
    int *error_out)
{
    TF_ASSERT(endpoint->size > 0);

    int family = tf_endpoint_family(endpoint);
    SOCKET socket = INVALID_SOCKET;
    int error = connect_start(endpoint, family, &socket);
    if (error != 0) {
        *error_out = error;
        *status_out = status_of_connect(error);
        return TF_CONNECT_FAILED;
    }
    error = tf_winsock_set_options(socket, family);
    if (error != 0) {
        *error_out = error;
        *status_out = TOFU_SETSOCKOPT_FAILED;
        (void)closesocket(socket);
        return TF_CONNECT_FAILED;
    }
    enum tf_connect result = tf_socket_connect_finish((tf_socket)socket, status_out, error_out);
    if (result == TF_CONNECT_FAILED) {
        (void)closesocket(socket);
        return result;
    }
    *socket_out = (tf_socket)socket;
    return result;
}
