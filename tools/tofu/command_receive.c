// SPDX-License-Identifier: MIT
// `tofu receive`: listens, takes files into a folder until it is told to stop, and says what came.
#include <inttypes.h>
#include <stdio.h>

#include <tofu/tofu.h>

#include "addresses.h"
#include "command.h"
#include "console.h"
#include "engine.h"
#include "inbox.h"
#include "json_line.h"
#include "listener.h"
#include "options.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/stop_signal.h"
#include "receiver.h"

// How long senders may take to answer our Bye.
#define SHUTDOWN_NS (5 * NS_PER_S)

struct receive_options {
    struct text_list addresses;
    struct text_list folders;
    uint64_t bytes_max;
    uint64_t once_count;
    uint64_t timeout_s;
    struct engine_settings engine;
    bool is_forced;
    bool is_unsynced;
    bool is_json;
};

static bool read_table(
    int argc, char **argv, struct receive_options *options, enum exit_code *exit_code_out)
{
    struct option limits[ENGINE_OPTION_COUNT];
    engine_describe_options(&options->engine, limits);
    const struct option table[] = {
        {.name = "listen",
         .letter = 'l',
         .value_name = "ADDRESS",
         .description = "listen here; may be given several times",
         .texts = &options->addresses},
        {.name = "max-bytes",
         .letter = 'm',
         .value_name = "SIZE",
         .description = "refuse larger files [unlimited]",
         .number = &options->bytes_max,
         .unit = UNIT_BYTES,
         .number_max = UINT64_MAX - 1,
         .can_be_unlimited = true},
        {.name = "once",
         .letter = 'o',
         .value_name = "N",
         .description = "end when so many files are there",
         .number = &options->once_count,
         .number_min = 1,
         .number_max = UINT32_MAX},
        {.name = "force",
         .letter = 'f',
         .description = "replace files that are there already",
         .flag = &options->is_forced},
        {.name = "no-sync",
         .description = "do not wait until a file has reached the disk",
         .flag = &options->is_unsynced},
        {.name = "timeout",
         .letter = 't',
         .value_name = "S",
         .description = "give up a file of which nothing more comes for so many seconds [60]",
         .number = &options->timeout_s,
         .number_min = 1,
         .number_max = 86400},
        POOL_OPTION(&options->engine.options.pool_messages_max),
        {.name = "json",
         .letter = 'j',
         .description = "write JSON, one object per line",
         .flag = &options->is_json},
    };
    const struct command_line line = {
        .name = "tofu receive",
        .usage = "--listen=ADDRESS FOLDER",
        .operands = &options->folders,
        .help_text =
            "Files from 'tofu send' go into FOLDER, each under a plain name that holds no path "
            "and\n"
            "begins with no dot, and only when it is whole and its checksum fits. What is there\n"
            "already is refused without --force. SIGINT or SIGTERM ends the receiver in good "
            "order;\n"
            "with --once and fewer files than asked for the exit status is then 1.\n",
        .options = table,
        .option_count = sizeof table / sizeof table[0],
        .limits = limits,
        .limit_count = ENGINE_OPTION_COUNT};
    return options_read(&line, argc, argv, exit_code_out);
}

static bool check_options(const struct receive_options *options)
{
    if (!addresses_are_listenable(&options->addresses, "receive")) {
        return false;
    }
    if (options->folders.count != 1) {
        complain("receive needs one FOLDER; try 'tofu receive --help'");
        return false;
    }
    return true;
}

static void on_listening(void *context, const char *address)
{
    const struct receive_options *options = context;
    listener_print(address, options->is_json);
}

static void on_kept(void *context, const struct incoming *incoming)
{
    const struct receive_options *options = context;
    if (options->is_json) {
        json_line_print(json_pack(
            "{s:s, s:s, s:I, s:s, s:s}",
            "event",
            "received",
            "name",
            incoming->name,
            "bytes",
            (json_int_t)incoming->received,
            "checksum",
            incoming->checksum_text,
            "peer",
            incoming->peer));
        return;
    }
    printf(
        "received %s (%" PRIu64 " bytes, %s)\n",
        incoming->name,
        incoming->received,
        incoming->checksum_text);
    fflush(stdout);
}

static void on_refused(void *context, const struct incoming *incoming, enum refusal refusal)
{
    const struct receive_options *options = context;
    if (options->is_json) {
        json_line_print(json_pack(
            "{s:s, s:s, s:s, s:s}",
            "event",
            "refused",
            "name",
            incoming->name,
            "error",
            refusal_word(refusal),
            "peer",
            incoming->peer));
        return;
    }
    bool has_name = incoming->name[0] != '\0';
    printf("refused %s: %s\n", has_name ? incoming->name : "(no name)", refusal_word(refusal));
    fflush(stdout);
}

