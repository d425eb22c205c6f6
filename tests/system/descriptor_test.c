// SPDX-License-Identifier: MIT
// The group's descriptor: readable exactly while tofu_group_wait(group, 0) would give something.
#include <string.h>

#include "support/link_fixture.h"
#include "support/machine.h"
#include "support/raw_peer.h"
#include "support/worker.h"

static tofu_descriptor descriptor_of(const struct side *side)
{
    tofu_descriptor descriptor = -1;
    assert_status(TOFU_OK, tofu_group_descriptor(side->group, &descriptor));
    assert_true(descriptor >= 0);
    return descriptor;
}

static bool is_readable(tofu_descriptor descriptor)
{
    return machine_await_descriptor(descriptor, 0);
}

static void await_readable(tofu_descriptor descriptor)
{
    assert_true(machine_await_descriptor(descriptor, TEST_DEADLINE_NS));
}

// Takes one message without waiting; fails if there is none.
static void take_now(const struct side *side)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tofu_group_wait(side->group, 0, &message));
    assert_non_null(message);
    side_put(side, message);
}

static void it_is_readable_exactly_while_there_is_a_message(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    tofu_descriptor descriptor = descriptor_of(&link->server);
    for (int round = 0; round < 50; round++) {
        assert_false(is_readable(descriptor));
        for (uint64_t id = 1; id <= 3; id++) {
            raw_send_proto(raw, RAW_REQUEST, id);
        }
        for (int i = 0; i < 3; i++) {
            await_readable(descriptor);
            assert_true(is_readable(descriptor));
            assert_true(is_readable(descriptor));
            take_now(&link->server);
        }
    }
    assert_false(is_readable(descriptor));
}

static void it_is_the_same_each_time_it_is_asked_for(void **state)
{
    struct link_fixture *link = *state;
    link_open_client(link, NULL);
    struct side other = link->client;
    link_open_group(&other);

    assert_int_equal(descriptor_of(&link->client), descriptor_of(&link->client));
    assert_int_not_equal(descriptor_of(&link->client), descriptor_of(&other));
}

// It is made on first use, when messages may have come long ago.
static void it_is_readable_at_once_when_it_is_made_late(void **state)
{
    struct link_fixture *link = *state;
    link_open_client(link, NULL);
    assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));
    assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));

    tofu_descriptor descriptor = descriptor_of(&link->client);

    assert_true(is_readable(descriptor));
    take_now(&link->client);
    assert_true(is_readable(descriptor));
    take_now(&link->client);
    assert_false(is_readable(descriptor));
}

static void an_update_makes_it_readable(void **state)
{
    struct link_fixture *link = *state;
    link_open_client(link, NULL);
    tofu_descriptor descriptor = descriptor_of(&link->client);
    for (int i = 0; i < 100; i++) {
        assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));
        assert_true(is_readable(descriptor));
        take_now(&link->client);
        assert_false(is_readable(descriptor));
    }
}

// Looking in vain must not disturb it, nor waiting.
static void a_wait_that_gives_nothing_leaves_it_silent(void **state)
{
    struct link_fixture *link = *state;
    link_open_client(link, NULL);
    tofu_descriptor descriptor = descriptor_of(&link->client);
    for (int i = 0; i < 3; i++) {
        struct tofu_message *message = NULL;
        assert_status(TOFU_OK, tofu_group_wait(link->client.group, 0, &message));
        assert_null(message);
        side_expect_silence(&link->client);
        assert_false(is_readable(descriptor));
    }
    assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));
    assert_true(is_readable(descriptor));
    take_now(&link->client);
}

static void it_stays_readable_when_the_engine_is_shut_down(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_message *message = NULL;
    link_open_client(link, NULL);
    tofu_descriptor descriptor = descriptor_of(&link->client);
    assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));

    assert_status(TOFU_OK, tofu_engine_shutdown(link->client.engine, TEST_DEADLINE_NS, NULL));

    assert_true(is_readable(descriptor));
    take_now(&link->client);
    for (int i = 0; i < 3; i++) {
        assert_true(is_readable(descriptor));
        assert_status(TOFU_SHUTDOWN_STARTED, tofu_group_wait(link->client.group, 0, &message));
        assert_null(message);
    }
}

static void it_becomes_readable_when_a_shutdown_ends(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_message *message = NULL;
    link_open_client(link, NULL);
    tofu_descriptor descriptor = descriptor_of(&link->client);
    assert_false(is_readable(descriptor));

    assert_status(TOFU_OK, tofu_engine_shutdown(link->client.engine, TEST_DEADLINE_NS, NULL));

    assert_true(is_readable(descriptor));
    assert_status(TOFU_SHUTDOWN_STARTED, tofu_group_wait(link->client.group, 0, &message));
    assert_int_equal(descriptor_of(&link->client), descriptor);
}

struct updater {
    struct side side;
    enum tofu_status status;
    struct worker worker;
};

#define UPDATES 2000

static void update_often(void *argument)
{
    struct updater *updater = argument;
    for (int i = 0; i < UPDATES && updater->status == TOFU_OK; i++) {
        updater->status = tofu_group_update(updater->side.group, NULL);
    }
}

// An event loop that relies on it must not miss a message, however the threads interleave.
static void a_loop_that_relies_on_it_misses_nothing(void **state)
{
    struct link_fixture *link = *state;
    link_open_client(link, NULL);
    tofu_descriptor descriptor = descriptor_of(&link->client);
    struct updater updater = {.side = link->client};
    worker_start(&updater.worker, update_often, &updater);

    for (int count = 0; count < UPDATES;) {
        await_readable(descriptor);
        struct tofu_message *message = NULL;
        assert_status(TOFU_OK, tofu_group_wait(link->client.group, 0, &message));
        // Readable means that there is one, not that there may be one.
        assert_non_null(message);
        while (message != NULL) {
            count++;
            side_put(&link->client, message);
            assert_status(TOFU_OK, tofu_group_wait(link->client.group, 0, &message));
        }
    }

    worker_join(&updater.worker);
    assert_status(TOFU_OK, updater.status);
    assert_false(is_readable(descriptor));
}

static void it_is_closed_with_its_group(void **state)
{
    struct link_fixture *link = *state;
    link_open_client(link, NULL);
    (void)descriptor_of(&link->client);
    size_t before = machine_descriptor_count();
    for (int i = 0; i < 100; i++) {
        tofu_group_destroy(&link->client.group);
        link_open_group(&link->client);
        // A leak would make the numbers grow.
        (void)descriptor_of(&link->client);
        assert_int_equal(machine_descriptor_count(), before);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(it_is_the_same_each_time_it_is_asked_for),
        LINK_TEST(it_is_readable_at_once_when_it_is_made_late),
        LINK_TEST(an_update_makes_it_readable),
        LINK_TEST(a_wait_that_gives_nothing_leaves_it_silent),
        LINK_TEST(it_stays_readable_when_the_engine_is_shut_down),
        LINK_TEST(it_becomes_readable_when_a_shutdown_ends),
        LINK_TEST(a_loop_that_relies_on_it_misses_nothing),
        LINK_TEST(it_is_closed_with_its_group),
    };
    static const struct CMUnitTest raw_tests[] = {
        LINK_TEST(it_is_readable_exactly_while_there_is_a_message),
    };
    // Most of these touch no socket, so one kind of link stands for all.
    int failed = LINK_RUN(tests, LINK_TCP);
    failed += LINK_RUN(raw_tests, LINK_BOTH);
    return failed;
}
