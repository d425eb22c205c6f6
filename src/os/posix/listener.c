// SPDX-License-Identifier: MIT
// Listening sockets of POSIX.
//
// Opening is socket, options, bind, listen, and the real address; a Unix path goes through
// unix_path.c. Each listener keeps a descriptor in reserve: when the process has no more, it is given up
// for a moment to turn one waiting peer away, who would otherwise keep the listener readable for ever.
#include "os/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "os/endpoint.h"
#include "os/posix/native.h"
#include "os/posix/socket_options.h"
#include "os/posix/unix_path.h"
#include "os/tcp_listener.h"

// How many connections that ended while they waited one accept skips.
#define TF_ACCEPT_SKIPS_MAX 64

enum tofu_status tf_listen_status(int error)
{
    return error == EAFNOSUPPORT || error == EINVAL ? TOFU_INVALID_ADDRESS : TOFU_LISTEN_FAILED;
}

// An unconnected Unix socket costs no more than any other descriptor, and depends on no file.
static intptr_t reserve_open(void)
{
    return tf_native_socket(AF_UNIX);
}

bool tf_listener_error_is_busy(int error)
{
    return error == EWOULDBLOCK;
}

// Asks the system for the port it has chosen. The host stays as the user wrote it.
static int port_read(int descriptor, uint16_t *port_out)
{
    struct sockaddr_storage storage;
    socklen_t size = sizeof storage;
    memset(&storage, 0, sizeof storage);
    if (getsockname(descriptor, (struct sockaddr *)&storage, &size) != 0) {
        return errno;
    }
    struct tf_endpoint endpoint;
    struct tofu_address address;
    tf_endpoint_set(&endpoint, &storage, size);
    tf_endpoint_to_address(&endpoint, &address);
    *port_out = address.port;
    return 0;
}

// Without SO_REUSEADDR a server that starts again is refused while old connections time out. On IPv6,
// "::" means IPv6 only; both together are what an empty host means.
static int tcp_set_options(int descriptor, int family, bool is_dual)
{
    int yes = 1;
    if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0) {
        return errno;
    }
    int is_version_6_only = is_dual ? 0 : 1;
    if (family == AF_INET6 &&
        setsockopt(
            descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &is_version_6_only, sizeof is_version_6_only) !=
            0) {
        return errno;
    }
    return 0;
}

static int tcp_bind_and_listen(
    int descriptor, const struct tf_endpoint *endpoint, bool is_dual, uint16_t *port_out)
{
    int error = tcp_set_options(descriptor, tf_endpoint_family(endpoint), is_dual);
    if (error != 0) {
        return error;
    }
    const struct sockaddr *address = (const struct sockaddr *)(const void *)endpoint->storage;
    if (bind(descriptor, address, (socklen_t)endpoint->size) != 0 ||
        listen(descriptor, SOMAXCONN) != 0) {
        return errno;
    }
    return port_read(descriptor, port_out);
}

int tf_tcp_listen(
    const struct tf_endpoint *endpoint, bool is_dual, tf_socket *socket_out, uint16_t *port_out)
{
    int descriptor = tf_native_socket(tf_endpoint_family(endpoint));
    if (descriptor < 0) {
        return errno;
    }
    int error = tcp_bind_and_listen(descriptor, endpoint, is_dual, port_out);
    if (error != 0) {
        (void)close(descriptor);
        return error;
    }
    *socket_out = descriptor;
    return 0;
}

bool tf_listen_error_is_no_version_6(int error)
{
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == ENOPROTOOPT ||
           error == EINVAL;
}

// Abstract names vanish with their socket, so they need no care.
static int abstract_listen(int descriptor, const char *path)
{
    struct sockaddr_un address;
    socklen_t size = tf_native_unix_address(path, &address);
    if (bind(descriptor, (const struct sockaddr *)&address, size) != 0 ||
        listen(descriptor, SOMAXCONN) != 0) {
        return errno;
    }
    return 0;
}

static void folder_close(int folder)
{
    if (folder >= 0) {
        (void)close(folder);
    }
}

// The folder is open until the close removes the path.
static int path_listen(int descriptor, mode_t mode, struct tf_listener *made)
{
    const char *path = made->address.path;
    int folder = -1;
    int error = tf_unix_path_folder(path, &folder);
    if (error != 0) {
        return error;
    }
    error =
        tf_unix_path_listen(descriptor, folder, path, mode, &made->path_device, &made->path_inode);
    if (error != 0) {
        folder_close(folder);
        return error;
    }
    made->path_folder = folder;
    return 0;
}

