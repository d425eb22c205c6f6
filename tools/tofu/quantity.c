// SPDX-License-Identifier: MIT
#include "quantity.h"

#include <stddef.h>
#include <string.h>

#include "os/clock.h"

struct suffix {
    const char *text;
    uint64_t factor;
};

#define KIBIBYTE UINT64_C(1024)

// Each list ends with a suffix without a text.
static const struct suffix suffixes_of_none[] = {{"", 1}, {NULL, 0}};
static const struct suffix suffixes_of_bytes[] = {
    {"", 1},
    {"B", 1},
    {"KiB", KIBIBYTE},
    {"MiB", KIBIBYTE *KIBIBYTE},
    {"GiB", KIBIBYTE *KIBIBYTE *KIBIBYTE},
    {"TiB", KIBIBYTE *KIBIBYTE *KIBIBYTE *KIBIBYTE},
    {NULL, 0}};
static const struct suffix suffixes_of_time[] = {
    {"ns", 1},
    {"us", NS_PER_US},
    {"ms", NS_PER_MS},
    {"s", NS_PER_S},
    {"min", 60 * NS_PER_S},
    {"h", 3600 * NS_PER_S},
    {NULL, 0}};

static const struct suffix *suffixes_of(enum unit unit)
{
    switch (unit) {
    case UNIT_NONE:
    case UNIT_MODE:
        return suffixes_of_none;
    case UNIT_BYTES:
        return suffixes_of_bytes;
    case UNIT_TIME:
        return suffixes_of_time;
    }
    return suffixes_of_none;
}

// Not strtoull, which takes blanks, a sign, and -1 as the largest number. Returns where the digits end,
// or NULL if there are none or too many.
static const char *read_digits(const char *text, uint64_t base, uint64_t *number_out)
{
    uint64_t number = 0;
    const char *digit = text;
    for (; *digit >= '0' && *digit < '0' + (int)base; digit++) {
        uint64_t value = (uint64_t)(*digit - '0');
        if (number > (UINT64_MAX - value) / base) {
            return NULL;
        }
        number = number * base + value;
    }
    *number_out = number;
    return digit == text ? NULL : digit;
}

bool quantity_read(const char *text, enum unit unit, uint64_t *value_out)
{
    uint64_t number = 0;
    const char *rest = read_digits(text, unit == UNIT_MODE ? 8 : 10, &number);
    if (rest == NULL) {
        return false;
    }
    for (const struct suffix *suffix = suffixes_of(unit); suffix->text != NULL; suffix++) {
        if (strcmp(rest, suffix->text) == 0 && number <= UINT64_MAX / suffix->factor) {
            *value_out = number * suffix->factor;
            return true;
        }
    }
    return false;
}
