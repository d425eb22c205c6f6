// SPDX-License-Identifier: MIT
// `tofu ping`: how long an echo server takes to answer.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <tofu/tofu.h>

#include "addresses.h"
#include "command.h"
#include "console.h"
#include "human.h"
#include "json_line.h"
#include "options.h"
#include "os/clock.h"
#include "os/stop_signal.h"
#include "ping_run.h"

// How long the good-byes may take.
#define LEAVE_NS (5 * NS_PER_S)

struct ping_options {
    struct text_list addresses;
    uint64_t count;
    uint64_t size;
    uint64_t interval_ms;
    uint64_t timeout_s;
    struct engine_settings engine;
    bool is_json;
};

static bool read_options(
    int argc, char **argv, struct ping_options *options, enum exit_code *exit_code_out)
{
    struct option limits[ENGINE_OPTION_COUNT];
    engine_describe_options(&options->engine, limits);
    const struct option table[] = {
        {.name = "count",
         .letter = 'c',
         .value_name = "N",
         .description = "pings to send [until SIGINT or SIGTERM]",
         .number = &options->count,
         .number_min = 1,
         .number_max = UINT32_MAX},
        {.name = "size",
         .letter = 's',
         .value_name = "B",
         .description = "bytes of each ping's body [64]",
         .number = &options->size,
         .number_min = 0,
         .number_max = TOFU_PART_BYTES_MAX},
        {.name = "interval",
         .letter = 'i',
         .value_name = "MS",
         .description = "milliseconds from one ping to the next [1000]",
         .number = &options->interval_ms,
         .number_min = 0,
         .number_max = 3600000},
        {.name = "timeout",
         .letter = 't',
         .value_name = "S",
         .description = "a ping without an answer for so many seconds is lost [5]",
         .number = &options->timeout_s,
         .number_min = 1,
         .number_max = 86400},
        {.name = "json",
         .letter = 'j',
         .description = "write JSON, one object per line",
         .flag = &options->is_json},
    };
    const struct command_line line = {
        .name = "tofu ping",
        .usage = "ADDRESS",
        .operands = &options->addresses,
        .help_text = "The ADDRESS is tcp://HOST:PORT or uds://PATH, where 'tofu echo-server' "
                     "listens. Times are\n"
                     "from posting a ping to having its answer. SIGINT or SIGTERM ends the pings "
                     "in good order.\n",
        .options = table,
        .option_count = sizeof table / sizeof table[0],
        .limits = limits,
        .limit_count = ENGINE_OPTION_COUNT};
    if (!options_read(&line, argc, argv, exit_code_out)) {
        return false;
    }
    *exit_code_out = EXIT_CODE_USAGE;
    if (options->addresses.count != 1) {
        complain("ping needs one ADDRESS; try 'tofu ping --help'");
        return false;
    }
    return address_is_target(options->addresses.texts[0]);
}

static void print_outcome(void *context, uint64_t number, uint64_t time_ns)
{
    const struct ping_options *options = context;
    if (options->is_json) {
        json_t *time = time_ns == PING_LOST ? json_null() : json_real((double)time_ns / NS_PER_US);
        json_line_print(json_pack(
            "{s:s, s:I, s:o}", "event", "ping", "number", (json_int_t)number + 1, "time_us", time));
        return;
    }
    printf("%" PRIu64 " bytes, ping %" PRIu64 ":", options->size, number + 1);
    if (time_ns == PING_LOST) {
        printf(" lost\n");
    } else {
        print_time(time_ns);
        putchar('\n');
    }
    fflush(stdout);
}

static void print_summary(const struct ping_run *run, bool is_json)
{
    uint64_t p50_ns = histogram_quantile_ns(&run->times, 500);
    uint64_t p99_ns = histogram_quantile_ns(&run->times, 990);
    if (is_json) {
        json_line_print(json_pack(
            "{s:s, s:s, s:I, s:I, s:I, s:{s:f, s:f, s:f, s:f}}",
            "event",
            "summary",
            "address",
            run->client->address,
            "sent",
            (json_int_t)run->sent,
            "answered",
            (json_int_t)run->answered,
            "lost",
            (json_int_t)run->lost,
            "round_trip_us",
            "min",
            (double)run->min_ns / NS_PER_US,
            "p50",
            (double)p50_ns / NS_PER_US,
            "p99",
            (double)p99_ns / NS_PER_US,
            "max",
            (double)run->times.max_ns / NS_PER_US));
        return;
    }
    printf(
        "%s: %" PRIu64 " sent, %" PRIu64 " answered, %" PRIu64 " lost",
        run->client->address,
        run->sent,
        run->answered,
        run->lost);
    if (run->answered > 0) {
        printf("; min");
        print_time(run->min_ns);
        printf(", p50");
        print_time(p50_ns);
        printf(", p99");
        print_time(p99_ns);
        printf(", max");
        print_time(run->times.max_ns);
    }
    putchar('\n');
}

static enum exit_code ping(struct client *client, struct ping_options *options)
{
    uint64_t timeout_ns = options->timeout_s * NS_PER_S;
    enum exit_code code = client_connect(client, timeout_ns, NULL);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    const struct ping_plan plan = {
        .count = options->count,
        .size = (size_t)options->size,
        .interval_ns = options->interval_ms * NS_PER_MS,
        .timeout_ns = timeout_ns};
    // Its histogram is too large for some stacks.
    struct ping_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        complain("no memory");
        return EXIT_CODE_SYSTEM;
    }
    run->client = client;
    run->plan = &plan;
    run->on_outcome = print_outcome;
    run->context = options;
    code = ping_run_perform(run);
    bool has_left =
        client->has_ended || client_leave(client, LEAVE_NS, ping_run_take_last_words, run);
    enum exit_code finish = ping_run_finish(run);
    if (code == EXIT_CODE_OK) {
        code = has_left ? finish : EXIT_CODE_FAILED;
    }
    print_summary(run, options->is_json);
    free(run);
    return code;
}

static enum exit_code ping_with_signals(struct ping_options *options)
{
    struct client client;
    enum exit_code code = EXIT_CODE_SYSTEM;
    stop_signal_block();
    if (client_open(&client, &options->engine, options->addresses.texts[0])) {
        if (stop_signal_open(client.group)) {
            code = ping(&client, options);
            stop_signal_close();
        } else {
            complain("the system gives no thread");
        }
    }
    client_close(&client);
    return code;
}

enum exit_code command_ping(int argc, char **argv)
{
    struct ping_options options = {
        .count = UINT64_MAX, .size = 64, .interval_ms = 1000, .timeout_s = 5};
    enum exit_code code = EXIT_CODE_USAGE;
    if (read_options(argc, argv, &options, &code)) {
        code = ping_with_signals(&options);
    }
    text_list_clear(&options.addresses);
    return code;
}
