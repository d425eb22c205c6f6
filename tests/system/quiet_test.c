// SPDX-License-Identifier: MIT
// Rest: an engine that has nothing to do does nothing, whatever its peers and its memory look like.
//
// The engine counts the turns of its loop, so a test need not guess from the processor's time: it looks
// at the counter, waits for what does not come, and looks again.
#include <string.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"

// A turn or two may belong to what happened just before; spinning means thousands.
#define QUIET_TURNS 8

static void expect_rest(const struct side *side)
{
    side_expect_silence(side);
    uint64_t before = side_stats(side).turns;
    side_expect_silence(side);
    side_expect_silence(side);
    uint64_t turns = side_stats(side).turns - before;
    if (turns > QUIET_TURNS) {
        fail_msg("%llu turns for nothing", (unsigned long long)turns);
    }
}

static void idle_channels_cost_no_turns(void **state)
{
    struct link_fixture *link = *state;
    for (int i = 0; i < 50; i++) {
        link_connect(link);
    }
    expect_rest(&link->server);
    expect_rest(&link->client);
}

// What one channel does costs turns, not what the others do not.
static void turns_grow_with_messages_only(void **state)
{
    struct link_fixture *link = *state;
    for (int i = 0; i < 50; i++) {
        link_connect(link);
    }
    uint64_t before = side_stats(&link->server).turns;
    for (uint64_t id = 1; id <= 100; id++) {
        side_send(&link->client, TOFU_REQUEST, id, NULL);
        side_take(&link->server, TOFU_REQUEST);
    }
    assert_true(side_stats(&link->server).turns - before < 1000);
}

static void a_peer_that_ended_its_direction_is_not_asked_again(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    raw_send_proto(raw, RAW_REQUEST, 1);
    raw_send_proto(raw, RAW_REQUEST, 2);
    raw_finish(raw);
    struct tofu_message *held = side_expect(&link->server, TOFU_REQUEST);
    side_put(&link->server, side_expect_notice(&link->server, TOFU_SIGNAL, TOFU_POOL_EMPTY));

    expect_rest(&link->server);

    side_put(&link->server, held);
    struct tofu_message *message = side_await(&link->server);
    for (; !message_is_closing(message); message = side_await(&link->server)) {
        side_put(&link->server, message);
    }
    assert_text(message, "~reason", "peer_disconnected");
    side_put(&link->server, message);
}

// A reset of a socket that is not read is told by the kernel whether one wants to know or not.
static void a_reset_while_memory_is_used_up_is_no_reason_to_spin(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    for (uint64_t id = 1; id <= 2; id++) {
        raw_send_proto(raw, RAW_REQUEST, id);
    }
    struct tofu_message *held = side_expect(&link->server, TOFU_REQUEST);
    side_put(&link->server, side_expect_notice(&link->server, TOFU_SIGNAL, TOFU_POOL_EMPTY));
    raw_reset(raw);

    uint64_t before = side_stats(&link->server).turns;
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tofu_group_wait(link->server.group, 3 * TEST_SILENCE_NS, &message));
    assert_true(side_stats(&link->server).turns - before <= QUIET_TURNS);

    side_put(&link->server, held);
    while (message == NULL || !message_is_closing(message)) {
        side_put(&link->server, message);
        message = side_await(&link->server);
    }
    side_put(&link->server, message);
}

static void a_peer_that_does_not_read_is_waited_for_quietly(void **state)
{
    enum { COUNT = 200, BODY_BYTES = 60000 };
    static const char body[BODY_BYTES] = "";
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_bytes_max = TOFU_UNLIMITED};
    link_open_server(link, &options);
    link_raw_client(link);
    for (uint64_t id = 1; id <= COUNT; id++) {
        struct tofu_message *message = side_message(&link->server, TOFU_REQUEST, id, NULL);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
        side_post(&link->server, message);
    }
    expect_rest(&link->server);
}

static void a_connection_without_a_hello_is_waited_for_quietly(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    for (int i = 0; i < 20; i++) {
        int raw = raw_connect(link->address);
        raw_send(raw, "\0\1\3", (size_t)(i % 4));
    }
    side_expect_stat(&link->server, half_open, 20);
    expect_rest(&link->server);
}

static void a_connection_attempt_is_waited_for_quietly(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    link_open_client(link, NULL);
    raw_listen(link->transport == TOFU_TCP, link->directory, "full", 0, address);
    raw_connect(address);
    side_post(&link->client, side_hello(&link->client, address));
    expect_rest(&link->client);
}

// Urgent data is a relic of TCP that we do not use: it neither disturbs the stream nor wakes us for ever.
static void urgent_data_is_ignored(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    raw_send_proto(raw, RAW_REQUEST, 1);
    raw_send_urgent(raw);
    raw_send_proto(raw, RAW_REQUEST, 2);

    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 1);
    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 2);

    expect_rest(&link->server);
    raw_send_proto(raw, RAW_REQUEST, 3);
    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONNECTED_LINK_TEST(idle_channels_cost_no_turns),
        CONNECTED_LINK_TEST(turns_grow_with_messages_only),
        LINK_TEST(a_peer_that_ended_its_direction_is_not_asked_again),
        LINK_TEST(a_reset_while_memory_is_used_up_is_no_reason_to_spin),
        LINK_TEST(a_peer_that_does_not_read_is_waited_for_quietly),
        LINK_TEST(a_connection_without_a_hello_is_waited_for_quietly),
        LINK_TEST(a_connection_attempt_is_waited_for_quietly),
    };
    static const struct CMUnitTest tcp_tests[] = {
        LINK_TEST(urgent_data_is_ignored),
    };
    int failed = LINK_RUN(tests, LINK_BOTH);
    failed += LINK_RUN(tcp_tests, LINK_TCP);
    return failed;
}
