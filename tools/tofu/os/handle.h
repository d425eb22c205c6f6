// SPDX-License-Identifier: MIT
// What the system calls an open file or folder: a descriptor or a HANDLE.
#ifndef TOOL_OS_HANDLE_H
#define TOOL_OS_HANDLE_H

#include <stdint.h>

typedef intptr_t os_handle;

#define NO_HANDLE ((os_handle)-1)

#endif
