// SPDX-License-Identifier: MIT
// Connected sockets of POSIX: connecting, receiving, sending, the ways to end.
//
// Each call is made again when a signal came first. An error number leaves this file as it came; only
// those of connecting have a meaning here, since the caller has to choose between "later" and "never".
#include "os/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"
#include "os/endpoint.h"
#include "os/posix/native.h"
#include "os/posix/socket_options.h"

// What a Unix socket may hold for a slow reader; the system cuts it to its own limit.
#define TF_UNIX_SEND_BUFFER_BYTES (1024 * 1024)

bool tf_socket_set_options(int descriptor, int family)
{
    if (family == AF_UNIX) {
        int size = TF_UNIX_SEND_BUFFER_BYTES;
        return setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0;
    }
    int yes = 1;
    return setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0;
}

static enum tofu_status status_of_connect(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return TOFU_UDS_PATH_NOT_FOUND;
    case EAFNOSUPPORT:
    case EINVAL:
        return TOFU_INVALID_ADDRESS;
    default:
        return TOFU_CONNECT_FAILED;
    }
}

// A TCP socket that connects to a free port of its own host may be given that very port for its own end,
// and is then connected to itself. Nobody listens there: it is a refusal.
static bool socket_is_its_own_peer(
    int descriptor, const struct sockaddr_storage *peer, socklen_t peer_size)
{
    if (peer->ss_family != AF_INET && peer->ss_family != AF_INET6) {
        return false;
    }
    struct sockaddr_storage own;
    socklen_t own_size = sizeof own;
    memset(&own, 0, sizeof own);
    if (getsockname(descriptor, (struct sockaddr *)&own, &own_size) != 0) {
        return false;
    }
    return own_size == peer_size && memcmp(&own, peer, own_size) == 0;
}

// Readiness may be reported for nothing, so a socket without an error is connected only if it has a peer.
enum tf_connect tf_socket_connect_finish(
    tf_socket socket, enum tofu_status *status_out, int *error_out)
{
    TF_ASSERT(socket != TF_SOCKET_NONE);

    int descriptor = (int)socket;
    int error = 0;
    socklen_t error_size = sizeof error;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0) {
        error = errno;
    }
    if (error == 0) {
        struct sockaddr_storage peer;
        socklen_t peer_size = sizeof peer;
        memset(&peer, 0, sizeof peer);
        if (getpeername(descriptor, (struct sockaddr *)&peer, &peer_size) != 0) {
            error = errno;
        } else if (socket_is_its_own_peer(descriptor, &peer, peer_size)) {
            error = ECONNREFUSED;
        }
    }
    if (error == 0) {
        return TF_CONNECT_DONE;
    }
    if (error == ENOTCONN) {
        return TF_CONNECT_PENDING;
    }
    *status_out = status_of_connect(error);
    *error_out = error;
    return TF_CONNECT_FAILED;
}

// Starts the connection of a fresh socket; gives the error that started, or 0 if it is connected. A call
// that a signal interrupted may have begun: the next one then says so.
static int connect_start(int descriptor, const struct tf_endpoint *endpoint)
{
    const struct sockaddr *address = (const struct sockaddr *)(const void *)endpoint->storage;
    while (connect(descriptor, address, (socklen_t)endpoint->size) != 0) {
        if (errno == EISCONN) {
            return 0;
        }
        if (errno != EINTR) {
            return errno == EALREADY ? EINPROGRESS : errno;
        }
    }
    return 0;
}

// What connect_start() gave, as the caller wants it. A Unix socket connects at once or not at all.
static enum tf_connect connect_result(
    int descriptor, int family, int error, enum tofu_status *status_out, int *error_out)
{
    if (error == EINPROGRESS) {
        return TF_CONNECT_PENDING;
    }
    if (error == 0) {
        return family == AF_UNIX ? TF_CONNECT_DONE
                                 : tf_socket_connect_finish(descriptor, status_out, error_out);
    }
    if (error == EAGAIN && family == AF_UNIX) {
        return TF_CONNECT_CONGESTED;
    }
    *error_out = error;
    *status_out = status_of_connect(error);
    return TF_CONNECT_FAILED;
}

