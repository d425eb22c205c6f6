// SPDX-License-Identifier: MIT
// `tofu send`: says which files go where, lets the sender do it, and tells how it went.
#include <inttypes.h>
#include <stdio.h>

#include <tofu/tofu.h>

#include "addresses.h"
#include "client.h"
#include "command.h"
#include "console.h"
#include "human.h"
#include "json_line.h"
#include "options.h"
#include "os/clock.h"
#include "outgoing.h"
#include "sender.h"

// How long the good-byes may take.
#define LEAVE_NS (5 * NS_PER_S)

struct send_options {
    struct text_list operands; // the address, then the files
    uint64_t timeout_s;
    struct engine_settings engine;
    bool is_json;
};

static bool read_options(
    int argc, char **argv, struct send_options *options, enum exit_code *exit_code_out)
{
    struct option limits[ENGINE_OPTION_COUNT];
    engine_describe_options(&options->engine, limits);
    const struct option table[] = {
        {.name = "timeout",
         .letter = 't',
         .value_name = "S",
         .description = "give up when nothing moves for so many seconds [60]",
         .number = &options->timeout_s,
         .number_min = 1,
         .number_max = 86400},
        POOL_OPTION(&options->engine.options.pool_messages_max),
        {.name = "json",
         .letter = 'j',
         .description = "write one JSON object instead of the summary",
         .flag = &options->is_json},
    };
    const struct command_line line = {
        .name = "tofu send",
        .usage = "ADDRESS FILE...",
        .operands = &options->operands,
        .help_text = "The ADDRESS is tcp://HOST:PORT or uds://PATH, where 'tofu receive' listens. "
                     "Each FILE\n"
                     "arrives under the last part of its path, with a checksum, or not at all.\n"
                     "--body-bytes-max also is the size of the parts that files are sent in.\n",
        .options = table,
        .option_count = sizeof table / sizeof table[0],
        .limits = limits,
        .limit_count = ENGINE_OPTION_COUNT};
    if (!options_read(&line, argc, argv, exit_code_out)) {
        return false;
    }
    *exit_code_out = EXIT_CODE_USAGE;
    if (options->operands.count < 2) {
        complain("send needs an ADDRESS and a FILE; try 'tofu send --help'");
        return false;
    }
    return address_is_target(options->operands.texts[0]);
}

static size_t part_size_of(const struct engine_settings *settings)
{
    uint64_t limit = settings->options.body_bytes_max;
    return limit == 0 || limit > TOFU_PART_BYTES_MAX ? TOFU_PART_BYTES_MAX : (size_t)limit;
}

static const char *fault_of(const struct outgoing *file)
{
    return file->state == OUTGOING_FAILED ? file->fault : "the connection ended before";
}

struct totals {
    size_t files; // that the receiver has
    uint64_t bytes;
    double seconds;
};

static struct totals totals_of(const struct sender *sender)
{
    struct totals totals = {.seconds = (double)(sender->end_ns - sender->start_ns) / NS_PER_S};
    for (size_t index = 0; index < sender->list->count; index++) {
        const struct outgoing *file = &sender->list->files[index];
        totals.files += file->state == OUTGOING_KEPT;
        totals.bytes += file->state == OUTGOING_KEPT ? file->size : 0;
    }
    if (sender->end_ns == 0) {
        totals.seconds = 0;
    }
    return totals;
}

static double rate_of(const struct totals *totals)
{
    return totals->seconds > 0 ? (double)totals->bytes / MEBIBYTE / totals->seconds : 0;
}

static void print_report(const struct sender *sender, enum exit_code code)
{
    for (size_t index = 0; index < sender->list->count; index++) {
        const struct outgoing *file = &sender->list->files[index];
        if (file->state != OUTGOING_KEPT) {
            complain("'%s': %s", file->path, fault_of(file));
        }
    }
    struct totals totals = totals_of(sender);
    printf(
        "%s: %zu of %zu files sent, %" PRIu64 " bytes in %.3f s, %.1f MiB/s\n",
        code == EXIT_CODE_OK ? "ok" : "FAILED",
        totals.files,
        sender->list->count,
        totals.bytes,
        totals.seconds,
        rate_of(&totals));
}

