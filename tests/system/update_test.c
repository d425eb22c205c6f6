// SPDX-License-Identifier: MIT
// Updates: how other threads reach the one that waits, and how a group behaves while one waits in it.
#include <string.h>

#include "support/link_fixture.h"
#include "support/machine.h"
#include "support/raw_peer.h"
#include "support/worker.h"

static void open_alone(struct link_fixture *link, const struct tofu_options *options)
{
    link->client.engine = link_open_engine(link, options);
    link_open_group(&link->client);
}

static void take_plain_update(const struct side *side)
{
    struct tofu_message *message = side_expect_notice(side, TOFU_SIGNAL, TOFU_RECEIVER_UPDATE);
    assert_int_equal(tofu_message_header(message)->channel, 0);
    assert_int_equal(tofu_message_header(message)->id, 0);
    assert_int_equal(tofu_message_header(message)->more, 0);
    assert_false(tofu_message_find_text(message, "~reason", NULL, NULL));
    assert_body(message, "");
    side_put(side, message);
}

static void an_update_without_a_message_is_a_notice(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_message *none = NULL;
    open_alone(link, NULL);

    assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));
    assert_status(TOFU_OK, tofu_group_update(link->client.group, &none));

    take_plain_update(&link->client);
    take_plain_update(&link->client);
    side_expect_silence(&link->client);
}

static void an_update_with_a_message_gives_that_message(void **state)
{
    struct link_fixture *link = *state;
    open_alone(link, NULL);
    struct tofu_message *update = side_message(&link->client, TOFU_BYE_RESPONSE, 8, "body");
    struct tofu_message *const same = update;
    struct tofu_header *header = tofu_message_header(update);
    header->channel = 1234;
    header->more = 1;
    header->origin = TOFU_ENGINE;
    header->status = TOFU_POOL_EMPTY;
    assert_status(TOFU_OK, tofu_message_append_text(update, "color", "blue"));
    tofu_message_set_user(update, link);

    assert_status(TOFU_OK, tofu_group_update(link->client.group, &update));
    assert_null(update);

    struct tofu_message *message = side_await(&link->client);
    assert_ptr_equal(message, same);
    header = tofu_message_header(message);
    assert_int_equal(header->origin, TOFU_APPLICATION);
    assert_status(TOFU_RECEIVER_UPDATE, (enum tofu_status)header->status);
    assert_int_equal(header->opcode, TOFU_BYE_RESPONSE);
    assert_int_equal(header->channel, 1234);
    assert_int_equal(header->more, 1);
    assert_int_equal(header->id, 8);
    assert_text(message, "color", "blue");
    assert_body(message, "body");
    assert_ptr_equal(tofu_message_user(message), link);
    side_put(&link->client, message);
}

static void updates_keep_their_order(void **state)
{
    struct link_fixture *link = *state;
    open_alone(link, NULL);
    for (uint64_t id = 1; id <= 1000; id++) {
        struct tofu_message *update = side_message(&link->client, TOFU_SIGNAL, id, NULL);
        assert_status(TOFU_OK, tofu_group_update(link->client.group, &update));
        assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));
    }
    for (uint64_t id = 1; id <= 1000; id++) {
        assert_int_equal(side_take(&link->client, TOFU_SIGNAL).id, id);
        take_plain_update(&link->client);
    }
}

// An update has no priority: it stands behind what was there.
// Counters are ahead of the receive queue; its descriptor is exact.
static void await_message(const struct side *side)
{
    tofu_descriptor descriptor = -1;
    assert_status(TOFU_OK, tofu_group_descriptor(side->group, &descriptor));
    assert_true(machine_await_descriptor(descriptor, TEST_DEADLINE_NS));
}

static void an_update_stands_behind_what_was_received(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    raw_send_proto(raw, RAW_REQUEST, 5);
    await_message(&link->server);

    assert_status(TOFU_OK, tofu_group_update(link->server.group, NULL));

    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 5);
    take_plain_update(&link->server);
}

static void too_many_updates_are_refused(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.update_messages_max = 3};
    open_alone(link, &options);
    for (int round = 0; round < 3; round++) {
        struct tofu_message *update = side_message(&link->client, TOFU_SIGNAL, 5, NULL);
        struct tofu_message *const same = update;
        for (int i = 0; i < 3; i++) {
            assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));
        }

        assert_status(TOFU_QUEUE_FULL, tofu_group_update(link->client.group, NULL));
        assert_status(TOFU_QUEUE_FULL, tofu_group_update(link->client.group, &update));
        assert_ptr_equal(update, same);

        take_plain_update(&link->client);
        assert_status(TOFU_OK, tofu_group_update(link->client.group, &update));
        take_plain_update(&link->client);
        take_plain_update(&link->client);
        assert_int_equal(side_take(&link->client, TOFU_SIGNAL).id, 5);
    }
}

