// SPDX-License-Identifier: MIT
// A shutdown among hostile peers of every kind: it ends at its deadline each time, its report adds up, and
// every channel ends with one notice. A resolver that never answers is the simulator's to show.
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "hostile/crowd.h"
#include "hostile/measure.h"
#include "support/raw_peer.h"

#define ROUNDS       10
#define TIMEOUT_NS   (200 * MILLISECOND_NS)
#define PROMISED_NS  (100 * MILLISECOND_NS)
#define EACH_KIND    4
#define CROWD_COUNT  2000
#define FLOOD_FRAMES 1000

// Each is there with its hello: silent ones, drips in the middle of a frame, floods, and deaf ones.
static void open_hostile_peers(struct link_fixture *link)
{
    static const char body[60000];
    static uint8_t flood[FLOOD_FRAMES * RAW_HEADER_BYTES];
    for (size_t i = 0; i < FLOOD_FRAMES; i++) {
        const struct raw_frame frame = {.channel = 1, .proto = RAW_SIGNAL, .id = 1};
        (void)raw_pack(&frame, flood + i * RAW_HEADER_BYTES);
    }
    const uint8_t half[] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 255, 255, 'x'};
    for (size_t i = 0; i < EACH_KIND; i++) {
        (void)link_raw_client(link);
        raw_send(link_raw_client(link), half, sizeof half);
        (void)link_raw_client(link);
        enum tofu_status status = TOFU_OK;
        while (status == TOFU_OK) {
            struct tofu_message *message = side_message(&link->server, TOFU_SIGNAL, 0, NULL);
            assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
            status = tofu_group_post(link->server.group, &message, NULL);
            side_put(&link->server, message);
        }
        assert_status(TOFU_QUEUE_FULL, status);
    }
    int floods[EACH_KIND];
    for (size_t i = 0; i < EACH_KIND; i++) {
        floods[i] = link_raw_client(link);
    }
    for (size_t i = 0; i < EACH_KIND; i++) {
        (void)raw_send_some(floods[i], flood, sizeof flood);
    }
}

struct tally {
    uint64_t closed;
    uint64_t returned;
};

static struct tally take_all(const struct side *side)
{
    struct tally tally = {0};
    struct tofu_message *message = NULL;
    while (tofu_group_wait(side->group, TEST_DEADLINE_NS, &message) == TOFU_OK) {
        assert_non_null(message);
        const struct tofu_header *header = tofu_message_header(message);
        bool is_closing = message_is_closing(message);
        bool is_notice = header->origin == TOFU_ENGINE && header->status != TOFU_POOL_EMPTY;
        tally.closed += is_closing ? 1 : 0;
        tally.returned += is_notice && !is_closing ? 1 : 0;
        side_put(side, message);
    }
    return tally;
}

static uint64_t shut_down_once(struct link_fixture *link)
{
    const struct tofu_options options = {.pool_messages_max = 32, .send_queue_messages_max = 64};
    struct crowd crowd;
    crowd_open(&crowd);
    link_open_server(link, &options);
    open_hostile_peers(link);
    crowd_order_connect(&crowd, link->address, CROWD_COUNT, NULL, 0);
    struct tofu_stats before = side_stats(&link->server);
    struct tofu_shutdown_report report = {.struct_size = sizeof report};

    uint64_t start_ns = test_now();
    enum tofu_status status = tofu_engine_shutdown(link->server.engine, TIMEOUT_NS, &report);
    uint64_t time_ns = test_now() - start_ns;

    assert_status(TOFU_TIMED_OUT, status);
    assert_true(time_ns <= TIMEOUT_NS + PROMISED_NS + MACHINE_SLACK_NS);
    struct tally tally = take_all(&link->server);
    struct tofu_stats after = side_stats(&link->server);
    assert_int_equal(after.channels + after.half_open + after.messages_incoming, 0);
    assert_int_equal(tally.closed, 4 * EACH_KIND + 1);
    assert_int_equal(report.channels_graceful + report.channels_forced, tally.closed);
    assert_true(report.channels_graceful >= 1); // The listener at least.
    assert_int_equal(report.messages_returned, tally.returned);
    assert_int_equal(report.messages_returned, after.messages_returned - before.messages_returned);
    crowd_close(&crowd);
    link_close_engine(link, link->server.engine);
    raw_close_all();
    return time_ns;
}

