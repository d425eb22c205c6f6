// SPDX-License-Identifier: MIT
// Destroying a group: its channels are aborted, its waiter wakes, and nothing of it is left when the
// call returns.
#include <string.h>

#include "support/link_fixture.h"
#include "support/machine.h"
#include "support/raw_peer.h"
#include "support/worker.h"

static void its_channels_are_aborted(void **state)
{
    struct link_fixture *link = *state;

    tofu_group_destroy(&link->server.group);

    assert_null(link->server.group);
    side_expect_closed(&link->client, link->client.channel, link->hello_id, "peer_disconnected");
    struct tofu_stats stats = side_stats(&link->server);
    assert_int_equal(stats.channels, 0);
    assert_int_equal(stats.half_open, 0);
}

static void a_raw_peer_sees_a_reset(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);

    tofu_group_destroy(&link->server.group);

    enum raw_end end = raw_await_end(raw, NULL);
    assert_true(end == RAW_RESET || link->transport == TOFU_UDS);
}

// When the call returns the address is free again: at once, not some time later.
static void its_listeners_are_gone_when_it_returns(void **state)
{
    struct link_fixture *link = *state;
    for (int i = 0; i < 20; i++) {
        tofu_group_destroy(&link->server.group);

        if (link->transport == TOFU_UDS) {
            assert_false(machine_has_file(link->address + strlen("uds|")));
        }
        link_open_group(&link->server);
        side_post(&link->server, side_welcome(&link->server, link->address));
        side_put(&link->server, side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK));
    }
}

static void half_open_connections_of_its_listeners_end_too(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = raw_connect(link->address);
    side_expect_stat(&link->server, half_open, 1);

    tofu_group_destroy(&link->server.group);

    raw_await_end(raw, NULL);
    assert_int_equal(side_stats(&link->server).half_open, 0);
}

static void queued_messages_go_to_the_pool_and_are_counted(void **state)
{
    enum { COUNT = 400, BODY_BYTES = 60000 };
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

    tofu_group_destroy(&link->server.group);

    struct tofu_stats stats = side_stats(&link->server);
    assert_int_equal(stats.messages_returned, 0);
    assert_int_not_equal(stats.messages_dropped, 0);
    assert_int_equal(stats.messages_sent + stats.messages_dropped, COUNT);
    assert_int_equal(stats.messages_alive, stats.messages_idle);
}

static void messages_that_nobody_took_go_to_the_pool(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    for (uint64_t id = 1; id <= 50; id++) {
        raw_send_proto(raw, RAW_REQUEST, id);
        assert_status(TOFU_OK, tofu_group_update(link->server.group, NULL));
    }
    side_expect_stat(&link->server, messages_incoming, 50);

    tofu_group_destroy(&link->server.group);

    struct tofu_stats stats = side_stats(&link->server);
    assert_int_equal(stats.messages_incoming, 0);
    assert_int_equal(stats.messages_alive, stats.messages_idle);
}

struct waiter {
    struct side side;
    struct tofu_message *message;
    enum tofu_status status;
    struct worker worker;
};

static void wait_once(void *argument)
{
    struct waiter *waiter = argument;
    waiter->status = tofu_group_wait(waiter->side.group, TOFU_WAIT_FOREVER, &waiter->message);
}

static void its_waiter_wakes(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    for (int i = 0; i < 100; i++) {
        struct waiter waiter = {.side = link->server};
        worker_start(&waiter.worker, wait_once, &waiter);

        tofu_group_destroy(&link->server.group);

        worker_join(&waiter.worker);
        assert_status(TOFU_SHUTDOWN_STARTED, waiter.status);
        assert_null(waiter.message);
        link_open_group(&link->server);
    }
}

struct poster {
    struct side side;
    atomic_bool has_started;
    enum tofu_status status;
    uint64_t posted;
    struct worker worker;
};