// Returns NULL without memory.
static json_t *json_of_file(const struct outgoing *file)
{
    bool is_kept = file->state == OUTGOING_KEPT;
    return json_pack(
        "{s:s, s:I, s:s, s:s}",
        "name",
        file->name,
        "bytes",
        (json_int_t)file->size,
        "result",
        is_kept ? "ok" : "failed",
        is_kept ? "checksum" : "fault",
        is_kept ? file->checksum_text : fault_of(file));
}

static void print_json_report(const struct sender *sender, enum exit_code code)
{
    json_t *files = json_array();
    for (size_t index = 0; index < sender->list->count; index++) {
        if (json_array_append_new(files, json_of_file(&sender->list->files[index])) != 0) {
            json_decref(files);
            files = NULL;
        }
    }
    struct totals totals = totals_of(sender);
    json_line_print(json_pack(
        "{s:s, s:I, s:I, s:f, s:f, s:o}",
        "result",
        code == EXIT_CODE_OK ? "ok" : "failed",
        "files_sent",
        (json_int_t)totals.files,
        "bytes",
        (json_int_t)totals.bytes,
        "seconds",
        totals.seconds,
        "mebibytes_per_second",
        rate_of(&totals),
        "files",
        files));
}

// Tells a receiver from everything else that may listen there.
static bool is_receiver(struct client *client, struct tofu_message **hello)
{
    bool does_receive = text_is(*hello, TRANSFER_ROLE, TRANSFER_ROLE_VALUE);
    tofu_engine_put(client->engine, hello);
    if (!does_receive) {
        complain("%s is no 'tofu receive' of this version", client->address);
    }
    return does_receive;
}

static enum exit_code send_files(
    struct client *client, struct outgoing_list *list, const struct send_options *options)
{
    uint64_t timeout_ns = options->timeout_s * NS_PER_S;
    struct tofu_message *hello = NULL;
    enum exit_code code = client_connect(client, timeout_ns, &hello);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    if (!is_receiver(client, &hello)) {
        (void)client_leave(client, LEAVE_NS, NULL, NULL);
        return EXIT_CODE_FAILED;
    }
    struct sender sender = {
        .client = client,
        .list = list,
        .part_size = part_size_of(&options->engine),
        .timeout_ns = timeout_ns,
        .progress = progress_open("sent")};
    code = sender_perform(&sender);
    progress_close(&sender.progress);
    bool may_leave = !sender.is_over || client->is_told_to_leave;
    if (may_leave && !client_leave(client, LEAVE_NS, NULL, NULL) && code == EXIT_CODE_OK) {
        code = EXIT_CODE_FAILED;
    }
    if (options->is_json) {
        print_json_report(&sender, code);
    } else {
        print_report(&sender, code);
    }
    return code;
}

static enum exit_code run(const struct send_options *options)
{
    // The address is the first of the operands, and the files are the others.
    const struct text_list paths = {
        .texts = options->operands.texts + 1, .count = options->operands.count - 1};
    struct outgoing_list list;
    struct client client;
    enum exit_code code = EXIT_CODE_USAGE;
    if (outgoing_list_open(&list, &paths, &code)) {
        code = EXIT_CODE_SYSTEM;
        if (client_open(&client, &options->engine, options->operands.texts[0])) {
            code = send_files(&client, &list, options);
        }
        client_close(&client);
    }
    outgoing_list_close(&list);
    return code;
}

enum exit_code command_send(int argc, char **argv)
{
    struct send_options options = {.timeout_s = 60};
    enum exit_code code = EXIT_CODE_USAGE;
    if (read_options(argc, argv, &options, &code)) {
        code = run(&options);
    }
    text_list_clear(&options.operands);
    return code;
}
