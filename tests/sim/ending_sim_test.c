// SPDX-License-Identifier: MIT
// F20, F21, F28: ends at any moment, with messages in flight, waiters blocked and posters racing.
//
//   ending_sim_test [rounds]   rounds of the destroy tests [300]
#include <stdlib.h>
#include <string.h>

#include "sim/pair.h"

static uint64_t rounds = 300;

/// Another thread of the application, as an actor: posts signals and, if it has a descriptor, receives, until
/// that is over for one reason or another.
struct worker {
    struct tf_thread thread;
    struct tofu_engine *engine;
    struct tofu_group *group;
    tofu_descriptor descriptor; ///< of the waiter
    uint16_t channel;           ///< of the poster
    uint64_t left;              ///< to be posted
    uint64_t accepted;          ///< of them
    uint64_t closed;            ///< closing notices received
    bool should_end;
    enum tofu_status end; ///< of its last call
};

static bool post_one(void *context)
{
    struct worker *worker = context;
    if (worker->left == 0 || worker->should_end) {
        return false;
    }
    struct tofu_message *message =
        pair_message(worker->engine, TOFU_SIGNAL, worker->channel, 0, sim_below(100));
    worker->end = tofu_group_post(worker->group, &message, NULL);
    worker->accepted += worker->end == TOFU_OK ? 1 : 0;
    worker->left -= worker->end == TOFU_OK ? 1 : 0;
    tofu_engine_put(worker->engine, &message);
    sim_sleep(sim_now() + sim_below(2000), -1);
    return worker->end == TOFU_OK || worker->end == TOFU_QUEUE_FULL;
}

static bool wait_one(void *context)
{
    struct worker *worker = context;
    struct tofu_message *message = NULL;
    if (worker->should_end) {
        return false;
    }
    worker->end = tofu_group_wait(worker->group, 0, &message);
    if (message == NULL) {
        sim_sleep(sim_now() + TF_MILLISECOND, worker->descriptor);
        return worker->end == TOFU_OK;
    }
    worker->closed += tofu_message_header(message)->status == TOFU_CHANNEL_CLOSED ? 1 : 0;
    tofu_engine_put(worker->engine, &message);
    return true;
}

static void start_poster(
    struct worker *worker,
    struct tofu_engine *engine,
    struct tofu_group *group,
    uint16_t channel,
    uint64_t count)
{
    *worker = (struct worker){.engine = engine, .group = group, .channel = channel, .left = count};
    sim_actor_start(&worker->thread, "poster", post_one, worker);
}

static void start_waiter(
    struct worker *worker, struct tofu_engine *engine, struct tofu_group *group)
{
    *worker = (struct worker){.engine = engine, .group = group};
    assert_int_equal(tofu_group_descriptor(group, &worker->descriptor), TOFU_OK);
    sim_actor_start(&worker->thread, "waiter", wait_one, worker);
}

/// A connected pair with a poster and a waiter at work on both sides.
struct work {
    struct pair pair;
    struct worker client_poster;
    struct worker client_waiter;
    struct worker server_poster;
    struct worker server_waiter;
};

static void open_connected(struct pair *pair, uint64_t seed)
{
    pair_begin(seed);
    sim_config()->buffer_bytes_min += 64;
    sim_config()->buffer_bytes_max += 64;
    const struct tofu_options options = {.pool_messages_max = 1 + seed % 5};
    pair_open(pair, seed, &options, &options);
    pair_listen(pair, seed % 8 < 4 ? "tcp|127.0.0.1|0" : "uds|@end");
    pair_connect(pair);
}

// Lets them work up to a moment of the seed's.
static void start_work(struct work *work, uint64_t seed)
{
    struct pair *pair = &work->pair;
    open_connected(pair, seed);
    start_poster(
        &work->client_poster, pair->client_engine, pair->client, pair->client_channel, 1000);
    start_poster(
        &work->server_poster, pair->server_engine, pair->server, pair->server_channel, 1000);
    start_waiter(&work->client_waiter, pair->client_engine, pair->client);
    start_waiter(&work->server_waiter, pair->server_engine, pair->server);
    pair_pass(sim_below(UINT64_C(1) << sim_between(8, 18)));
}

static void stop_work(struct work *work)
{
    struct worker *const workers[] = {
        &work->client_poster, &work->client_waiter, &work->server_poster, &work->server_waiter};
    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++) {
        workers[i]->should_end = true;
    }
    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++) {
        tf_thread_join(&workers[i]->thread);
    }
}

// An I/O thread that is interrupted at any call for as long as the others like: every post arrives.
static void f20_posts_reach_an_io_thread_that_is_stalled_anywhere(void **state)
{
    (void)state;
    enum { POSTERS = 3, POSTS = 30 };
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct pair pair;
        struct worker posters[POSTERS];
        open_connected(&pair, seed);
        sim_config()->preempt_rate = (uint32_t)sim_between(100, 900);
        for (int i = 0; i < POSTERS; i++) {
            start_poster(&posters[i], pair.client_engine, pair.client, pair.client_channel, POSTS);
        }
        for (uint64_t received = 0; received < POSTERS * POSTS;) {
            struct tofu_message *message = pair_take(pair.server);
            received += tofu_message_header(message)->status == TOFU_OK ? 1 : 0;
            tofu_engine_put(pair.server_engine, &message);
        }
        for (int i = 0; i < POSTERS; i++) {
            tf_thread_join(&posters[i].thread);
            assert_int_equal(posters[i].accepted, POSTS);
        }
        pair_close(&pair);
    }
}

