// SPDX-License-Identifier: MIT
// A bar on the terminal that fills while bytes are verified or sent. Without a terminal there is none.
#ifndef TOOL_PROGRESS_H
#define TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool is_visible;
    const char *word;  // what is done with the bytes: "verified"
    uint64_t shown_ns; // when it was last drawn
};

/// Finds out whether stderr is a terminal. `word` says what is done with the bytes; it is kept.
struct progress progress_open(const char *word);

/// Draws `part` of `whole`, unless it was drawn just now.
void progress_show(
    struct progress *progress, uint64_t part, uint64_t whole, uint64_t bytes, uint64_t since_ns);

/// How long a caller may sleep before the bar looks stuck; UINT64_MAX without one.
uint64_t progress_interval_ns(const struct progress *progress);

/// Takes the bar away.
void progress_close(struct progress *progress);

#endif
