// SPDX-License-Identifier: MIT
// A peer that floods beside honest ones: memory is given in the order in which channels asked for it, so
// a flood is never more than a bounded number of messages ahead.
//
// What is counted is messages, not time. To begin with, everything honest is in the receiver's kernel
// and its budget is used up: from there on only the engine decides whose message comes next.
#include <stdio.h>
#include <string.h>

#include "hostile/measure.h"
#include "hostile/siege.h"
#include "support/raw_peer.h"
#include "support/raw_socket.h"
#include "support/worker.h"

#define HONEST_COUNT 500
#define FLOODS_MAX   3
#define POOL_MAX     64

/// What the flood is ahead of an honest peer. In the queue stand before an honest message what is left of one
/// round and a message of each flood, and before it gets memory one of each.
#define FLOOD_GAP_MAX(flood_count) (3 * (flood_count))

/// What it is ahead besides, once. The application takes what is there, which is the whole budget, as fast as
/// it can: before the engine has had a turn. And the engine may be in the middle of one that began before
/// there was anybody else, and give the flood all that came back.
#define HEAD_START_MAX (2 * POOL_MAX)

#define FLOOD_FRAMES 512
#define HONEST_FIRST UINT64_C(1000000)

struct flood {
    struct worker worker;
    int descriptor;
    bool is_reading;
};

static struct flood floods[FLOODS_MAX];

// Sends for as long as it may, from its own thread, where no test can fail.
static void run_flood(void *argument)
{
    struct flood *flood = argument;
    uint8_t bytes[FLOOD_FRAMES * RAW_HEADER_BYTES];
    char drain[4096];
    size_t size_read = 0;
    const struct raw_frame frame = {.channel = 1, .proto = RAW_SIGNAL, .id = 1};
    for (size_t i = 0; i < FLOOD_FRAMES; i++) {
        (void)raw_pack(&frame, bytes + i * RAW_HEADER_BYTES);
    }
    size_t offset = 0;
    while (worker_is_wanted()) {
        size_t size = raw_send_some(flood->descriptor, bytes + offset, sizeof bytes - offset);
        offset = (offset + size) % sizeof bytes;
        if (flood->is_reading) {
            (void)raw_socket_receive(flood->descriptor, drain, sizeof drain, &size_read);
        }
        if (size == 0) {
            (void)raw_socket_await(flood->descriptor, false, 10 * MILLISECOND_NS);
        }
    }
}

static void start_floods(struct link_fixture *link, size_t count, bool is_reading)
{
    for (size_t i = 0; i < count; i++) {
        floods[i].descriptor = link_raw_client(link);
        floods[i].is_reading = is_reading;
    }
    for (size_t i = 0; i < count; i++) {
        worker_start(&floods[i].worker, run_flood, &floods[i]);
    }
}

static void end_floods(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        worker_dismiss(&floods[i].worker);
    }
    for (size_t i = 0; i < count; i++) {
        worker_join(&floods[i].worker);
    }
}

static void open_link(struct link_fixture *link)
{
    const struct tofu_options options = {.pool_messages_max = POOL_MAX};
    link_open_server(link, &options);
    link_open_client(link, NULL);
    link_connect(link);
}

// The flood is there first and has the whole budget; then all that is honest goes to the kernel.
static void line_up(struct link_fixture *link, uint16_t honest)
{
    side_expect_stat(&link->server, messages_incoming, POOL_MAX);
    link->server.channel = honest;
    for (uint64_t i = 0; i < HONEST_COUNT; i++) {
        side_send(&link->client, TOFU_REQUEST, HONEST_FIRST + i, NULL);
    }
    side_expect_stat(&link->client, messages_sent, HONEST_COUNT + 1);
}

