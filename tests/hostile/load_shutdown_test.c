// SPDX-License-Identifier: MIT
// A shutdown among hostile peers of every kind, or of very many: it ends at its deadline each time, its report
// adds up, and every channel ends with one notice. A resolver that never answers is the simulator's to show.
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "hostile/crowd.h"
#include "hostile/measure.h"
#include "hostile/stopwatch.h"
#include "support/raw_peer.h"

#define THREAD_NAME "shut-down"
#define ROUNDS      10
#define TIMEOUT_NS  (200 * MILLISECOND_NS)
#define PROMISED_NS (100 * MILLISECOND_NS)
#define EACH_KIND   4

/// How long an engine's threads must have been kept waiting for channels to be left to the time after.
#define LEFT_DELAY_NS (50 * MILLISECOND_NS)

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

// The machine may keep the I/O thread from its work so long that its caller leaves, and says so. Asked when all
// is told: by then the system has counted how long it kept the thread waiting.
static bool is_whole(const struct tofu_shutdown_report *report, const struct stopwatch *stopwatch)
{
    if (report->channels_left == 0) {
        return true;
    }
    struct span span = stopwatch_stop(stopwatch);
    print_message(
        "%llu channels were left, since the machine kept threads waiting for %.1f ms\n",
        (unsigned long long)report->channels_left,
        (double)span.delay_ns / 1e6);
    assert_true(span.delay_ns >= LEFT_DELAY_NS);
    return false;
}

static void shut_down_once(struct link_fixture *link)
{
    const struct tofu_options options = {
        .pool_messages_max = 32, .send_queue_messages_max = 64, .thread_name = THREAD_NAME};
    struct crowd crowd;
    crowd_open(&crowd);
    link_open_server(link, &options);
    open_hostile_peers(link);
    crowd_order_connect(&crowd, link->address, CROWD_COUNT, NULL, 0);
    struct tofu_stats before = side_stats(&link->server);
    struct tofu_shutdown_report report = {.struct_size = sizeof report};

    struct stopwatch stopwatch = stopwatch_start(THREAD_NAME);
    enum tofu_status status = tofu_engine_shutdown(link->server.engine, TIMEOUT_NS, &report);
    struct span span = stopwatch_stop(&stopwatch);

    assert_status(TOFU_TIMED_OUT, status);
    assert_on_time("a shutdown among hostile peers", span, TIMEOUT_NS + PROMISED_NS);
    struct tally tally = take_all(&link->server);
    struct tofu_stats after = side_stats(&link->server);
    assert_int_equal(after.channels + after.half_open + after.messages_incoming, 0);
    assert_int_equal(tally.closed, 4 * EACH_KIND + 1);
    assert_int_equal(report.channels_graceful + report.channels_forced, tally.closed);
    assert_int_equal(tally.returned, after.messages_returned - before.messages_returned);
    if (is_whole(&report, &stopwatch)) {
        assert_true(report.channels_graceful >= 1); // The listener at least.
        assert_int_equal(report.messages_returned, tally.returned);
    }
    crowd_close(&crowd);
    link_close_engine(link, link->server.engine);
    raw_close_all();
}

static void a_shutdown_among_hostile_peers_keeps_its_deadline(void **state)
{
    struct link_fixture *link = *state;
    for (int round = 0; round < ROUNDS; round++) {
        shut_down_once(link);
    }
}

/// Enough that resetting them takes longer than a shutdown may be late.
#define MANY_COUNT 10000

/// A link whose server has many connections, all of one crowd, and when it aborted the first of them.
struct many {
    struct link_fixture *link;
    struct crowd crowd;
    uint64_t count;
    _Atomic uint64_t first_abort_ns;
};

static void note_first_abort(void *context, const struct tofu_log_record *record)
{
    struct many *many = context;
    uint64_t none = 0;
    if (record->id == TOFU_LOG_DEADLINE_MISSED) {
        (void)atomic_compare_exchange_strong(&many->first_abort_ns, &none, test_now());
    }
}

static void connect_many(struct many *many)
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
    crowd_order_connect(&many->crowd, many->link->address, many->count, hello, hello_bytes);
    for (uint64_t i = 0; i < many->count; i++) {
        (void)side_take(&many->link->server, TOFU_HELLO_REQUEST);
    }
    assert_int_equal(crowd_take_report(&many->crowd).connected, many->count);
}

