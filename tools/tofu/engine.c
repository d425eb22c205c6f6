// SPDX-License-Identifier: MIT
#include "engine.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "console.h"
#include "os/clock.h"

#define COUNT_MAX   UINT32_MAX
#define SIZE_MAX_B  (UINT64_C(1) << 40)
#define TIME_MAX_NS (8760 * 3600 * NS_PER_S)

static const char *const off_and_on[] = {"off", "on", NULL};
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};

#define LOG_LEVEL_COUNT (sizeof log_levels / sizeof log_levels[0] - 1)

// One row for each; the number of an option stands in struct tofu_options at `offset`.
struct engine_option {
    const char *name;
    const char *value_name;
    const char *description;
    size_t offset;
    uint64_t number_max;
    enum unit unit;
    bool can_be_unlimited;
    const char *const *words;
};

#define COUNT(member) offsetof(struct tofu_options, member), COUNT_MAX, UNIT_NONE, true, NULL
#define SIZE(member)  offsetof(struct tofu_options, member), SIZE_MAX_B, UNIT_BYTES, true, NULL
#define TIME(member)  offsetof(struct tofu_options, member), TIME_MAX_NS, UNIT_TIME, true, NULL

// clang-format off
static const struct engine_option engine_options[] = {
    {"pool-messages-initial", "N", "messages made at start [16]",
     offsetof(struct tofu_options, pool_messages_initial), 65536, UNIT_NONE, false, NULL},
    {"pool-messages-max", "N", "idle messages kept, and messages received and not yet dealt with [256]",
     COUNT(pool_messages_max)},
    {"channels-max", "N", "channels at a time [65534]", COUNT(channels_max)},
    {"half-open-max", "N", "accepted connections that have not said Hello yet [1024]",
     COUNT(half_open_max)},
    {"send-queue-messages-max", "N", "messages that wait to be sent, per channel [1024]",
     COUNT(send_queue_messages_max)},
    {"send-queue-bytes-max", "SIZE", "bytes that wait to be sent, per channel [8MiB]",
     SIZE(send_queue_bytes_max)},
    {"update-messages-max", "N", "updates that wait in a group [65536]", COUNT(update_messages_max)},
    {"text-bytes-max", "SIZE", "text headers of a message, sent or received [65535]",
     SIZE(text_bytes_max)},
    {"body-bytes-max", "SIZE", "body of a message, sent or received [65535]", SIZE(body_bytes_max)},
    {"connect-timeout", "TIME", "for a name and all its addresses together [10s]",
     TIME(connect_timeout_ns)},
    {"hello-timeout", "TIME", "from accepting a connection to its Hello [10s]",
     TIME(hello_timeout_ns)},
    {"frame-timeout", "TIME", "from a message's first byte to its last [30s]",
     TIME(frame_timeout_ns)},
    {"close-timeout", "TIME", "without progress while a channel closes [5s]",
     TIME(close_timeout_ns)},
    {"turn-bytes-max", "SIZE", "read from one channel before others get a turn [256KiB]",
     SIZE(turn_bytes_max)},
    {"keepalive", "off|on", "TCP keep-alive, with the system's intervals [off]",
     offsetof(struct tofu_options, keepalive), 0, UNIT_NONE, false, off_and_on},
    {"uds-mode", "MODE", "permission bits of a Unix socket's path [0600]",
     offsetof(struct tofu_options, uds_mode), 0777, UNIT_MODE, false, NULL},
};
// clang-format on

#define ROW_COUNT (sizeof engine_options / sizeof engine_options[0])

// The log level is an option too, but no number in struct tofu_options.
static_assert(ROW_COUNT + 1 == ENGINE_OPTION_COUNT, "one option for each row and the log level");

void engine_describe_options(
    struct engine_settings *settings, struct option options_out[ENGINE_OPTION_COUNT])
{
    unsigned char *base = (unsigned char *)&settings->options;
    for (size_t index = 0; index < ROW_COUNT; index++) {
        const struct engine_option *row = &engine_options[index];
        options_out[index] = (struct option){
            .name = row->name,
            .value_name = row->value_name,
            .description = row->description,
            .number = (uint64_t *)(void *)(base + row->offset),
            .unit = row->unit,
            .number_min = 1,
            .number_max = row->number_max,
            .can_be_unlimited = row->can_be_unlimited,
            .words = row->words};
    }
    options_out[ROW_COUNT] = (struct option){
        .name = "log-level",
        .value_name = "LEVEL",
        .description = "what the engine tells on stderr: error, warning, info or debug [error]",
        .number = &settings->log_level,
        .words = log_levels};
}

const char *engine_log_level_name(enum tofu_log_level level)
{
    return (size_t)level < LOG_LEVEL_COUNT ? log_levels[level] : "unknown";
}

static void log_to_console(void *context, const struct tofu_log_record *record)
{
    (void)context;
    const char *level = engine_log_level_name(record->level);
    if (record->suppressed > 0) {
        complain(
            "%s: %s: %s (and %u such lines before)",
            level,
            record->name,
            record->line,
            (unsigned)record->suppressed);
        return;
    }
    complain("%s: %s: %s", level, record->name, record->line);
}

bool engine_open(
    const struct engine_settings *settings, struct tofu_engine **engine, struct tofu_group **group)
{
    struct tofu_options options = settings->options;
    options.log_sink = log_to_console;
    options.log_level = (enum tofu_log_level)settings->log_level;
    if (options.pool_messages_max == 0) {
        options.pool_messages_max = POOL_DEFAULT;
    }
    enum tofu_status status = tofu_engine_create(&options, engine);
    if (status == TOFU_OK) {
        status = tofu_group_create(*engine, group);
    }
    const char *poller = getenv("TOFU_POLLER");
    if (status == TOFU_NOT_ALLOWED && poller != NULL) {
        complain("no engine: TOFU_POLLER asks for the poller '%s', which is not here", poller);
    } else if (status != TOFU_OK) {
        complain("no engine: %s: %s", tofu_status_name(status), tofu_status_text(status));
    }
    return status == TOFU_OK;
}
