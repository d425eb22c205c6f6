// SPDX-License-Identifier: MIT
// The network: connections of two ends, listeners, and the numbers of sockets.
//
// Each direction of a connection is one bounded buffer, from the sender's kernel to the receiver's: a
// part of it has arrived, the rest is under way. A Unix connection is the same without delays.
#ifndef TF_SIM_NETWORK_H
#define TF_SIM_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/address.h>

#include "base/list.h"
#include "os/socket.h"
#include "sim/os/world.h"

/// What tf_error_text() knows.
enum sim_error {
    SIM_ERROR_NONE,
    SIM_ERROR_RESET,
    SIM_ERROR_PIPE,
    SIM_ERROR_REFUSED,
    SIM_ERROR_NO_PATH,
    SIM_ERROR_IN_USE,
    SIM_ERROR_TOO_MANY,
    SIM_ERROR_NOT_OURS,
    SIM_ERROR_BUSY,
};

/// Who connects there hears nothing, ever.
#define SIM_SILENT_HOST "10.0.0.66"

enum sim_state { SIM_CONNECTING, SIM_OPEN, SIM_BROKEN };

/// One end, with what travels towards it.
struct sim_end {
    struct sim_connection *connection;
    struct sim_end *peer;
    tf_socket socket; ///< TF_SOCKET_NONE: not accepted yet, or closed
    enum sim_state state;
    int error; ///< of a broken end, until a call has told it
    bool is_closed;
    bool has_shut; ///< its FIN is on its way or there

    uint8_t *bytes; ///< allocated as needed, up to `capacity`
    uint32_t allocated;
    uint32_t start;   ///< of what is in the buffer
    uint32_t fill;    ///< bytes in the buffer
    uint32_t arrived; ///< of these, the first ones, which can be received
    uint32_t capacity;
    uint32_t unseen_room; ///< received here, but the sender does not know yet
    bool end_is_coming;
    bool end_arrived;

    struct sim_due delivery;
    struct sim_due window;
    struct sim_due breaking;
};

struct sim_connection {
    struct sim_end ends[2]; ///< 0 connected, 1 accepts
    bool is_unix;
    struct tf_endpoint endpoint; ///< that was connected to
    struct sim_due connecting;
    struct sim_due cutting;
    struct sim_connection *next;
    struct sim_connection **link; ///< what points here
};

/// Listeners; `first` is the next to be accepted.
struct sim_listener {
    struct tofu_address address;
    tf_socket socket;
    struct sim_end **waiting;
    size_t waiting_count;
    size_t waiting_max;
};

struct sim_watched;

/// What a number stands for: an end or a listener.
struct sim_socket {
    struct sim_end *end;
    struct sim_listener *listener;
    struct sim_watched *watched; ///< by pollers, linked; NULL: by none
    void *file;                  ///< handle of its NT file; NULL: no sim-afd has watched it
};

// Sockets (os/socket.c).
tf_socket sim_socket_open(struct sim_end *end, struct sim_listener *listener);
void sim_socket_close(tf_socket number);
/// Fails for a number that is not open.
struct sim_socket *sim_socket_get(tf_socket number);
/// What poll(2) would say of an end, or of a listener: enum tf_poll, or-ed.
uint8_t sim_ready(const struct sim_end *end, const struct sim_listener *listener);
/// Lets time pass, for callers that are no actor.
void sim_tick(void);
void sim_sockets_begin(void);
void sim_sockets_end(void);

// Connections (os/connection.c).
struct sim_connection *sim_connection_create(bool is_unix);
void sim_connection_open(struct sim_connection *connection);
/// Frees it once nobody and nothing needs it any more.
void sim_connection_release(struct sim_connection *connection);
void sim_end_break(struct sim_end *end, int error);
/// The peer learns of a reset, later.
void sim_end_break_peer(struct sim_end *end);
void sim_end_shut(struct sim_end *end);
void sim_end_close(struct sim_end *end);
void sim_end_reset(struct sim_end *end);
uint8_t sim_end_ready(const struct sim_end *end);
void sim_end_announce(struct sim_end *end, uint8_t ready);
/// Says how many bytes the peer of `end` has room for, as far as `end` knows.
uint32_t sim_end_room(const struct sim_end *end);
/// Says whether that is as much as its poller tells of.
bool sim_end_is_writable(const struct sim_end *end);
void sim_connections_begin(void);
void sim_connections_end(void);

// Bytes (os/stream.c).
void sim_end_append(struct sim_end *end, const uint8_t *bytes, uint32_t size);
void sim_end_expect(struct sim_end *end); ///< something is under way: let it arrive
uint32_t sim_end_take(struct sim_end *end, const struct tf_segment *segments, size_t count);

// Listeners (os/listen.c).
struct sim_listener *sim_listener_find(const struct tf_endpoint *endpoint);
bool sim_listener_is_full(const struct sim_listener *listener);
void sim_listener_add(struct sim_listener *listener, struct sim_end *end);
void sim_listeners_begin(void);
void sim_listeners_end(void);

// Readiness (os/watched.c).
/// Something became ready, or ready once more, for whoever watches.
void sim_socket_announce(struct sim_socket *socket, uint8_t ready);

#endif
