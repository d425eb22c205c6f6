// SPDX-License-Identifier: MIT
// Eight threads post at once, to one channel and to eight: everything arrives, each thread's in order.
#include <string.h>

#include "support/link_fixture.h"
#include "support/worker.h"

#define POSTERS  8
#define MESSAGES 2000

// Messages are numbered so that the receiver knows whose they are.
#define ID_OF(poster, number) ((uint64_t)(poster)*1000000 + (number))

struct poster {
    struct side side;
    uint64_t number;
    uint64_t posted;
    enum tofu_status status;
    struct worker worker;
};

static struct poster posters[POSTERS];

static void post_all(void *argument)
{
    struct poster *poster = argument;
    while (poster->status == TOFU_OK && poster->posted < MESSAGES) {
        struct tofu_message *message = NULL;
        poster->status = tofu_engine_get(poster->side.engine, TOFU_ALWAYS, &message);
        if (poster->status != TOFU_OK) {
            return;
        }
        struct tofu_header *header = tofu_message_header(message);
        header->opcode = TOFU_REQUEST;
        header->channel = poster->side.channel;
        header->id = ID_OF(poster->number, poster->posted + 1);
        poster->status =
            tofu_group_post_within(poster->side.group, &message, TEST_DEADLINE_NS, NULL);
        poster->posted += poster->status == TOFU_OK;
        tofu_engine_put(poster->side.engine, &message);
    }
}

static void start_posters(void)
{
    for (size_t i = 0; i < POSTERS; i++) {
        worker_start(&posters[i].worker, post_all, &posters[i]);
    }
}

static void join_posters(void)
{
    for (size_t i = 0; i < POSTERS; i++) {
        worker_join(&posters[i].worker);
        assert_status(TOFU_OK, posters[i].status);
        assert_int_equal(posters[i].posted, MESSAGES);
    }
}

// Takes the next Request, and the notices before it: a pool of the usual size is used up now and then.
static struct tofu_header next_request(const struct side *side)
{
    for (;;) {
        struct tofu_message *message = side_await(side);
        struct tofu_header header = *tofu_message_header(message);
        side_put(side, message);
        if (header.opcode != TOFU_SIGNAL || header.status != TOFU_POOL_EMPTY) {
            assert_int_equal(header.opcode, TOFU_REQUEST);
            assert_int_equal(header.origin, TOFU_APPLICATION);
            return header;
        }
    }
}

// Takes what the posters post, and checks that it is all of it, and each one's in order.
static void expect_all(const struct side *side, const uint16_t *channels)
{
    uint64_t next[POSTERS] = {0};
    for (size_t count = 0; count < (size_t)POSTERS * MESSAGES; count++) {
        struct tofu_header header = next_request(side);
        uint64_t poster = header.id / 1000000;
        assert_true(poster < POSTERS);
        next[poster]++;
        assert_int_equal(header.id, ID_OF(poster, next[poster]));
        assert_int_equal(header.channel, channels[poster]);
    }
    side_expect_stat(side, messages_incoming, 0);
}

static void open_link(struct link_fixture *link)
{
    const struct tofu_options options = {.pool_messages_max = 64};
    link_open_server(link, &options);
    link_open_client(link, &options);
}

static void eight_threads_post_to_one_channel(void **state)
{
    struct link_fixture *link = *state;
    uint16_t channels[POSTERS];
    memset(posters, 0, sizeof posters);
    open_link(link);
    link_connect(link);
    for (size_t i = 0; i < POSTERS; i++) {
        posters[i].side = link->client;
        posters[i].number = i;
        channels[i] = link->server.channel;
    }

    start_posters();

    expect_all(&link->server, channels);
    join_posters();
}

static void eight_threads_post_to_eight_channels(void **state)
{
    struct link_fixture *link = *state;
    uint16_t channels[POSTERS];
    memset(posters, 0, sizeof posters);
    open_link(link);
    for (size_t i = 0; i < POSTERS; i++) {
        link_connect(link);
        posters[i].side = link->client;
        posters[i].number = i;
        channels[i] = link->server.channel;
    }

    start_posters();

    expect_all(&link->server, channels);
    join_posters();
}

