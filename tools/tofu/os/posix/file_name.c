// SPDX-License-Identifier: MIT
#include "os/file_name.h"

#include <string.h>

const char *file_name_fault_here(const char *name, size_t size)
{
    // Everything without a slash and a NUL is a name, and what is checked before asks for more.
    (void)name;
    (void)size;
    return NULL;
}

const char *file_name_of_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}
