// SPDX-License-Identifier: MIT
// Sockets that the system watches no longer, as the real poller of Windows finds when NT refuses its request for
// good: the channel ends, a listener's too, and says why. All others go on.
#include <string.h>

#include "sim/pair.h"

#define SEED_COUNT 100

static const char *const addresses[] = {"tcp|127.0.0.1|7099", "uds|/given_up"};

#define GIVEN_UP "IOCTL_AFD_POLL: 0xC0000010; the system will not watch this socket"

/// Seeds of pair_open() whose poller is sim-afd: each fourth.
#define FIRST_AFD_SEED 3

static struct {
    uint32_t line_count;
    char line[256];
} logged;

static void note_line(void *context, const struct tofu_log_record *record)
{
    (void)context;
    if (record->id == TOFU_LOG_POLLER_FAILED) {
        logged.line_count++;
        (void)strncpy(logged.line, record->line, sizeof logged.line - 1);
    }
}

// Both engines are at work and have nothing to do, their sockets are armed.
static void open_idle_pair(struct pair *pair, uint64_t seed)
{
    struct tofu_options options = {.log_sink = note_line};
    logged.line_count = 0;
    pair_begin(seed);
    pair_open(pair, seed, &options, &options);
    pair_listen(pair, addresses[seed / 4 % 2]);
    pair_connect(pair);
    pair_pass(TF_SECOND);
}

static void expect_given_up(struct tofu_engine *engine, struct tofu_group *group, uint16_t channel)
{
    struct tofu_message *message = pair_take(group);
    const char *text = NULL;
    size_t size = 0;
    assert_int_equal(tofu_message_header(message)->status, TOFU_CHANNEL_CLOSED);
    assert_int_equal(tofu_message_header(message)->channel, channel);
    assert_true(tofu_message_find_text(message, "~reason", &text, &size));
    assert_int_equal(size, strlen("notification_failed"));
    assert_memory_equal(text, "notification_failed", size);
    assert_true(tofu_message_find_text(message, "~detail", &text, &size));
    assert_int_equal(size, strlen(GIVEN_UP));
    assert_memory_equal(text, GIVEN_UP, size);
    tofu_engine_put(engine, &message);
    assert_int_equal(logged.line_count, 1);
    assert_string_equal(logged.line, "a socket cannot be watched: " GIVEN_UP);
}

// What is over is over: nobody asks again, and nobody is told again.
static void expect_rest(const struct pair *pair)
{
    uint64_t turns_before = pair_stats(pair->server_engine).turns;
    pair_pass(100 * TF_SECOND);
    assert_in_range(pair_stats(pair->server_engine).turns - turns_before, 0, 200);
    assert_int_equal(logged.line_count, 1);
    pair_expect_nothing(pair->server);
}

static void a_channel_ends_when_the_system_watches_it_no_longer(void **state)
{
    static uint8_t bytes[RAW_FRAME_BYTES_MAX];
    (void)state;
    for (uint64_t i = 0; i < SEED_COUNT; i++) {
        struct pair pair;
        uint64_t seed = FIRST_AFD_SEED + 4 * i;
        open_idle_pair(&pair, seed);
        tf_socket peer = TF_SOCKET_NONE;
        uint16_t channel = raw_join(&pair, &peer);
        pair_pass(TF_SECOND);
        size_t size = raw_frame(bytes, TOFU_SIGNAL, 0, false, NULL, 10);
        sim_config()->request_fail_next = 1;
        // The first of its bytes may be the last that anybody looks at.
        (void)raw_send(peer, bytes, size);

        expect_given_up(pair.server_engine, pair.server, channel);

        expect_rest(&pair);
        enum tf_io end = TF_IO_DONE;
        assert_int_equal(raw_receive(peer, 1, &end), 0);
        assert_int_not_equal(end, TF_IO_WOULD_BLOCK);
        tf_socket_reset(peer);
        // All others go on.
        pair_post(
            pair.client, pair_message(pair.client_engine, TOFU_SIGNAL, pair.client_channel, 7, 10));
        pair_expect(pair.server_engine, pair.server, TOFU_SIGNAL, TOFU_OK);
        pair_close(&pair);
    }
}

static void a_listener_ends_when_the_system_watches_it_no_longer(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < SEED_COUNT; i++) {
        struct pair pair;
        uint64_t seed = FIRST_AFD_SEED + 4 * i;
        open_idle_pair(&pair, seed);
        sim_config()->request_fail_next = 1;
        tf_socket knocking = raw_knock(pair.address);

        expect_given_up(pair.server_engine, pair.server, pair.listener);

        expect_rest(&pair);
        tf_socket_reset(knocking);
        // Its channels live on, and the address is free.
        pair_post(
            pair.client, pair_message(pair.client_engine, TOFU_SIGNAL, pair.client_channel, 7, 10));
        pair_expect(pair.server_engine, pair.server, TOFU_SIGNAL, TOFU_OK);
        pair_listen(&pair, pair.address);
        pair_connect(&pair);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channel_ends_when_the_system_watches_it_no_longer),
        cmocka_unit_test(a_listener_ends_when_the_system_watches_it_no_longer),
    };
    return cmocka_run_group_tests_name("sockets given up", tests, NULL, NULL);
}
