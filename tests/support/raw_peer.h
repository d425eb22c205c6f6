// SPDX-License-Identifier: MIT
// A peer made of a socket of the system and bytes written by hand, from PROTOCOL.md alone: it shares no
// code with the library, so that both cannot be wrong in the same way.
//
// Every wait has a deadline and fails the test when it passes. Sockets are closed with the test.
#ifndef SUPPORT_RAW_PEER_H
#define SUPPORT_RAW_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Byte 2 of a frame: an opcode, and flags beside it.
enum {
    RAW_REQUEST = 0,
    RAW_RESPONSE = 1,
    RAW_SIGNAL = 2,
    RAW_HELLO_REQUEST = 3,
    RAW_HELLO_RESPONSE = 4,
    RAW_BYE_REQUEST = 5,
    RAW_BYE_RESPONSE = 6,
    RAW_BYE_SIGNAL = 7,
    RAW_WELCOME_REQUEST = 8,
    RAW_WELCOME_RESPONSE = 9,
    RAW_OPCODE_MASK = 0x0F,
    RAW_ENGINE = 0x10,
    RAW_MORE = 0x20,
    RAW_INTERNAL_MASK = 0xC0
};

#define RAW_HEADER_BYTES    16
#define RAW_PART_BYTES_MAX  65535
#define RAW_FRAME_BYTES_MAX (RAW_HEADER_BYTES + 2 * RAW_PART_BYTES_MAX)

/// A frame to be sent.
struct raw_frame {
    uint16_t channel;
    uint8_t proto;
    uint8_t status;
    uint64_t id;
    const void *text;
    size_t text_bytes;
    const void *body;
    size_t body_bytes;
};

/// A frame that came. Texts are followed by a NUL that was not on the wire.
struct raw_message {
    uint16_t channel;
    uint8_t proto;
    uint8_t status;
    uint64_t id;
    size_t text_bytes;
    size_t body_bytes;
    char text[RAW_PART_BYTES_MAX + 1];
    char body[RAW_PART_BYTES_MAX + 1];
};

/// How a connection ended, as its peer sees it. A Unix socket that is reset while nothing waits to be
/// read on it shows RAW_FIN.
enum raw_end { RAW_FIN, RAW_RESET };

/// Says whether this machine has the loopback address of IPv6.
bool raw_has_ipv6(void);

/// Says whether this machine has Unix sockets: connects one, in a directory of its own.
bool raw_has_unix(void);

/// Connects to an address in its bar form.
int raw_connect(const char *address);

/// Listens: on TCP at a port that the system chooses, else at `name` in the directory. Writes the address.
int raw_listen(
    bool is_tcp, const char *directory, const char *name, int backlog, char *address_out);

int raw_accept(int listener);

/// Closes in good order, or with a reset (on a Unix socket that is no more than a close).
void raw_close(int descriptor);
void raw_reset(int descriptor);

/// Ends only our direction: the peer reads FIN.
void raw_finish(int descriptor);

/// Closes all that are still open, at the end of a test.
void raw_close_all(void);

/// Sends all bytes.
void raw_send(int descriptor, const void *bytes, size_t size);

/// Sends what the peer's window takes, and returns how much that was; a peer that is gone takes nothing.
size_t raw_send_some(int descriptor, const void *bytes, size_t size);

/// Sends one byte of urgent data, out of the stream.
void raw_send_urgent(int descriptor);

/// Writes the bytes of a frame, RAW_FRAME_BYTES_MAX at most, and returns how many.
size_t raw_pack(const struct raw_frame *frame, void *bytes_out);

void raw_send_frame(int descriptor, const struct raw_frame *frame);

/// Sends a frame with no texts and no body.
void raw_send_proto(int descriptor, uint8_t proto, uint64_t id);

/// Sends the HelloRequest of an ordinary client.
void raw_send_hello(int descriptor, uint64_t id);

/// Returns the next frame, valid until the next call.
const struct raw_message *raw_receive(int descriptor);

/// Receives a frame that must have this byte 2; returns its id.
uint64_t raw_expect(int descriptor, uint8_t proto);

/// Receives exactly this many bytes.
void raw_receive_bytes(int descriptor, void *bytes_out, size_t size);

/// Reads to the end of the connection. `discarded_bytes_out` may be NULL.
enum raw_end raw_await_end(int descriptor, size_t *discarded_bytes_out);

/// Says whether the connection is still there and nothing came, for a short time.
bool raw_is_silent(int descriptor);

#endif
