// SPDX-License-Identifier: MIT
// What `tofu stats` asks and what the servers among the subcommands answer.
//
// The question is a Request with the text header `tofu: stats`; the answer's body is one JSON object
// with the counters, gauges and histograms of the server's engine (docs/tool.md). So whoever can connect
// can count along, but nobody can see what travels.
#ifndef TOOL_STATS_REPORT_H
#define TOOL_STATS_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include <tofu/tofu.h>

/// Makes `message` the question; its channel is the caller's.
TOFU_NODISCARD enum tofu_status stats_ask(struct tofu_message *message);

/// Tells whether a received Request is the question.
bool stats_is_asked(const struct tofu_message *message);

/// Replaces the texts and the body of a question by the answer; the header stays. Without memory the
/// answer is empty. `role` is the subcommand's name.
void stats_answer(struct tofu_engine *engine, const char *role, struct tofu_message *message);

/// Reads an answer. Returns NULL if it is none; else the caller gives it to json_decref().
json_t *stats_read_answer(const struct tofu_message *message);

/// Writes an answer to stdout, as a table.
void stats_print(const json_t *report);

#endif
