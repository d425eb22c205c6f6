// SPDX-License-Identifier: MIT
// The life of engines: created and destroyed while channels are open, threads wait and others post.
#include <string.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"
#include "support/worker.h"

#define ROUNDS  200
#define POSTERS 2

struct poster {
    struct side side;
    enum tofu_status status;
    struct worker worker;
};

// Posts until the engine takes no more; what is refused goes back, as long as there is an engine.
static void post_until_shutdown(void *argument)
{
    struct poster *poster = argument;
    while (poster->status == TOFU_OK || poster->status == TOFU_QUEUE_FULL) {
        struct tofu_message *message = NULL;
        poster->status = tofu_engine_get(poster->side.engine, TOFU_ALWAYS, &message);
        if (poster->status == TOFU_OK) {
            tofu_message_header(message)->channel = poster->side.channel;
            poster->status = tofu_group_post(poster->side.group, &message, NULL);
            tofu_engine_put(poster->side.engine, &message);
        }
    }
}

struct waiter {
    struct side side;
    struct tofu_message *message;
    enum tofu_status status;
    struct worker worker;
};

static void wait_for_message(void *argument)
{
    struct waiter *waiter = argument;
    waiter->status = tofu_group_wait(waiter->side.group, TOFU_WAIT_FOREVER, &waiter->message);
}

static void wait_for_pool(void *argument)
{
    struct waiter *waiter = argument;
    waiter->status =
        tofu_engine_get_within(waiter->side.engine, TOFU_WAIT_FOREVER, &waiter->message);
}

// Destroys an engine while a thread is inside one of its calls, and expects that one to wake.
static void destroy_under_waiter(
    struct link_fixture *link, struct tofu_engine *engine, struct waiter *waiter)
{
    worker_await_sleep(&waiter->worker);
    link_close_engine(link, engine);
    worker_join(&waiter->worker);
    assert_status(TOFU_SHUTDOWN_STARTED, waiter->status);
    assert_null(waiter->message);
}

static void engines_are_destroyed_with_open_channels_and_a_waiter(void **state)
{
    struct link_fixture *link = *state;
    for (int round = 0; round < ROUNDS; round++) {
        struct tofu_message *update = NULL;
        link_open_server(link, NULL);
        link_open_client(link, NULL);
        link_connect(link);
        side_send(&link->client, TOFU_REQUEST, 5, "nobody will take this");
        side_post(&link->client, side_hello(&link->client, link->address));
        struct side quiet = link->server;
        link_open_group(&quiet);
        struct waiter waiter = {.side = quiet};
        worker_start(&waiter.worker, wait_for_message, &waiter);
        assert_status(TOFU_OK, tofu_group_update(link->server.group, &update));

        destroy_under_waiter(link, link->server.engine, &waiter);

        link_close_engine(link, link->client.engine);
    }
}

static void engines_are_destroyed_after_a_shutdown_under_posters(void **state)
{
    struct link_fixture *link = *state;
    static struct poster posters[POSTERS];
    for (int round = 0; round < ROUNDS; round++) {
        link_open_server(link, NULL);
        link_open_client(link, NULL);
        link_connect(link);
        memset(posters, 0, sizeof posters);
        for (size_t i = 0; i < POSTERS; i++) {
            posters[i].side = i == 0 ? link->client : link->server;
            worker_start(&posters[i].worker, post_until_shutdown, &posters[i]);
        }

        // With no time at all everything is aborted, in the middle of whatever goes on.
        enum tofu_status client = tofu_engine_shutdown(link->client.engine, 0, NULL);
        enum tofu_status server = tofu_engine_shutdown(link->server.engine, 0, NULL);

        for (size_t i = 0; i < POSTERS; i++) {
            worker_join(&posters[i].worker);
            // The checks of the channel come first: it may be gone, or have heard the engine's Bye.
            assert_true(
                posters[i].status == TOFU_SHUTDOWN_STARTED ||
                posters[i].status == TOFU_INVALID_CHANNEL_NUMBER ||
                posters[i].status == TOFU_NOT_ALLOWED);
        }
        assert_true(client == TOFU_OK || client == TOFU_TIMED_OUT);
        assert_true(server == TOFU_OK || server == TOFU_TIMED_OUT);
        link_close_engine(link, link->client.engine);
        link_close_engine(link, link->server.engine);
    }
}