static enum tofu_status unix_listener_open(struct tf_listener *made, uint32_t mode, int *error_out)
{
    const char *path = made->address.path;
    int descriptor = tf_native_socket(AF_UNIX);
    if (descriptor < 0) {
        *error_out = errno;
        return tf_listen_status(*error_out);
    }
    int error = 0;
    if (tf_native_path_is_abstract(path)) {
        error = abstract_listen(descriptor, path);
    } else {
        error = path_listen(descriptor, (mode_t)(mode & 0777), made);
    }
    if (error != 0) {
        (void)close(descriptor);
        *error_out = error;
        return tf_listen_status(error);
    }
    made->socket = descriptor;
    return TOFU_OK;
}

enum tofu_status tf_listener_open(
    struct tf_listener *listener, const struct tofu_address *address, uint32_t mode, int *error_out)
{
    struct tf_listener made = {.socket = TF_SOCKET_NONE, .address = *address};
    // First, so that a process that has no descriptor to spare hears it now and not at its first peer.
    made.reserve = reserve_open();
    if (made.reserve < 0) {
        *error_out = errno;
        return TOFU_LISTEN_FAILED;
    }
    enum tofu_status status = address->transport == TOFU_UDS
                                  ? unix_listener_open(&made, mode, error_out)
                                  : tf_tcp_listener_open(&made, error_out);
    if (status != TOFU_OK) {
        (void)close((int)made.reserve);
        return status;
    }
    *listener = made;
    return TOFU_OK;
}

// The path goes first: while the socket is open nobody takes the path for dead, and no other file can
// have its inode.
void tf_listener_close(struct tf_listener *listener)
{
    TF_ASSERT(listener->socket != TF_SOCKET_NONE);

    if (listener->path_inode != 0) {
        int folder = (int)listener->path_folder;
        tf_unix_path_remove(
            folder, listener->address.path, listener->path_device, listener->path_inode);
        folder_close(folder);
        listener->path_inode = 0;
    }
    tf_socket_close(listener->socket);
    listener->socket = TF_SOCKET_NONE;
    if (listener->reserve >= 0) {
        (void)close((int)listener->reserve);
        listener->reserve = -1;
    }
}

// The errors that speak of the waiting connection and not of the listener: accept hands on what the
// network said about it, and what a firewall forbids.
static bool error_is_of_connection(int error)
{
    switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

static bool error_is_exhaustion(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// Another thread may take the descriptor that the reserve gives up; then nobody is turned away, and the
// reserve is taken again when there is one.
static void peer_turn_away(struct tf_listener *listener)
{
    if (listener->reserve < 0) {
        return;
    }
    (void)close((int)listener->reserve);
    int refused = tf_native_accept((int)listener->socket);
    if (refused >= 0) {
        tf_socket_reset(refused);
    }
    listener->reserve = reserve_open();
}

// One that cannot have our options is turned away like one that has ended: the listener is not to blame.
static bool accepted_is_usable(const struct tf_listener *listener, int descriptor)
{
    int family = listener->address.transport == TOFU_UDS ? AF_UNIX : AF_INET;
    if (tf_socket_set_options(descriptor, family)) {
        return true;
    }
    tf_socket_reset(descriptor);
    return false;
}

// After too many skips the answer is not "would block": that would promise that the listener has been
// emptied. It is to rest, as if the system were exhausted.
enum tf_io tf_listener_accept(struct tf_listener *listener, tf_socket *socket_out, int *error_out)
{
    TF_ASSERT(listener->socket != TF_SOCKET_NONE);

    if (listener->reserve < 0) {
        listener->reserve = reserve_open();
    }
    int error = 0;
    int skip_count = 0;
    while (skip_count < TF_ACCEPT_SKIPS_MAX) {
        int descriptor = tf_native_accept((int)listener->socket);
        if (descriptor >= 0 && accepted_is_usable(listener, descriptor)) {
            *socket_out = descriptor;
            return TF_IO_DONE;
        }
        error = descriptor >= 0 ? ECONNABORTED : errno;
        if (error == EAGAIN || error == EWOULDBLOCK) {
            return TF_IO_WOULD_BLOCK;
        }
        if (error_is_exhaustion(error)) {
            peer_turn_away(listener);
            *error_out = error;
            return TF_IO_EXHAUSTED;
        }
        if (error != EINTR && !error_is_of_connection(error)) {
            *error_out = error;
            return TF_IO_FAILED;
        }
        skip_count++;
    }
    *error_out = error;
    return TF_IO_EXHAUSTED;
}
