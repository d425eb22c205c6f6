// SPDX-License-Identifier: MIT
// Shutdown: everything ends in good order within the time given, or is aborted and told.
#include <stdatomic.h>
#include <string.h>

#include "support/link_fixture.h"
#include "support/machine.h"
#include "support/raw_peer.h"
#include "support/worker.h"

#define LONG_NS  TEST_DEADLINE_NS
#define SHORT_NS (100 * MILLISECOND_NS)

// The promise is 100 ms; a busy machine may take longer to give us the processor back.
#define LATE_NS (3000 * MILLISECOND_NS)

struct ending {
    struct tofu_engine *engine;
    uint64_t timeout_ns;
    enum tofu_status status;
    struct tofu_shutdown_report report;
    struct worker worker;
};

static void shut_down(void *argument)
{
    struct ending *ending = argument;
    ending->status = tofu_engine_shutdown(ending->engine, ending->timeout_ns, &ending->report);
}

static void start_shutdown(struct ending *ending, const struct side *side, uint64_t timeout_ns)
{
    *ending = (struct ending){.engine = side->engine, .timeout_ns = timeout_ns};
    worker_start(&ending->worker, shut_down, ending);
}

static void expect_shut_down(const struct side *side)
{
    for (int i = 0; i < 3; i++) {
        struct tofu_message *message = NULL;
        assert_status(
            TOFU_SHUTDOWN_STARTED, tofu_group_wait(side->group, TOFU_WAIT_FOREVER, &message));
        assert_null(message);
    }
}

// Takes everything the group still has; returns how many closing notices there were.
static int drain(const struct side *side)
{
    int closed = 0;
    for (;;) {
        struct tofu_message *message = NULL;
        enum tofu_status status = tofu_group_wait(side->group, TEST_DEADLINE_NS, &message);
        if (status == TOFU_SHUTDOWN_STARTED) {
            return closed;
        }
        assert_status(TOFU_OK, status);
        assert_non_null(message);
        closed += message_is_closing(message);
        side_put(side, message);
    }
}

static void an_engine_without_channels_is_shut_down_at_once(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_shutdown_report report = {.struct_size = sizeof report, .channels_forced = 7};
    link_open_client(link, NULL);

    assert_status(TOFU_OK, tofu_engine_shutdown(link->client.engine, LONG_NS, &report));

    assert_int_equal(report.channels_graceful, 0);
    assert_int_equal(report.channels_forced, 0);
    assert_int_equal(report.messages_delivered, 0);
    assert_int_equal(report.messages_returned, 0);
    assert_int_equal(report.messages_dropped, 0);
    expect_shut_down(&link->client);
}

static void a_second_shutdown_has_nothing_to_do(void **state)
{
    struct link_fixture *link = *state;
    link_open_client(link, NULL);
    assert_status(TOFU_OK, tofu_engine_shutdown(link->client.engine, LONG_NS, NULL));

    assert_status(TOFU_OK, tofu_engine_shutdown(link->client.engine, LONG_NS, NULL));

    expect_shut_down(&link->client);
}

static void a_peer_that_answers_makes_it_graceful(void **state)
{
    struct link_fixture *link = *state;
    struct ending ending;
    for (uint64_t id = 1; id <= 500; id++) {
        side_send(&link->client, TOFU_REQUEST, id, NULL);
    }
    start_shutdown(&ending, &link->client, LONG_NS);

    for (uint64_t id = 1; id <= 500; id++) {
        assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, id);
    }
    uint64_t bye = side_take(&link->server, TOFU_BYE_REQUEST).id;
    side_send(&link->server, TOFU_RESPONSE, 7, "one more");
    side_send(&link->server, TOFU_BYE_RESPONSE, bye, NULL);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "success");

    worker_join(&ending.worker);
    assert_status(TOFU_OK, ending.status);
    assert_int_equal(ending.report.channels_graceful, 1);
    assert_int_equal(ending.report.channels_forced, 0);
    assert_int_equal(ending.report.messages_returned, 0);
    assert_int_equal(side_take(&link->client, TOFU_RESPONSE).id, 7);
    assert_int_equal(drain(&link->client), 1);
    expect_shut_down(&link->client);
}

