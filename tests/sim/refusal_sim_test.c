// SPDX-License-Identifier: MIT
// Listeners that come to nothing, or not at once: a poller that will not watch the socket, since who is told
// that it listens must find it listening; and a Unix path that another starter is at.
#include "engine/engine.h"
#include "sim/pair.h"

#define SEED_COUNT 100
#define WELCOME_ID 4711

static const char *const addresses[] = {"tcp|127.0.0.1|7099", "uds|/refused"};

// The poller, but for one watch.
static struct {
    struct tf_poller_ops ops;
    const struct tf_poller_ops *real;
    enum tofu_status status;
    uint32_t refused_count;
} refusing;

static enum tofu_status refuse_watch(
    struct tf_poller *poller, struct tf_watch *watch, uint8_t interest)
{
    if (refusing.refused_count > 0) {
        return refusing.real->watch(poller, watch, interest);
    }
    refusing.refused_count++;
    return refusing.status;
}

// In this world threads take turns, so that the I/O thread's poller may be changed from here.
static void refuse_next_watch(struct tofu_engine *engine, enum tofu_status status)
{
    struct tf_poller *poller = &engine->reactor.poller;
    refusing.real = poller->ops;
    refusing.ops = *poller->ops;
    refusing.ops.watch = refuse_watch;
    refusing.status = status;
    refusing.refused_count = 0;
    poller->ops = &refusing.ops;
}

static void refuse_one_listener(uint64_t seed, const char *address, enum tofu_status status)
{
    struct pair pair;
    pair_begin(seed);
    pair_open(&pair, seed, NULL, NULL);
    struct tofu_message *message =
        pair_message(pair.server_engine, TOFU_WELCOME_REQUEST, 0, WELCOME_ID, 0);
    struct tofu_header accepted;
    assert_int_equal(tofu_message_listen_on(message, address), TOFU_OK);
    refuse_next_watch(pair.server_engine, status);

    assert_int_equal(tofu_group_post(pair.server, &message, &accepted), TOFU_OK);

    message = pair_take(pair.server);
    assert_int_equal(tofu_message_header(message)->opcode, TOFU_WELCOME_RESPONSE);
    assert_int_equal(tofu_message_header(message)->status, status);
    assert_int_equal(tofu_message_header(message)->channel, accepted.channel);
    assert_int_equal(tofu_message_header(message)->id, accepted.id);
    tofu_engine_put(pair.server_engine, &message);
    pair_expect_closed(pair.server_engine, pair.server, accepted.channel, status);
    pair_pass(TF_SECOND);
    pair_expect_nothing(pair.server);
    assert_int_equal(refusing.refused_count, 1);

    // Nothing is left of it: the same address is free, and whoever listens there now is found.
    pair_listen(&pair, address);
    pair_connect(&pair);
    pair_close(&pair);
}

static void a_listener_that_cannot_be_watched_is_told_once_and_never_welcomed(void **state)
{
    static const enum tofu_status statuses[] = {TOFU_ALLOCATION_FAILED, TOFU_NOTIFICATION_FAILED};
    (void)state;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        for (int i = 0; i < 4; i++) {
            refuse_one_listener(seed, addresses[i % 2], statuses[i / 2]);
        }
    }
}

static uint16_t post_welcome(const struct pair *pair, const char *address)
{
    struct tofu_message *message =
        pair_message(pair->server_engine, TOFU_WELCOME_REQUEST, 0, WELCOME_ID, 0);
    struct tofu_header accepted;
    assert_int_equal(tofu_message_listen_on(message, address), TOFU_OK);
    assert_int_equal(tofu_group_post(pair->server, &message, &accepted), TOFU_OK);
    return accepted.channel;
}

