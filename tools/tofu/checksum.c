// SPDX-License-Identifier: MIT
#include "checksum.h"

#include <assert.h>
#include <stdio.h>
#include <xxhash.h>

#define PREFIX "xxh128:"

static_assert(
    sizeof PREFIX + 2 * sizeof(XXH128_canonical_t) == CHECKSUM_TEXT_BYTES, "room for the text");

bool checksum_open(struct checksum *checksum)
{
    checksum->state = XXH3_createState();
    if (checksum->state == NULL) {
        return false;
    }
    checksum_reset(checksum);
    return true;
}

void checksum_close(struct checksum *checksum)
{
    XXH3_freeState(checksum->state);
    checksum->state = NULL;
}

// Neither fails with a state that is there.
void checksum_reset(struct checksum *checksum)
{
    (void)XXH3_128bits_reset(checksum->state);
}

void checksum_add(struct checksum *checksum, const void *bytes, size_t size)
{
    (void)XXH3_128bits_update(checksum->state, bytes, size);
}

void checksum_write(const struct checksum *checksum, char text_out[CHECKSUM_TEXT_BYTES])
{
    XXH128_canonical_t digits;
    XXH128_canonicalFromHash(&digits, XXH3_128bits_digest(checksum->state));
    int length = snprintf(text_out, CHECKSUM_TEXT_BYTES, PREFIX);
    for (size_t index = 0; index < sizeof digits.digest; index++) {
        length += snprintf(text_out + length, 3, "%02x", (unsigned)digits.digest[index]);
    }
}
