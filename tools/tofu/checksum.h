// SPDX-License-Identifier: MIT
// The checksum of a file in transfer: XXH3 with 128 bits, by libxxhash.
//
// It finds what goes wrong on the way, at the speed of memory. It is no proof of who sent a file: whoever
// may send can send what he likes, with a checksum that fits.
#ifndef TOOL_CHECKSUM_H
#define TOOL_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>

/// `xxh128:`, 32 digits, and the NUL.
#define CHECKSUM_TEXT_BYTES 40

struct checksum {
    void *state;
};

/// Returns false without memory. checksum_close() is due whatever the result.
bool checksum_open(struct checksum *checksum);

void checksum_close(struct checksum *checksum);

/// Forgets what was added.
void checksum_reset(struct checksum *checksum);

void checksum_add(struct checksum *checksum, const void *bytes, size_t size);

/// Writes the checksum of all bytes so far, as xxh128sum shows it.
void checksum_write(const struct checksum *checksum, char text[CHECKSUM_TEXT_BYTES]);

#endif
