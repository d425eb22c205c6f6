// SPDX-License-Identifier: MIT
#include "engine/settings.h"

#include <string.h>

#include "engine/rounds.h"
#include "os/clock.h"

static uint64_t value_or(uint64_t value, uint64_t when_zero)
{
    return value == 0 ? when_zero : value;
}

static uint64_t at_most(uint64_t value, uint64_t limit)
{
    return value < limit ? value : limit;
}

static void copy_thread_name(const char *name, char *name_out)
{
    size_t size = strlen(name);
    size = size < TF_THREAD_NAME_BYTES_MAX ? size : TF_THREAD_NAME_BYTES_MAX - 1;
    memcpy(name_out, name, size);
    name_out[size] = '\0';
}

// A limit above what the wire or the numbers can hold is no limit, and no error.
static void read_limits(const struct tofu_options *options, struct tf_settings *settings)
{
    uint64_t text_bytes_max = value_or(options->text_bytes_max, TOFU_PART_BYTES_MAX);
    uint64_t body_bytes_max = value_or(options->body_bytes_max, TOFU_PART_BYTES_MAX);
    settings->part_limits.text_bytes_max = (uint16_t)at_most(text_bytes_max, TOFU_PART_BYTES_MAX);
    settings->part_limits.body_bytes_max = (uint16_t)at_most(body_bytes_max, TOFU_PART_BYTES_MAX);

    settings->pool_messages_max = value_or(options->pool_messages_max, 64);
    settings->share_shift = tf_rounds_share_shift(settings->pool_messages_max);
    settings->pool_messages_initial =
        at_most(value_or(options->pool_messages_initial, 16), settings->pool_messages_max);
    settings->channels_max =
        at_most(value_or(options->channels_max, TF_CHANNELS_MAX), TF_CHANNELS_MAX);
    settings->half_open_max = value_or(options->half_open_max, 1024);
    settings->send_queue_messages_max =
        at_most(value_or(options->send_queue_messages_max, 1024), TF_QUEUED_MESSAGES_LIMIT);
    settings->send_queue_bytes_max = value_or(options->send_queue_bytes_max, 8u << 20);
    settings->update_messages_max = value_or(options->update_messages_max, 65536);
    settings->turn_bytes_max =
        at_most(value_or(options->turn_bytes_max, 256u << 10), TF_TURN_BYTES_LIMIT);
}

static void read_timeouts(const struct tofu_options *options, struct tf_settings *settings)
{
    settings->connect_timeout_ns = value_or(options->connect_timeout_ns, 10 * TF_SECOND);
    settings->hello_timeout_ns = value_or(options->hello_timeout_ns, 10 * TF_SECOND);
    settings->frame_timeout_ns = value_or(options->frame_timeout_ns, 30 * TF_SECOND);
    settings->close_timeout_ns = value_or(options->close_timeout_ns, 5 * TF_SECOND);
}

// "Made at start" is work and memory now: unlimited, or more than a machine holds, is a mistake.
#define INITIAL_MESSAGES_LIMIT (UINT64_C(1) << 24)

static bool ranges_are_good(const struct tofu_options *options)
{
    const struct tofu_allocator *allocator = &options->allocator;
    return (allocator->allocate == NULL) == (allocator->release == NULL) &&
           options->uds_mode <= 0777 && options->log_level <= TOFU_LOG_DEBUG;
}

enum tofu_status tf_settings_read(
    const struct tofu_options *options, struct tf_settings *settings_out)
{
    static const struct tofu_options defaults = {0};
    options = options == NULL ? &defaults : options;

    if (options->struct_size != 0 && options->struct_size != sizeof *options) {
        return TOFU_NOT_IMPLEMENTED_YET;
    }
    const struct tf_poller_ops *poller = tf_poller_find(options->poller);
    if (poller == NULL || !ranges_are_good(options)) {
        return TOFU_NOT_ALLOWED;
    }
    // Layered service providers exist on Windows only; nobody may believe that this did something.
    if (options->lsp_fallback != 0 && !poller->has_lsp_fallback) {
        return TOFU_NOT_IMPLEMENTED_YET;
    }

    struct tf_settings settings = {.poller = poller};
    read_limits(options, &settings);
    if (settings.pool_messages_initial > INITIAL_MESSAGES_LIMIT) {
        return TOFU_NOT_ALLOWED;
    }
    read_timeouts(options, &settings);
    settings.uds_mode = (uint32_t)value_or(options->uds_mode, 0600);
    settings.keep_alive = options->keepalive != 0;
    settings.lsp_fallback = options->lsp_fallback != 0;
    copy_thread_name(
        options->thread_name == NULL ? "tofu" : options->thread_name, settings.thread_name);
    *settings_out = settings;
    return TOFU_OK;
}
