// SPDX-License-Identifier: MIT
// A shutdown keeps its deadline whatever a reset costs: in virtual time, where a reset costs what the test
// says.
#include "sim/pair.h"

#define PEERS       400
#define LATE_NS     (100 * TF_MILLISECOND)
#define RESETS_LATE (40 * TF_MILLISECOND)

static tf_socket peers[PEERS];

static void open_silent_peers(struct pair *pair, uint64_t seed)
{
    pair_begin(seed);
    // They are many, and each delay is one event more.
    sim_config()->delay_ns_max = 1000;
    pair_open(pair, seed, NULL, NULL);
    pair_listen(pair, "tcp|127.0.0.1|0");
    for (size_t i = 0; i < PEERS; i++) {
        (void)raw_join(pair, &peers[i]);
    }
}

static void close_silent_peers(struct pair *pair)
{
    sim_config()->close_ns = 0;
    for (size_t i = 0; i < PEERS; i++) {
        tf_socket_close(peers[i]);
    }
    pair_close(pair);
}

// Everybody is told by the time that the shutdown returns, however many connections are still to be reset.
static void expect_all_told(struct pair *pair)
{
    uint64_t closed = 0;
    enum tofu_status status = TOFU_OK;
    for (;;) {
        struct tofu_message *message = NULL;
        status = tofu_group_wait(pair->server, 0, &message);
        if (message == NULL) {
            break;
        }
        const struct tofu_header *header = tofu_message_header(message);
        closed += header->origin == TOFU_ENGINE && header->status == TOFU_CHANNEL_CLOSED ? 1 : 0;
        tofu_engine_put(pair->server_engine, &message);
    }
    assert_int_equal(status, TOFU_SHUTDOWN_STARTED);
    assert_int_equal(closed, PEERS + 1);
    assert_int_equal(pair_stats(pair->server_engine).channels, 0);
}

static void shut_down(uint64_t seed, uint64_t timeout_ns, uint64_t reset_ns)
{
    struct pair pair;
    open_silent_peers(&pair, seed);
    sim_config()->close_ns = reset_ns;
    struct tofu_shutdown_report report = {0};
    uint64_t begin_ns = sim_now();

    enum tofu_status status = tofu_engine_shutdown(pair.server_engine, timeout_ns, &report);

    uint64_t time_ns = sim_now() - begin_ns;
    assert_int_equal(status, TOFU_TIMED_OUT);
    assert_in_range(time_ns, timeout_ns, timeout_ns + LATE_NS);
    // Nor does it go before it must: who may still be reset in time is.
    uint64_t resets_ns = PEERS * reset_ns < RESETS_LATE ? PEERS * reset_ns : RESETS_LATE;
    assert_true(time_ns >= timeout_ns + resets_ns);
    assert_int_equal(report.channels_forced, PEERS);
    assert_int_equal(report.channels_graceful, 1);
    expect_all_told(&pair);
    close_silent_peers(&pair);
}

// 25 us is what Linux takes, half a millisecond is Wine's.
static void however_long_resets_take_a_shutdown_is_in_time(void **state)
{
    (void)state;
    const uint64_t timeouts_ns[] = {0, 50 * TF_MILLISECOND, TF_SECOND};
    const uint64_t resets_ns[] = {0, 25000, 500000};
    uint64_t seed = 1;
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            shut_down(seed++, timeouts_ns[i], resets_ns[j]);
        }
    }
}

// What the shutdown did not wait for is done without anybody asking.
static void connections_are_reset_after_the_shutdown(void **state)
{
    (void)state;
    struct pair pair;
    open_silent_peers(&pair, 1);
    sim_config()->close_ns = TF_MILLISECOND;
    assert_int_equal(tofu_engine_shutdown(pair.server_engine, 0, NULL), TOFU_TIMED_OUT);
    uint64_t before = sim_hasty_ends();

    pair_pass(2 * PEERS * TF_MILLISECOND);

    assert_true(before < PEERS);
    assert_int_equal(sim_hasty_ends(), PEERS);
    close_silent_peers(&pair);
}

// Destroying waits for no deadline, but for every reset.
static void a_destroyed_engine_leaves_no_connection(void **state)
{
    (void)state;
    struct pair pair;
    open_silent_peers(&pair, 1);
    sim_config()->close_ns = TF_MILLISECOND;
    assert_int_equal(tofu_engine_shutdown(pair.server_engine, 0, NULL), TOFU_TIMED_OUT);

    tofu_engine_destroy(&pair.server_engine);

    assert_int_equal(sim_hasty_ends(), PEERS);
    pair.server = NULL;
    close_silent_peers(&pair);
}

static void a_destroyed_group_leaves_no_connection(void **state)
{
    (void)state;
    struct pair pair;
    open_silent_peers(&pair, 1);
    sim_config()->close_ns = TF_MILLISECOND;
    assert_int_equal(tofu_engine_shutdown(pair.server_engine, 0, NULL), TOFU_TIMED_OUT);

    tofu_group_destroy(&pair.server);

    assert_int_equal(sim_hasty_ends(), PEERS);
    close_silent_peers(&pair);
}

// They answer, and end their side, in time for the shutdown to hear it and too late for it to close them all.
static bool answer_all(void *context)
{
    static uint8_t frame[RAW_FRAME_BYTES_MAX];
    const uint64_t *at_ns = context;
    if (sim_now() < *at_ns) {
        sim_sleep(*at_ns, -1);
        return true;
    }
    size_t size = raw_frame(frame, TOFU_BYE_RESPONSE, 5, false, NULL, 0);
    for (size_t i = 0; i < PEERS; i++) {
        assert_true(raw_send(peers[i], frame, size));
        tf_socket_shutdown_send(peers[i]);
    }
    return false;
}

static void answers_right_before_the_deadline_do_not_make_it_late(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct pair pair;
        struct tf_thread answering;
        struct tofu_shutdown_report report = {0};
        open_silent_peers(&pair, seed);
        sim_config()->close_ns = TF_MILLISECOND;
        uint64_t begin_ns = sim_now();
        uint64_t answer_ns = begin_ns + TF_SECOND - 50 * TF_MILLISECOND;
        sim_actor_start(&answering, "answers", answer_all, &answer_ns);

        enum tofu_status status = tofu_engine_shutdown(pair.server_engine, TF_SECOND, &report);

        assert_in_range(sim_now() - begin_ns, TF_SECOND, TF_SECOND + LATE_NS);
        assert_int_equal(status, TOFU_TIMED_OUT);
        assert_in_range(report.channels_graceful, 1 + 20, 1 + 70);
        assert_int_equal(report.channels_graceful + report.channels_forced, PEERS + 1);
        tf_thread_join(&answering);
        expect_all_told(&pair);
        close_silent_peers(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(however_long_resets_take_a_shutdown_is_in_time),
        cmocka_unit_test(answers_right_before_the_deadline_do_not_make_it_late),
        cmocka_unit_test(connections_are_reset_after_the_shutdown),
        cmocka_unit_test(a_destroyed_engine_leaves_no_connection),
        cmocka_unit_test(a_destroyed_group_leaves_no_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