enum tf_connect tf_socket_connect(
    const struct tf_endpoint *endpoint,
    tf_socket *socket_out,
    enum tofu_status *status_out,
    int *error_out)
{
    TF_ASSERT(endpoint->size > 0);

    int family = tf_endpoint_family(endpoint);
    int descriptor = tf_native_socket(family);
    if (descriptor < 0) {
        *error_out = errno;
        *status_out = status_of_connect(*error_out);
        return TF_CONNECT_FAILED;
    }
    if (!tf_socket_set_options(descriptor, family)) {
        *error_out = errno;
        *status_out = TOFU_SETSOCKOPT_FAILED;
        (void)close(descriptor);
        return TF_CONNECT_FAILED;
    }
    int error = connect_start(descriptor, endpoint);
    enum tf_connect result = connect_result(descriptor, family, error, status_out, error_out);
    if (result == TF_CONNECT_FAILED || result == TF_CONNECT_CONGESTED) {
        (void)close(descriptor);
        return result;
    }
    *socket_out = descriptor;
    return result;
}

// Makes the system's array of ours; returns the bytes in it.
static size_t vectors_from_segments(
    struct iovec *vectors, const struct tf_segment *segments, size_t segment_count)
{
    TF_ASSERT(segment_count > 0);
    TF_ASSERT(segment_count <= TF_SEGMENTS_MAX);

    size_t total = 0;
    for (size_t i = 0; i < segment_count; i++) {
        vectors[i] = (struct iovec){.iov_base = segments[i].data, .iov_len = segments[i].size};
        total += segments[i].size;
    }
    return total;
}

static enum tf_io io_of_error(int error, int *error_out)
{
    if (error == EAGAIN || error == EWOULDBLOCK) {
        return TF_IO_WOULD_BLOCK;
    }
    *error_out = error;
    return TF_IO_FAILED;
}

enum tf_io tf_socket_receive(
    tf_socket socket,
    const struct tf_segment *segments,
    size_t segment_count,
    size_t *size_out,
    int *error_out)
{
    struct iovec vectors[TF_SEGMENTS_MAX];
    size_t total = vectors_from_segments(vectors, segments, segment_count);
    // Without room, "no bytes" would read as the end.
    TF_ASSERT(total > 0);
    (void)total;

    struct msghdr message = {.msg_iov = vectors};
    message.msg_iovlen = segment_count;
    ssize_t size = 0;
    do {
        size = segment_count == 1 ? recv((int)socket, vectors[0].iov_base, vectors[0].iov_len, 0)
                                  : recvmsg((int)socket, &message, 0);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        return io_of_error(errno, error_out);
    }
    if (size == 0) {
        return TF_IO_END;
    }
    *size_out = (size_t)size;
    return TF_IO_DONE;
}

enum tf_io tf_socket_send(
    tf_socket socket,
    const struct tf_segment *segments,
    size_t segment_count,
    size_t *size_out,
    int *error_out)
{
    struct iovec vectors[TF_SEGMENTS_MAX];
    size_t total = vectors_from_segments(vectors, segments, segment_count);
    TF_ASSERT(total > 0);
    (void)total;

    struct msghdr message = {.msg_iov = vectors};
    message.msg_iovlen = segment_count;
    ssize_t size = 0;
    do {
        size =
            segment_count == 1
                ? send((int)socket, vectors[0].iov_base, vectors[0].iov_len, tf_native_send_flags)
                : sendmsg((int)socket, &message, tf_native_send_flags);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        return io_of_error(errno, error_out);
    }
    TF_ASSERT(size > 0);
    *size_out = (size_t)size;
    return TF_IO_DONE;
}

size_t tf_socket_pending(tf_socket socket)
{
    int size = 0;
    return ioctl((int)socket, FIONREAD, &size) == 0 && size > 0 ? (size_t)size : 0;
}

uint64_t tf_socket_unsent(tf_socket socket, uint64_t sent_bytes)
{
    (void)sent_bytes;
    return tf_native_unsent((int)socket);
}

void tf_socket_shutdown_send(tf_socket socket)
{
    (void)shutdown((int)socket, SHUT_WR);
}

// A Unix socket takes the option too, and has no use for it.
void tf_socket_keep_alive(tf_socket socket)
{
    int yes = 1;
    (void)setsockopt((int)socket, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
}

// A child that was forked has the descriptor too, and would keep the connection alive: ending it is said
// aloud, and not left to the last close.
//
// After EINTR the descriptor is gone on Linux and unspecified elsewhere: a second close could hit a
// descriptor that another thread has just been given.
void tf_socket_close(tf_socket socket)
{
    TF_ASSERT(socket != TF_SOCKET_NONE);

    (void)shutdown((int)socket, SHUT_RDWR);
    (void)close((int)socket);
}

void tf_socket_reset(tf_socket socket)
{
    TF_ASSERT(socket != TF_SOCKET_NONE);

    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt((int)socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    tf_native_break((int)socket);
    (void)close((int)socket);
}

bool tf_socket_error_is_disconnect(int error)
{
    return error == ECONNRESET || error == EPIPE;
}