static void many_open(struct many *many, struct link_fixture *link)
{
    *many = (struct many){.link = link, .count = connection_count(MANY_COUNT)};
    if (system_allow_descriptors(many->count + 100) < many->count + 100) {
        print_message("skipped: the system grants too few descriptors\n");
        skip();
    }
    const struct tofu_options options = {
        .half_open_max = many->count,
        .thread_name = THREAD_NAME,
        .log_sink = note_first_abort,
        .log_context = many,
        .log_level = TOFU_LOG_DEBUG};
    crowd_open(&many->crowd);
    link_open_server(link, &options);
    connect_many(many);
}

// Everybody is told of what the report counts.
static void many_take_notices(struct many *many, const struct tofu_shutdown_report *report)
{
    assert_int_equal(report->channels_forced + report->channels_graceful, many->count + 1);
    assert_int_equal(take_all(&many->link->server).closed, many->count + 1);
    assert_int_equal(side_stats(&many->link->server).channels, 0);
}

// Once the engine is gone, the last of its connections is. The log's sink is gone with this function's caller.
static void many_close(struct many *many)
{
    crowd_order_await(&many->crowd, many->count);
    link_close_engine(many->link, many->link->server.engine);
    assert_int_equal(crowd_take_report(&many->crowd).ended, many->count);
    crowd_close(&many->crowd);
}

static void end_silent_peers(struct link_fixture *link, uint64_t timeout_ns)
{
    struct many many;
    many_open(&many, link);
    struct tofu_shutdown_report report = {.struct_size = sizeof report};

    struct stopwatch stopwatch = stopwatch_start(THREAD_NAME);
    enum tofu_status status = tofu_engine_shutdown(link->server.engine, timeout_ns, &report);
    struct span span = stopwatch_stop(&stopwatch);

    char what[64];
    (void)snprintf(what, sizeof what, "%llu silent peers", (unsigned long long)many.count);
    assert_on_time(what, span, timeout_ns + PROMISED_NS);
    assert_status(TOFU_TIMED_OUT, status);
    many_take_notices(&many, &report);
    if (is_whole(&report, &stopwatch)) {
        assert_int_equal(report.channels_graceful, 1); // The listener.
    }
    many_close(&many);
    // Nobody loses time to answer in for being one of many.
    assert_true(atomic_load(&many.first_abort_ns) >= stopwatch.started_ns + timeout_ns);
}

static void many_silent_peers_are_ended_at_once(void **state)
{
    end_silent_peers(*state, 0);
}

static void many_silent_peers_are_ended_in_a_moment(void **state)
{
    end_silent_peers(*state, 50 * MILLISECOND_NS);
}

static void many_silent_peers_are_ended_at_the_deadline(void **state)
{
    end_silent_peers(*state, SECOND_NS);
}

// All answer at the same time, and that takes longer than what is left of it.
static void many_answers_in_the_last_moment_are_not_waited_for(void **state)
{
    struct link_fixture *link = *state;
    struct many many;
    uint8_t answer[RAW_HEADER_BYTES];
    const struct raw_frame frame = {.channel = 1, .proto = RAW_BYE_RESPONSE, .id = 1};
    size_t answer_bytes = raw_pack(&frame, answer);
    many_open(&many, link);
    struct tofu_shutdown_report report = {.struct_size = sizeof report};
    crowd_order_answer(&many.crowd, SECOND_NS - 50 * MILLISECOND_NS, answer, answer_bytes);

    struct stopwatch stopwatch = stopwatch_start(THREAD_NAME);
    enum tofu_status status = tofu_engine_shutdown(link->server.engine, SECOND_NS, &report);
    struct span span = stopwatch_stop(&stopwatch);

    print_message(
        "%llu ended in order, %llu by force\n",
        (unsigned long long)report.channels_graceful,
        (unsigned long long)report.channels_forced);
    assert_on_time("answers in the last moment", span, SECOND_NS + PROMISED_NS);
    assert_status(report.channels_forced == 0 ? TOFU_OK : TOFU_TIMED_OUT, status);
    many_take_notices(&many, &report);
    (void)is_whole(&report, &stopwatch);
    (void)crowd_take_report(&many.crowd);
    many_close(&many);
}

int main(int argc, char **argv)
{
    crowd_take_role(argc, argv);
    static const struct CMUnitTest many_tests[] = {
        LINK_TEST(many_silent_peers_are_ended_at_once),
        LINK_TEST(many_silent_peers_are_ended_in_a_moment),
        LINK_TEST(many_silent_peers_are_ended_at_the_deadline),
        LINK_TEST(many_answers_in_the_last_moment_are_not_waited_for),
    };
    static const struct CMUnitTest tests[] = {
        LINK_TEST(a_shutdown_among_hostile_peers_keeps_its_deadline),
    };
    int failed = LINK_RUN(many_tests, LINK_TCP);
    failed += LINK_RUN(tests, LINK_BOTH);
    return failed;
}
