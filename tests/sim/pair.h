// SPDX-License-Identifier: MIT
// Two engines in one simulated world, for tests that say what happens: a server with a listener, a client,
// and raw peers that speak bytes.
//
// The test itself is no actor: whenever it waits, the schedule runs. Worlds are drawn from seeds as for the
// flows; seed and poller change together, so that a loop over seeds meets all four kinds of pollers.
#ifndef TF_SIM_PAIR_H
#define TF_SIM_PAIR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants these before it.
#include <setjmp.h>

#include <cmocka.h>

#include <tofu/tofu.h>

#include "os/clock.h"
#include "os/socket.h"
#include "sim/simulation.h"

struct pair {
    struct tofu_engine *server_engine;
    struct tofu_engine *client_engine;
    struct tofu_group *server;
    struct tofu_group *client;
    char address[TOFU_ADDRESS_BYTES_MAX]; ///< that the server listens on
    uint16_t listener;
    uint16_t server_channel; ///< of the connection that pair_connect() made
    uint16_t client_channel;
};

/// Begins the world of a seed: delays and pieces, no faults.
void pair_begin(uint64_t seed);

/// Opens both engines with these options; NULL: defaults. Their poller and allocator are the world's.
void pair_open(
    struct pair *pair,
    uint64_t seed,
    const struct tofu_options *server_options,
    const struct tofu_options *client_options);
/// Listens on an address, and notes the one that came of it.
void pair_listen(struct pair *pair, const char *address);
/// Opens a channel from the client to the server, and waits until the server has the HelloRequest.
void pair_connect(struct pair *pair);
/// Destroys what is left, lets what is under way arrive, and ends the world, which checks that nothing leaked.
void pair_close(struct pair *pair);

/// A fresh message for a channel with a body of `body_bytes` bytes, all of them the low byte of `id`.
struct tofu_message *pair_message(
    struct tofu_engine *engine,
    enum tofu_opcode opcode,
    uint16_t channel,
    uint64_t id,
    size_t body_bytes);
/// Posts a message that must be accepted.
void pair_post(struct tofu_group *group, struct tofu_message *message);
/// Posts a HelloRequest to `address`; returns the number of its channel.
uint16_t pair_hello(struct tofu_engine *engine, struct tofu_group *group, const char *address);

/// The next message of a group, which must come within 1,000 s of virtual time.
struct tofu_message *pair_take(struct tofu_group *group);
/// The same, and puts it back; fails unless its opcode is this one, and its status.
void pair_expect(
    struct tofu_engine *engine,
    struct tofu_group *group,
    enum tofu_opcode opcode,
    enum tofu_status status);
/// The next message must be the closing notice of this channel, with this reason.
void pair_expect_closed(
    struct tofu_engine *engine,
    struct tofu_group *group,
    uint16_t channel,
    enum tofu_status reason);
/// Fails if a group has a message now.
void pair_expect_nothing(struct tofu_group *group);

struct tofu_stats pair_stats(const struct tofu_engine *engine);

/// Lets virtual time pass.
void pair_pass(uint64_t span_ns);

/// Begins to connect a raw peer, and does not look what becomes of it.
tf_socket raw_knock(const char *address);
/// Connects a raw peer; it must be let in.
tf_socket raw_connect(const char *address);
/// Connects one that says hello, and returns the server's number of its channel.
uint16_t raw_join(struct pair *pair, tf_socket *socket_out);
/// Sends all of it, however long that takes; false if the connection broke.
bool raw_send(tf_socket socket, const void *bytes, size_t size);
/// Receives up to `size` bytes that come within 1 s of silence; returns how many. `end_out`: TF_IO_WOULD_BLOCK
/// if the connection is still there, or how it ended.
size_t raw_receive(tf_socket socket, size_t size, enum tf_io *end_out);

#define RAW_FRAME_BYTES_MAX 70000

/// Writes a frame; returns its size. `text` may be NULL; the body is as that of pair_message().
size_t raw_frame(
    uint8_t bytes_out[RAW_FRAME_BYTES_MAX],
    enum tofu_opcode opcode,
    uint64_t id,
    bool more,
    const char *text,
    size_t body_bytes);

#endif