// The application can add the report to what it knows of its own messages; the engine's Byes, which nobody
// posted, are not among them.
static void the_report_counts_only_what_was_posted(void **state)
{
    struct link_fixture *link = *state;
    struct ending ending;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    side_send(&link->server, TOFU_SIGNAL, 3, NULL);
    raw_expect(raw, RAW_SIGNAL);
    side_expect_stat(&link->server, messages_sent, 1);

    start_shutdown(&ending, &link->server, LONG_NS);
    uint64_t bye = raw_expect(raw, RAW_BYE_REQUEST);
    raw_send_proto(raw, RAW_BYE_REQUEST, 8);
    raw_expect(raw, RAW_BYE_RESPONSE);
    raw_send_proto(raw, RAW_BYE_RESPONSE, bye);
    raw_await_end(raw, NULL);
    raw_close(raw);
    worker_join(&ending.worker);

    assert_status(TOFU_OK, ending.status);
    assert_int_equal(ending.report.messages_delivered, 0);
    assert_int_equal(ending.report.channels_graceful, 2); // The listener is one.
    assert_int_equal(ending.report.channels_forced, 0);
    assert_int_equal(side_stats(&link->server).messages_sent, 1);
}

static void both_peers_may_shut_down_at_once(void **state)
{
    struct link_fixture *link = *state;
    struct ending endings[2];
    start_shutdown(&endings[0], &link->client, LONG_NS);
    start_shutdown(&endings[1], &link->server, LONG_NS);

    worker_join(&endings[0].worker);
    worker_join(&endings[1].worker);

    assert_status(TOFU_OK, endings[0].status);
    assert_status(TOFU_OK, endings[1].status);
    assert_int_equal(endings[0].report.channels_forced, 0);
    assert_int_equal(endings[1].report.channels_forced, 0);
    assert_int_equal(drain(&link->client), 1);
    assert_int_equal(drain(&link->server), 2);
}

static void the_engine_answers_a_bye_request_itself(void **state)
{
    struct link_fixture *link = *state;
    struct ending ending;
    link_open_client(link, NULL);
    int raw = link_raw_server(link);
    start_shutdown(&ending, &link->client, LONG_NS);
    uint64_t bye = raw_expect(raw, RAW_BYE_REQUEST);

    raw_send_proto(raw, RAW_BYE_REQUEST, 8);
    assert_int_equal(raw_expect(raw, RAW_BYE_RESPONSE), 8);
    raw_send_proto(raw, RAW_BYE_RESPONSE, bye);
    assert_int_equal(raw_await_end(raw, NULL), RAW_FIN);
    raw_close(raw);

    worker_join(&ending.worker);
    assert_status(TOFU_OK, ending.status);
    assert_int_equal(ending.report.channels_graceful, 1);
    assert_int_equal(drain(&link->client), 1);
}

// The application had the ByeRequest already, and did not answer in time.
static void a_bye_request_that_was_there_before_is_answered_too(void **state)
{
    struct link_fixture *link = *state;
    struct ending ending;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    raw_send_proto(raw, RAW_BYE_REQUEST, 8);
    side_take(&link->server, TOFU_BYE_REQUEST);

    start_shutdown(&ending, &link->server, LONG_NS);

    // Whether it also says Bye itself is its own affair, as long as ours is answered.
    const struct raw_message *message = raw_receive(raw);
    if (message->proto == RAW_BYE_REQUEST) {
        uint64_t bye = message->id;
        assert_int_equal(raw_expect(raw, RAW_BYE_RESPONSE), 8);
        raw_send_proto(raw, RAW_BYE_RESPONSE, bye);
    } else {
        assert_int_equal(message->proto, RAW_BYE_RESPONSE);
        assert_int_equal(message->id, 8);
    }
    assert_int_equal(raw_await_end(raw, NULL), RAW_FIN);
    raw_close(raw);
    worker_join(&ending.worker);
    assert_status(TOFU_OK, ending.status);
}

static void a_peer_that_does_not_answer_is_aborted_in_time(void **state)
{
    struct link_fixture *link = *state;
    struct ending ending = {.timeout_ns = SHORT_NS};
    link_open_client(link, NULL);
    int raw = link_raw_server(link);
    ending.engine = link->client.engine;
    uint64_t start_ns = test_now();

    shut_down(&ending);

    uint64_t took_ns = test_now() - start_ns;
    assert_status(TOFU_TIMED_OUT, ending.status);
    assert_true(took_ns >= SHORT_NS);
    assert_true(took_ns < SHORT_NS + LATE_NS);
    assert_int_equal(ending.report.channels_graceful, 0);
    assert_int_equal(ending.report.channels_forced, 1);
    assert_int_equal(side_stats(&link->client).deadlines_missed, 0);
    raw_expect(raw, RAW_BYE_REQUEST);
    raw_await_end(raw, NULL);
    assert_int_equal(drain(&link->client), 1);
    expect_shut_down(&link->client);
}

