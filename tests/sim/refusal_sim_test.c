// SPDX-License-Identifier: MIT
// A poller that will not watch a listener's socket: who is told that it listens must find it listening.
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_that_cannot_be_watched_is_told_once_and_never_welcomed),
    };
    return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
