// SPDX-License-Identifier: MIT
// Sends files to `tofu receive`: one channel, one thread, one file after the other.
//
// The next file begins before the last one is answered, so small files do not wait for each other. What
// is on its way is bounded by the send queue: when it is full, this thread waits for room and for
// answers in turn.
#ifndef TOOL_SENDER_H
#define TOOL_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "checksum.h"
#include "client.h"
#include "outgoing.h"
#include "progress.h"

struct sender {
    struct client *client;
    struct outgoing_list *list;
    size_t part_size;    // of a Request's body, in bytes
    uint64_t timeout_ns; // for nothing at all to move
    struct progress progress;
    struct checksum checksum;
    size_t answered_count;
    uint64_t sent_bytes;
    uint64_t start_ns;
    uint64_t end_ns;   // when the last answer came
    uint64_t moved_ns; // when something was posted or came the last time
    bool is_over;      // nothing more is to be done: complained about
    enum tofu_status system_status;
};

/// Sends all files and waits for their answers; what became of each is in the list. The caller has filled
/// in client (connected), list, part_size, timeout_ns and progress; the rest is 0.
enum exit_code sender_perform(struct sender *sender);

#endif