// All threads post to the same peer from groups of their own.
static void eight_groups_of_one_engine_post_at_once(void **state)
{
    struct link_fixture *link = *state;
    uint16_t channels[POSTERS];
    memset(posters, 0, sizeof posters);
    open_link(link);
    for (size_t i = 0; i < POSTERS; i++) {
        link_open_group(&link->client);
        link_connect(link);
        posters[i].side = link->client;
        posters[i].number = i;
        channels[i] = link->server.channel;
    }

    start_posters();

    expect_all(&link->server, channels);
    join_posters();
}

struct getter {
    struct tofu_engine *engine;
    uint64_t seen;
    enum tofu_status status;
    struct worker worker;
};

static void get_and_put(void *argument)
{
    struct getter *getter = argument;
    for (int i = 0; i < 2000 && getter->status == TOFU_OK; i++) {
        struct tofu_message *message = NULL;
        getter->status = tofu_engine_get_within(getter->engine, TEST_DEADLINE_NS, &message);
        if (message != NULL) {
            tofu_message_header(message)->id = 1;
            getter->seen++;
            tofu_engine_put(getter->engine, &message);
        }
    }
}

// Eight threads share a pool of three.
static void eight_threads_share_a_small_pool(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 3};
    static struct getter getters[POSTERS];
    link_open_client(link, &options);
    for (size_t i = 0; i < POSTERS; i++) {
        getters[i] = (struct getter){.engine = link->client.engine};
        worker_start(&getters[i].worker, get_and_put, &getters[i]);
    }

    for (size_t i = 0; i < POSTERS; i++) {
        worker_join(&getters[i].worker);
        assert_status(TOFU_OK, getters[i].status);
        assert_int_equal(getters[i].seen, 2000);
    }
    assert_in_range(side_stats(&link->client).messages_idle, 1, 3);
}

struct connector {
    struct side side;
    const char *address;
    int connected;
    enum tofu_status status;
    struct worker worker;
};

static void connect_often(void *argument)
{
    struct connector *connector = argument;
    while (connector->status == TOFU_OK && connector->connected < 100) {
        struct tofu_message *message = NULL;
        connector->status = tofu_engine_get(connector->side.engine, TOFU_ALWAYS, &message);
        if (connector->status != TOFU_OK) {
            return;
        }
        connector->status = tofu_message_connect_to(message, connector->address);
        if (connector->status == TOFU_OK) {
            connector->status = tofu_group_post(connector->side.group, &message, NULL);
            connector->connected += connector->status == TOFU_OK;
        }
        tofu_engine_put(connector->side.engine, &message);
    }
}

static void eight_threads_open_channels_at_once(void **state)
{
    struct link_fixture *link = *state;
    static struct connector connectors[POSTERS];
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    for (size_t i = 0; i < POSTERS; i++) {
        connectors[i] = (struct connector){.side = link->client, .address = link->address};
        worker_start(&connectors[i].worker, connect_often, &connectors[i]);
    }

    for (int count = 0; count < POSTERS * 100; count++) {
        side_take(&link->server, TOFU_HELLO_REQUEST);
    }
    for (size_t i = 0; i < POSTERS; i++) {
        worker_join(&connectors[i].worker);
        assert_status(TOFU_OK, connectors[i].status);
    }
    side_expect_silence(&link->client);
    assert_int_equal(side_stats(&link->client).channels, link->is_one_engine ? 1601 : 800);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(eight_threads_post_to_one_channel),
        LINK_TEST(eight_threads_post_to_eight_channels),
        LINK_TEST(eight_groups_of_one_engine_post_at_once),
        LINK_TEST(eight_threads_open_channels_at_once),
    };
    static const struct CMUnitTest pool_tests[] = {
        LINK_TEST(eight_threads_share_a_small_pool),
    };
    int failed = LINK_RUN(tests, LINK_ALL);
    failed += LINK_RUN(pool_tests, LINK_TCP);
    return failed;
}
