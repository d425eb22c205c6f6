// SPDX-License-Identifier: MIT
// A peer that never reads: the send queue has its limits, who posts is told, and leaving needs nobody's
// cooperation.
#include <stdio.h>
#include <string.h>

#include "hostile/measure.h"
#include "hostile/siege.h"
#include "hostile/stopwatch.h"
#include "support/raw_peer.h"

#define SERVER_THREAD  "hostile-server"
#define BODY_BYTES     1024
#define FRAME_BYTES    (RAW_HEADER_BYTES + BODY_BYTES)
#define MESSAGES_MAX   100
#define BYTES_MAX      ((uint64_t)256 << 10)
#define CLOSE_AFTER_NS (500 * MILLISECOND_NS)

// The peer's kernel may take a last piece after the Bye, though nobody reads there; that is progress, and is
// seen so much later at most (docs/limits.md, close_timeout_ns).
#define LOOK_NS (CLOSE_AFTER_NS / 4)

static struct tofu_message *numbered(const struct side *side, uint64_t id)
{
    static const char body[BODY_BYTES];
    struct tofu_message *message = side_message(side, TOFU_REQUEST, id, NULL);
    assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
    return message;
}

static struct tofu_channel_stats channel_stats(const struct side *side)
{
    struct tofu_channel_stats stats = {.struct_size = sizeof stats};
    assert_status(TOFU_OK, tofu_channel_stats(side->group, side->channel, &stats));
    return stats;
}

// Posts until the queue stays full though the engine has written all that the kernel takes.
static uint64_t post_until_full(const struct side *side)
{
    uint64_t count = 0;
    for (;;) {
        struct tofu_message *message = numbered(side, count + 1);
        uint64_t sent_before = channel_stats(side).messages_sent;
        enum tofu_status status =
            tofu_group_post_within(side->group, &message, 100 * MILLISECOND_NS, NULL);
        if (status == TOFU_OK) {
            count++;
            continue;
        }
        assert_status(TOFU_TIMED_OUT, status);
        await_quiet(side);
        if (channel_stats(side).messages_sent == sent_before) {
            side_expect_refusal(side, message, TOFU_QUEUE_FULL);
            return count;
        }
        side_put(side, message); // The engine is slow, not stuck.
    }
}

// Counters move a moment after what they count.
static struct tofu_channel_stats settled_stats(const struct side *side, uint64_t posted)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    struct tofu_channel_stats stats = channel_stats(side);
    while (stats.messages_sent + stats.messages_queued != posted && test_now() < deadline_ns) {
        interval_pass(MILLISECOND_NS);
        stats = channel_stats(side);
    }
    return stats;
}

static int open_deaf_peer(struct link_fixture *link, struct tofu_options options)
{
    options.thread_name = SERVER_THREAD;
    options.close_timeout_ns = CLOSE_AFTER_NS;
    link_open_server(link, &options);
    return link_raw_client(link);
}

static void the_queue_is_capped_in_messages_and_then_costs_nothing(void **state)
{
    struct link_fixture *link = *state;
    open_deaf_peer(
        link,
        (struct tofu_options){
            .send_queue_messages_max = MESSAGES_MAX, .pool_messages_max = MESSAGES_MAX});

    uint64_t posted = post_until_full(&link->server);

    struct tofu_channel_stats stats = settled_stats(&link->server, posted);
    print_message(
        "%llu posted, %llu written, %llu queued\n",
        (unsigned long long)posted,
        (unsigned long long)stats.messages_sent,
        (unsigned long long)stats.messages_queued);
    assert_int_equal(stats.messages_queued, MESSAGES_MAX);
    assert_int_equal(stats.messages_sent + stats.messages_queued, posted);
    assert_idle("500 ms", cost_of_interval(&link->server, SERVER_THREAD, SECOND_NS / 2));
}

static void the_queue_is_capped_in_bytes_and_so_is_memory(void **state)
{
    struct link_fixture *link = *state;
    open_deaf_peer(
        link,
        (struct tofu_options){
            .send_queue_messages_max = TOFU_UNLIMITED,
            .send_queue_bytes_max = BYTES_MAX,
            .pool_messages_max = 16});
    struct fault_allocator *memory = link_memory(link, link->server.engine);
    size_t bytes_before = atomic_load(&memory->live_bytes);

    uint64_t posted = post_until_full(&link->server);

    struct tofu_channel_stats stats = channel_stats(&link->server);
    size_t bytes = atomic_load(&memory->live_bytes) - bytes_before;
    print_message(
        "%llu posted, %llu bytes queued, %zu bytes of memory\n",
        (unsigned long long)posted,
        (unsigned long long)stats.bytes_queued,
        bytes);
    assert_in_range(stats.bytes_queued, BYTES_MAX - FRAME_BYTES + 1, BYTES_MAX);
    // Each message weighs its own struct too, and the pool keeps sixteen.
    assert_in_range(bytes, 0, BYTES_MAX + BYTES_MAX / 2);
}

