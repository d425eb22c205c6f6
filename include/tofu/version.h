// SPDX-License-Identifier: MIT
// The version of these headers and of the library that is linked.
#ifndef TOFU_VERSION_H
#define TOFU_VERSION_H

#include <tofu/export.h>

#define TOFU_VERSION_MAJOR 0
#define TOFU_VERSION_MINOR 1
#define TOFU_VERSION_PATCH 0
#define TOFU_VERSION       "0.1.0"

TOFU_EXTERN_C_BEGIN

/// Returns the version of the linked library, as "major.minor.patch".
///
/// Ownership: a constant of the library.
/// Threads: any.
TOFU_API const char *tofu_version(void);

TOFU_EXTERN_C_END

#endif
