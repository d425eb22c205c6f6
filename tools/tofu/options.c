// SPDX-License-Identifier: MIT
#include "options.h"

#include <inttypes.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tofu/tofu.h>

#include "console.h"
#include "os/clock.h"

// popt gives back a number per option: its place in our table, counted from 1, or this.
#define HELP_VALUE (OPTION_COUNT_MAX + 1)

// Says what the option would have taken. Sizes and times are shown by example.
static void complain_about_number(
    const struct command_line *line, const struct option *option, const char *text)
{
    const char *name = option->name;
    const char *or_unlimited = option->can_be_unlimited ? " or 'unlimited'" : "";
    switch (option->unit) {
    case UNIT_NONE:
        complain(
            "--%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64 "%s; try '%s --help'",
            name,
            text,
            option->number_min,
            option->number_max,
            or_unlimited,
            line->name);
        break;
    case UNIT_BYTES:
        complain(
            "--%s: '%s' is no size from %" PRIu64 " to %" PRIu64
            " bytes; write 4096, 64KiB, 8MiB%s",
            name,
            text,
            option->number_min,
            option->number_max,
            or_unlimited);
        break;
    case UNIT_TIME:
        complain(
            "--%s: '%s' is no time from 1ns to %" PRIu64 "h; write 500ms, 10s, 5min%s",
            name,
            text,
            option->number_max / (3600 * NS_PER_S),
            or_unlimited);
        break;
    case UNIT_MODE:
        complain("--%s: '%s' is no mode from 1 to 0777; write it octal, like 0660", name, text);
        break;
    }
}

static void complain_about_word(const struct option *option, const char *text)
{
    char list[128] = "";
    size_t size = 0;
    for (size_t index = 0; option->words[index] != NULL; index++) {
        int added = snprintf(
            list + size, sizeof list - size, "%s%s", index > 0 ? ", " : "", option->words[index]);
        size += (size_t)added;
    }
    complain("--%s: '%s' is none of %s", option->name, text, list);
}

static bool read_word(const struct option *option, const char *text)
{
    for (size_t index = 0; option->words[index] != NULL; index++) {
        if (strcmp(text, option->words[index]) == 0) {
            *option->number = index;
            return true;
        }
    }
    complain_about_word(option, text);
    return false;
}

static bool read_number(
    const struct command_line *line, const struct option *option, const char *text)
{
    if (option->can_be_unlimited && strcmp(text, "unlimited") == 0) {
        *option->number = TOFU_UNLIMITED;
        return true;
    }
    uint64_t number = 0;
    if (!quantity_read(text, option->unit, &number) || number < option->number_min ||
        number > option->number_max) {
        complain_about_number(line, option, text);
        return false;
    }
    *option->number = number;
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
    *exit_code_out = EXIT_CODE_USAGE;
    return option->words != NULL ? read_word(option, text) : read_number(line, option, text);
}

// An option's number is its place in its table; those of the limits follow the others.
static const struct option *option_of(const struct command_line *line, size_t number)
{
    return number < line->option_count ? &line->options[number]
                                       : &line->limits[number - line->option_count];
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
        bool is_taken = take_value(line, option_of(line, (size_t)value - 1), text, exit_code_out);
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

static void fill_rows(
    const struct option *options, size_t count, size_t first_number, struct poptOption *rows)
{
    for (size_t index = 0; index < count; index++) {
        const struct option *option = &options[index];
        rows[index] = (struct poptOption){
            .longName = option->name,
            .shortName = option->letter,
            .argInfo = option->flag != NULL ? POPT_ARG_NONE : POPT_ARG_STRING,
            .val = (int)(first_number + index) + 1,
            .descrip = option->description,
            .argDescrip = option->value_name};
    }
}

// What popt wants to see: tables that end with an empty row.
struct popt_tables {
    struct poptOption options[OPTION_COUNT_MAX + 3];
    struct poptOption limits[OPTION_COUNT_MAX + 1];
};

static void fill_tables(const struct command_line *line, struct popt_tables *tables)
{
    *tables = (struct popt_tables){0};
    fill_rows(line->options, line->option_count, 0, tables->options);
    fill_rows(line->limits, line->limit_count, line->option_count, tables->limits);
    struct poptOption *row = &tables->options[line->option_count];
    *row = (struct poptOption){
        .longName = "help",
        .shortName = 'h',
        .argInfo = POPT_ARG_NONE,
        .val = HELP_VALUE,
        .descrip = "show this help"};
    if (line->limit_count > 0) {
        row[1] = (struct poptOption){
            .argInfo = POPT_ARG_INCLUDE_TABLE,
            .arg = tables->limits,
            .descrip = "Limits and deadlines of the engine:"};
    }
}

bool options_read(
    const struct command_line *line, int argc, char **argv, enum exit_code *exit_code_out)
{
    struct popt_tables tables;
    fill_tables(line, &tables);

    // popt takes the program's name from the first word, and shows it in --help.
    const char **words = calloc((size_t)argc + 1, sizeof *words);
    poptContext context = NULL;
    if (words != NULL) {
        words[0] = line->name;
        for (int index = 1; index < argc; index++) {
            words[index] = argv[index];
        }
        context = poptGetContext(NULL, argc, words, tables.options, 0);
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
