// SPDX-License-Identifier: MIT
// The files that `tofu send` sends: found before anything is sent, then read part by part.
#ifndef TOOL_OUTGOING_H
#define TOOL_OUTGOING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "checksum.h"
#include "exit_code.h"
#include "os/reader.h"
#include "text_list.h"
#include "transfer.h"

enum outgoing_state {
    OUTGOING_WAITING,
    OUTGOING_OPEN, // some of it is sent
    OUTGOING_SENT, // all of it is sent, or it was called off
    OUTGOING_KEPT, // the receiver has it
    OUTGOING_FAILED
};

struct outgoing {
    const char *path;
    const char *name; // the last part of the path
    uint64_t size;
    uint64_t sent;
    enum outgoing_state state;
    struct reader reader; // without a handle: none is open
    char checksum_text[CHECKSUM_TEXT_BYTES];
    char fault[FAULT_TEXT_BYTES]; // of OUTGOING_FAILED
};

struct outgoing_list {
    struct outgoing *files;
    size_t count;
    uint64_t bytes; // of all files
};

/// Looks at the files. Complains and returns false, with `*exit_code`, if one cannot be sent: it is no
/// plain file, has a name that no receiver takes, or has the name of another one. The paths stay the
/// caller's. outgoing_list_close() is due whatever the result.
bool outgoing_list_open(
    struct outgoing_list *list, const struct text_list *paths, enum exit_code *exit_code);

void outgoing_list_close(struct outgoing_list *list);

/// Opens a file for reading. Returns false if it cannot be read any more: its fault says why.
bool outgoing_open(struct outgoing *file);

/// Reads exactly `size` bytes. Returns false, with a fault, if there are no more so many.
bool outgoing_read(struct outgoing *file, void *bytes, size_t size);

/// Tells whether the file is still the one that was opened. Returns false, with a fault, if not.
bool outgoing_is_unchanged(struct outgoing *file);

void outgoing_close(struct outgoing *file);

#endif
