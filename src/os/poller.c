// SPDX-License-Identifier: MIT
// Which poller: the one the environment names, else the one that was asked for, else the best one.
#include "os/poller.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

const struct tf_poller_ops *tf_poller_find(const char *name)
{
    TF_ASSERT(tf_pollers[0] != NULL);

    const char *override = getenv("TOFU_POLLER");
    const char *wanted = override != NULL && override[0] != '\0' ? override : name;
    if (wanted == NULL) {
        return tf_pollers[0];
    }
    for (size_t i = 0; tf_pollers[i] != NULL; i++) {
        if (strcmp(tf_pollers[i]->name, wanted) == 0) {
            return tf_pollers[i];
        }
    }
    return NULL;
}
