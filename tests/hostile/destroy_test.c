// SPDX-License-Identifier: MIT
// Groups and engines that are destroyed under load, thousands of times: messages in flight, a waiter
// blocked, posters racing. Everybody wakes, everybody hears why, every byte comes back.
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "hostile/measure.h"
#include "support/raw_peer.h"
#include "support/worker.h"

#define ROUNDS  1000
#define POSTERS 2

// What a thread does to a group that another one destroys. It ends when it hears that there is no more.
struct actor {
    struct worker worker;
    struct tofu_engine *engine;
    struct tofu_group *group;
    uint16_t channel;
    atomic_uint_fast64_t progress; ///< messages taken, of either kind
    enum tofu_status last;
};

static struct actor posters[POSTERS];
static struct actor waiters[2];

static void post_until_told(void *argument)
{
    struct actor *actor = argument;
    do {
        struct tofu_message *message = NULL;
        if (tofu_engine_get(actor->engine, TOFU_ALWAYS, &message) != TOFU_OK) {
            actor->last = TOFU_UNKNOWN_ERROR;
            return;
        }
        tofu_message_header(message)->opcode = TOFU_SIGNAL;
        tofu_message_header(message)->channel = actor->channel;
        actor->last = tofu_group_post_within(actor->group, &message, SECOND_NS, NULL);
        atomic_fetch_add(&actor->progress, actor->last == TOFU_OK ? 1 : 0);
        tofu_engine_put(actor->engine, &message);
    } while (actor->last == TOFU_OK || actor->last == TOFU_TIMED_OUT);
}

// Answers Byes, so that who shuts down need not wait for its deadline.
static void take(struct actor *actor, struct tofu_message *message)
{
    struct tofu_header *header = tofu_message_header(message);
    if (header->opcode == TOFU_BYE_REQUEST && header->origin == TOFU_APPLICATION) {
        header->opcode = TOFU_BYE_RESPONSE;
        if (tofu_group_post(actor->group, &message, NULL) != TOFU_OK) {
            // The engine that shuts down answers by itself.
        }
    }
    tofu_engine_put(actor->engine, &message);
    atomic_fetch_add(&actor->progress, 1);
}

static void wait_until_told(void *argument)
{
    struct actor *actor = argument;
    do {
        struct tofu_message *message = NULL;
        actor->last = tofu_group_wait(actor->group, TOFU_WAIT_FOREVER, &message);
        if (message != NULL) {
            take(actor, message);
        }
    } while (actor->last == TOFU_OK);
}

// Posts each message of the pool that it gets, so that there are none any more in the end.
static void get_until_told(void *argument)
{
    static const char body[60000];
    struct actor *actor = argument;
    for (;;) {
        struct tofu_message *message = NULL;
        actor->last = tofu_engine_get_within(actor->engine, TOFU_WAIT_FOREVER, &message);
        if (actor->last != TOFU_OK) {
            return;
        }
        tofu_message_header(message)->opcode = TOFU_SIGNAL;
        tofu_message_header(message)->channel = actor->channel;
        actor->last = tofu_message_set_body(message, body, sizeof body);
        if (actor->last == TOFU_OK) {
            actor->last = tofu_group_post(actor->group, &message, NULL);
        }
        // It may have slept elsewhere than in a get, and is told here then.
        if (actor->last != TOFU_OK) {
            tofu_engine_put(actor->engine, &message);
            return;
        }
        atomic_fetch_add(&actor->progress, 1);
    }
}

static void actor_start(struct actor *actor, void (*run)(void *argument), const struct side *side)
{
    *actor = (struct actor){.engine = side->engine, .group = side->group, .channel = side->channel};
    worker_start(&actor->worker, run, actor);
}

static void actor_expect_told(struct actor *actor)
{
    worker_join(&actor->worker);
    assert_status(TOFU_SHUTDOWN_STARTED, actor->last);
}

static void await_progress(struct actor *actor, uint64_t count)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    while (atomic_load(&actor->progress) < count) {
        assert_true_or(test_now() < deadline_ns, "a thread makes no progress");
        interval_pass(MILLISECOND_NS / 10);
    }
}

static void open_loaded_link(struct link_fixture *link)
{
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    link_connect(link);
    actor_start(&waiters[0], wait_until_told, &link->client);
    actor_start(&waiters[1], wait_until_told, &link->server);
    for (size_t i = 0; i < POSTERS; i++) {
        actor_start(&posters[i], post_until_told, &link->client);
    }
    await_progress(&waiters[1], 10);
}

static void close_engines(struct link_fixture *link)
{
    struct tofu_engine *server = link->server.engine;
    struct tofu_engine *client = link->client.engine;
    link_close_engine(link, client);
    if (server != client) {
        link_close_engine(link, server);
    }
}

