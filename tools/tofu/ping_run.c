// SPDX-License-Identifier: MIT
#include "ping_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "os/clock.h"

// When the send queue is full it is tried again so much later.
#define RETRY_NS (1 * NS_PER_MS)

// No two neighbouring bytes or messages are alike, so a mix-up is seen.
static void write_body(uint64_t number, unsigned char *body, size_t size)
{
    for (size_t index = 0; index < size; index++) {
        body[index] = (unsigned char)(number * 31 + index * 7);
    }
}

static uint64_t *sent_at(struct ping_run *run, uint64_t number)
{
    return &run->sent_ns[number % PING_WINDOW];
}

TOFU_NODISCARD static enum tofu_status send_ping(struct ping_run *run)
{
    struct tofu_message *message = NULL;
    enum tofu_status status = client_get(run->client, TOFU_REQUEST, &message);
    if (status == TOFU_OK) {
        tofu_message_header(message)->id = run->sent + 1;
        write_body(run->sent, run->body, run->plan->size);
        status = tofu_message_set_body(message, run->body, run->plan->size);
    }
    if (status == TOFU_OK) {
        *sent_at(run, run->sent) = clock_now_ns();
        status = tofu_group_post(run->client->group, &message, NULL);
    }
    tofu_engine_put(run->client->engine, &message);
    run->sent += status == TOFU_OK;
    return status;
}

static void note_lost(struct ping_run *run, uint64_t number)
{
    *sent_at(run, number) = 0;
    run->lost++;
    run->on_outcome(run->context, number, PING_LOST);
}

// Everything up to the first ping that may still be answered is settled.
static void settle(struct ping_run *run)
{
    uint64_t now_ns = clock_now_ns();
    for (; run->settled < run->sent; run->settled++) {
        uint64_t sent_ns = *sent_at(run, run->settled);
        if (sent_ns == 0) {
            continue;
        }
        if (now_ns - sent_ns < run->plan->timeout_ns && !run->client->has_ended) {
            return;
        }
        note_lost(run, run->settled);
    }
}

static void note_answer(struct ping_run *run, uint64_t number)
{
    uint64_t time_ns = clock_now_ns() - *sent_at(run, number);
    *sent_at(run, number) = 0;
    run->answered++;
    run->min_ns = run->answered == 1 || time_ns < run->min_ns ? time_ns : run->min_ns;
    histogram_add(&run->times, time_ns);
    run->on_outcome(run->context, number, time_ns);
}

static void take_answer(struct ping_run *run, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    // Ids start at 1. An id of 0 cannot be, because a Response without one is refused by the engine.
    uint64_t number = header->id - 1;
    bool is_ours = header->opcode == TOFU_RESPONSE && number < run->sent;
    size_t size = 0;
    const void *body = tofu_message_body(message, &size);
    if (is_ours) {
        write_body(number, run->body, run->plan->size);
    }
    if (!is_ours || header->more != 0 || size != run->plan->size ||
        (size > 0 && memcmp(body, run->body, size) != 0)) {
        complain("%s is no echo server: it answers with something else", run->client->address);
        run->has_failed = true;
        return;
    }
    // An answer that comes too late, or twice, changes nothing any more.
    if (number >= run->settled && *sent_at(run, number) != 0) {
        note_answer(run, number);
    }
}

// How long to wait: until the next ping is due, or the oldest one is lost.
static uint64_t patience_ns(const struct ping_run *run, uint64_t due_ns)
{
    uint64_t now_ns = clock_now_ns();
    bool may_send = run->sent < run->plan->count && run->sent - run->settled < PING_WINDOW;
    uint64_t until_ns = may_send ? due_ns : UINT64_MAX;
    if (run->settled < run->sent) {
        uint64_t lost_ns = run->sent_ns[run->settled % PING_WINDOW] + run->plan->timeout_ns;
        until_ns = lost_ns < until_ns ? lost_ns : until_ns;
    }
    return until_ns > now_ns ? until_ns - now_ns : 0;
}

TOFU_NODISCARD static enum tofu_status send_if_due(struct ping_run *run, uint64_t *due_ns)
{
    bool may_send = run->sent < run->plan->count && run->sent - run->settled < PING_WINDOW;
    uint64_t now_ns = clock_now_ns();
    if (!may_send || now_ns < *due_ns) {
        return TOFU_OK;
    }
    enum tofu_status status = send_ping(run);
    *due_ns = now_ns + (status == TOFU_QUEUE_FULL ? RETRY_NS : run->plan->interval_ns);
    // A full queue or a connection that ends just now: both are told by what comes next.
    bool is_told = status == TOFU_QUEUE_FULL || status == TOFU_INVALID_CHANNEL_NUMBER ||
                   status == TOFU_NOT_ALLOWED;
    return is_told ? TOFU_OK : status;
}

TOFU_NODISCARD static enum tofu_status ping_until_settled(struct ping_run *run)
{
    uint64_t due_ns = clock_now_ns();
    while (run->settled < run->plan->count && !run->client->is_stopped && !run->has_failed &&
           !run->client->has_ended && !run->client->is_told_to_leave) {
        struct tofu_message *message = NULL;
        enum tofu_status status = send_if_due(run, &due_ns);
        if (status == TOFU_OK) {
            status = client_wait(run->client, patience_ns(run, due_ns), &message);
        }
        if (status != TOFU_OK) {
            return status;
        }
        if (message != NULL) {
            take_answer(run, message);
        }
        tofu_engine_put(run->client->engine, &message);
        settle(run);
    }
    return TOFU_OK;
}

enum exit_code ping_run_perform(struct ping_run *run)
{
    // One byte more, because malloc(0) may be NULL.
    run->body = malloc(run->plan->size + 1);
    enum tofu_status status = TOFU_ALLOCATION_FAILED;
    if (run->body != NULL) {
        status = ping_until_settled(run);
    }
    if (status != TOFU_OK) {
        complain("the pings have to end: %s", tofu_status_text(status));
        run->has_failed = true;
        return EXIT_CODE_SYSTEM;
    }
    run->is_cut_short = run->client->has_ended || run->client->is_told_to_leave;
    if (run->client->has_ended) {
        complain("lost the connection to %s: %s", run->client->address, run->client->closing.why);
    } else if (run->client->is_told_to_leave) {
        complain("%s said Bye", run->client->address);
    }
    return EXIT_CODE_OK;
}

void ping_run_take_last_words(void *context, struct tofu_message *message)
{
    struct ping_run *run = context;
    // After a wrong answer, nothing that comes from there is an answer any more.
    if (!run->has_failed) {
        take_answer(run, message);
        settle(run);
    }
}

enum exit_code ping_run_finish(struct ping_run *run)
{
    for (; run->settled < run->sent; run->settled++) {
        if (*sent_at(run, run->settled) != 0) {
            note_lost(run, run->settled);
        }
    }
    free(run->body);
    run->body = NULL;
    bool is_fine = !run->has_failed && !run->is_cut_short && run->lost == 0;
    return is_fine ? EXIT_CODE_OK : EXIT_CODE_FAILED;
}
