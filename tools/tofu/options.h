// SPDX-License-Identifier: MIT
// Reads the command line of a subcommand into variables, with popt.
//
// A subcommand describes its options in a table; what they mean, and what their values may be, is
// said once there and shows up in --help and in the complaints.
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exit_code.h"
#include "quantity.h"
#include "text_list.h"

/// One option. Exactly one of flag, number and texts is set: it says what the option takes and where
/// it goes. An option with texts may be given several times.
struct option {
    const char *name;
    char letter;            // 0: none
    const char *value_name; // NULL for a flag
    const char *description;
    bool *flag;
    uint64_t *number;
    struct text_list *texts;
    enum unit unit; // of number, as of its limits
    uint64_t number_min;
    uint64_t number_max;
    bool can_be_unlimited;    // the word 'unlimited' is the number TOFU_UNLIMITED
    const char *const *words; // number is the place of the word in this list, which ends with NULL
};

#define OPTION_COUNT_MAX 32

struct command_line {
    const char *name;           // "tofu echo"
    const char *usage;          // what follows the options: "ADDRESS..."
    struct text_list *operands; // NULL if there are none
    const char *help_text;      // follows the list of options
    const struct option *options;
    size_t option_count;
    const struct option *limits; // of the engine: a section of their own in the help; may be NULL
    size_t limit_count;          // with option_count, OPTION_COUNT_MAX at most
};

/// Reads `argv`, whose first word is the subcommand. Returns false when the program is to end now, with
/// `*exit_code`: --help was asked for, or something is wrong and was complained about.
///
/// The caller clears the text lists, whatever the result.
bool options_read(
    const struct command_line *line, int argc, char **argv, enum exit_code *exit_code);

#endif
