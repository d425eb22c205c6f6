// SPDX-License-Identifier: MIT
#include "echo_run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "console.h"
#include "echo_client.h"
#include "os/clock.h"

#define CHANNEL_NUMBER_COUNT 65536

// A server keeps only so many connections that have not said Hello yet; this is well below.
#define CONNECTS_AT_ONCE 256

// Failures tend to come together and to look alike.
#define FAILURES_SHOWN 8

// How long the last Byes may take.
#define SHUTDOWN_NS (5 * NS_PER_S)

size_t echo_run_address_of(const struct echo_run *run, const struct echo_client *client)
{
    return client->number % run->plan->addresses->count;
}

void echo_run_give_up(struct echo_run *run, enum tofu_status status)
{
    if (!run->has_system_failed) {
        echo_run_note_failure(run, "the run has to end: %s", tofu_status_text(status));
    }
    run->has_system_failed = true;
    run->is_over = true;
}

void echo_run_note_failure(struct echo_run *run, const char *format, ...)
{
    run->failure_count++;
    if (run->failures.count >= FAILURES_SHOWN) {
        return;
    }
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    // Without memory for the text the count still says that there was a failure.
    (void)text_list_append(&run->failures, text);
}

static bool allocate(struct echo_run *run)
{
    const struct echo_plan *plan = run->plan;
    size_t address_count = plan->addresses->count;
    run->client_count = plan->clients_per_address * (uint32_t)address_count;
    run->clients = calloc(run->client_count, sizeof *run->clients);
    run->sent_ns = calloc((size_t)run->client_count * plan->window, sizeof *run->sent_ns);
    run->by_channel = calloc(CHANNEL_NUMBER_COUNT, sizeof(struct echo_client *));
    run->expected = malloc(TOFU_PART_BYTES_MAX);
    run->results = calloc(address_count, sizeof *run->results);
    if (run->clients == NULL || run->sent_ns == NULL || run->by_channel == NULL ||
        run->expected == NULL || run->results == NULL) {
        return false;
    }
    for (uint32_t number = 0; number < run->client_count; number++) {
        run->clients[number].number = number;
        run->clients[number].sent_ns = run->sent_ns + number * plan->window;
    }
    return true;
}

bool echo_run_open(
    struct echo_run *run, const struct echo_plan *plan, enum exit_code *exit_code_out)
{
    *run = (struct echo_run){.plan = plan, .progress = progress_open("verified")};
    *exit_code_out = EXIT_CODE_SYSTEM;
    if (!allocate(run)) {
        complain("no memory");
        return false;
    }
    return engine_open(plan->engine, &run->engine, &run->group);
}

void echo_run_close(struct echo_run *run)
{
    tofu_group_destroy(&run->group);
    tofu_engine_destroy(&run->engine);
    text_list_clear(&run->failures);
    free(run->clients);
    free(run->sent_ns);
    free(run->by_channel);
    free(run->expected);
    free(run->results);
}

static void connect_some(struct echo_run *run)
{
    while (run->begun_count < run->client_count && !run->is_over &&
           run->begun_count - run->connected_count < CONNECTS_AT_ONCE) {
        echo_client_connect(run, &run->clients[run->begun_count]);
        run->begun_count++;
    }
}

static void start_all(struct echo_run *run)
{
    run->start_ns = clock_now_ns();
    for (uint32_t number = 0; number < run->client_count; number++) {
        // One may have lost its connection while the others still connected.
        if (run->clients[number].state == CLIENT_CONNECTED) {
            echo_client_go_on(run, &run->clients[number]);
        }
    }
}

static void take(struct echo_run *run, struct tofu_message **message)
{
    struct echo_client *client = run->by_channel[tofu_message_header(*message)->channel];
    if (client == NULL) {
        // A notice without a channel: the pool is empty for the moment. We give back at once anyway.
        return;
    }
    uint32_t connected_before = run->connected_count;
    echo_client_take(run, client, message);
    if (run->is_unreachable) {
        run->is_over = true;
    } else if (run->connected_count != connected_before) {
        connect_some(run);
        if (run->connected_count == run->client_count) {
            start_all(run);
        }
    }
}

static void show_progress(struct echo_run *run)
{
    uint64_t parts = 0;
    uint64_t bytes = 0;
    for (size_t index = 0; index < run->plan->addresses->count; index++) {
        parts += run->results[index].parts_verified;
        bytes += run->results[index].bytes_verified;
    }
    uint64_t whole = run->plan->payload->part_count * run->client_count;
    progress_show(&run->progress, parts, whole, bytes, run->start_ns);
}

// Waits for a message and takes it. `*heard_ns` is when the last one came.
static void step(struct echo_run *run, uint64_t *heard_ns)
{
    uint64_t silent_ns = clock_now_ns() - *heard_ns;
    uint64_t timeout_ns = run->plan->timeout_ns;
    if (silent_ns >= timeout_ns) {
        echo_run_note_failure(run, "nothing came for %" PRIu64 " s", timeout_ns / NS_PER_S);
        run->is_over = true;
        return;
    }
    uint64_t wait_ns = progress_interval_ns(&run->progress);
    if (wait_ns > timeout_ns - silent_ns) {
        wait_ns = timeout_ns - silent_ns;
    }
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_group_wait(run->group, wait_ns, &message);
    if (status != TOFU_OK) {
        echo_run_give_up(run, status);
    }
    if (message != NULL) {
        *heard_ns = clock_now_ns();
        take(run, &message);
        tofu_engine_put(run->engine, &message);
    }
    if (run->start_ns != 0 && run->progress.is_visible) {
        show_progress(run);
    }
}

// All channels have ended, so there is nothing left to force.
static void shut_down(struct echo_run *run)
{
    struct tofu_shutdown_report report = {0};
    enum tofu_status status = tofu_engine_shutdown(run->engine, SHUTDOWN_NS, &report);
    if (status != TOFU_OK || report.channels_forced > 0) {
        echo_run_note_failure(
            run,
            "the engine did not end in good order: %s, %" PRIu64 " channels forced",
            tofu_status_name(status),
            report.channels_forced);
    }
}

enum exit_code echo_run_perform(struct echo_run *run)
{
    uint64_t heard_ns = clock_now_ns();
    connect_some(run);
    while (!run->is_over && run->ended_count < run->client_count) {
        step(run, &heard_ns);
    }
    progress_close(&run->progress);
    if (!run->is_over) {
        shut_down(run);
    }
    if (run->has_system_failed) {
        return EXIT_CODE_SYSTEM;
    }
    if (run->is_unreachable) {
        return EXIT_CODE_UNREACHABLE;
    }
    return run->failure_count > 0 ? EXIT_CODE_FAILED : EXIT_CODE_OK;
}