static void a_shutdown_among_hostile_peers_keeps_its_deadline(void **state)
{
    struct link_fixture *link = *state;
    uint64_t longest_ns = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t time_ns = shut_down_once(link);
        longest_ns = time_ns > longest_ns ? time_ns : longest_ns;
    }

    print_message(
        "%d shutdowns of %.0f ms: the longest took %.1f ms\n",
        ROUNDS,
        (double)TIMEOUT_NS / 1e6,
        (double)longest_ns / 1e6);
}

/// Enough that ending them takes longer than a shutdown may be late.
#define MANY_COUNT      10000
#define MANY_TIMEOUT_NS SECOND_NS

static void note_first_abort(void *context, const struct tofu_log_record *record)
{
    _Atomic uint64_t *first_ns = context;
    uint64_t none = 0;
    if (record->id == TOFU_LOG_DEADLINE_MISSED) {
        (void)atomic_compare_exchange_strong(first_ns, &none, test_now());
    }
}

static void connect_many(struct link_fixture *link, struct crowd *crowd)
{
    static const char text[] = "~connect_to:tcp|127.0.0.1|7099\r\n";
    uint8_t hello[RAW_HEADER_BYTES + sizeof text];
    const struct raw_frame frame = {
        .channel = 1,
        .proto = RAW_HELLO_REQUEST,
        .id = 1,
        .text = text,
        .text_bytes = sizeof text - 1};
    size_t hello_bytes = raw_pack(&frame, hello);
    crowd_order_connect(crowd, link->address, MANY_COUNT, hello, hello_bytes);
    for (int i = 0; i < MANY_COUNT; i++) {
        (void)side_take(&link->server, TOFU_HELLO_REQUEST);
    }
    assert_int_equal(crowd_take_report(crowd).connected, MANY_COUNT);
}

// The time that aborting them takes counts as well, so it begins before the time is up.
static void many_silent_peers_are_aborted_early_enough(void **state)
{
    struct link_fixture *link = *state;
    _Atomic uint64_t first_ns = 0;
    const struct tofu_options options = {
        .half_open_max = MANY_COUNT,
        .log_sink = note_first_abort,
        .log_context = &first_ns,
        .log_level = TOFU_LOG_DEBUG};
    if (connection_count(MANY_COUNT) < MANY_COUNT) {
        print_message("skipped: fewer would be aborted before it is too late, whenever it began\n");
        skip();
    }
    if (system_allow_descriptors(MANY_COUNT + 100) < MANY_COUNT + 100) {
        print_message("skipped: the system grants fewer than %d descriptors\n", MANY_COUNT);
        skip();
    }
    struct crowd crowd;
    crowd_open(&crowd);
    link_open_server(link, &options);
    connect_many(link, &crowd);
    struct tofu_shutdown_report report = {.struct_size = sizeof report};

    uint64_t start_ns = test_now();
    enum tofu_status status = tofu_engine_shutdown(link->server.engine, MANY_TIMEOUT_NS, &report);
    uint64_t time_ns = test_now() - start_ns;

    uint64_t abort_ns = atomic_load(&first_ns) - start_ns;
    print_message(
        "%d channels: aborted after %.0f ms, done after %.0f ms of %.0f ms\n",
        MANY_COUNT,
        (double)abort_ns / 1e6,
        (double)time_ns / 1e6,
        (double)MANY_TIMEOUT_NS / 1e6);
    assert_status(TOFU_TIMED_OUT, status);
    assert_int_equal(report.channels_forced, MANY_COUNT);
    assert_in_range(abort_ns, MANY_TIMEOUT_NS / 2, MANY_TIMEOUT_NS);
    assert_in_range(time_ns, 0, MANY_TIMEOUT_NS + PROMISED_NS + MACHINE_SLACK_NS);
    crowd_close(&crowd);
    // The sink is gone with this function.
    link_close_engine(link, link->server.engine);
}

int main(int argc, char **argv)
{
    crowd_take_role(argc, argv);
    static const struct CMUnitTest many_tests[] = {
        LINK_TEST(many_silent_peers_are_aborted_early_enough),
    };
    static const struct CMUnitTest tests[] = {
        LINK_TEST(a_shutdown_among_hostile_peers_keeps_its_deadline),
    };
    int failed = LINK_RUN(many_tests, LINK_TCP);
    failed += LINK_RUN(tests, LINK_BOTH);
    return failed;
}
