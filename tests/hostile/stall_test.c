// SPDX-License-Identifier: MIT
// An engine whose I/O thread stands still while many threads post: limits answer, memory is bounded, and
// when it goes on nothing is lost and no wake-up is missing.
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "hostile/measure.h"
#include "hostile/stall.h"
#include "support/raw_peer.h"
#include "support/worker.h"

#define POSTERS     8
#define POSTS       1000000
#define QUEUE_MAX   1024
#define STALL_EVERY 100000
#define ROUND_TRIPS 20000

struct poster {
    struct worker worker;
    struct side side; ///< the engine that stalls, and this poster's channel
    uint64_t attempts;
    uint64_t taken;
    uint64_t full;
    uint64_t other; ///< answers that there should not be
};

static struct poster posters[POSTERS];
static struct stall stall;

static struct tofu_message *numbered(const struct poster *poster, uint64_t id)
{
    struct tofu_message *message = NULL;
    if (tofu_engine_get(poster->side.engine, TOFU_ALWAYS, &message) == TOFU_OK) {
        struct tofu_header *header = tofu_message_header(message);
        header->opcode = TOFU_SIGNAL;
        header->channel = poster->side.channel;
        header->id = id;
    }
    return message;
}

static void count_answer(struct poster *poster, enum tofu_status status)
{
    poster->taken += status == TOFU_OK ? 1 : 0;
    poster->full += status == TOFU_QUEUE_FULL ? 1 : 0;
    poster->other += status != TOFU_OK && status != TOFU_QUEUE_FULL ? 1 : 0;
}

// Tries as often as it is to, whatever the answer.
static void post_anyway(void *argument)
{
    struct poster *poster = argument;
    for (uint64_t i = 0; i < poster->attempts; i++) {
        struct tofu_message *message = numbered(poster, poster->taken + 1);
        enum tofu_status status = tofu_group_post(poster->side.group, &message, NULL);
        count_answer(poster, status);
        tofu_engine_put(poster->side.engine, &message);
    }
}

// Waits for room each time, so that every message is taken.
static void post_patiently(void *argument)
{
    struct poster *poster = argument;
    for (uint64_t i = 0; i < poster->attempts && poster->other == 0; i++) {
        struct tofu_message *message = numbered(poster, poster->taken + 1);
        enum tofu_status status =
            tofu_group_post_within(poster->side.group, &message, 2 * TEST_DEADLINE_NS, NULL);
        count_answer(poster, status);
        tofu_engine_put(poster->side.engine, &message);
    }
}

// The client is the engine that will stall; it listens, so that it can be made to.
static void open_link(struct link_fixture *link, char *stall_address)
{
    const struct tofu_options options = {
        .log_sink = stall_sink,
        .log_context = &stall,
        .log_level = TOFU_LOG_INFO,
        .send_queue_messages_max = QUEUE_MAX,
        .pool_messages_max = 64};
    link_open_server(link, NULL);
    link_open_client(link, &options);
    (void)link_listen(link, &link->client, "stall", stall_address);
}

// Gives each poster a channel of its own, or all the same one.
static void open_posters(struct link_fixture *link, size_t channels, uint64_t attempts)
{
    for (size_t i = 0; i < POSTERS; i++) {
        if (i < channels) {
            link_connect(link);
        }
        posters[i] = (struct poster){.side = link->client, .attempts = attempts};
    }
}

static void start_posters(void (*run)(void *argument))
{
    for (size_t i = 0; i < POSTERS; i++) {
        worker_start(&posters[i].worker, run, &posters[i]);
    }
}

static struct poster join_posters(void)
{
    struct poster all = {.taken = 0};
    for (size_t i = 0; i < POSTERS; i++) {
        worker_join(&posters[i].worker);
        all.taken += posters[i].taken;
        all.full += posters[i].full;
        all.other += posters[i].other;
    }
    return all;
}

// Takes that many signals, in order within each channel. That the receiver's pool is empty now and then
// is no matter here.
static void take_in_order(struct link_fixture *link, uint64_t *last, uint64_t count)
{
    while (count > 0) {
        struct tofu_message *message = side_await(&link->server);
        const struct tofu_header *header = tofu_message_header(message);
        if (header->origin == TOFU_ENGINE) {
            assert_int_equal(header->status, TOFU_POOL_EMPTY);
        } else {
            assert_int_equal(header->opcode, TOFU_SIGNAL);
            assert_int_equal(header->id, last[header->channel] + 1);
            last[header->channel]++;
            count--;
        }
        side_put(&link->server, message);
    }
}

