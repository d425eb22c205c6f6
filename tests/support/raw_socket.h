// SPDX-License-Identifier: MIT
// Sockets as bare as a platform has them, for raw peers: a seam with one implementation per platform. It
// fails no test by itself, so that threads and children may use it; who calls looks at the results.
//
// A socket is a small number on Windows too, where the system promises that handles have 32 bits. Sockets
// are not inherited, and but for their opening they never block.
#ifndef SUPPORT_RAW_SOCKET_H
#define SUPPORT_RAW_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// No socket.
#define RAW_NONE (-1)

struct raw_address {
    _Alignas(8) unsigned char bytes[128]; ///< the platform's
    uint32_t size;
};

/// Writes an address of TCP from a numeric host. False: the platform cannot.
bool raw_address_tcp(const char *host, uint16_t port, struct raw_address *address_out);

/// Writes the address of a path; one that starts with `@` has an abstract name. False: the platform cannot.
bool raw_address_path(const char *path, struct raw_address *address_out);

/// Opens a socket for addresses of this kind. RAW_NONE: raw_socket_error() says why.
int raw_socket_open(const struct raw_address *address);

void raw_socket_close(int descriptor);

bool raw_socket_bind(int descriptor, const struct raw_address *address);
bool raw_socket_listen(int descriptor, int backlog);

/// Returns the port that a socket is bound to.
uint16_t raw_socket_port(int descriptor);

/// Connects, and waits for that.
bool raw_socket_connect(int descriptor, const struct raw_address *address);

/// Accepts a connection that waits. RAW_NONE: there is none.
int raw_socket_accept(int listener);

/// Waits until there is something to read, or room to write; failures count as both.
bool raw_socket_await(int descriptor, bool is_for_reading, uint64_t timeout_ns);

/// Most sockets that are watched together.
#define RAW_WATCHED_MAX 10000

struct raw_watch {
    int descriptor; ///< RAW_NONE: passed over
    bool is_ready;
};

/// Waits until one of these, or more, has something to read, or has failed, and says which; false: none
/// has. Threads: one at a time in the process.
bool raw_socket_await_any(struct raw_watch *watched, size_t count, uint64_t timeout_ns);

enum raw_outcome {
    RAW_DONE,
    RAW_NOT_NOW,
    RAW_GONE,  ///< the peer has reset the connection
    RAW_FAILED ///< raw_socket_error() says why
};

/// Sends, or receives, what can be at once. RAW_DONE with 0 bytes received is the end.
enum raw_outcome raw_socket_send(int descriptor, const void *bytes, size_t size, size_t *sent_out);
enum raw_outcome raw_socket_receive(int descriptor, void *bytes, size_t size, size_t *received_out);

/// Sends one byte of urgent data.
bool raw_socket_send_urgent(int descriptor, char byte);

/// Ends the direction to the peer.
bool raw_socket_finish(int descriptor);

/// Makes the system keep about this much for us that we have not read; what a listener accepts from then
/// on is like it.
bool raw_socket_limit_receiving(int descriptor, int size);

/// Lets the close be a reset.
void raw_socket_reset_at_close(int descriptor);

/// Returns the system's words about the last failure of the calling thread.
const char *raw_socket_error(void);

#endif