static void on_broken(void *context, const struct incoming *incoming, const char *why)
{
    const struct receive_options *options = context;
    if (options->is_json) {
        json_line_print(json_pack(
            "{s:s, s:s, s:I, s:I, s:s, s:s}",
            "event",
            "broken",
            "name",
            incoming->name,
            "bytes",
            (json_int_t)incoming->received,
            "bytes_announced",
            (json_int_t)incoming->size,
            "why",
            why,
            "peer",
            incoming->peer));
        return;
    }
    printf(
        "broken %s after %" PRIu64 " of %" PRIu64 " bytes: %s\n",
        incoming->name,
        incoming->received,
        incoming->size,
        why);
    fflush(stdout);
}

static void print_cleaned(const struct receive_options *options, size_t count)
{
    if (count == 0) {
        return;
    }
    if (options->is_json) {
        json_line_print(json_pack("{s:s, s:I}", "event", "cleaned", "files", (json_int_t)count));
        return;
    }
    printf("cleaned %zu unfinished files of a receiver that was killed\n", count);
    fflush(stdout);
}

static void print_ended(const struct receive_options *options, const struct receiver_counts *counts)
{
    if (options->is_json) {
        json_line_print(json_pack(
            "{s:s, s:I, s:I, s:I, s:I}",
            "event",
            "ended",
            "files",
            (json_int_t)counts->files,
            "bytes",
            (json_int_t)counts->bytes,
            "refused",
            (json_int_t)counts->refused,
            "broken",
            (json_int_t)counts->broken));
        return;
    }
    printf(
        "ended: %" PRIu64 " files received, %" PRIu64 " bytes; %" PRIu64 " refused, %" PRIu64
        " broken\n",
        counts->files,
        counts->bytes,
        counts->refused,
        counts->broken);
}

static enum exit_code serve(struct receiver *receiver, const struct receive_options *options)
{
    enum tofu_status status = TOFU_OK;
    for (size_t index = 0; index < options->addresses.count && status == TOFU_OK; index++) {
        status = receiver_listen(receiver, options->addresses.texts[index]);
        if (receiver->has_failed) {
            return EXIT_CODE_UNREACHABLE;
        }
    }
    if (status == TOFU_OK) {
        status = receiver_run(receiver);
    }
    if (status == TOFU_OK && !receiver->has_failed) {
        status = receiver_shutdown(receiver, SHUTDOWN_NS);
    }
    if (status != TOFU_OK) {
        complain("the receiver has to end: %s", tofu_status_text(status));
        return EXIT_CODE_SYSTEM;
    }
    print_ended(options, &receiver->counts);
    bool is_short = options->once_count != UINT64_MAX && !receiver->is_done;
    return receiver->has_failed || is_short ? EXIT_CODE_FAILED : EXIT_CODE_OK;
}

static enum exit_code receive(
    struct tofu_engine *engine,
    struct tofu_group *group,
    struct inbox *inbox,
    struct receive_options *options)
{
    const struct receiver_plan plan = {
        .bytes_max = options->bytes_max,
        .once_count = options->once_count,
        .silence_ns = options->timeout_s * NS_PER_S};
    const struct receiver_audience audience = {
        .on_listening = on_listening,
        .on_kept = on_kept,
        .on_refused = on_refused,
        .on_broken = on_broken,
        .context = options};
    struct receiver receiver = {
        .engine = engine, .group = group, .inbox = inbox, .plan = &plan, .audience = &audience};
    enum exit_code code = EXIT_CODE_SYSTEM;
    if (receiver_open(&receiver) != TOFU_OK) {
        complain("no memory");
    } else if (!stop_signal_open(group)) {
        complain("the system gives no thread");
    } else {
        code = serve(&receiver, options);
        stop_signal_close();
    }
    receiver_close(&receiver);
    return code;
}

static enum exit_code receive_into(struct inbox *inbox, struct receive_options *options)
{
    stop_signal_block();
    // A file that may not grow is to be an error of that file, and not our end. And who reads our output
    // may go: files are what we are here for.
    process_outlive_output();
    struct tofu_engine *engine = NULL;
    struct tofu_group *group = NULL;
    enum exit_code code = EXIT_CODE_SYSTEM;
    if (engine_open(&options->engine, &engine, &group)) {
        code = receive(engine, group, inbox, options);
    }
    tofu_group_destroy(&group);
    tofu_engine_destroy(&engine);
    return code;
}

enum exit_code command_receive(int argc, char **argv)
{
    struct receive_options options = {
        .bytes_max = UINT64_MAX, .once_count = UINT64_MAX, .timeout_s = 60};
    enum exit_code code = EXIT_CODE_USAGE;
    if (read_table(argc, argv, &options, &code) && check_options(&options)) {
        struct inbox inbox = {.can_replace = options.is_forced, .is_synced = !options.is_unsynced};
        size_t removed_count = 0;
        code = EXIT_CODE_USAGE;
        if (inbox_open(&inbox, options.folders.texts[0], &removed_count)) {
            print_cleaned(&options, removed_count);
            code = receive_into(&inbox, &options);
        }
        inbox_close(&inbox);
    }
    text_list_clear(&options.addresses);
    text_list_clear(&options.folders);
    return code;
}