static void expect_nothing_more(const struct link_fixture *link)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tofu_group_wait(link->server.group, TEST_SILENCE_NS, &message));
    if (message != NULL) {
        assert_int_equal(tofu_message_header(message)->status, TOFU_POOL_EMPTY);
        side_put(&link->server, message);
    }
}

static void a_stalled_engine_takes_what_the_limit_allows_and_loses_nothing(void **state)
{
    static uint64_t last[65536];
    memset(last, 0, sizeof last);
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_link(link, address);
    uint64_t posts = scaled("posts", POSTS);
    open_posters(link, POSTERS, posts / POSTERS);
    stall_begin(&stall, address);

    start_posters(post_anyway);

    struct poster all = join_posters();
    uint64_t alive = side_stats(&link->client).messages_alive;
    print_message(
        "%llu posts to a stalled engine: %llu taken, %llu queue_full, %llu messages alive\n",
        (unsigned long long)(posts / POSTERS * POSTERS),
        (unsigned long long)all.taken,
        (unsigned long long)all.full,
        (unsigned long long)alive);
    assert_int_equal(all.other, 0);
    for (size_t i = 0; i < POSTERS; i++) {
        assert_int_equal(posters[i].taken, QUEUE_MAX);
        assert_int_equal(posters[i].taken + posters[i].full, posters[i].attempts);
    }
    // What is queued, the pool, each channel's closing notice and each poster's message at hand.
    assert_in_range(alive, POSTERS * QUEUE_MAX, POSTERS * QUEUE_MAX + 64 + 3 * POSTERS + 16);

    stall_end(&stall);
    take_in_order(link, last, all.taken);
    expect_nothing_more(link);
    side_expect_stat(&link->client, messages_sent, all.taken + POSTERS);
}

// The limit is the channel's, however many threads press against it at once.
static void racing_posters_never_take_a_queue_over_its_limit(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_link(link, address);
    uint64_t posts = scaled("posts", POSTS / 10);
    open_posters(link, 1, posts / POSTERS);
    stall_begin(&stall, address);

    start_posters(post_anyway);

    struct poster all = join_posters();
    struct tofu_channel_stats stats = {.struct_size = sizeof stats};
    assert_status(TOFU_OK, tofu_channel_stats(link->client.group, link->client.channel, &stats));
    assert_int_equal(all.other, 0);
    assert_int_equal(all.taken, QUEUE_MAX);
    assert_int_equal(stats.messages_queued, QUEUE_MAX);
    stall_end(&stall);
    for (uint64_t i = 0; i < QUEUE_MAX; i++) {
        side_take(&link->server, TOFU_SIGNAL);
    }
    side_expect_silence(&link->server);
}

static void no_wake_up_is_lost_however_often_the_engine_stalls(void **state)
{
    static uint64_t last[65536];
    memset(last, 0, sizeof last);
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_link(link, address);
    uint64_t posts = scaled("posts", POSTS);
    uint64_t every = posts / (POSTS / STALL_EVERY);
    uint64_t stalls = 0;
    open_posters(link, POSTERS, posts / POSTERS);
    start_posters(post_patiently);

    uint64_t left = posts / POSTERS * POSTERS;
    while (left > every) {
        take_in_order(link, last, every);
        left -= every;
        stall_begin(&stall, address);
        interval_pass(5 * MILLISECOND_NS); // All queues fill, all posters wait.
        stall_end(&stall);
        stalls++;
    }
    take_in_order(link, last, left);

    struct poster all = join_posters();
    print_message(
        "%llu messages of %d threads, %llu stalls, %llu wake-ups: 0 lost\n",
        (unsigned long long)all.taken,
        POSTERS,
        (unsigned long long)stalls,
        (unsigned long long)side_stats(&link->client).wakeups);
    assert_int_equal(all.other, 0);
    assert_int_equal(all.taken, posts / POSTERS * POSTERS);
    expect_nothing_more(link);
}

