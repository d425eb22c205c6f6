// SPDX-License-Identifier: MIT
// What names of files mean to this system.
#ifndef TOOL_OS_FILE_NAME_H
#define TOOL_OS_FILE_NAME_H

#include <stddef.h>

/// Says why this system would not make one plain file with exactly this name of it, or returns NULL.
/// What is bad everywhere is checked before: file_name_fault().
const char *file_name_fault_here(const char *name, size_t size);

/// The last part of a path: what is behind its folders.
const char *file_name_of_path(const char *path);

#endif
