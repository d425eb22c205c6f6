// SPDX-License-Identifier: MIT
// Host names to endpoints, off the I/O thread.
//
// getaddrinfo cannot be cancelled. A query therefore owns all it touches, and its thread and its asker
// let go of it separately: the last one frees it. An asker that has let go is never called.
#ifndef TF_OS_RESOLVER_H
#define TF_OS_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

#include <tofu/address.h>
#include <tofu/status.h>

#include "os/socket.h"

/// Most endpoints that one name gives; further ones are dropped.
#define TF_ENDPOINTS_MAX 16

struct tf_resolution {
    enum tofu_status status; ///< TOFU_OK, or TOFU_INVALID_ADDRESS with `error`
    char detail[96];         ///< the resolver's words on failure, NUL-terminated
    size_t endpoint_count;
    struct tf_endpoint endpoints[TF_ENDPOINTS_MAX];
};

struct tf_query;

/// Tells the asker that its query has a resolution: called once, on the helper thread, under the
/// query's lock; not after tf_query_close(). It only wakes somebody.
typedef void (*tf_query_done)(void *context);

/// Starts to resolve a TCP address. The helper thread exists only while it works.
///
/// @retval TOFU_ALLOCATION_FAILED    no memory.
/// @retval TOFU_NOTIFICATION_FAILED  no thread.
TOFU_NODISCARD enum tofu_status tf_query_open(
    struct tf_query **query, const struct tofu_address *address, tf_query_done done, void *context);

/// Returns the resolution, or NULL while there is none. Borrowed until the close.
const struct tf_resolution *tf_query_resolution(struct tf_query *query);

/// Lets go of the query, whether it has ended or not, and nulls the pointer, which may be NULL. When
/// this returns, `done` is not running and will not be called.
void tf_query_close(struct tf_query **query);

#endif
