// SPDX-License-Identifier: MIT
// `tofu echo`: says what is to be sent, lets echo_run do it, and tells how it went.
#include <stdio.h>

#include <tofu/tofu.h>

#include "addresses.h"
#include "command.h"
#include "console.h"
#include "echo_report.h"
#include "echo_run.h"
#include "engine.h"
#include "options.h"
#include "os/clock.h"
#include "payload.h"

#define CHANNELS_MAX 65534

struct echo_options {
    struct text_list addresses;
    struct text_list files;
    uint64_t clients;
    uint64_t messages; // 0: not given
    uint64_t size;     // UINT64_MAX: not given
    uint64_t window;
    uint64_t timeout_s;
    struct engine_settings engine;
    bool is_json;
};

#define MESSAGES_DEFAULT 1000
#define SIZE_DEFAULT     1024

static bool read_table(
    int argc, char **argv, struct echo_options *options, enum exit_code *exit_code_out)
{
    struct option limits[ENGINE_OPTION_COUNT];
    engine_describe_options(&options->engine, limits);
    const struct option table[] = {
        {.name = "clients",
         .letter = 'c',
         .value_name = "N",
         .description = "clients per address, each with a connection of its own [1]",
         .number = &options->clients,
         .number_min = 1,
         .number_max = CHANNELS_MAX},
        {.name = "messages",
         .letter = 'm',
         .value_name = "M",
         .description = "messages that each client sends [1000]",
         .number = &options->messages,
         .number_min = 1,
         .number_max = UINT32_MAX - 1},
        {.name = "size",
         .letter = 's',
         .value_name = "B",
         .description = "bytes of each message [1024]; of a file's, at most [65535]",
         .number = &options->size,
         .number_min = 0,
         .number_max = TOFU_PART_BYTES_MAX},
        {.name = "window",
         .letter = 'w',
         .value_name = "W",
         .description = "messages on their way at a time, per client [16]",
         .number = &options->window,
         .number_min = 1,
         .number_max = 65536},
        {.name = "file",
         .letter = 'f',
         .value_name = "PATH",
         .description = "each client streams this file; may be given several times",
         .texts = &options->files},
        {.name = "timeout",
         .letter = 't',
         .value_name = "S",
         .description = "give up when nothing comes for so many seconds [30]",
         .number = &options->timeout_s,
         .number_min = 1,
         .number_max = 86400},
        POOL_OPTION(&options->engine.options.pool_messages_max),
        {.name = "json",
         .letter = 'j',
         .description = "write one JSON object instead of the table",
         .flag = &options->is_json},
    };
    const struct command_line line = {
        .name = "tofu echo",
        .usage = "ADDRESS...",
        .operands = &options->addresses,
        .help_text =
            "An ADDRESS is tcp://HOST:PORT or uds://PATH, where 'tofu echo-server' listens. All\n"
            "clients of all addresses work at once. Every byte that comes back is compared with\n"
            "what was sent. Rates count a byte once; times are from sending to verifying.\n",
        .options = table,
        .option_count = sizeof table / sizeof table[0],
        .limits = limits,
        .limit_count = ENGINE_OPTION_COUNT};
    return options_read(&line, argc, argv, exit_code_out);
}

static bool check_addresses(const struct text_list *addresses)
{
    for (size_t index = 0; index < addresses->count; index++) {
        if (!address_is_target(addresses->texts[index])) {
            return false;
        }
    }
    return true;
}

// What each option allows alone may make no sense together.
static bool check_options(const struct echo_options *options)
{
    if (options->addresses.count == 0) {
        complain("echo needs an ADDRESS; try 'tofu echo --help'");
        return false;
    }
    if (!check_addresses(&options->addresses)) {
        return false;
    }
    if (options->clients * options->addresses.count > CHANNELS_MAX) {
        complain("--clients: more than %d for all addresses together", CHANNELS_MAX);
        return false;
    }
    if (options->files.count > 0 && options->messages != 0) {
        complain("--messages: the files say how many there are; leave it out with --file");
        return false;
    }
    if (options->files.count > 0 && options->size == 0) {
        complain("--size: a file cannot be sent in messages of 0 bytes");
        return false;
    }
    return true;
}

static bool open_payload(
    const struct echo_options *options, struct payload *payload, enum exit_code *exit_code_out)
{
    bool is_given = options->size != UINT64_MAX;
    if (options->files.count > 0) {
        size_t part_size = is_given ? (size_t)options->size : TOFU_PART_BYTES_MAX;
        return payload_open_files(payload, &options->files, part_size, exit_code_out);
    }
    uint64_t part_count = options->messages != 0 ? options->messages : MESSAGES_DEFAULT;
    *payload = payload_of_pattern(part_count, is_given ? (size_t)options->size : SIZE_DEFAULT);
    return true;
}

static enum exit_code run_and_report(const struct echo_plan *plan, bool is_json)
{
    struct echo_run run;
    enum exit_code code = EXIT_CODE_SYSTEM;
    if (echo_run_open(&run, plan, &code)) {
        code = echo_run_perform(&run);
        if (!is_json) {
            echo_report_print(&run);
        } else if (!echo_report_print_json(&run, code)) {
            complain("no memory");
            code = EXIT_CODE_SYSTEM;
        }
    }
    echo_run_close(&run);
    return code;
}

enum exit_code command_echo(int argc, char **argv)
{
    struct echo_options options = {.clients = 1, .size = UINT64_MAX, .window = 16, .timeout_s = 30};
    struct payload payload = {0};
    enum exit_code code = EXIT_CODE_USAGE;
    bool is_read = read_table(argc, argv, &options, &code);
    if (is_read && check_options(&options) && open_payload(&options, &payload, &code)) {
        const struct echo_plan plan = {
            .addresses = &options.addresses,
            .payload = &payload,
            .clients_per_address = (uint32_t)options.clients,
            .window = options.window,
            .timeout_ns = options.timeout_s * NS_PER_S,
            .engine = &options.engine};
        code = run_and_report(&plan, options.is_json);
    }
    payload_close(&payload);
    text_list_clear(&options.addresses);
    text_list_clear(&options.files);
    return code;
}
