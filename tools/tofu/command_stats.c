// SPDX-License-Identifier: MIT
// `tofu stats`: what the engine of a running `tofu echo-server` or `tofu receive` has counted.
#include <stdio.h>

#include <tofu/tofu.h>

#include "addresses.h"
#include "client.h"
#include "command.h"
#include "console.h"
#include "json_line.h"
#include "options.h"
#include "os/clock.h"
#include "stats_report.h"

struct stats_options {
    struct text_list addresses;
    uint64_t timeout_s;
    struct engine_settings engine;
    bool is_json;
};

static bool read_options(
    int argc, char **argv, struct stats_options *options, enum exit_code *exit_code_out)
{
    struct option limits[ENGINE_OPTION_COUNT];
    engine_describe_options(&options->engine, limits);
    const struct option table[] = {
        {.name = "timeout",
         .letter = 't',
         .value_name = "S",
         .description = "give up when nothing comes for so many seconds [5]",
         .number = &options->timeout_s,
         .number_min = 1,
         .number_max = 86400},
        {.name = "json",
         .letter = 'j',
         .description = "write one JSON object instead of the table",
         .flag = &options->is_json},
    };
    const struct command_line line = {
        .name = "tofu stats",
        .usage = "ADDRESS",
        .operands = &options->addresses,
        .help_text =
            "The ADDRESS is tcp://HOST:PORT or uds://PATH, where 'tofu echo-server' or 'tofu "
            "receive'\n"
            "listens. Counters only grow; gauges are what there is now. A histogram's times are\n"
            "rounded up to the next power of two.\n",
        .options = table,
        .option_count = sizeof table / sizeof table[0],
        .limits = limits,
        .limit_count = ENGINE_OPTION_COUNT};
    if (!options_read(&line, argc, argv, exit_code_out)) {
        return false;
    }
    *exit_code_out = EXIT_CODE_USAGE;
    if (options->addresses.count != 1) {
        complain("stats needs one ADDRESS; try 'tofu stats --help'");
        return false;
    }
    return address_is_target(options->addresses.texts[0]);
}

static enum tofu_status ask(struct client *client)
{
    struct tofu_message *message = NULL;
    enum tofu_status status = client_get(client, TOFU_REQUEST, &message);
    if (status == TOFU_OK) {
        status = stats_ask(message);
    }
    if (status == TOFU_OK) {
        status = tofu_group_post(client->group, &message, NULL);
    }
    tofu_engine_put(client->engine, &message);
    return status;
}

// Waits for the answer. Without one `*answer` stays NULL.
static enum tofu_status wait_for_answer(
    struct client *client, uint64_t timeout_ns, struct tofu_message **answer)
{
    uint64_t start_ns = clock_now_ns();
    uint64_t spent_ns = 0;
    enum tofu_status status = TOFU_OK;
    while (status == TOFU_OK && *answer == NULL && !client->has_ended && spent_ns < timeout_ns) {
        status = client_wait(client, timeout_ns - spent_ns, answer);
        spent_ns = clock_now_ns() - start_ns;
    }
    return status;
}

static enum exit_code show(
    struct client *client, const struct tofu_message *answer, const struct stats_options *options)
{
    if (answer == NULL) {
        complain(
            "no answer from %s%s%s",
            client->address,
            client->has_ended ? ": " : "",
            client->has_ended ? client->closing.why : "");
        return EXIT_CODE_FAILED;
    }
    json_t *report = stats_read_answer(answer);
    if (report == NULL) {
        complain("%s does not tell what it counts", client->address);
        return EXIT_CODE_FAILED;
    }
    if (options->is_json) {
        return json_line_print(report) ? EXIT_CODE_OK : EXIT_CODE_SYSTEM;
    }
    stats_print(report);
    json_decref(report);
    return EXIT_CODE_OK;
}

static enum exit_code run(struct client *client, const struct stats_options *options)
{
    uint64_t timeout_ns = options->timeout_s * NS_PER_S;
    enum exit_code code = client_connect(client, timeout_ns, NULL);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    struct tofu_message *answer = NULL;
    enum tofu_status status = ask(client);
    if (status == TOFU_OK) {
        status = wait_for_answer(client, timeout_ns, &answer);
    }
    if (status == TOFU_OK) {
        code = show(client, answer, options);
    } else {
        complain("could not ask: %s", tofu_status_text(status));
        code = EXIT_CODE_FAILED;
    }
    tofu_engine_put(client->engine, &answer);
    if (!client->has_ended && !client_leave(client, timeout_ns, NULL, NULL) &&
        code == EXIT_CODE_OK) {
        code = EXIT_CODE_FAILED;
    }
    return code;
}

enum exit_code command_stats(int argc, char **argv)
{
    struct stats_options options = {.timeout_s = 5};
    struct client client;
    enum exit_code code = EXIT_CODE_USAGE;
    if (read_options(argc, argv, &options, &code)) {
        code = EXIT_CODE_SYSTEM;
        if (client_open(&client, &options.engine, options.addresses.texts[0])) {
            code = run(&client, &options);
        }
        client_close(&client);
    }
    text_list_clear(&options.addresses);
    return code;
}
