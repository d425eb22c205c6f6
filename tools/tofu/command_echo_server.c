// SPDX-License-Identifier: MIT
// `tofu echo-server`: listens, serves until it is told to stop, and says how its channels ended.
#include <inttypes.h>
#include <stdio.h>

#include <tofu/tofu.h>

#include "addresses.h"
#include "command.h"
#include "console.h"
#include "echo_server.h"
#include "engine.h"
#include "json_line.h"
#include "listener.h"
#include "options.h"
#include "os/clock.h"
#include "os/stop_signal.h"

// How long peers may take to answer our Bye.
#define SHUTDOWN_NS (5 * NS_PER_S)

struct server_options {
    struct text_list addresses;
    struct engine_settings engine;
    bool is_json;
};

static bool read_options(
    int argc, char **argv, struct server_options *options, enum exit_code *exit_code_out)
{
    struct option limits[ENGINE_OPTION_COUNT];
    engine_describe_options(&options->engine, limits);
    const struct option table[] = {
        {.name = "listen",
         .letter = 'l',
         .value_name = "ADDRESS",
         .description = "listen here; may be given several times",
         .texts = &options->addresses},
        POOL_OPTION(&options->engine.options.pool_messages_max),
        {.name = "json",
         .letter = 'j',
         .description = "write JSON, one object per line",
         .flag = &options->is_json},
    };
    const struct command_line line = {
        .name = "tofu echo-server",
        .usage = "--listen=ADDRESS",
        .help_text =
            "An ADDRESS is tcp://HOST:PORT or uds://PATH. Port 0 lets the system choose. For each\n"
            "a line 'listening ADDRESS' tells where it really is. SIGINT or SIGTERM ends the\n"
            "server in good order: every client is told, and it has 5 seconds to say good-bye.\n",
        .options = table,
        .option_count = sizeof table / sizeof table[0],
        .limits = limits,
        .limit_count = ENGINE_OPTION_COUNT};
    if (!options_read(&line, argc, argv, exit_code_out)) {
        return false;
    }
    *exit_code_out = EXIT_CODE_USAGE;
    return addresses_are_listenable(&options->addresses, "echo-server");
}

static void print_listening(void *context, const char *address)
{
    const struct server_options *options = context;
    listener_print(address, options->is_json);
}

static void print_ended(const struct server_options *options, const struct echo_counts *counts)
{
    if (options->is_json) {
        json_line_print(json_pack(
            "{s:s, s:I, s:I, s:I, s:I}",
            "event",
            "ended",
            "channels_ended_gracefully",
            (json_int_t)counts->ended_gracefully,
            "channels_ended_otherwise",
            (json_int_t)counts->ended_otherwise,
            "messages_echoed",
            (json_int_t)counts->messages,
            "messages_returned",
            (json_int_t)counts->returned));
        return;
    }
    printf(
        "ended: %" PRIu64 " channels gracefully, %" PRIu64 " otherwise; %" PRIu64
        " messages echoed, %" PRIu64 " returned\n",
        counts->ended_gracefully,
        counts->ended_otherwise,
        counts->messages,
        counts->returned);
}

static enum exit_code serve(struct echo_server *server, const struct server_options *options)
{
    enum tofu_status status = TOFU_OK;
    for (size_t index = 0; index < options->addresses.count && status == TOFU_OK; index++) {
        status = echo_server_listen(server, options->addresses.texts[index]);
        if (server->has_failed) {
            return EXIT_CODE_UNREACHABLE;
        }
    }
    if (status == TOFU_OK) {
        status = echo_server_run(server);
    }
    if (status == TOFU_OK && !server->has_failed) {
        status = echo_server_shutdown(server, SHUTDOWN_NS);
    }
    if (status != TOFU_OK) {
        complain("the server has to end: %s", tofu_status_text(status));
        return EXIT_CODE_SYSTEM;
    }
    print_ended(options, &server->counts);
    return server->has_failed ? EXIT_CODE_FAILED : EXIT_CODE_OK;
}

static enum exit_code serve_with_signals(
    struct tofu_engine *engine, struct tofu_group *group, struct server_options *options)
{
    struct echo_server server;
    if (echo_server_open(&server, engine, group, print_listening, options) != TOFU_OK) {
        complain("no memory");
        return EXIT_CODE_SYSTEM;
    }
    enum exit_code code = EXIT_CODE_SYSTEM;
    if (stop_signal_open(group)) {
        code = serve(&server, options);
        stop_signal_close();
    } else {
        complain("the system gives no thread");
    }
    echo_server_close(&server);
    return code;
}

enum exit_code command_echo_server(int argc, char **argv)
{
    struct server_options options = {0};
    enum exit_code code = EXIT_CODE_USAGE;
    if (!read_options(argc, argv, &options, &code)) {
        text_list_clear(&options.addresses);
        return code;
    }
    stop_signal_block();
    struct tofu_engine *engine = NULL;
    struct tofu_group *group = NULL;
    code = EXIT_CODE_SYSTEM;
    if (engine_open(&options.engine, &engine, &group)) {
        code = serve_with_signals(engine, group, &options);
    }
    tofu_group_destroy(&group);
    tofu_engine_destroy(&engine);
    text_list_clear(&options.addresses);
    return code;
}
