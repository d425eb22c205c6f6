// SPDX-License-Identifier: MIT
#include "hostile/siege.h"

#include <stdio.h>

#include "hostile/measure.h"
#include "hostile/stopwatch.h"

#define SERVER_THREAD  "hostile-server"
#define CLIENT_THREAD  "hostile-client"
#define ROUND_TRIPS    20
#define TIMEOUT_NS     (500 * MILLISECOND_NS)
#define PROMISED_NS    (100 * MILLISECOND_NS)
#define HONEST_CHANNEL UINT64_C(1)

// What docs/limits.md says of memory.
#define ENGINE_BYTES     ((uint64_t)(64 + 256 + 64) << 10)
#define CONNECTION_BYTES UINT64_C(1024)
#define MESSAGE_BYTES    UINT64_C(256)

// All that the options allow an engine: idle messages and received ones, queues, connections, buffers.
static uint64_t memory_max(const struct siege *siege)
{
    const struct tofu_options *options = &siege->options;
    uint64_t message_max = MESSAGE_BYTES + options->text_bytes_max + options->body_bytes_max;
    uint64_t channel_count = siege->channel_count + HONEST_CHANNEL;
    // An empty queue takes any message, so one may be beyond the limit.
    uint64_t queue_max = options->send_queue_bytes_max + message_max +
                         (options->send_queue_messages_max + 1) * MESSAGE_BYTES;
    return ENGINE_BYTES + 2 * options->pool_messages_max * message_max +
           channel_count * (queue_max + CONNECTION_BYTES) +
           siege->half_open_count * CONNECTION_BYTES;
}

void siege_open(struct siege *siege, struct link_fixture *link)
{
    const struct tofu_options client = {.thread_name = CLIENT_THREAD};
    assert_true(siege->options.pool_messages_max > 0 && siege->options.body_bytes_max > 0);
    assert_true(siege->options.text_bytes_max > 0 && siege->options.send_queue_bytes_max > 0);
    assert_true(siege->options.send_queue_messages_max > 0);
    siege->resident_bytes = system_resident_bytes();
    siege->options.thread_name = SERVER_THREAD;
    link_open_server(link, &siege->options);
    link_open_client(link, &client);
    link_connect(link);
}

static void judge_memory(const struct siege *siege, struct link_fixture *link)
{
    const struct fault_allocator *memory = link_memory(link, link->server.engine);
    uint64_t peak_bytes = atomic_load(&memory->peak_bytes);
    int64_t resident_bytes = (int64_t)(system_resident_bytes() - siege->resident_bytes);
    print_message(
        "%s: %llu bytes of memory at most, %llu allowed; the process grew by %lld\n",
        siege->scene,
        (unsigned long long)peak_bytes,
        (unsigned long long)memory_max(siege),
        (long long)resident_bytes);
    assert_in_range(peak_bytes, 1, memory_max(siege));
}

static void judge_idleness(const struct siege *siege, struct link_fixture *link)
{
    await_quiet(&link->server);
    assert_idle(siege->scene, cost_of_interval(&link->server, SERVER_THREAD, SECOND_NS));
}

static void judge_shutdown(const struct siege *siege, struct link_fixture *link)
{
    struct tofu_shutdown_report report = {.struct_size = sizeof report};
    uint64_t channel_count = side_stats(&link->server).channels;
    char what[128];
    (void)snprintf(what, sizeof what, "%s: shutdown", siege->scene);

    struct stopwatch stopwatch = stopwatch_start(SERVER_THREAD);
    enum tofu_status status = tofu_engine_shutdown(link->server.engine, TIMEOUT_NS, &report);
    struct span span = stopwatch_stop(&stopwatch);

    // The honest client does not answer either: its program has nobody else who would.
    assert_status(TOFU_TIMED_OUT, status);
    assert_on_time(what, span, TIMEOUT_NS + PROMISED_NS);
    struct tofu_stats stats = side_stats(&link->server);
    // A machine that did not run the I/O thread leaves its caller with what is still to end, and the report says so.
    assert_int_equal(report.channels_left == 0 ? stats.channels + stats.half_open : 0, 0);
    assert_int_equal(report.channels_graceful + report.channels_forced, channel_count);
}

void siege_judge(const struct siege *siege, struct link_fixture *link)
{
    siege->serve(link);
    judge_idleness(siege, link);
    siege->serve(link);
    judge_shutdown(siege, link);
    judge_memory(siege, link);
}

void siege_serve_round_trips(struct link_fixture *link)
{
    for (int i = 0; i < ROUND_TRIPS; i++) {
        round_trip(link, NULL);
    }
}