// The next message of the server's connection. The listener's end may be told before it or after it.
static struct tofu_message *await_of_connection(const struct link_fixture *link, int *ends)
{
    struct tofu_message *message = side_await(&link->server);
    if (tofu_message_header(message)->channel == link->listener) {
        assert_text(message, "~reason", "success");
        *ends += 1;
        side_put(&link->server, message);
        message = side_await(&link->server);
    }
    return message;
}

static void what_could_not_be_sent_in_time_comes_back(void **state)
{
    enum { COUNT = 300, BODY_BYTES = 60000 };
    static const char body[BODY_BYTES] = "";
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_bytes_max = TOFU_UNLIMITED};
    struct ending ending = {.timeout_ns = SHORT_NS};
    link_open_server(link, &options);
    link_raw_client(link);
    for (uint64_t id = 1; id <= COUNT; id++) {
        struct tofu_message *message = side_message(&link->server, TOFU_REQUEST, id, NULL);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
        side_post(&link->server, message);
    }
    ending.engine = link->server.engine;

    shut_down(&ending);

    assert_status(TOFU_TIMED_OUT, ending.status);
    // A busy machine may leave the end to the time after the return; the report says so.
    side_expect_stat(&link->server, channels, 0);
    struct tofu_stats stats = side_stats(&link->server);
    assert_int_equal(stats.messages_sent + stats.messages_returned, COUNT);
    if (ending.report.channels_left == 0) {
        assert_int_equal(ending.report.messages_returned, stats.messages_returned);
    }
    int ends = 0;
    for (uint64_t id = stats.messages_sent + 1; id <= COUNT; id++) {
        struct tofu_message *message = await_of_connection(link, &ends);
        assert_int_equal(tofu_message_header(message)->opcode, TOFU_REQUEST);
        assert_int_equal(tofu_message_header(message)->origin, TOFU_ENGINE);
        assert_int_equal(tofu_message_header(message)->id, id);
        side_put(&link->server, message);
    }
    assert_int_equal(ends + drain(&link->server), 2);
}

static void a_hello_that_is_still_connecting_comes_back(void **state)
{
    struct link_fixture *link = *state;
    struct ending ending = {.timeout_ns = SHORT_NS};
    char address[TOFU_ADDRESS_BYTES_MAX];
    link_open_client(link, NULL);
    raw_listen(link->transport == TOFU_TCP, link->directory, "full", 0, address);
    raw_connect(address);
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, address));
    ending.engine = link->client.engine;

    shut_down(&ending);

    struct tofu_message *message = side_await(&link->client);
    assert_int_equal(tofu_message_header(message)->opcode, TOFU_HELLO_RESPONSE);
    assert_int_equal(tofu_message_header(message)->origin, TOFU_ENGINE);
    assert_int_equal(tofu_message_header(message)->id, hello.id);
    assert_int_not_equal(tofu_message_header(message)->status, TOFU_OK);
    side_put(&link->client, message);
    assert_int_equal(drain(&link->client), 1);
}

static void nothing_new_is_begun(void **state)
{
    struct link_fixture *link = *state;
    struct ending ending;
    struct tofu_group *group = NULL;
    link_open_client(link, NULL);
    int raw = link_raw_server(link);
    start_shutdown(&ending, &link->client, LONG_NS);
    uint64_t bye = raw_expect(raw, RAW_BYE_REQUEST);

    side_expect_refusal(
        &link->client, side_hello(&link->client, "tcp|127.0.0.1|1"), TOFU_SHUTDOWN_STARTED);
    side_expect_refusal(
        &link->client, side_welcome(&link->client, "tcp|127.0.0.1|0"), TOFU_SHUTDOWN_STARTED);
    side_expect_refusal(
        &link->client,
        side_message(&link->client, TOFU_BYE_SIGNAL, 0, NULL),
        TOFU_SHUTDOWN_STARTED);
    assert_status(TOFU_SHUTDOWN_STARTED, tofu_group_update(link->client.group, NULL));
    assert_status(TOFU_SHUTDOWN_STARTED, tofu_group_create(link->client.engine, &group));
    assert_null(group);

    raw_send_proto(raw, RAW_BYE_RESPONSE, bye);
    raw_await_end(raw, NULL);
    raw_close(raw);
    worker_join(&ending.worker);
    assert_status(TOFU_OK, ending.status);
}

static void listeners_are_closed_and_nobody_is_accepted(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int half_open = raw_connect(link->address);
    side_expect_stat(&link->server, half_open, 1);

    assert_status(TOFU_OK, tofu_engine_shutdown(link->server.engine, LONG_NS, NULL));

    raw_await_end(half_open, NULL);
    assert_int_equal(side_stats(&link->server).channels, 0);
    assert_int_equal(side_stats(&link->server).half_open, 0);
    assert_true(link->transport == TOFU_TCP || !machine_has_file(link->address + strlen("uds|")));
    assert_int_equal(drain(&link->server), 1);
}

