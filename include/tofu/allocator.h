// SPDX-License-Identifier: MIT
// The allocator a user may supply; without one the engine uses malloc and free.
#ifndef TOFU_ALLOCATOR_H
#define TOFU_ALLOCATOR_H

#include <stddef.h>

#include <tofu/export.h>

/// Memory for an engine and everything in it. `{0}` means malloc and free.
///
/// Both functions are called on any thread, at the same time, the I/O thread included; they must
/// not call the library. Set both or neither.
struct tofu_allocator {
    /// Returns `size` bytes (never 0) aligned for any type, or NULL.
    void *(*allocate)(void *context, size_t size);
    /// Gives back what allocate() returned, with the size it was asked for; never NULL.
    void (*release)(void *context, void *memory, size_t size);
    /// Handed to both.
    void *context;
};

#endif
