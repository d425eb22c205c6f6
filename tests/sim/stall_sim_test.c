// SPDX-License-Identifier: MIT
// Who went on while the engine could not look is not judged unheard: an I/O thread that stood still, and a poller
// that tells of some now and of others later.
#include "engine/engine.h"
#include "os/tcp_listener.h"
#include "sim/pair.h"

#define SEEDS 60

static uint8_t frame[RAW_FRAME_BYTES_MAX];

// A kernel holds a small part of a frame, so the peer is stopped when nobody reads.
static void begin_narrow(uint64_t seed)
{
    pair_begin(seed);
    sim_config()->spurious_rate = 0;
    sim_config()->split_rate = 0;
    sim_config()->delay_ns_max = 0;
    sim_config()->fewer_rate = 0;
    sim_config()->buffer_bytes_min = 4096;
    sim_config()->buffer_bytes_max = 4096;
    sim_config()->writable_rate = 0;
    sim_config()->puts_off = false;
    sim_config()->preempt_rate = 0;
}

// There is room at the path all the time that the machine stands still, and the connect was not refused once.
static void a_connect_that_waits_for_room_looks_once_more_before_it_gives_up(void **state)
{
    (void)state;
    enum { CALLERS = 1 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        struct tofu_address address;
        struct tf_listener listener = {0};
        tf_socket accepted[CALLERS + 1];
        int error = 0;
        begin_narrow(seed);
        sim_config()->backlog_max = CALLERS;
        pair_open(&pair, seed, NULL, NULL);
        assert_int_equal(tofu_address_parse("uds|@room", &address), TOFU_OK);
        assert_int_equal(tf_listener_open(&listener, &address, 0600, &error), TOFU_OK);
        tf_socket caller = raw_knock("uds|@room");
        (void)pair_hello(pair.client_engine, pair.client, "uds|@room");
        pair_pass(TF_SECOND);
        pair_expect_nothing(pair.client);
        assert_int_equal(tf_listener_accept(&listener, &accepted[0], &error), TF_IO_DONE);

        sim_leap(20 * TF_SECOND);
        pair_pass(TF_SECOND);

        pair_expect_nothing(pair.client);
        assert_int_equal(tf_listener_accept(&listener, &accepted[1], &error), TF_IO_DONE);
        tf_socket_close(caller);
        tf_socket_close(accepted[0]);
        tf_socket_close(accepted[1]);
        tf_listener_close(&listener);
        pair_close(&pair);
    }
}

/// A connection that says hello, and another one that comes right after that. The engine has no turn in between.
struct newcomer {
    struct tf_thread thread;
    tf_socket oldest;
    size_t hello_bytes;
    const char *address;
    tf_socket socket;
};

static bool say_hello_and_knock(void *context)
{
    struct newcomer *newcomer = context;
    assert_true(raw_send(newcomer->oldest, frame, newcomer->hello_bytes));
    newcomer->socket = raw_knock(newcomer->address);
    return false;
}

// The oldest has said hello, and the poller tells of the newcomer first.
static void a_hello_that_was_not_told_of_yet_is_read_before_its_connection_makes_room(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        begin_narrow(seed);
        sim_config()->fewer_rate = 1000;
        const struct tofu_options options = {.half_open_max = 1};
        pair_open(&pair, seed, &options, NULL);
        pair_listen(&pair, "uds|@few");
        tf_socket oldest = raw_connect(pair.address);
        pair_pass(TF_SECOND);
        assert_int_equal(pair_stats(pair.server_engine).half_open, 1);
        size_t size =
            raw_frame(frame, TOFU_HELLO_REQUEST, 5, false, "~connect_to:tcp|127.0.0.1|1\r\n", 0);

        struct newcomer newcomer = {.oldest = oldest, .address = pair.address, .hello_bytes = size};
        sim_actor_start(&newcomer.thread, "newcomer", say_hello_and_knock, &newcomer);

        pair_expect(pair.server_engine, pair.server, TOFU_HELLO_REQUEST, TOFU_OK);
        pair_pass(TF_SECOND);
        assert_int_equal(pair_stats(pair.server_engine).connections_refused, 0);
        tf_socket_close(oldest);
        tf_thread_join(&newcomer.thread);
        tf_socket_close(newcomer.socket);
        pair_close(&pair);
    }
}

