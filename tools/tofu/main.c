// SPDX-License-Identifier: MIT
// The tool: finds the subcommand and lets it do the work.
#include <stdio.h>
#include <string.h>

#include <tofu/tofu.h>

#include "command.h"
#include "console.h"
#include "os/process.h"

struct subcommand {
    const char *name;
    const char *description;
    enum exit_code (*run)(int argc, char **argv);
};

static const struct subcommand subcommands[] = {
    {"echo", "send messages or files to echo servers and verify every byte", command_echo},
    {"echo-server", "answer every message with itself", command_echo_server},
    {"explain", "say what a status or a kind of log line means", command_explain},
    {"ping", "measure how long an echo server takes to answer", command_ping},
    {"receive", "take files from senders into a folder", command_receive},
    {"send", "send files to a receiver, with checksums", command_send},
    {"stats", "show what a running echo-server or receive has counted", command_stats},
};

#define SUBCOMMAND_COUNT (sizeof subcommands / sizeof subcommands[0])

static void print_subcommands(FILE *stream)
{
    fputs("Subcommands:\n", stream);
    for (size_t index = 0; index < SUBCOMMAND_COUNT; index++) {
        const struct subcommand *subcommand = &subcommands[index];
        fprintf(stream, "  %-12s  %s\n", subcommand->name, subcommand->description);
    }
}

static void print_help(void)
{
    printf("Usage: tofu SUBCOMMAND [OPTION...]\n"
           "       tofu --help | --version\n\n"
           "Messages over TCP and Unix sockets.\n\n");
    print_subcommands(stdout);
    printf("\n'tofu SUBCOMMAND --help' shows the options of one.\n\n%s", EXIT_CODE_HELP);
}

static enum exit_code refuse(const char *word)
{
    if (word == NULL) {
        complain("no subcommand");
    } else {
        complain("unknown subcommand '%s'", word);
    }
    print_subcommands(stderr);
    return EXIT_CODE_USAGE;
}

static enum exit_code run(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    if (word == NULL) {
        return refuse(word);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help();
        return EXIT_CODE_OK;
    }
    if (strcmp(word, "--version") == 0) {
        printf("tofu %s\n", tofu_version());
        return EXIT_CODE_OK;
    }
    for (size_t index = 0; index < SUBCOMMAND_COUNT; index++) {
        if (strcmp(word, subcommands[index].name) == 0) {
            return subcommands[index].run(argc - 1, argv + 1);
        }
    }
    return refuse(word);
}

int main(int argc, char **argv)
{
    enum exit_code code = EXIT_CODE_SYSTEM;
    if (process_open(&argc, &argv)) {
        code = run(argc, argv);
    } else {
        complain("no memory");
    }
    bool is_written = flush_output();
    process_close();
    return (int)(code == EXIT_CODE_OK && !is_written ? EXIT_CODE_SYSTEM : code);
}