// Opens a world in which one Welcome has found another starter at its path, for `span_ns` so far.
static uint16_t queue_welcome(struct pair *pair, uint64_t seed, uint64_t span_ns)
{
    pair_begin(seed);
    pair_open(pair, seed, NULL, NULL);
    sim_config()->busy_rate = 1000;
    uint16_t channel = post_welcome(pair, "uds|/busy");
    uint64_t turns = pair_stats(pair->server_engine).turns;
    pair_pass(span_ns);
    pair_expect_nothing(pair->server);
    // It looks again and again, and does not spin.
    assert_true(
        pair_stats(pair->server_engine).turns - turns <= 8 + span_ns / (25 * TF_MILLISECOND));
    return channel;
}

static void expect_refused(struct pair *pair, uint16_t channel, enum tofu_status status)
{
    pair_expect(pair->server_engine, pair->server, TOFU_WELCOME_RESPONSE, status);
    pair_expect_closed(pair->server_engine, pair->server, channel, status);
}

static void a_listener_waits_for_another_starter_and_then_listens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        struct pair pair;
        (void)queue_welcome(&pair, seed, (uint64_t)(1 + seed % 4900) * TF_MILLISECOND);
        sim_config()->busy_rate = 0;
        uint64_t begin_ns = sim_now();

        pair_expect(pair.server_engine, pair.server, TOFU_WELCOME_RESPONSE, TOFU_OK);

        assert_true(sim_now() - begin_ns <= 200 * TF_MILLISECOND);
        tf_socket_close(raw_connect("uds|/busy"));
        pair_close(&pair);
    }
}

// Who waits for others meanwhile finds that the path has a living owner.
static void a_listener_that_waited_is_refused_where_another_one_listens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        struct pair pair;
        uint16_t waiting = queue_welcome(&pair, seed, 90 * TF_MILLISECOND);
        sim_config()->busy_rate = 0;
        uint16_t other = post_welcome(&pair, "uds|/busy");

        struct tofu_message *message = pair_take(pair.server);

        // Which one comes first is the schedule's.
        assert_int_equal(tofu_message_header(message)->status, TOFU_OK);
        uint16_t winner = tofu_message_header(message)->channel;
        assert_true(winner == waiting || winner == other);
        tofu_engine_put(pair.server_engine, &message);
        expect_refused(&pair, winner == waiting ? other : waiting, TOFU_LISTEN_FAILED);
        pair_close(&pair);
    }
}

static void a_listener_does_not_wait_for_ever(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        struct pair pair;
        uint16_t channel = queue_welcome(&pair, seed, 4900 * TF_MILLISECOND);
        uint64_t begin_ns = sim_now();

        expect_refused(&pair, channel, TOFU_LISTEN_FAILED);

        assert_true(sim_now() - begin_ns <= 250 * TF_MILLISECOND);
        pair_pass(TF_SECOND);
        pair_expect_nothing(pair.server);
        pair_close(&pair);
    }
}

// The three ways to end a channel that has not begun.
static void a_listener_that_waits_can_be_ended(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        struct pair pair;
        uint16_t channel = queue_welcome(&pair, seed, 50 * TF_MILLISECOND);
        if (seed % 3 == 0) {
            pair_post(
                pair.server,
                pair_message(pair.server_engine, TOFU_BYE_SIGNAL, channel, WELCOME_ID, 0));
            expect_refused(&pair, channel, TOFU_CHANNEL_CLOSED);
        } else if (seed % 3 == 1) {
            // Not in good order, as with a connect that is under way.
            enum tofu_status status = tofu_engine_shutdown(pair.server_engine, TF_SECOND, NULL);
            assert_int_equal(status, TOFU_TIMED_OUT);
            expect_refused(&pair, channel, TOFU_SHUTDOWN_STARTED);
        }

        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_that_cannot_be_watched_is_told_once_and_never_welcomed),
        cmocka_unit_test(a_listener_waits_for_another_starter_and_then_listens),
        cmocka_unit_test(a_listener_that_waited_is_refused_where_another_one_listens),
        cmocka_unit_test(a_listener_does_not_wait_for_ever),
        cmocka_unit_test(a_listener_that_waits_can_be_ended),
    };
    return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