static void messages_still_received_are_delivered_while_the_budget_lasts(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 2};
    struct ending ending;
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    start_shutdown(&ending, &link->server, LONG_NS);
    uint64_t bye = raw_expect(raw, RAW_BYE_REQUEST);
    for (uint64_t id = 1; id <= 5; id++) {
        raw_send_proto(raw, RAW_REQUEST, id);
    }
    raw_send_proto(raw, RAW_BYE_RESPONSE, bye);
    raw_await_end(raw, NULL);
    raw_close(raw);
    worker_join(&ending.worker);

    assert_status(TOFU_OK, ending.status);
    assert_int_equal(ending.report.messages_dropped, 3);
    assert_int_equal(ending.report.channels_forced, 0);
    int delivered = 0;
    for (;;) {
        struct tofu_message *message = NULL;
        enum tofu_status status = tofu_group_wait(link->server.group, 0, &message);
        if (status == TOFU_SHUTDOWN_STARTED) {
            break;
        }
        assert_status(TOFU_OK, status);
        assert_non_null(message);
        delivered += tofu_message_header(message)->opcode == TOFU_REQUEST;
        side_put(&link->server, message);
    }
    assert_int_equal(delivered, 2);
}

#define CROWD 40

// Sends the header of a frame with as much text and body as there can be, and the first bytes of it.
static void begin_largest_frame(int raw, uint8_t proto, uint64_t id)
{
    uint8_t bytes[RAW_HEADER_BYTES + 1000];
    const struct raw_frame frame = {.channel = 1, .proto = proto, .id = id};
    memset(bytes, 'x', sizeof bytes);
    raw_pack(&frame, bytes);
    memset(bytes + 12, 0xFF, 4);
    raw_send(raw, bytes, sizeof bytes);
}

static void end_largest_frame(int raw)
{
    static uint8_t rest[2 * RAW_PART_BYTES_MAX - 1000];
    memset(rest, 'x', sizeof rest);
    raw_send(raw, rest, sizeof rest);
}

// Each message that a shutdown has no budget for goes by, without memory of its own; a Bye moves the
// session all the same, however much it says.
static void what_is_beyond_the_budget_costs_a_shutdown_no_memory(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1, .pool_messages_initial = 1};
    struct ending ending;
    int raws[CROWD];
    uint64_t byes[CROWD];
    link_open_server(link, &options);
    for (size_t i = 0; i < CROWD; i++) {
        raws[i] = link_raw_client(link);
    }
    raw_send_proto(raws[0], RAW_REQUEST, 5);
    struct tofu_message *held = side_expect(&link->server, TOFU_REQUEST);
    start_shutdown(&ending, &link->server, LONG_NS);
    for (size_t i = 0; i < CROWD; i++) {
        byes[i] = raw_expect(raws[i], RAW_BYE_REQUEST);
    }
    uint64_t received = side_stats(&link->server).bytes_received;
    size_t live_bytes = link_memory(link, link->server.engine)->live_bytes;

    for (size_t i = 0; i < CROWD; i++) {
        begin_largest_frame(raws[i], RAW_SIGNAL, 6);
    }
    side_expect_stat(
        &link->server, bytes_received, received + CROWD * (RAW_HEADER_BYTES + (uint64_t)1000));
    assert_int_equal(side_stats(&link->server).messages_incoming, 1);
    assert_true(link_memory(link, link->server.engine)->live_bytes <= live_bytes);
    for (size_t i = 0; i < CROWD; i++) {
        end_largest_frame(raws[i]);
        begin_largest_frame(raws[i], RAW_BYE_RESPONSE, byes[i]);
        end_largest_frame(raws[i]);
        raw_await_end(raws[i], NULL);
        raw_close(raws[i]);
    }
    worker_join(&ending.worker);

    side_put(&link->server, held);
    assert_status(TOFU_OK, ending.status);
    assert_int_equal(ending.report.messages_dropped, 2 * CROWD);
    assert_int_equal(ending.report.channels_forced, 0);
    assert_int_equal(drain(&link->server), CROWD + 1);
}

static void wait_to_the_end(void *argument)
{
    struct side *side = argument;
    enum tofu_status status = TOFU_OK;
    while (status == TOFU_OK) {
        struct tofu_message *message = NULL;
        status = tofu_group_wait(side->group, TOFU_WAIT_FOREVER, &message);
        tofu_engine_put(side->engine, &message);
    }
}

