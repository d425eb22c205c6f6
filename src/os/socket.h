// SPDX-License-Identifier: MIT
// Non-blocking stream sockets: TCP (IPv4, IPv6) and Unix.
//
// Every socket made here is non-blocking, not inherited by children, never raises SIGPIPE, has
// TCP_NODELAY (TCP) or a large send buffer (Unix). EINTR never shows. All functions but those that say
// otherwise belong to the I/O thread and never block.
#ifndef TF_OS_SOCKET_H
#define TF_OS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/address.h>
#include <tofu/peer.h>
#include <tofu/status.h>

#include "base/segment.h"

typedef intptr_t tf_socket;
#define TF_SOCKET_NONE ((tf_socket)-1)

/// One address the system can connect to: a sockaddr, opaque above the seam.
struct tf_endpoint {
    uint64_t storage[16]; ///< 128 bytes, as sockaddr_storage
    uint32_t size;        ///< bytes used
};

/// Makes an endpoint of a Unix path or a numeric TCP host. Returns false for a host that is a name:
/// that is the resolver's work (resolver.h).
bool tf_endpoint_from_address(const struct tofu_address *address, struct tf_endpoint *endpoint_out);

/// Makes an address with a numeric host and the port of a TCP endpoint, such as a resolver gave.
void tf_endpoint_to_address(const struct tf_endpoint *endpoint, struct tofu_address *address_out);

enum tf_connect {
    TF_CONNECT_DONE,      ///< connected at once
    TF_CONNECT_PENDING,   ///< under way: writable says that it has ended, finish says how
    TF_CONNECT_CONGESTED, ///< a Unix listener's backlog is full; nothing will tell: try again later
    TF_CONNECT_FAILED
};

/// Starts a connection. On DONE and PENDING `*socket_out` is open; otherwise nothing is.
///
/// @param error_out   on FAILED, the system's error number.
/// @param status_out  on FAILED: TOFU_UDS_PATH_NOT_FOUND, TOFU_CONNECT_FAILED, TOFU_INVALID_ADDRESS
///                    or TOFU_SETSOCKOPT_FAILED.
enum tf_connect tf_socket_connect(
    const struct tf_endpoint *endpoint,
    tf_socket *socket_out,
    enum tofu_status *status_out,
    int *error_out);

/// Says how a pending connection ended: DONE, still PENDING, or FAILED; the socket stays open.
enum tf_connect tf_socket_connect_finish(
    tf_socket socket, enum tofu_status *status_out, int *error_out);

/// Room for a path of Windows from its root: the system takes 260 units, the lock beside the path has 5 more.
#define TF_FULL_PATH_UNITS_MAX 255

/// A listening socket and what must be removed with it.
struct tf_listener {
    tf_socket socket;
    struct tofu_address address; ///< the real one: port as chosen by the system
    uint64_t path_device;        ///< of the Unix path that is ours to remove
    uint64_t path_inode;         ///< 0: there is none
    intptr_t path_folder;        ///< POSIX: what that path starts from, see unix_path.h
    uint16_t path_full[TF_FULL_PATH_UNITS_MAX]; ///< Windows: that path from its root, in UTF-16
    intptr_t reserve; ///< descriptor for when all others are in use; -1: none
};

/// Opens a listening socket with the system's largest backlog. `mode`: permissions of a Unix path.
///
/// An existing Unix path is replaced only if it is a socket, ours, and nobody listens there
/// (PROTOCOL.md, section 2). A host that is a name is refused with TOFU_INVALID_ADDRESS.
/// @param error_out  the system's error number, or 0 where the refusal is ours.
/// @retval TOFU_LISTEN_FAILED    in use, not permitted, not a socket, out of descriptors, ...
/// @retval TOFU_INVALID_ADDRESS  the address means nothing to this system.
TOFU_NODISCARD enum tofu_status tf_listener_open(
    struct tf_listener *listener,
    const struct tofu_address *address,
    uint32_t mode,
    int *error_out);

/// Says whether a listener failed because another starter is at its Unix path, and may succeed in a moment.
bool tf_listener_error_is_busy(int error);

/// Closes it and removes its Unix path, if that is still the one it made.
void tf_listener_close(struct tf_listener *listener);

enum tf_io {
    TF_IO_DONE,
    TF_IO_WOULD_BLOCK,
    TF_IO_END,       ///< receive: the peer has sent all it will
    TF_IO_EXHAUSTED, ///< accept: no descriptors or memory in the system; one waiting peer was turned away
                     ///< by means of the reserve where that was possible; let the listener rest
    TF_IO_FAILED
};

/// Accepts one connection. Connections that ended while they waited are skipped.
///
/// @param error_out  on FAILED and EXHAUSTED, the system's error number.
enum tf_io tf_listener_accept(struct tf_listener *listener, tf_socket *socket_out, int *error_out);

/// Receives into the segments (at most TF_SEGMENTS_MAX), in order, what is there now: at least one byte on DONE.
///
/// @param size_out   on DONE, the bytes received.
/// @param error_out  on FAILED, the system's error number.
enum tf_io tf_socket_receive(
    tf_socket socket,
    const struct tf_segment *segments,
    size_t segment_count,
    size_t *size_out,
    int *error_out);

/// Sends from the segments (at most TF_SEGMENTS_MAX), in order, what the system takes now: at least one byte on DONE.
enum tf_io tf_socket_send(
    tf_socket socket,
    const struct tf_segment *segments,
    size_t segment_count,
    size_t *size_out,
    int *error_out);

/// Says how many bytes are there to be received now; 0 if the system does not say.
size_t tf_socket_pending(tf_socket socket);

/// Says how many bytes were sent and not taken by the peer's system (TCP), or the peer (Unix): less than
/// at the last look, with nothing sent since, is progress. 0 if the system does not say.
///
/// @param sent_bytes  all that tf_socket_send() has sent so far; some systems only know what was taken of it.
uint64_t tf_socket_unsent(tf_socket socket, uint64_t sent_bytes);

/// Says to the peer that nothing more comes. Failure is no news: reading will tell.
void tf_socket_shutdown_send(tf_socket socket);

/// Tells who is at the other end of a connected socket. Returns false if the system does not say.
bool tf_socket_peer(tf_socket socket, struct tofu_peer *peer_out);

/// Turns TCP keep-alive on, with the system's intervals; nothing on Unix sockets.
void tf_socket_keep_alive(tf_socket socket);

/// Closes the socket; what was sent still arrives.
void tf_socket_close(tf_socket socket);

/// Closes the socket so that a TCP peer gets a reset; what was sent may be lost.
void tf_socket_reset(tf_socket socket);

/// Says whether a failure is that of a connection the peer broke (reset, broken pipe).
bool tf_socket_error_is_disconnect(int error);

#endif
