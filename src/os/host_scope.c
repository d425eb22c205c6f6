// SPDX-License-Identifier: MIT
#include "os/host_scope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

uint32_t tf_host_scope_split(
    const char host[TOFU_HOST_BYTES_MAX + 1], char bare_out[TOFU_HOST_BYTES_MAX + 1])
{
    size_t size = strnlen(host, TOFU_HOST_BYTES_MAX);
    memcpy(bare_out, host, size);
    bare_out[size] = '\0';
    char *mark = strchr(bare_out, '%');
    if (mark == NULL) {
        return 0;
    }
    uint64_t scope = 0;
    const char *digit = mark + 1;
    while (*digit >= '0' && *digit <= '9' && scope <= UINT32_MAX) {
        scope = 10 * scope + (uint64_t)(*digit - '0');
        digit++;
    }
    if (*digit != '\0' || scope > UINT32_MAX) {
        return 0;
    }
    if (scope != 0) {
        *mark = '\0';
    }
    return (uint32_t)scope;
}

void tf_host_scope_append(char host[TOFU_HOST_BYTES_MAX + 1], uint32_t scope)
{
    size_t size = strnlen(host, TOFU_HOST_BYTES_MAX);
    if (scope == 0) {
        return;
    }
    int added = snprintf(host + size, TOFU_HOST_BYTES_MAX + 1 - size, "%%%" PRIu32, scope);
    TF_ASSERT(added > 0 && size + (size_t)added <= TOFU_HOST_BYTES_MAX);
    (void)added;
}
