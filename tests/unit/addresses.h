// SPDX-License-Identifier: MIT
// Texts that are addresses, and texts that are none.
#ifndef UNIT_ADDRESSES_H
#define UNIT_ADDRESSES_H

#include <stddef.h>

#define TEN(x)     x x x x x x x x x x
#define HUNDRED(x) TEN(TEN(x))
#define PATH_107   HUNDRED("p") "ppppppp"
#define HOST_253   HUNDRED("h") HUNDRED("h") TEN("h") TEN("h") TEN("h") TEN("h") TEN("h") "hhh"

struct accepted_address {
    const char *text;
    const char *bar_form; ///< NULL: the text is its own bar form
    const char *host;     ///< NULL: a Unix address
    unsigned port;
    const char *path;
};

extern const struct accepted_address accepted_addresses[];
extern const size_t accepted_address_count;

extern const char *const refused_addresses[];
extern const size_t refused_address_count;

const char *bar_form_of(const struct accepted_address *accepted);

#endif