static void the_limit_of_updates_is_each_groups_own(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.update_messages_max = 1};
    open_alone(link, &options);
    struct side other = link->client;
    link_open_group(&other);
    assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));
    assert_status(TOFU_QUEUE_FULL, tofu_group_update(link->client.group, NULL));

    assert_status(TOFU_OK, tofu_group_update(other.group, NULL));

    take_plain_update(&other);
    take_plain_update(&link->client);
}

static void an_update_does_not_need_the_pool(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1};
    open_alone(link, &options);
    struct tofu_message *only = side_message(&link->client, TOFU_SIGNAL, 5, NULL);

    assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));

    take_plain_update(&link->client);
    side_put(&link->client, only);
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

static void who_waits_is_woken_by_an_update(void **state)
{
    struct link_fixture *link = *state;
    open_alone(link, NULL);
    for (int i = 0; i < 100; i++) {
        struct waiter waiter = {.side = link->client};
        worker_start(&waiter.worker, wait_once, &waiter);

        assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));

        worker_join(&waiter.worker);
        assert_status(TOFU_OK, waiter.status);
        assert_non_null(waiter.message);
        side_put(&link->client, waiter.message);
    }
}

static void an_update_reaches_its_own_group_only(void **state)
{
    struct link_fixture *link = *state;
    open_alone(link, NULL);
    struct side other = link->client;
    link_open_group(&other);

    assert_status(TOFU_OK, tofu_group_update(other.group, NULL));

    side_expect_silence(&link->client);
    take_plain_update(&other);
}

static void a_wait_in_vain_ends_with_nothing_and_not_early(void **state)
{
    struct link_fixture *link = *state;
    open_alone(link, NULL);
    struct tofu_message *message = side_message(&link->client, TOFU_SIGNAL, 1, NULL);
    struct tofu_message *const held = message;
    uint64_t start_ns = test_now();

    enum tofu_status status = tofu_group_wait(link->client.group, 30 * MILLISECOND_NS, &message);

    assert_true(test_now() - start_ns >= 30 * MILLISECOND_NS);
    assert_status(TOFU_OK, status);
    assert_null(message);
    side_put(&link->client, held);
}

struct updaters {
    struct side side;
    uint64_t updater;
    struct worker worker;
    enum tofu_status status;
};

static void update_often(void *argument)
{
    struct updaters *updaters = argument;
    for (uint64_t i = 1; i <= 1000 && updaters->status == TOFU_OK; i++) {
        struct tofu_message *update = NULL;
        updaters->status = tofu_engine_get(updaters->side.engine, TOFU_ALWAYS, &update);
        if (updaters->status == TOFU_OK) {
            tofu_message_header(update)->id = updaters->updater * 10000 + i;
            updaters->status = tofu_group_update(updaters->side.group, &update);
        }
    }
}

static void updates_of_many_threads_all_come_each_in_its_order(void **state)
{
    enum { UPDATERS = 8 };
    struct link_fixture *link = *state;
    static struct updaters updaters[UPDATERS];
    uint64_t next[UPDATERS] = {0};
    open_alone(link, NULL);
    for (size_t i = 0; i < UPDATERS; i++) {
        updaters[i] = (struct updaters){.side = link->client, .updater = i};
        worker_start(&updaters[i].worker, update_often, &updaters[i]);
    }

    for (int count = 0; count < UPDATERS * 1000; count++) {
        struct tofu_message *message = side_await(&link->client);
        uint64_t id = tofu_message_header(message)->id;
        assert_true(id / 10000 < UPDATERS);
        next[id / 10000]++;
        assert_int_equal(id % 10000, next[id / 10000]);
        side_put(&link->client, message);
    }

    for (size_t i = 0; i < UPDATERS; i++) {
        worker_join(&updaters[i].worker);
        assert_status(TOFU_OK, updaters[i].status);
    }
    side_expect_silence(&link->client);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(an_update_without_a_message_is_a_notice),
        LINK_TEST(an_update_with_a_message_gives_that_message),
        LINK_TEST(updates_keep_their_order),
        LINK_TEST(too_many_updates_are_refused),
        LINK_TEST(the_limit_of_updates_is_each_groups_own),
        LINK_TEST(an_update_does_not_need_the_pool),
        LINK_TEST(who_waits_is_woken_by_an_update),
        LINK_TEST(an_update_reaches_its_own_group_only),
        LINK_TEST(a_wait_in_vain_ends_with_nothing_and_not_early),
        LINK_TEST(updates_of_many_threads_all_come_each_in_its_order),
    };
    static const struct CMUnitTest raw_tests[] = {
        LINK_TEST(an_update_stands_behind_what_was_received),
    };
    // An update touches no socket, so one kind of link stands for all.
    int failed = LINK_RUN(tests, LINK_TCP);
    failed += LINK_RUN(raw_tests, LINK_BOTH);
    return failed;
}