/// Peers that answer a shutdown's Bye at some time, whereupon the machine stands still.
#define PEERS 3

struct farewell {
    struct tf_thread thread;
    tf_socket peers[PEERS];
    uint64_t at_ns;
    uint64_t still_ns;
};

static bool answer_and_stand_still(void *context)
{
    const struct farewell *farewell = context;
    if (sim_now() < farewell->at_ns) {
        sim_sleep(farewell->at_ns, -1);
        return true;
    }
    size_t size = raw_frame(frame, TOFU_BYE_RESPONSE, 5, false, NULL, 0);
    for (size_t i = 0; i < PEERS; i++) {
        assert_true(raw_send(farewell->peers[i], frame, size));
        tf_socket_shutdown_send(farewell->peers[i]);
    }
    sim_leap(farewell->still_ns);
    return false;
}

// The poller tells of one at a time.
static void answers_that_came_in_time_for_a_shutdown_are_read(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        struct farewell farewell;
        struct tofu_shutdown_report report = {0};
        begin_narrow(seed);
        sim_config()->fewer_rate = 1000;
        pair_open(&pair, seed, NULL, NULL);
        pair_listen(&pair, "uds|@farewell");
        for (size_t i = 0; i < PEERS; i++) {
            (void)raw_join(&pair, &farewell.peers[i]);
        }
        farewell.at_ns = sim_now() + TF_SECOND / 2;
        farewell.still_ns = TF_SECOND / 2 + TF_MILLISECOND;
        sim_actor_start(&farewell.thread, "farewell", answer_and_stand_still, &farewell);

        enum tofu_status status = tofu_engine_shutdown(pair.server_engine, TF_SECOND, &report);

        assert_int_equal(report.channels_forced, 0);
        assert_int_equal(status, TOFU_OK);
        tf_thread_join(&farewell.thread);
        for (size_t i = 0; i < PEERS; i++) {
            tf_socket_close(farewell.peers[i]);
        }
        pair_close(&pair);
    }
}

/// How long a sink holds the thread up that says that a channel was opened; once.
static uint64_t hold_up_ns;

static void slow_sink(void *context, const struct tofu_log_record *record)
{
    (void)context;
    if (record->id == TOFU_LOG_CHANNEL_OPENED && hold_up_ns > 0) {
        sim_leap(hold_up_ns);
        hold_up_ns = 0;
    }
}

// The thread is held up right before it begins to connect.
static void a_connect_that_was_held_up_here_has_its_time(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        begin_narrow(seed);
        sim_config()->delay_ns_max = 5 * TF_MILLISECOND;
        const struct tofu_options options = {
            .connect_timeout_ns = TF_SECOND, .log_sink = slow_sink, .log_level = TOFU_LOG_DEBUG};
        pair_open(&pair, seed, NULL, &options);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        hold_up_ns = 2 * TF_SECOND;

        pair_connect(&pair);

        assert_int_equal(hold_up_ns, 0);
        pair_expect_nothing(pair.client);
        pair_close(&pair);
    }
}