// Answers a flooder too, as an application would that cannot tell; what it does not read is refused.
static void answer(const struct side *side, struct tofu_message *message)
{
    struct tofu_header *header = tofu_message_header(message);
    bool is_request = header->opcode == TOFU_REQUEST;
    header->opcode = is_request ? TOFU_RESPONSE : TOFU_SIGNAL;
    enum tofu_status status = tofu_group_post(side->group, &message, NULL);
    if (status != TOFU_OK) {
        assert_false(is_request);
        assert_status(TOFU_QUEUE_FULL, status);
        side_put(side, message);
    }
}

struct tally {
    uint64_t flood_count;
    uint64_t gap_max; ///< most messages of the flood between two honest ones, or before the first
};

static struct tally serve(const struct side *server, bool is_answering)
{
    struct tally tally = {0};
    uint64_t gap = 0;
    for (uint64_t next = HONEST_FIRST; next < HONEST_FIRST + HONEST_COUNT;) {
        struct tofu_message *message = side_await(server);
        const struct tofu_header *header = tofu_message_header(message);
        if (header->origin == TOFU_ENGINE) {
            assert_int_equal(header->status, TOFU_POOL_EMPTY);
            side_put(server, message);
            continue;
        }
        if (header->opcode == TOFU_REQUEST) {
            assert_int_equal(header->id, next);
            next++;
            tally.gap_max = gap > tally.gap_max ? gap : tally.gap_max;
            gap = 0;
        } else {
            gap++;
            tally.flood_count++;
        }
        if (is_answering) {
            answer(server, message);
        } else {
            side_put(server, message);
        }
    }
    return tally;
}

static void print_tally(const char *what, size_t flood_count, struct tally tally)
{
    print_message(
        "%zu %s: %d honest messages, at most %llu of the flood's %llu between two\n",
        flood_count,
        what,
        HONEST_COUNT,
        (unsigned long long)tally.gap_max,
        (unsigned long long)tally.flood_count);
}

static void judge_tally(const char *what, size_t flood_count, struct tally tally)
{
    print_tally(what, flood_count, tally);
    assert_in_range(tally.gap_max, 0, HEAD_START_MAX + FLOOD_GAP_MAX(flood_count));
    // In the long run everybody's turn comes equally often.
    assert_in_range(
        tally.flood_count,
        0,
        HONEST_COUNT * flood_count + HEAD_START_MAX + FLOOD_GAP_MAX(flood_count));
}

static void a_flood_is_never_far_ahead_of_an_honest_peer(void **state)
{
    struct link_fixture *link = *state;
    open_link(link);
    uint16_t honest = link->server.channel;
    start_floods(link, 1, false);
    line_up(link, honest);

    struct tally tally = serve(&link->server, false);

    end_floods(1);
    judge_tally("flood", 1, tally);
    assert_true(tally.flood_count > 0);
}

// Without a limit all of a flood is in the receive queue, and all that is honest behind it, before the
// application takes anything: the order is the engine's alone, and exact.
static void a_flood_without_a_limit_is_a_share_ahead(void **state)
{
    enum { SHARE = 16, FLOOD = 20000, HELLOS = 2 };
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = TOFU_UNLIMITED};
    const struct tofu_options client_options = {.send_queue_messages_max = TOFU_UNLIMITED};
    link_open_server(link, &options);
    link_open_client(link, &client_options);
    link_connect(link);
    uint16_t flood = link->client.channel;
    link_connect(link);
    uint16_t honest = link->client.channel;
    link->client.channel = flood;
    for (uint64_t i = 0; i < FLOOD; i++) {
        side_send(&link->client, TOFU_SIGNAL, 0, NULL);
    }
    side_expect_stat(&link->server, messages_received, FLOOD + HELLOS);
    link->client.channel = honest;
    for (uint64_t i = 0; i < HONEST_COUNT; i++) {
        side_send(&link->client, TOFU_REQUEST, HONEST_FIRST + i, NULL);
    }
    side_expect_stat(&link->server, messages_received, FLOOD + HONEST_COUNT + HELLOS);

    struct tally tally = serve(&link->server, false);

    print_tally("flood without a limit", 1, tally);
    assert_int_equal(tally.gap_max, SHARE);
    assert_in_range(tally.flood_count, 1, HONEST_COUNT + SHARE);
}

