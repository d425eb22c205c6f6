// SPDX-License-Identifier: MIT
// Host names to endpoints, off the I/O thread.
//
// A query asks for one name, and several queries for the same name share one lookup. A lookup cannot be
// stopped, so neither askers nor the engine wait for one: a query ends when its asker closes it, and what
// is still under way then belongs to the helper thread alone. Helpers are few; names beyond them wait.
#ifndef TF_OS_RESOLVER_H
#define TF_OS_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

#include <tofu/address.h>
#include <tofu/status.h>

#include "os/socket.h"

/// Most endpoints that one name gives; further ones are dropped.
#define TF_ENDPOINTS_MAX 16

/// Most helper threads of one resolver: as many names can be looked up at the same time.
#define TF_RESOLVER_HELPERS_MAX 16

struct tf_resolution {
    enum tofu_status status; ///< TOFU_OK, or TOFU_INVALID_ADDRESS with `error`
    char detail[96];         ///< the resolver's words on failure, NUL-terminated
    size_t endpoint_count;
    struct tf_endpoint endpoints[TF_ENDPOINTS_MAX];
};

/// The helpers and names of one engine.
struct tf_resolver;

struct tf_query;

/// Tells the asker that its query has a resolution: called once, on a helper thread, under the
/// resolver's lock; not after tf_query_close(). It only wakes somebody.
typedef void (*tf_query_done)(void *context);

/// Opens a resolver without helpers: they exist only while there is something to look up.
///
/// Its memory is not the engine's, since a lookup may outlive the engine.
/// @retval TOFU_ALLOCATION_FAILED  no memory.
TOFU_NODISCARD enum tofu_status tf_resolver_open(struct tf_resolver **resolver);

/// Lets go of the resolver and nulls the pointer; every query was closed before. Never waits.
void tf_resolver_close(struct tf_resolver **resolver);

/// Starts to resolve a TCP address, or joins the lookup that is under way for it.
///
/// @retval TOFU_ALLOCATION_FAILED    no memory.
/// @retval TOFU_NOTIFICATION_FAILED  no thread, and no helper is there that could come to it.
TOFU_NODISCARD enum tofu_status tf_query_open(
    struct tf_resolver *resolver,
    struct tf_query **query,
    const struct tofu_address *address,
    tf_query_done done,
    void *context);

/// Returns the resolution, or NULL while there is none. Borrowed until the close.
const struct tf_resolution *tf_query_resolution(struct tf_query *query);

/// Lets go of the query, whether it has ended or not, and nulls the pointer, which may be NULL. When
/// this returns, `done` is not running and will not be called.
void tf_query_close(struct tf_query **query);

#endif
