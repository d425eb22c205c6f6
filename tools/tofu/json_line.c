// SPDX-License-Identifier: MIT
#include "json_line.h"

#include <stdio.h>

#include "console.h"

bool json_line_print(json_t *object)
{
    if (object == NULL) {
        complain("no memory");
        return false;
    }
    // In ASCII, because some of the texts are a peer's and a terminal may be watching.
    json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
    putchar('\n');
    fflush(stdout);
    json_decref(object);
    return true;
}