static void several_floods_take_turns_with_an_honest_peer(void **state)
{
    struct link_fixture *link = *state;
    open_link(link);
    uint16_t honest = link->server.channel;
    start_floods(link, FLOODS_MAX, false);
    line_up(link, honest);

    struct tally tally = serve(&link->server, false);

    end_floods(FLOODS_MAX);
    judge_tally("floods", FLOODS_MAX, tally);
}

// The worst kind: it asks without end and reads no answer. Every honest answer arrives all the same.
static void honest_answers_arrive_beside_a_flood_that_reads_none(void **state)
{
    struct link_fixture *link = *state;
    open_link(link);
    uint16_t honest = link->server.channel;
    start_floods(link, FLOODS_MAX, false);
    line_up(link, honest);

    struct tally tally = serve(&link->server, true);

    for (uint64_t id = HONEST_FIRST; id < HONEST_FIRST + HONEST_COUNT; id++) {
        assert_int_equal(side_take(&link->client, TOFU_RESPONSE).id, id);
    }
    end_floods(FLOODS_MAX);
    judge_tally("floods that read no answer", FLOODS_MAX, tally);
}

static void honest_answers_arrive_beside_a_flood_that_reads_all(void **state)
{
    struct link_fixture *link = *state;
    open_link(link);
    uint16_t honest = link->server.channel;
    start_floods(link, FLOODS_MAX, true);
    line_up(link, honest);

    struct tally tally = serve(&link->server, true);

    for (uint64_t id = HONEST_FIRST; id < HONEST_FIRST + HONEST_COUNT; id++) {
        assert_int_equal(side_take(&link->client, TOFU_RESPONSE).id, id);
    }
    end_floods(FLOODS_MAX);
    judge_tally("floods that read all answers", FLOODS_MAX, tally);
}

// Requests of an honest client among the flood's, and their answers; then the application rests, and the
// flood is stuck.
static void serve_among_floods(struct link_fixture *link)
{
    for (uint64_t i = 0; i < 20; i++) {
        struct tofu_header asked = side_send(&link->client, TOFU_REQUEST, 0, NULL);
        struct tofu_message *message = side_await(&link->server);
        while (tofu_message_header(message)->opcode != TOFU_REQUEST) {
            side_put(&link->server, message);
            message = side_await(&link->server);
        }
        assert_int_equal(tofu_message_header(message)->id, asked.id);
        answer(&link->server, message);
        assert_int_equal(side_take(&link->client, TOFU_RESPONSE).id, asked.id);
    }
    side_expect_stat(&link->server, messages_incoming, POOL_MAX);
}

static void floods_lay_siege(void **state)
{
    struct link_fixture *link = *state;
    struct siege siege = {
        .scene = "floods",
        .options =
            {.pool_messages_max = POOL_MAX,
             .text_bytes_max = 1024,
             .body_bytes_max = 1024,
             .send_queue_messages_max = POOL_MAX,
             .send_queue_bytes_max = 64 << 10},
        .channel_count = FLOODS_MAX,
        .serve = serve_among_floods};
    siege_open(&siege, link);
    uint16_t honest = link->server.channel;
    start_floods(link, FLOODS_MAX, false);
    link->server.channel = honest;

    siege_judge(&siege, link);
    end_floods(FLOODS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(a_flood_is_never_far_ahead_of_an_honest_peer),
        LINK_TEST(a_flood_without_a_limit_is_a_share_ahead),
        LINK_TEST(several_floods_take_turns_with_an_honest_peer),
        LINK_TEST(honest_answers_arrive_beside_a_flood_that_reads_none),
        LINK_TEST(honest_answers_arrive_beside_a_flood_that_reads_all),
        LINK_TEST(floods_lay_siege),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
