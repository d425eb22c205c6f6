// SPDX-License-Identifier: MIT
// A piece of memory to send from or to receive into: what sockets and frames share.
#ifndef TF_BASE_SEGMENT_H
#define TF_BASE_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

struct tf_segment {
    uint8_t *data;
    size_t size;
};

/// Most segments one call to the system takes.
#define TF_SEGMENTS_MAX 64

#endif
