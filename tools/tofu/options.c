// SPDX-License-Identifier: MIT
#include "options.h"

#include <inttypes.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>

#include "console.h"

// popt gives back a number per option: its place in our table, counted from 1, or this.
#define HELP_VALUE (OPTION_COUNT_MAX + 1)

// Digits only: strtoull alone would take blanks, a sign, and -1 as the largest number.
static bool read_number(const char *text, uint64_t min, uint64_t max, uint64_t *number_out)
{
    uint64_t number = 0;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        uint64_t value = (uint64_t)(*digit - '0');
        if (number > (UINT64_MAX - value) / 10) {
            return false;
        }
        number = number * 10 + value;
    }
    if (digit == text || *digit != '\0' || number < min || number > max) {
        return false;
    }
    *number_out = number;
    return true;
}

// Takes the value of one option; `text` is NULL for a flag.
static bool take_value(
    const struct command_line *line,
    const struct option *option,
    const char *text,
    enum exit_code *exit_code_out)
{
    if (option->flag != NULL) {
        *option->flag = true;
        return true;
    }
    if (option->texts != NULL) {
        if (text_list_append(option->texts, text)) {
            return true;
        }
        complain("no memory");
        *exit_code_out = EXIT_CODE_SYSTEM;
        return false;
    }
    if (read_number(text, option->number_min, option->number_max, option->number)) {
        return true;
    }
    complain(
        "--%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64 "; try '%s --help'",
        option->name,
        text,
        option->number_min,
        option->number_max,
        line->name);
    *exit_code_out = EXIT_CODE_USAGE;
    return false;
}

static bool take_operands(
    const struct command_line *line, poptContext context, enum exit_code *exit_code_out)
{
    for (const char *text = poptGetArg(context); text != NULL; text = poptGetArg(context)) {
        if (line->operands == NULL) {
            complain("unexpected argument '%s'; try '%s --help'", text, line->name);
            *exit_code_out = EXIT_CODE_USAGE;
            return false;
        }
        if (!text_list_append(line->operands, text)) {
            complain("no memory");
            *exit_code_out = EXIT_CODE_SYSTEM;
            return false;
        }
    }
    return true;
}

static bool read_all(
    const struct command_line *line, poptContext context, enum exit_code *exit_code_out)
{
    int value = poptGetNextOpt(context);
    for (; value > 0; value = poptGetNextOpt(context)) {
        if (value == HELP_VALUE) {
            poptPrintHelp(context, stdout, 0);
            printf("\n%s\n%s", line->help_text, EXIT_CODE_HELP);
            *exit_code_out = EXIT_CODE_OK;
            return false;
        }
        char *text = poptGetOptArg(context);
        bool is_taken = take_value(line, &line->options[value - 1], text, exit_code_out);
        free(text);
        if (!is_taken) {
            return false;
        }
    }
    if (value < -1) {
        const char *option = poptBadOption(context, POPT_BADOPTION_NOALIAS);
        complain("%s: %s; try '%s --help'", option, poptStrerror(value), line->name);
        *exit_code_out = EXIT_CODE_USAGE;
        return false;
    }
    return take_operands(line, context, exit_code_out);
}

static void fill_table(const struct command_line *line, struct poptOption *table)
{
    for (size_t index = 0; index < line->option_count; index++) {
        const struct option *option = &line->options[index];
        table[index] = (struct poptOption){
            .longName = option->name,
            .shortName = option->letter,
            .argInfo = option->flag != NULL ? POPT_ARG_NONE : POPT_ARG_STRING,
            .val = (int)index + 1,
            .descrip = option->description,
            .argDescrip = option->value_name};
    }
    table[line->option_count] = (struct poptOption){
        .longName = "help",
        .shortName = 'h',
        .argInfo = POPT_ARG_NONE,
        .val = HELP_VALUE,
        .descrip = "show this help"};
}

bool options_read(
    const struct command_line *line, int argc, char **argv, enum exit_code *exit_code_out)
{
    struct poptOption table[OPTION_COUNT_MAX + 2] = {0};
    fill_table(line, table);

    // popt takes the program's name from the first word, and shows it in --help.
    const char **words = calloc((size_t)argc + 1, sizeof *words);
    poptContext context = NULL;
    if (words != NULL) {
        words[0] = line->name;
        for (int index = 1; index < argc; index++) {
            words[index] = argv[index];
        }
        context = poptGetContext(NULL, argc, words, table, 0);
    }
    if (context == NULL) {
        free(words);
        complain("no memory");
        *exit_code_out = EXIT_CODE_SYSTEM;
        return false;
    }
    char usage[64];
    snprintf(usage, sizeof usage, "[OPTION...] %s", line->usage);
    poptSetOtherOptionHelp(context, usage);
    bool is_read = read_all(line, context, exit_code_out);
    poptFreeContext(context);
    free(words);
    return is_read;
}