static void who_waits_is_woken(void **state)
{
    struct link_fixture *link = *state;
    struct worker worker;
    link_open_server(link, NULL);
    struct side side = link->server;
    worker_start(&worker, wait_to_the_end, &side);

    assert_status(TOFU_OK, tofu_engine_shutdown(link->server.engine, LONG_NS, NULL));

    worker_join(&worker);
    expect_shut_down(&link->server);
}

/// Holds up whoever logs the first end of a channel, until it is told to go on.
struct gatekeeper {
    atomic_bool is_here;
    atomic_bool may_go;
};

static void hold_up(void *context, const struct tofu_log_record *record)
{
    struct gatekeeper *gatekeeper = context;
    if (record->id != TOFU_LOG_CHANNEL_CLOSED) {
        return;
    }
    atomic_store(&gatekeeper->is_here, true);
    uint64_t deadline_ns = machine_now() + TEST_DEADLINE_NS;
    while (!atomic_load(&gatekeeper->may_go) && machine_now() < deadline_ns) {
        machine_yield();
    }
}

// The I/O thread hangs in the application's own log sink. Its caller need not.
static void a_shutdown_returns_though_the_io_thread_is_held_up(void **state)
{
    struct link_fixture *link = *state;
    struct gatekeeper gatekeeper = {.is_here = false};
    const struct tofu_options options = {
        .log_sink = hold_up, .log_context = &gatekeeper, .log_level = TOFU_LOG_DEBUG};
    struct ending ending = {.timeout_ns = SHORT_NS};
    link_open_server(link, &options);
    link_raw_client(link);
    ending.engine = link->server.engine;
    uint64_t start_ns = test_now();

    shut_down(&ending);

    uint64_t took_ns = test_now() - start_ns;
    assert_true(atomic_load(&gatekeeper.is_here));
    assert_in_range(took_ns, SHORT_NS, SHORT_NS + LATE_NS);
    assert_status(TOFU_TIMED_OUT, ending.status);
    assert_int_equal(ending.report.channels_graceful, 0);
    assert_int_equal(ending.report.channels_forced, 2);
    assert_int_equal(ending.report.channels_left, 2);
    // It is not over yet, and whoever waits is told of all of it.
    assert_status(TOFU_NOT_ALLOWED, tofu_engine_shutdown(ending.engine, 0, NULL));
    atomic_store(&gatekeeper.may_go, true);
    assert_int_equal(drain(&link->server), 2);
    expect_shut_down(&link->server);
    link_close_engine(link, link->server.engine);
}

static void one_shuts_down_at_a_time(void **state)
{
    struct link_fixture *link = *state;
    struct ending ending;
    link_open_client(link, NULL);
    int raw = link_raw_server(link);
    start_shutdown(&ending, &link->client, LONG_NS);
    uint64_t bye = raw_expect(raw, RAW_BYE_REQUEST);

    assert_status(TOFU_NOT_ALLOWED, tofu_engine_shutdown(link->client.engine, LONG_NS, NULL));

    raw_send_proto(raw, RAW_BYE_RESPONSE, bye);
    raw_await_end(raw, NULL);
    raw_close(raw);
    worker_join(&ending.worker);
    assert_status(TOFU_OK, ending.status);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(an_engine_without_channels_is_shut_down_at_once),
        LINK_TEST(a_second_shutdown_has_nothing_to_do),
        CONNECTED_LINK_TEST(a_peer_that_answers_makes_it_graceful),
        LINK_TEST(the_report_counts_only_what_was_posted),
        CONNECTED_LINK_TEST(both_peers_may_shut_down_at_once),
        LINK_TEST(the_engine_answers_a_bye_request_itself),
        LINK_TEST(a_bye_request_that_was_there_before_is_answered_too),
        LINK_TEST(a_peer_that_does_not_answer_is_aborted_in_time),
        LINK_TEST(what_could_not_be_sent_in_time_comes_back),
        LINK_TEST(a_hello_that_is_still_connecting_comes_back),
        LINK_TEST(nothing_new_is_begun),
        LINK_TEST(listeners_are_closed_and_nobody_is_accepted),
        LINK_TEST(messages_still_received_are_delivered_while_the_budget_lasts),
        LINK_TEST(what_is_beyond_the_budget_costs_a_shutdown_no_memory),
        LINK_TEST(who_waits_is_woken),
        LINK_TEST(a_shutdown_returns_though_the_io_thread_is_held_up),
        LINK_TEST(one_shuts_down_at_a_time),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
