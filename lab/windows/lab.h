// SPDX-License-Identifier: MIT
// What the programs of this lab share: each links main.c, connections.c and one way to serve
// sockets, way_*.c. All do the same job: one thread, the server's, sends every message of 64 bytes
// back on the connection it came on, and can be woken by another thread.
//
// A way gives the functions way_*() below; which one a program has is decided when it is linked.
// Nothing here is made to last: a mistake or a broken connection ends the program with words.
#ifndef LAB_H
#define LAB_H

#include <winsock2.h>
// winsock2.h comes before windows.h, which would bring in its predecessor.
#include <windows.h>

#include <stdbool.h>
#include <stdint.h>

enum {
    LAB_MESSAGE_BYTES = 64,
    LAB_BUFFER_BYTES = 4096, // one read; a connection has one message under way, so it is short
    LAB_CONNECTIONS_MAX = 4096,
    LAB_BATCH = 256,     // completion packets taken in one call
    LAB_WAIT_MS = 20000, // no wait is longer; nothing of the lab takes this long
    LAB_EXIT_NOT_HERE = 77
};

/// The connections of a program. The server's thread owns it while it runs.
struct lab {
    SOCKET *sockets; // connected and not blocking; INVALID_SOCKET once closed
    uint32_t count;
    uint32_t open_count;
    uint64_t byte_count; // sent back
};

/// What WSASocket() needs so that this way can serve the socket.
extern const DWORD way_socket_flags;

/// Calls lab_not_here() if this system lacks something the way needs. Comes first.
void way_probe(void);

/// Arms every connection.
void way_open(struct lab *lab);

/// Waits until something happens, at most LAB_WAIT_MS, and does what is to be done.
/// @return true if way_wake() was called since the last time.
bool way_turn(struct lab *lab);

/// Ends the server's wait, the present or the next one. Threads: any.
void way_wake(void);

/// Stops watching one idle connection, and starts again.
/// @return false if this way cannot do that.
bool way_rearm(struct lab *lab, uint32_t index);

/// Frees what way_open() took. All connections are closed.
void way_close(void);

/// Reads what has come and sends it back.
/// @return false if the peer has ended the connection, which is closed then.
bool lab_echo(struct lab *lab, uint32_t index);

/// Sends `byte_count` bytes without waiting. The peer has one message under way, so there is room.
void lab_send(SOCKET target, const char *bytes, int byte_count);

/// The peer has ended this connection: closes it.
void lab_end(struct lab *lab, uint32_t index);

/// Connects `count` sockets to 127.0.0.1:`port`.
void lab_dial(struct lab *lab, uint16_t port, uint32_t count);

/// `count` zeroed elements of `bytes` each, never NULL.
void *lab_alloc(size_t count, size_t bytes);

/// Says that `call` failed with `code`, and ends the program with 1.
_Noreturn void lab_fail(const char *call, unsigned long code);

/// Says that this system has no `what`, and ends the program with LAB_EXIT_NOT_HERE.
_Noreturn void lab_not_here(const char *what, unsigned long code);

/// A function of a loaded library, or lab_not_here(). `function_out` is a pointer to a function.
void lab_find(const char *library, const char *name, void *function_out);

#endif
