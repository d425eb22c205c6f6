// SPDX-License-Identifier: MIT
// What the system has against something that was tried with a file: a kind to act on, and words for people.
#ifndef TOOL_OS_FAULT_H
#define TOOL_OS_FAULT_H

enum fault_kind {
    FAULT_EXISTS,   // there is something of that name
    FAULT_BAD_NAME, // no file can be called that
    FAULT_NO_SPACE, // a disk, a quota or a limit is full
    FAULT_OTHER
};

#define FAULT_TEXT_BYTES 160

struct fault {
    enum fault_kind kind;
    char text[FAULT_TEXT_BYTES];
};

#endif
