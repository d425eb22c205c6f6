// SPDX-License-Identifier: MIT
// Takes files from senders: any number of channels, one thread, one file at a time per channel.
//
// A sender that goes, breaks the protocol, does not read its answers or falls silent within a file loses
// its channel and that file; the others go on. Silence counts only while this thread waits: what it
// spends on writing to a slow disk is nobody's fault.
#ifndef TOOL_RECEIVER_H
#define TOOL_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/tofu.h>

#include "inbox.h"
#include "incoming.h"

struct receiver_plan {
    uint64_t bytes_max;  // of a file
    uint64_t once_count; // end when so many files are kept; UINT64_MAX: never
    uint64_t silence_ns; // allowed within a file
};

struct receiver_counts {
    uint64_t files;
    uint64_t bytes;
    uint64_t refused; // files that were answered with an error
    uint64_t broken;  // files whose channel ended before they did
};

/// Whom the receiver tells; each is set.
struct receiver_audience {
    void (*on_listening)(void *context, const char *address);
    void (*on_kept)(void *context, const struct incoming *incoming);
    void (*on_refused)(void *context, const struct incoming *incoming, enum refusal refusal);
    void (*on_broken)(void *context, const struct incoming *incoming, const char *why);
    void *context;
};

struct receiver {
    struct tofu_engine *engine;
    struct tofu_group *group;
    struct inbox *inbox;
    const struct receiver_plan *plan;
    const struct receiver_audience *audience;
    struct incoming **senders; // by channel number
    bool *are_listeners;       // by channel number
    struct incoming *oldest;   // with an open file: the one that was silent longest
    struct incoming *newest;
    uint64_t waited_ns; // time spent waiting for messages
    size_t listeners_wanted;
    size_t listeners_answered;
    bool is_stopped; // asked to end by an update of the group
    bool is_done;    // all files that were asked for are here
    bool has_failed; // a listener could not start or went away
    struct receiver_counts counts;
};

/// Returns TOFU_ALLOCATION_FAILED without memory. The caller has filled in engine, group, inbox, plan and
/// audience; the rest is 0. receiver_close() is due whatever the result.
TOFU_NODISCARD enum tofu_status receiver_open(struct receiver *receiver);

/// Drops the files that are not whole.
void receiver_close(struct receiver *receiver);

/// Listens on `address`, and serves until it is known how that went: see has_failed. Complains.
TOFU_NODISCARD enum tofu_status receiver_listen(struct receiver *receiver, const char *address);

/// Serves until it is stopped or done, or a listener goes away, or the engine ends.
TOFU_NODISCARD enum tofu_status receiver_run(struct receiver *receiver);

/// Drops the files that are not whole, and shuts the engine down: every sender gets its answers and a Bye.
TOFU_NODISCARD enum tofu_status receiver_shutdown(struct receiver *receiver, uint64_t timeout_ns);

#endif
