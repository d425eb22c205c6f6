// SPDX-License-Identifier: MIT
// `tofu explain`: what a status or a kind of log line means. Both have small numbers, and some names are
// the same, so everything that fits is shown.
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <tofu/tofu.h>

#include "command.h"
#include "console.h"
#include "engine.h"
#include "json_line.h"
#include "options.h"

struct entry {
    const char *kind; // "status", or "log" for a kind of log line
    uint64_t number;
    const char *name;
    const char *enumerator;
    int level; // enum tofu_log_level; -1 for a status
    const char *text;
};

static const char *text_of_log_id(enum tofu_log_id id)
{
    switch (id) {
    case TOFU_LOG_POLLER_FAILED:
        return "The poller failed and the engine has stopped; every wait tells it. Destroy the "
               "engine.";
    case TOFU_LOG_ALLOCATION_FAILED:
        return "There was no memory for something the engine needed; what it was for is refused or "
               "closed.";
    case TOFU_LOG_LISTENER_RESTS:
        return "No connection can be accepted, mostly for want of descriptors; it is tried again "
               "soon.";
    case TOFU_LOG_POOL_EMPTY:
        return "Reading rests until received messages are put back; put some, or raise "
               "pool_messages_max.";
    case TOFU_LOG_RULE_BROKEN:
        return "A peer sent what the protocol forbids, and its connection was reset.";
    case TOFU_LOG_DEADLINE_MISSED:
        return "A connection ended because its time was up: connect, hello, frame or close "
               "deadline.";
    case TOFU_LOG_CONNECTION_REFUSED:
        return "An accepted connection ended before a valid HelloRequest; the application saw "
               "nothing of it.";
    case TOFU_LOG_LISTENING:
        return "A listener is ready.";
    case TOFU_LOG_CHANNEL_CLOSED:
        return "A channel has ended; the line says why.";
    case TOFU_LOG_CHANNEL_OPENED:
        return "A channel got its number: it listens, connects, or was accepted.";
    }
    return "";
}

#define STATUS_ENTRY(enumerator, value, name, text) {"status", value, name, #enumerator, -1, text},

static const struct entry statuses[] = {TOFU_STATUS_LIST(STATUS_ENTRY)};

#define STATUS_COUNT (sizeof statuses / sizeof statuses[0])

#define LOG_ENTRY(enumerator, value, level, name)                                                  \
    {"log", value, name, #enumerator, (int)(level), NULL},

static const struct entry log_ids[] = {TOFU_LOG_LIST(LOG_ENTRY)};

#define LOG_ID_COUNT (sizeof log_ids / sizeof log_ids[0])

static struct entry entry_at(size_t index)
{
    if (index < STATUS_COUNT) {
        return statuses[index];
    }
    struct entry entry = log_ids[index - STATUS_COUNT];
    entry.text = text_of_log_id((enum tofu_log_id)entry.number);
    return entry;
}

static void print_entry(const struct entry *entry, bool is_json)
{
    if (is_json) {
        json_line_print(json_pack(
            "{s:s, s:I, s:s, s:s, s:s}",
            "kind",
            entry->kind,
            "number",
            (json_int_t)entry->number,
            "name",
            entry->name,
            "constant",
            entry->enumerator,
            "text",
            entry->text));
        return;
    }
    bool has_level = entry->level >= 0;
    printf(
        "%-6s %2" PRIu64 "  %-22s  %s%s%s\n",
        entry->kind,
        entry->number,
        entry->name,
        has_level ? engine_log_level_name((enum tofu_log_level)entry->level) : "",
        has_level ? ": " : "",
        entry->text);
}

// Prints all entries with this number or name; NULL stands for any. Returns how many there were.
static size_t print_matching(const char *word, bool is_json)
{
    size_t count = 0;
    uint64_t number = 0;
    bool is_number = word != NULL && quantity_read(word, UNIT_NONE, &number);
    for (size_t index = 0; index < STATUS_COUNT + LOG_ID_COUNT; index++) {
        struct entry entry = entry_at(index);
        bool is_match = word == NULL || (is_number && entry.number == number) ||
                        strcmp(word, entry.name) == 0 || strcmp(word, entry.enumerator) == 0;
        if (is_match) {
            print_entry(&entry, is_json);
            count++;
        }
    }
    return count;
}

static enum exit_code explain(const struct text_list *words, bool is_json)
{
    if (words->count == 0) {
        print_matching(NULL, is_json);
        return EXIT_CODE_OK;
    }
    enum exit_code code = EXIT_CODE_OK;
    for (size_t index = 0; index < words->count; index++) {
        if (print_matching(words->texts[index], is_json) == 0) {
            complain(
                "'%s' is no status and no kind of log line; 'tofu explain' lists them all",
                words->texts[index]);
            code = EXIT_CODE_USAGE;
        }
    }
    return code;
}

enum exit_code command_explain(int argc, char **argv)
{
    struct text_list words = {0};
    bool is_json = false;
    const struct option table[] = {
        {.name = "json",
         .letter = 'j',
         .description = "write JSON, one object per line",
         .flag = &is_json},
    };
    const struct command_line line = {
        .name = "tofu explain",
        .usage = "[STATUS...]",
        .operands = &words,
        .help_text =
            "A STATUS is the number or the name of a status (24, connect_failed) or of a kind of "
            "log\n"
            "line (rule_broken). What has the number or name is shown; without any, everything.\n",
        .options = table,
        .option_count = sizeof table / sizeof table[0]};
    enum exit_code code = EXIT_CODE_USAGE;
    if (options_read(&line, argc, argv, &code)) {
        code = explain(&words, is_json);
    }
    text_list_clear(&words);
    return code;
}