// The posters' and the waiter's pointers dangle from then on, and still get their answer.
static void a_group_destroyed_under_load_answers_everybody(void **state)
{
    struct link_fixture *link = *state;
    uint64_t rounds = scaled("rounds", ROUNDS / 2);
    uint64_t posted = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        open_loaded_link(link);

        tofu_group_destroy(&link->client.group);

        actor_expect_told(&waiters[0]);
        for (size_t i = 0; i < POSTERS; i++) {
            actor_expect_told(&posters[i]);
            posted += atomic_load(&posters[i].progress);
        }
        tofu_group_destroy(&link->server.group);
        actor_expect_told(&waiters[1]);
        struct tofu_stats stats = side_stats(&link->client);
        assert_int_equal(stats.channels_opened, stats.channels_closed);
        close_engines(link);
    }
    print_message(
        "%llu rounds, %llu messages posted, every byte back\n",
        (unsigned long long)rounds,
        (unsigned long long)posted);
}

// The receiver's side this time: what is on its way to a group that goes away is the pool's again.
static void a_receiving_group_destroyed_under_load_answers_everybody(void **state)
{
    struct link_fixture *link = *state;
    uint64_t rounds = scaled("rounds", ROUNDS / 4);
    for (uint64_t round = 0; round < rounds; round++) {
        open_loaded_link(link);

        tofu_group_destroy(&link->server.group);

        actor_expect_told(&waiters[1]);
        tofu_group_destroy(&link->client.group);
        actor_expect_told(&waiters[0]);
        for (size_t i = 0; i < POSTERS; i++) {
            worker_join(&posters[i].worker);
            bool is_told = posters[i].last == TOFU_SHUTDOWN_STARTED ||
                           posters[i].last == TOFU_INVALID_CHANNEL_NUMBER;
            assert_true_or(is_told, "%s", tofu_status_name(posters[i].last));
        }
        close_engines(link);
    }
    print_message("%llu rounds, every byte back\n", (unsigned long long)rounds);
}

static void a_shutdown_under_load_answers_everybody(void **state)
{
    struct link_fixture *link = *state;
    uint64_t rounds = scaled("rounds", ROUNDS / 4);
    for (uint64_t round = 0; round < rounds; round++) {
        open_loaded_link(link);

        enum tofu_status status = tofu_engine_shutdown(link->client.engine, TEST_DEADLINE_NS, NULL);

        assert_true(status == TOFU_OK || status == TOFU_TIMED_OUT);
        actor_expect_told(&waiters[0]);
        for (size_t i = 0; i < POSTERS; i++) {
            worker_join(&posters[i].worker);
            bool is_told = posters[i].last == TOFU_SHUTDOWN_STARTED ||
                           posters[i].last == TOFU_NOT_ALLOWED ||
                           posters[i].last == TOFU_INVALID_CHANNEL_NUMBER;
            assert_true_or(is_told, "%s", tofu_status_name(posters[i].last));
        }
        tofu_group_destroy(&link->server.group);
        actor_expect_told(&waiters[1]);
        close_engines(link);
    }
    print_message("%llu rounds, every byte back\n", (unsigned long long)rounds);
}

static void an_engine_destroyed_wakes_who_waits(void **state)
{
    struct link_fixture *link = *state;
    uint64_t rounds = scaled("rounds", ROUNDS / 4);
    const struct tofu_options options = {.pool_messages_max = 8, .send_queue_messages_max = 100};
    for (uint64_t round = 0; round < rounds; round++) {
        link_open_server(link, &options);
        int raw = link_raw_client(link);
        struct tofu_group *idle = NULL;
        assert_status(TOFU_OK, tofu_group_create(link->server.engine, &idle));
        struct side idle_side = {.engine = link->server.engine, .group = idle};
        actor_start(&waiters[0], wait_until_told, &idle_side);
        actor_start(&waiters[1], wait_until_told, &link->server);
        worker_await_sleep(&waiters[0].worker);
        worker_await_sleep(&waiters[1].worker);

        link_close_engine(link, link->server.engine);

        actor_expect_told(&waiters[0]);
        actor_expect_told(&waiters[1]);
        raw_await_end(raw, NULL);
        raw_close(raw);
    }
    print_message("%llu rounds, every byte back\n", (unsigned long long)rounds);
}

