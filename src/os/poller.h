// SPDX-License-Identifier: MIT
// Readiness, and nothing else: a poller knows sockets, tokens and interest, no channel, no timer.
//
// The contract, case by case in tests/contract/poller_contract.c, the same for every backend:
//   1. Level on arm: declaring an interest that already holds is reported.
//   2. Disarmed is silent: no events without interest; a reset may be reported once, and so is rule 9.
//   3. Spurious events are allowed, lost ones never. The caller reads and writes until "would block" or
//      until its budget is used up, and then comes back by itself. A short read counts as "would
//      block" only if the event had no TF_POLL_HANGUP.
//   4. Tokens are generations, never reused: after forget no event carries the old token.
//   5. wake() is a level: a wait that begins or goes on after it returns soon. It coalesces. Where a
//      wake-up takes memory that the system has not got, a wait that goes on may take a second to
//      return; one that begins still does at once.
//   6. Data before the end: an event never means that a socket is dead; reading or writing tells.
//   7. The wait's timeout is never early, and late by at most one tick of the system.
//   8. EINTR never shows.
//   9. A socket that the system will not watch any longer is reported once, as TF_POLL_FAILED alone, whatever its
//      interest. Nothing else is heard of it, and watch() fails and says why; only forget is left. A shortage
//      is no reason for that: it passes.
#ifndef TF_OS_POLLER_H
#define TF_OS_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include <tofu/allocator.h>
#include <tofu/status.h>

#include "os/socket.h"

enum tf_poll {
    TF_POLL_READ = 1,  ///< interest; event: receive or accept may do something
    TF_POLL_WRITE = 2, ///< interest; event: send or connect-finish may do something
    TF_POLL_ERROR = 4, ///< event only: the socket has failed; reading or writing tells how
    TF_POLL_HANGUP =
        8, ///< event only: the peer ended or urgent data is there: a short read proves nothing
    TF_POLL_FAILED =
        16 ///< event only, alone: the socket is not watched any longer; watch() says why
};

/// One watched socket: embedded in what owns the socket. The owner sets socket and token and then
/// only reads; the poller owns the rest. Zero otherwise before the first watch; it does not move
/// until forget.
struct tf_watch {
    tf_socket socket;
    uint64_t token;     ///< carried by events; never used for another socket
    uint8_t interest;   ///< as last declared: TF_POLL_READ | TF_POLL_WRITE
    bool is_registered; ///< between the first watch and forget
    uint32_t slot;      ///< the backend's, after forget too
};

struct tf_poll_event {
    uint64_t token;
    uint8_t ready; ///< enum tf_poll, or-ed; never 0
};

struct tf_poller_options {
    const struct tofu_allocator *allocator; ///< outlives the poller
    bool
        lsp_fallback; ///< take a socket whose provider hides the system's own; see has_lsp_fallback
};

struct tf_poller;

struct tf_poller_ops {
    const char *name;
    bool has_lsp_fallback; ///< options.lsp_fallback means something here

    /// Opens. Fails with TOFU_NOTIFICATION_FAILED or TOFU_ALLOCATION_FAILED.
    enum tofu_status (*open)(struct tf_poller *poller, const struct tf_poller_options *options);

    /// Closes; every watch was forgotten before. Leaves words in `detail` if something had to stay behind.
    void (*close)(struct tf_poller *poller);

    /// Declares the interest, empty included, and registers the socket the first time. On failure
    /// (TOFU_ALLOCATION_FAILED, TOFU_NOTIFICATION_FAILED) nothing has changed.
    enum tofu_status (*watch)(struct tf_poller *poller, struct tf_watch *watch, uint8_t interest);

    /// Ends the watch, before its socket is closed; does nothing if there is none. The socket may be
    /// watched again, by the same poller and with the same struct, under another token.
    void (*forget)(struct tf_poller *poller, struct tf_watch *watch);

    /// Waits until something is ready, wake() was called, or `timeout_ns` (UINT64_MAX: for ever; 0: look
    /// only) is over. Clears the wake-up before it returns: what was queued before wake() is seen by
    /// who looks after the wait. Gives at most `capacity` events; the rest come next time, and no socket
    /// waits for ever behind others.
    ///
    /// @retval TOFU_NOTIFICATION_FAILED  the system's call failed for good: the poller is dead.
    enum tofu_status (*wait)(
        struct tf_poller *poller,
        uint64_t timeout_ns,
        struct tf_poll_event *events,
        uint32_t capacity,
        uint32_t *event_count_out);

    /// Makes the wait return. Threads: any, between open and close. Never blocks.
    void (*wake)(struct tf_poller *poller);
};

/// Longest words about a failure, NUL included.
#define TF_POLLER_DETAIL_BYTES_MAX 256

/// An open poller, embedded in its owner.
struct tf_poller {
    const struct tf_poller_ops *ops; ///< set by the owner before open
    void *state;                     ///< the backend's

    /// After a failure, or close: what the backend has to say about it beyond the status, in printable ASCII, for
    /// the log; "" if nothing. The most telling words come first.
    char detail[TF_POLLER_DETAIL_BYTES_MAX];
};

/// What this platform has, the best first; ends with NULL. Chosen at link time.
extern const struct tf_poller_ops *const tf_pollers[];

/// Returns the poller of that name, the best one for NULL, or NULL if there is none. The
/// environment's TOFU_POLLER, where it is set and not empty, wins over `name`.
const struct tf_poller_ops *tf_poller_find(const char *name);

#endif