// The clock of a hello stood still while there was no budget for it, for longer than it has; then it goes on.
static void a_hello_that_was_fed_has_a_deadline_again(void **state)
{
    (void)state;
    enum { HELLO_BODY = 1000 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        tf_socket raw;
        enum tf_io end = TF_IO_WOULD_BLOCK;
        begin_narrow(seed);
        const struct tofu_options options = {
            .pool_messages_max = 1, .hello_timeout_ns = 2 * TF_SECOND};
        pair_open(&pair, seed, &options, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        (void)raw_join(&pair, &raw);
        size_t size = raw_frame(frame, TOFU_REQUEST, 5, false, NULL, 0);
        assert_true(raw_send(raw, frame, size));
        struct tofu_message *held = pair_take(pair.server);
        tf_socket late = raw_connect(pair.address);
        size = raw_frame(
            frame, TOFU_HELLO_REQUEST, 6, false, "~connect_to:tcp|127.0.0.1|1\r\n", HELLO_BODY);
        assert_true(raw_send(late, frame, size / 2));
        pair_pass(10 * TF_SECOND);
        assert_int_equal(pair_stats(pair.server_engine).connections_refused, 0);

        tofu_engine_put(pair.server_engine, &held);
        uint64_t begin_ns = sim_now();
        while (pair_stats(pair.server_engine).connections_refused == 0) {
            assert_true(sim_now() - begin_ns < 3 * TF_SECOND);
            pair_pass(10 * TF_MILLISECOND);
        }

        assert_true(sim_now() - begin_ns >= 1900 * TF_MILLISECOND);
        (void)raw_receive(late, 1, &end);
        assert_int_not_equal(end, TF_IO_WOULD_BLOCK);
        tf_socket_close(raw);
        tf_socket_close(late);
        pair_close(&pair);
    }
}

// The last byte went long before the answer: from there on the peer has all of its time to take what is left.
static void a_farewell_to_a_full_socket_has_its_time_from_when_it_was_posted(void **state)
{
    (void)state;
    enum { MESSAGES = 3 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        tf_socket raw;
        enum tf_io end = TF_IO_WOULD_BLOCK;
        begin_narrow(seed);
        const struct tofu_options options = {.close_timeout_ns = 2 * TF_SECOND};
        pair_open(&pair, seed, &options, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        uint16_t channel = raw_join(&pair, &raw);
        size_t size = raw_frame(frame, TOFU_BYE_REQUEST, 9, false, NULL, 0);
        assert_true(raw_send(raw, frame, size));
        pair_expect(pair.server_engine, pair.server, TOFU_BYE_REQUEST, TOFU_OK);
        for (uint64_t id = 1; id <= MESSAGES; id++) {
            pair_post(
                pair.server, pair_message(pair.server_engine, TOFU_SIGNAL, channel, id, 3000));
        }
        pair_pass(10 * TF_SECOND);
        pair_post(pair.server, pair_message(pair.server_engine, TOFU_BYE_RESPONSE, channel, 9, 0));

        pair_pass(TF_SECOND);
        size = MESSAGES * (16 + 3000) + 16;
        assert_int_equal(raw_receive(raw, size, &end), size);
        tf_socket_close(raw);

        pair_expect_closed(pair.server_engine, pair.server, channel, TOFU_OK);
        pair_close(&pair);
    }
}

/// A farewell to a peer that takes it sip by sip, for longer than the bound.
struct sips {
    uint32_t buffer_bytes;
    uint32_t writable_rate;
    uint64_t messages;
    size_t sip_bytes;
};

static void take_farewell_in_sips(const struct sips *sips)
{
    enum { SIPS = 30, BODY_BYTES = 3000 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        tf_socket raw;
        enum tf_io end = TF_IO_WOULD_BLOCK;
        begin_narrow(seed);
        sim_config()->buffer_bytes_min = sips->buffer_bytes;
        sim_config()->buffer_bytes_max = sips->buffer_bytes;
        sim_config()->writable_rate = sips->writable_rate;
        const struct tofu_options options = {.close_timeout_ns = TF_SECOND};
        pair_open(&pair, seed, &options, NULL);
        pair_listen(&pair, "uds|@sips");
        uint16_t channel = raw_join(&pair, &raw);
        for (uint64_t id = 1; id <= sips->messages; id++) {
            pair_post(
                pair.server,
                pair_message(pair.server_engine, TOFU_SIGNAL, channel, id, BODY_BYTES));
        }
        pair_pass(TF_SECOND);
        pair_post(pair.server, pair_message(pair.server_engine, TOFU_BYE_REQUEST, channel, 9, 0));

        for (int i = 0; i < SIPS; i++) {
            pair_pass(100 * TF_MILLISECOND);
            assert_int_equal(raw_receive(raw, sips->sip_bytes, &end), sips->sip_bytes);
        }
        size_t rest = sips->messages * (16 + BODY_BYTES) + 16 - SIPS * sips->sip_bytes;
        assert_int_equal(raw_receive(raw, rest, &end), rest);
        size_t size = raw_frame(frame, TOFU_BYE_RESPONSE, 9, false, NULL, 0);
        assert_true(raw_send(raw, frame, size));
        tf_socket_close(raw);

        pair_expect(pair.server_engine, pair.server, TOFU_BYE_RESPONSE, TOFU_OK);
        pair_expect_closed(pair.server_engine, pair.server, channel, TOFU_OK);
        pair_close(&pair);
    }
}

// What the peer takes is replaced at once, so that the kernel has as much to send at each look: what was written
// is progress of its own.
static void a_peer_that_reads_while_more_is_written_is_waited_for(void **state)
{
    (void)state;
    take_farewell_in_sips(&(struct sips){.buffer_bytes = 4096, .messages = 20, .sip_bytes = 1000});
}

// What the peer takes is progress, though the poller tells of room only once most of the buffer is free: the
// time of that is longer than the bound. The ByeRequest comes when the buffer is full.
static void a_peer_that_reads_slowly_is_waited_for_while_a_channel_ends(void **state)
{
    (void)state;
    take_farewell_in_sips(&(struct sips){
        .buffer_bytes = 65536, .writable_rate = 750, .messages = 40, .sip_bytes = 2000});
}

// While it starved nobody could turn it out; once it is read again, it is the oldest that makes room.
static void a_hello_that_was_fed_and_stops_makes_room(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        tf_socket raw;
        begin_narrow(seed);
        const struct tofu_options options = {.pool_messages_max = 1, .half_open_max = 1};
        pair_open(&pair, seed, &options, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        (void)raw_join(&pair, &raw);
        size_t size = raw_frame(frame, TOFU_REQUEST, 5, false, NULL, 0);
        assert_true(raw_send(raw, frame, size));
        struct tofu_message *held = pair_take(pair.server);
        tf_socket late = raw_connect(pair.address);
        size =
            raw_frame(frame, TOFU_HELLO_REQUEST, 6, false, "~connect_to:tcp|127.0.0.1|1\r\n", 1000);
        assert_true(raw_send(late, frame, size / 2));
        pair_pass(TF_SECOND);
        pair_expect(pair.server_engine, pair.server, TOFU_SIGNAL, TOFU_POOL_EMPTY);
        tofu_engine_put(pair.server_engine, &held);
        pair_pass(10 * TF_MILLISECOND);
        uint64_t begin_ns = sim_now();

        tf_socket newcomer;
        (void)raw_join(&pair, &newcomer);

        assert_true(sim_now() - begin_ns <= TF_SECOND / 2);
        tf_socket_close(raw);
        tf_socket_close(late);
        tf_socket_close(newcomer);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connect_that_waits_for_room_looks_once_more_before_it_gives_up),
        cmocka_unit_test(a_hello_that_was_not_told_of_yet_is_read_before_its_connection_makes_room),
        cmocka_unit_test(answers_that_came_in_time_for_a_shutdown_are_read),
        cmocka_unit_test(a_connect_that_was_held_up_here_has_its_time),
        cmocka_unit_test(a_hello_that_was_fed_has_a_deadline_again),
        cmocka_unit_test(a_farewell_to_a_full_socket_has_its_time_from_when_it_was_posted),
        cmocka_unit_test(a_peer_that_reads_while_more_is_written_is_waited_for),
        cmocka_unit_test(a_peer_that_reads_slowly_is_waited_for_while_a_channel_ends),
        cmocka_unit_test(a_hello_that_was_fed_and_stops_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
