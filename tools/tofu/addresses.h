// SPDX-License-Identifier: MIT
// Addresses on the command line: one complaint for each mistake, whatever the subcommand.
#ifndef TOOL_ADDRESSES_H
#define TOOL_ADDRESSES_H

#include <stdbool.h>

#include "text_list.h"

/// Tells whether `text` is an address to connect to; complains if not.
bool address_is_target(const char *text);

/// Tells whether all texts are addresses to listen on, and there is one; complains if not. `command` is
/// the subcommand's name.
bool addresses_are_listenable(const struct text_list *addresses, const char *command);

#endif