static void post_until_refused(void *argument)
{
    struct poster *poster = argument;
    while (poster->status == TOFU_OK || poster->status == TOFU_QUEUE_FULL) {
        struct tofu_message *message = NULL;
        poster->status = tofu_engine_get(poster->side.engine, TOFU_ALWAYS, &message);
        if (poster->status == TOFU_OK) {
            tofu_message_header(message)->channel = poster->side.channel;
            poster->status = tofu_group_post(poster->side.group, &message, NULL);
            poster->posted += poster->status == TOFU_OK;
            tofu_engine_put(poster->side.engine, &message);
        }
        atomic_store(&poster->has_started, true);
    }
}

// Another thread may be inside, or arrive late; it is told, and never touches what is freed.
static void it_is_destroyed_under_a_thread_that_posts(void **state)
{
    struct link_fixture *link = *state;
    struct poster poster;
    for (int i = 0; i < 20; i++) {
        memset(&poster, 0, sizeof poster);
        poster.side = link->client;
        worker_start(&poster.worker, post_until_refused, &poster);
        while (!atomic_load(&poster.has_started)) {
            side_take(&link->server, TOFU_REQUEST);
        }

        tofu_group_destroy(&link->client.group);

        worker_join(&poster.worker);
        assert_true(
            poster.status == TOFU_SHUTDOWN_STARTED || poster.status == TOFU_INVALID_CHANNEL_NUMBER);
        struct tofu_message *message = side_await(&link->server);
        for (; !message_is_closing(message); message = side_await(&link->server)) {
            side_put(&link->server, message);
        }
        side_put(&link->server, message);
        link_open_group(&link->client);
        link_connect(link);
    }
}

static void other_groups_of_the_engine_live_on(void **state)
{
    struct link_fixture *link = *state;
    struct side first_server = link->server;
    struct side first_client = link->client;
    link_open_group(&link->client);
    link_connect(link);

    tofu_group_destroy(&link->client.group);

    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
    side_send(&first_client, TOFU_REQUEST, 5, NULL);
    assert_int_equal(side_take(&first_server, TOFU_REQUEST).channel, first_server.channel);
}

static void destroying_no_group_does_nothing(void **state)
{
    struct tofu_group *none = NULL;
    (void)state;

    tofu_group_destroy(&none);

    assert_null(none);
}

static void a_group_that_did_nothing_is_destroyed(void **state)
{
    struct link_fixture *link = *state;
    link->server.engine = link_open_engine(link, NULL);
    for (int i = 0; i < 1000; i++) {
        link_open_group(&link->server);
        tofu_group_destroy(&link->server.group);
    }
    assert_true(atomic_load(&link_memory(link, link->server.engine)->live_bytes) < (size_t)4 << 20);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONNECTED_LINK_TEST(its_channels_are_aborted),
        LINK_TEST(a_raw_peer_sees_a_reset),
        CONNECTED_LINK_TEST(its_listeners_are_gone_when_it_returns),
        LINK_TEST(half_open_connections_of_its_listeners_end_too),
        LINK_TEST(queued_messages_go_to_the_pool_and_are_counted),
        LINK_TEST(messages_that_nobody_took_go_to_the_pool),
        LINK_TEST(its_waiter_wakes),
        CONNECTED_LINK_TEST(it_is_destroyed_under_a_thread_that_posts),
        CONNECTED_LINK_TEST(other_groups_of_the_engine_live_on),
        LINK_TEST(destroying_no_group_does_nothing),
        LINK_TEST(a_group_that_did_nothing_is_destroyed),
    };
    static const struct CMUnitTest one_engine_tests[] = {
        CONNECTED_LINK_TEST(it_is_destroyed_under_a_thread_that_posts),
        CONNECTED_LINK_TEST(other_groups_of_the_engine_live_on),
    };
    int failed = LINK_RUN(tests, LINK_BOTH);
    failed += LINK_RUN(one_engine_tests, LINK_TCP_ONE_ENGINE | LINK_UDS_ONE_ENGINE);
    return failed;
}