// The peer does not read: when the kernel takes no more, all messages of the pool are in the queue, and
// none comes back.
static void an_engine_destroyed_wakes_who_waits_for_a_message(void **state)
{
    struct link_fixture *link = *state;
    uint64_t rounds = scaled("rounds", ROUNDS / 100);
    const struct tofu_options options = {
        .pool_messages_max = 8,
        .send_queue_messages_max = TOFU_UNLIMITED,
        .send_queue_bytes_max = TOFU_UNLIMITED};
    for (uint64_t round = 0; round < rounds; round++) {
        link_open_server(link, &options);
        int raw = link_raw_client(link);
        actor_start(&waiters[0], get_until_told, &link->server);
        await_progress(&waiters[0], 8);
        await_quiet(&link->server);
        worker_await_sleep(&waiters[0].worker);

        link_close_engine(link, link->server.engine);

        actor_expect_told(&waiters[0]);
        raw_close(raw);
    }
    print_message("%llu rounds, every byte back\n", (unsigned long long)rounds);
}

static void shut_down(void *argument)
{
    struct actor *actor = argument;
    actor->last = tofu_engine_shutdown(actor->engine, TEST_DEADLINE_NS, NULL);
}

// Who waits in a shutdown for a peer that does not answer is inside, and is sent home.
static void an_engine_destroyed_ends_a_shutdown_that_waits(void **state)
{
    struct link_fixture *link = *state;
    uint64_t rounds = scaled("rounds", ROUNDS / 20);
    for (uint64_t round = 0; round < rounds; round++) {
        link_open_server(link, NULL);
        int raw = link_raw_client(link);
        actor_start(&waiters[0], shut_down, &link->server);
        (void)raw_expect(raw, RAW_BYE_REQUEST);
        worker_await_sleep(&waiters[0].worker);
        uint64_t start_ns = test_now();

        link_close_engine(link, link->server.engine);

        worker_join(&waiters[0].worker);
        assert_true(test_now() - start_ns < MACHINE_SLACK_NS);
        assert_true(waiters[0].last == TOFU_TIMED_OUT || waiters[0].last == TOFU_SHUTDOWN_STARTED);
        raw_await_end(raw, NULL);
        raw_close(raw);
    }
    print_message("%llu rounds, every byte back\n", (unsigned long long)rounds);
}

static _Atomic(struct tofu_group *) current_group;

static void meddle(void *argument)
{
    struct actor *actor = argument;
    uint64_t calls = 0;
    while (worker_is_wanted()) {
        struct tofu_message *message = NULL;
        struct tofu_group *group = atomic_load(&current_group);
        if (group == NULL || tofu_engine_get(actor->engine, TOFU_ALWAYS, &message) != TOFU_OK) {
            continue;
        }
        tofu_message_header(message)->opcode = TOFU_SIGNAL;
        tofu_message_header(message)->channel = 1;
        enum tofu_status status = calls % 2 == 0 ? tofu_group_post(group, &message, NULL)
                                                 : tofu_group_update(group, &message);
        if (status == TOFU_SHUTDOWN_STARTED) {
            atomic_fetch_add(&actor->progress, 1);
        }
        tofu_engine_put(actor->engine, &message);
        calls++;
    }
}

// Threads that hold a stale pointer now and then, while groups come and go by the thousand.
static void stale_groups_answer_while_others_come_and_go(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    uint64_t rounds = scaled("rounds", 10 * ROUNDS);
    for (size_t i = 0; i < POSTERS; i++) {
        actor_start(&posters[i], meddle, &link->server);
    }

    for (uint64_t round = 0; round < rounds; round++) {
        struct tofu_group *group = NULL;
        assert_status(TOFU_OK, tofu_group_create(link->server.engine, &group));
        atomic_store(&current_group, group);
        for (int i = 0; i < (int)(round % 4); i++) {
            struct tofu_message *message = NULL;
            assert_status(TOFU_OK, tofu_group_wait(group, 0, &message));
            tofu_engine_put(link->server.engine, &message);
        }
        tofu_group_destroy(&group);
    }

    uint64_t told = 0;
    for (size_t i = 0; i < POSTERS; i++) {
        worker_dismiss(&posters[i].worker);
    }
    for (size_t i = 0; i < POSTERS; i++) {
        worker_join(&posters[i].worker);
        told += atomic_load(&posters[i].progress);
    }
    atomic_store(&current_group, NULL);
    print_message(
        "%llu groups, %llu calls met a dead one\n",
        (unsigned long long)rounds,
        (unsigned long long)told);
    link_close_engine(link, link->server.engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(a_group_destroyed_under_load_answers_everybody),
        LINK_TEST(a_receiving_group_destroyed_under_load_answers_everybody),
        LINK_TEST(a_shutdown_under_load_answers_everybody),
        LINK_TEST(an_engine_destroyed_wakes_who_waits),
        LINK_TEST(an_engine_destroyed_wakes_who_waits_for_a_message),
        LINK_TEST(an_engine_destroyed_ends_a_shutdown_that_waits),
        LINK_TEST(stale_groups_answer_while_others_come_and_go),
    };
    return LINK_RUN(tests, LINK_BOTH | LINK_TCP_ONE_ENGINE);
}
