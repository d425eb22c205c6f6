// SPDX-License-Identifier: MIT
// Sockets as far as readiness goes: what holds of them, and what the peer and their owner do to that.
#ifndef TF_NT_SOCKETS_H
#define TF_NT_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "os/socket.h"
#include "os/windows/nt.h"

enum model_kind { MODEL_CONNECTED, MODEL_CONNECTING, MODEL_LISTENING };

struct model_socket {
    tf_nt_handle base;      ///< NULL: closed by its owner
    tf_nt_handle duplicate; ///< another handle, as a child process would have inherited; NULL: none
    enum model_kind kind;
    bool has_data;    ///< or a connection to accept
    bool has_room;    ///< to send
    bool has_end;     ///< the peer has sent all it will
    bool is_reset;    ///< the peer is gone
    bool has_refused; ///< of one that connects
};

#define MODEL_SOCKETS_MAX 24

void models_begin(void);

/// Opens a socket. Returns its number.
tf_socket model_open(enum model_kind kind);
struct model_socket *model_get(tf_socket number);

/// Closes the owner's handle. Another one stays open, and so does the socket.
void model_close(tf_socket number);

/// Closes one handle that was left when its owner's was closed. Returns false if there is none.
bool models_close_duplicate(void);

/// The peer does something that may make the socket ready.
void model_peer_acts(tf_socket number);

/// The owner receives, accepts, sends until it would block. Nothing becomes ready by that.
void model_owner_drains(tf_socket number);

#endif