// That nothing leaks, that nobody waits for ever and that no lock is held is the world's to check.
static void f21_a_group_is_destroyed_while_messages_fly_and_others_post_and_wait(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        struct work work;
        start_work(&work, seed);
        bool is_client = seed % 3 != 0;

        tofu_group_destroy(is_client ? &work.pair.client : &work.pair.server);

        pair_pass(2 * TF_MILLISECOND);
        struct worker *poster = is_client ? &work.client_poster : &work.server_poster;
        struct worker *waiter = is_client ? &work.client_waiter : &work.server_waiter;
        stop_work(&work);
        assert_true(poster->end == TOFU_SHUTDOWN_STARTED || poster->left == 0);
        assert_int_equal(waiter->end, TOFU_SHUTDOWN_STARTED);
        pair_close(&work.pair);
    }
}

static void f21_an_engine_is_shut_down_while_messages_fly_and_others_post_and_wait(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        struct work work;
        start_work(&work, seed);
        uint64_t timeout_ns = sim_below(20 * TF_MILLISECOND);
        uint64_t begin_ns = sim_now();

        enum tofu_status status = tofu_engine_shutdown(work.pair.server_engine, timeout_ns, NULL);

        assert_true(status == TOFU_OK || status == TOFU_TIMED_OUT);
        assert_true(sim_now() - begin_ns <= timeout_ns + 100 * TF_MILLISECOND);
        pair_pass(2 * TF_MILLISECOND);
        stop_work(&work);
        // A shutdown may be over between two posts: then the channel of the second is gone, which is asked first.
        enum tofu_status end = work.server_poster.end;
        assert_true(
            end == TOFU_SHUTDOWN_STARTED || end == TOFU_INVALID_CHANNEL_NUMBER ||
            work.server_poster.left == 0);
        assert_int_equal(work.server_waiter.end, TOFU_SHUTDOWN_STARTED);
        assert_int_equal(work.server_waiter.closed, 2);
        pair_close(&work.pair);
    }
}

// No call may begin once this has begun, so the others stop right before; the messages fly on.
static void f21_an_engine_is_destroyed_while_messages_fly(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        struct work work;
        start_work(&work, seed);
        stop_work(&work);
        uint64_t begin_ns = sim_now();

        tofu_engine_destroy(&work.pair.server_engine);

        assert_true(sim_now() - begin_ns <= TF_MILLISECOND);
        work.pair.server = NULL;
        pair_close(&work.pair);
    }
}

static void post_signals(struct pair *pair, uint16_t channel, uint64_t count)
{
    for (uint64_t id = 1; id <= count; id++) {
        pair_post(pair->client, pair_message(pair->client_engine, TOFU_SIGNAL, channel, id, 20));
    }
}

// The queues of channels that take turns lie in their closing notices, which go with the group.
static void f21_a_group_or_an_engine_is_destroyed_while_channels_take_turns(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= rounds / 10; seed++) {
        struct pair pair;
        pair_begin(seed);
        pair_open(&pair, seed, NULL, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        pair_connect(&pair);
        uint16_t other = pair.client_channel;
        pair_connect(&pair);
        post_signals(&pair, other, 20);
        pair_pass(TF_SECOND);
        post_signals(&pair, pair.client_channel, 10);
        pair_pass(TF_SECOND);
        struct tofu_message *message = pair_take(pair.server);
        tofu_engine_put(pair.server_engine, &message);
        post_signals(&pair, pair.client_channel, 1);
        pair_pass(TF_SECOND);

        if (seed % 2 == 0) {
            tofu_group_destroy(&pair.server);
            assert_int_equal(pair_stats(pair.server_engine).messages_incoming, 0);
        }

        pair_close(&pair);
    }
}

// A poster may hear first that the channel is gone.
static void expect_told(const struct worker *poster, const struct worker *waiter, uint64_t channels)
{
    assert_true(
        poster->end == TOFU_NOTIFICATION_FAILED || poster->end == TOFU_CHANNEL_CLOSED ||
        poster->end == TOFU_INVALID_CHANNEL_NUMBER || poster->left == 0);
    assert_int_equal(waiter->end, TOFU_NOTIFICATION_FAILED);
    assert_int_equal(waiter->closed, channels);
}

static void f28_when_the_poller_fails_everybody_hears_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        struct work work;
        start_work(&work, seed);

        sim_config()->poller_fail_rate = 1000000;
        pair_pass(50 * TF_MILLISECOND);

        stop_work(&work);
        expect_told(&work.client_poster, &work.client_waiter, 1);
        expect_told(&work.server_poster, &work.server_waiter, 2);
        uint64_t begin_ns = sim_now();
        enum tofu_status status = tofu_engine_shutdown(work.pair.client_engine, TF_SECOND, NULL);
        assert_int_equal(status, TOFU_OK); // There is nothing left to end.
        pair_close(&work.pair);
        assert_true(sim_now() - begin_ns <= 2 * TF_SECOND);
    }
}

int main(int count, char **texts)
{
    if (count > 1) {
        rounds = strtoull(texts[1], NULL, 10);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f20_posts_reach_an_io_thread_that_is_stalled_anywhere),
        cmocka_unit_test(f21_a_group_is_destroyed_while_messages_fly_and_others_post_and_wait),
        cmocka_unit_test(f21_an_engine_is_shut_down_while_messages_fly_and_others_post_and_wait),
        cmocka_unit_test(f21_an_engine_is_destroyed_while_messages_fly),
        cmocka_unit_test(f21_a_group_or_an_engine_is_destroyed_while_channels_take_turns),
        cmocka_unit_test(f28_when_the_poller_fails_everybody_hears_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