static void there_is_room_again_when_the_peer_reads(void **state)
{
    struct link_fixture *link = *state;
    int raw = open_deaf_peer(link, (struct tofu_options){.send_queue_messages_max = MESSAGES_MAX});
    uint64_t posted = post_until_full(&link->server);

    for (uint64_t id = 1; id <= posted; id++) {
        assert_int_equal(raw_expect(raw, RAW_REQUEST), id);
    }

    side_expect_silence(&link->server);
    side_send(&link->server, TOFU_REQUEST, posted + 1, NULL);
    assert_int_equal(raw_expect(raw, RAW_REQUEST), posted + 1);
}

// Takes what comes back, in posting order, up to the closing notice; returns how many.
static uint64_t take_returned(const struct side *side, uint64_t last, uint64_t bye_id)
{
    uint64_t count = 0;
    uint64_t next = 0;
    struct tofu_message *message = side_await(side);
    for (; !message_is_closing(message); message = side_await(side)) {
        const struct tofu_header *header = tofu_message_header(message);
        size_t size = 0;
        (void)tofu_message_body(message, &size);
        assert_int_equal(header->origin, TOFU_ENGINE);
        assert_int_equal(header->status, TOFU_TIMED_OUT);
        if (next > last) {
            assert_int_equal(header->opcode, TOFU_BYE_REQUEST);
            assert_int_equal(header->id, bye_id);
        } else {
            assert_int_equal(header->opcode, TOFU_REQUEST);
            assert_true(next == 0 || header->id == next);
            assert_int_equal(size, BODY_BYTES);
        }
        next = header->id == bye_id ? 0 : header->id + 1;
        count++;
        side_put(side, message);
    }
    assert_text(message, "~reason", "timed_out");
    side_put(side, message);
    return count;
}

static void a_bye_needs_no_room_and_ends_a_deaf_peer_at_its_deadline(void **state)
{
    struct link_fixture *link = *state;
    int raw = open_deaf_peer(link, (struct tofu_options){.send_queue_messages_max = MESSAGES_MAX});
    uint64_t posted = post_until_full(&link->server);
    uint64_t bye_id = posted + 1000000;
    struct stopwatch stopwatch = stopwatch_start(SERVER_THREAD);

    side_send(&link->server, TOFU_BYE_REQUEST, bye_id, NULL);

    uint64_t returned = take_returned(&link->server, posted, bye_id);
    struct span span = stopwatch_stop(&stopwatch);
    struct tofu_stats stats = side_stats(&link->server);
    print_message(
        "%llu posted, %llu written, %llu returned\n",
        (unsigned long long)posted + 1,
        (unsigned long long)stats.messages_sent,
        (unsigned long long)returned);
    assert_int_equal(stats.messages_sent + returned, posted + 1);
    assert_int_equal(stats.messages_returned, returned);
    assert_true(returned >= MESSAGES_MAX);
    assert_true(span.time_ns >= CLOSE_AFTER_NS);
    assert_on_time("a Bye to a deaf peer", span, CLOSE_AFTER_NS + LOOK_NS + 100 * MILLISECOND_NS);
    (void)raw_await_end(raw, NULL);
    side_expect_silence(&link->server);
}

static void an_abort_ends_a_deaf_peer_at_once(void **state)
{
    struct link_fixture *link = *state;
    open_deaf_peer(link, (struct tofu_options){.send_queue_messages_max = MESSAGES_MAX});
    post_until_full(&link->server);
    uint64_t start_ns = test_now();

    side_send(&link->server, TOFU_BYE_SIGNAL, 0, NULL);

    for (uint64_t i = 0; i < MESSAGES_MAX; i++) {
        side_put(
            &link->server, side_expect_notice(&link->server, TOFU_REQUEST, TOFU_CHANNEL_CLOSED));
    }
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "channel_closed");
    assert_true(test_now() - start_ns < CLOSE_AFTER_NS);
}

static void peers_that_never_read_lay_siege(void **state)
{
    enum { DEAF_COUNT = 4 };
    struct link_fixture *link = *state;
    struct siege siege = {
        .scene = "peers that never read",
        .options =
            {.pool_messages_max = 16,
             .text_bytes_max = 1024,
             .body_bytes_max = BODY_BYTES,
             .send_queue_messages_max = MESSAGES_MAX,
             .send_queue_bytes_max = BYTES_MAX},
        .channel_count = DEAF_COUNT,
        .serve = siege_serve_round_trips};
    siege_open(&siege, link);
    uint16_t honest = link->server.channel;
    for (int i = 0; i < DEAF_COUNT; i++) {
        link_raw_client(link);
        post_until_full(&link->server);
    }
    link->server.channel = honest;

    siege_judge(&siege, link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(the_queue_is_capped_in_messages_and_then_costs_nothing),
        LINK_TEST(the_queue_is_capped_in_bytes_and_so_is_memory),
        LINK_TEST(there_is_room_again_when_the_peer_reads),
        LINK_TEST(a_bye_needs_no_room_and_ends_a_deaf_peer_at_its_deadline),
        LINK_TEST(an_abort_ends_a_deaf_peer_at_once),
        LINK_TEST(peers_that_never_read_lay_siege),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