static void an_engine_is_destroyed_under_one_that_waits_for_the_pool(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1};
    for (int round = 0; round < ROUNDS; round++) {
        struct tofu_message *only = NULL;
        link_open_client(link, &options);
        assert_status(TOFU_OK, tofu_engine_get(link->client.engine, TOFU_POOL_ONLY, &only));
        struct waiter waiter = {.side = link->client};
        worker_start(&waiter.worker, wait_for_pool, &waiter);
        worker_await_sleep(&waiter.worker);

        // What is put back goes to the one that waits; then nobody does.
        side_put(&link->client, only);
        worker_join(&waiter.worker);
        assert_status(TOFU_OK, waiter.status);
        only = waiter.message;
        // The group holds it, so that it is the engine's again, and the pool is empty as before.
        assert_status(TOFU_OK, tofu_group_update(link->client.group, &only));
        waiter = (struct waiter){.side = link->client};
        worker_start(&waiter.worker, wait_for_pool, &waiter);

        destroy_under_waiter(link, link->client.engine, &waiter);
    }
}

static void an_engine_is_destroyed_with_a_name_being_resolved(void **state)
{
    struct link_fixture *link = *state;
    for (int round = 0; round < ROUNDS; round++) {
        link_open_client(link, NULL);
        for (int i = 0; i < 3; i++) {
            side_post(&link->client, side_hello(&link->client, "tcp|localhost|1"));
        }
        link_close_engine(link, link->client.engine);
    }
}

static void an_engine_is_destroyed_with_a_starved_channel(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1};
    for (int round = 0; round < 20; round++) {
        link_open_server(link, &options);
        int raw = link_raw_client(link);
        for (uint64_t id = 1; id <= 10; id++) {
            raw_send_proto(raw, RAW_REQUEST, id);
        }
        side_expect_stat(&link->server, pool_empty_episodes, 1);

        link_close_engine(link, link->server.engine);

        raw_await_end(raw, NULL);
        raw_close(raw);
    }
}

static void destroying_no_engine_does_nothing(void **state)
{
    struct tofu_engine *none = NULL;
    (void)state;

    tofu_engine_destroy(&none);

    assert_null(none);
}

static void engines_in_one_process_do_not_know_each_other(void **state)
{
    struct link_fixture *link = *state;
    struct side third = {.engine = link_open_engine(link, NULL)};
    char address[TOFU_ADDRESS_BYTES_MAX];
    link_open_group(&third);
    link_listen(link, &third, "third", address);

    link_close_engine(link, third.engine);

    side_send(&link->client, TOFU_REQUEST, 5, NULL);
    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 5);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(engines_are_destroyed_with_open_channels_and_a_waiter),
        LINK_TEST(engines_are_destroyed_after_a_shutdown_under_posters),
        LINK_TEST(an_engine_is_destroyed_with_a_starved_channel),
        CONNECTED_LINK_TEST(engines_in_one_process_do_not_know_each_other),
    };
    static const struct CMUnitTest tcp_tests[] = {
        LINK_TEST(an_engine_is_destroyed_under_one_that_waits_for_the_pool),
        LINK_TEST(an_engine_is_destroyed_with_a_name_being_resolved),
        LINK_TEST(destroying_no_engine_does_nothing),
    };
    int failed = LINK_RUN(tests, LINK_BOTH);
    failed += LINK_RUN(tcp_tests, LINK_TCP);
    return failed;
}
