// SPDX-License-Identifier: MIT
// What happens when an assertion fails: one line, then the end. Not part of the released library.
#include "base/assert.h"

#ifdef TF_ASSERTIONS

#    include <stdio.h>
#    include <stdlib.h>

_Noreturn void tf_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}

#else

// ISO C wants at least one declaration in a file.
typedef int tf_assertions_are_off;

#endif