// Each post meets an engine that is just going to sleep.
static void a_single_post_always_wakes_an_idle_engine(void **state)
{
    static struct latencies latencies;
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_link(link, address);
    link_connect(link);
    latencies.count = 0;
    uint64_t count = scaled("round trips", ROUND_TRIPS);

    for (uint64_t i = 0; i < count; i++) {
        round_trip(link, &latencies);
    }

    print_message(
        "%llu round trips, the longest %.1f ms\n",
        (unsigned long long)count,
        (double)latencies_percentile(&latencies, 100) / 1e6);
}

static void a_stalled_engine_still_answers_every_call_that_does_not_wait(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_link(link, address);
    link_connect(link);
    stall_begin(&stall, address);

    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tofu_group_wait(link->client.group, 0, &message));
    assert_null(message);
    assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));
    side_put(&link->client, side_expect_notice(&link->client, TOFU_SIGNAL, TOFU_RECEIVER_UPDATE));
    (void)side_stats(&link->client);
    assert_status(TOFU_OK, tofu_engine_get(link->client.engine, TOFU_POOL_ONLY, &message));
    tofu_engine_put(link->client.engine, &message);
    struct tofu_group *group = NULL;
    assert_status(TOFU_OK, tofu_group_create(link->client.engine, &group));

    stall_end(&stall);
    tofu_group_destroy(&group);
    round_trip(link, NULL);
}

// What came while the engine stood still came in time, though its deadline is over when it is read.
static void deadlines_spare_what_the_kernel_has(void **state)
{
    enum { BODY_BYTES = 100 };
    struct link_fixture *link = *state;
    uint64_t timeout_ns = 200 * MILLISECOND_NS;
    const struct tofu_options options = {
        .log_sink = stall_sink,
        .log_context = &stall,
        .log_level = TOFU_LOG_INFO,
        .hello_timeout_ns = timeout_ns,
        .frame_timeout_ns = timeout_ns};
    uint8_t body[BODY_BYTES] = {0};
    uint8_t bytes[RAW_HEADER_BYTES + BODY_BYTES];
    const struct raw_frame frame = {
        .channel = 1, .proto = RAW_REQUEST, .id = 7, .body = body, .body_bytes = sizeof body};
    raw_pack(&frame, bytes);
    link_open_server(link, &options);
    int sender = link_raw_client(link);
    uint64_t received = side_stats(&link->server).bytes_received;
    uint64_t accepted = side_stats(&link->server).connections_accepted;
    int newcomer = raw_connect(link->address);
    side_expect_stat(&link->server, connections_accepted, accepted + 1);
    raw_send(sender, bytes, 20);
    side_expect_stat(&link->server, bytes_received, received + 20);
    stall_begin(&stall, link->address);

    raw_send(sender, bytes + 20, sizeof bytes - 20);
    raw_send_hello(newcomer, 8);
    uint64_t start_ns = test_now();
    while (test_now() - start_ns < 3 * timeout_ns) {
        assert_true(raw_is_silent(newcomer));
    }
    stall_end(&stall);

    for (int i = 0; i < 2; i++) {
        struct tofu_message *message = side_await(&link->server);
        const struct tofu_header *header = tofu_message_header(message);
        assert_int_equal(header->status, TOFU_OK);
        assert_int_equal(header->id, header->opcode == TOFU_REQUEST ? 7 : 8);
        side_put(&link->server, message);
    }
}

// The tear down needs an engine that goes on, also when the test has failed.
static int tear_down(void **state)
{
    stall_end(&stall);
    return link_tear_down(state);
}

#define STALL_TEST(function)                                                                       \
    {                                                                                              \
#        function, (function), link_set_up, tear_down, NULL                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        STALL_TEST(a_stalled_engine_takes_what_the_limit_allows_and_loses_nothing),
        STALL_TEST(racing_posters_never_take_a_queue_over_its_limit),
        STALL_TEST(no_wake_up_is_lost_however_often_the_engine_stalls),
        STALL_TEST(a_single_post_always_wakes_an_idle_engine),
        STALL_TEST(a_stalled_engine_still_answers_every_call_that_does_not_wait),
        STALL_TEST(deadlines_spare_what_the_kernel_has),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
