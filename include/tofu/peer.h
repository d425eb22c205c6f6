// SPDX-License-Identifier: MIT
// Who is at the other end: noted with the HelloRequest that opened an accepted channel.
#ifndef TOFU_PEER_H
#define TOFU_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include <tofu/address.h>
#include <tofu/export.h>
#include <tofu/message.h>

struct tofu_peer {
    /// TCP: the numeric host and the port it connects from. Unix: the path it is bound to, usually "".
    struct tofu_address address;
    bool has_credentials; ///< the system vouches for user and group: Unix sockets of POSIX systems
    uint32_t user_id;     ///< effective, when it connected
    uint32_t group_id;    ///< effective, when it connected
    int64_t process_id;   ///< of a Unix socket's peer; 0 where the system does not tell it
};

TOFU_EXTERN_C_BEGIN

/// Tells who sent a received HelloRequest. Returns false, and touches nothing, for any other message, for
/// one that was put or reset since, and where the system did not say or there was no memory for it.
///
/// Threads: one at a time per object.
TOFU_API bool tofu_message_peer(const struct tofu_message *message, struct tofu_peer *peer);

TOFU_EXTERN_C_END

#endif
