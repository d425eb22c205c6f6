// SPDX-License-Identifier: MIT
// An application that never receives: its engine takes what was configured, no more, then is silent; the
// sender is slowed by its window; and when the application comes back, all is there.
#include <stdio.h>
#include <string.h>

#include "hostile/measure.h"
#include "hostile/siege.h"
#include "support/raw_peer.h"
#include "support/worker.h"

#define SERVER_THREAD "hostile-server"
#define CLIENT_THREAD "hostile-client"
#define POOL_MAX      64
#define BODY_BYTES    1024
#define PARK_ROUNDS   100000

static struct tofu_message *numbered(const struct side *side, uint64_t id)
{
    static const char body[BODY_BYTES];
    struct tofu_message *message = side_message(side, TOFU_REQUEST, id, NULL);
    assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
    return message;
}

// Posts until the engine takes no more for a while; returns the last number that was taken.
static uint64_t post_until_stuck(const struct side *side)
{
    uint64_t count = 0;
    for (;;) {
        struct tofu_message *message = numbered(side, count + 1);
        enum tofu_status status =
            tofu_group_post_within(side->group, &message, SECOND_NS / 2, NULL);
        if (status != TOFU_OK) {
            assert_status(TOFU_TIMED_OUT, status);
            side_put(side, message);
            return count;
        }
        count++;
    }
}

static void open_link(struct link_fixture *link, uint64_t pool_messages_max)
{
    const struct tofu_options server = {
        .pool_messages_max = pool_messages_max, .thread_name = SERVER_THREAD};
    const struct tofu_options client = {
        .send_queue_messages_max = 256, .thread_name = CLIENT_THREAD};
    link_open_server(link, &server);
    link_open_client(link, &client);
    link_connect(link);
}

// Takes requests `first` to `last` in order; notices that the pool was empty are counted, no more.
static uint64_t take_numbers(const struct side *side, uint64_t first, uint64_t last)
{
    uint64_t notice_count = 0;
    for (uint64_t id = first; id <= last;) {
        struct tofu_message *message = side_await(side);
        const struct tofu_header *header = tofu_message_header(message);
        if (header->origin == TOFU_ENGINE) {
            assert_int_equal(header->status, TOFU_POOL_EMPTY);
            notice_count++;
        } else {
            assert_int_equal(header->id, id);
            id++;
        }
        side_put(side, message);
    }
    return notice_count;
}

static void an_application_that_never_receives_costs_what_was_configured(void **state)
{
    struct link_fixture *link = *state;
    open_link(link, POOL_MAX);
    struct fault_allocator *memory = link_memory(link, link->server.engine);
    size_t bytes_before = atomic_load(&memory->live_bytes);

    uint64_t posted = post_until_stuck(&link->client);

    await_quiet(&link->server);
    struct tofu_stats stats = side_stats(&link->server);
    size_t bytes = atomic_load(&memory->live_bytes) - bytes_before;
    print_message(
        "%llu requests posted: %llu messages and %zu bytes at the receiver\n",
        (unsigned long long)posted,
        (unsigned long long)stats.messages_incoming,
        bytes);
    assert_int_equal(stats.messages_incoming, POOL_MAX);
    assert_int_equal(stats.pool_empty_episodes, 1);
    // The messages, their bodies, and as much again for what a message and its buffer weigh.
    assert_in_range(bytes, 0, 2 * POOL_MAX * BODY_BYTES);
    assert_idle(
        "the receiver, 500 ms", cost_of_interval(&link->server, SERVER_THREAD, SECOND_NS / 2));
    assert_idle(
        "the sender, 500 ms", cost_of_interval(&link->client, CLIENT_THREAD, SECOND_NS / 2));

    uint64_t notice_count = take_numbers(&link->server, 1, posted);
    print_message(
        "%llu requests taken, 0 lost, %llu notices\n",
        (unsigned long long)posted,
        (unsigned long long)notice_count);
    assert_true(notice_count >= 1);
    side_expect_silence(&link->server);
    side_expect_stat(&link->server, messages_incoming, 0);
}

// Returns the next request, which must have this number; counts the notices before it.
static struct tofu_message *take_number(
    const struct side *side, uint64_t id, uint64_t *notice_count)
{
    struct tofu_message *message = side_await(side);
    while (tofu_message_header(message)->origin == TOFU_ENGINE) {
        assert_int_equal(tofu_message_header(message)->status, TOFU_POOL_EMPTY);
        (*notice_count)++;
        side_put(side, message);
        message = side_await(side);
    }
    assert_int_equal(tofu_message_header(message)->id, id);
    return message;
}

// One episode is told once, however many messages come and go before half of the budget is free again.
static void an_empty_pool_is_told_once_per_episode(void **state)
{
    struct link_fixture *link = *state;
    open_link(link, POOL_MAX);
    uint64_t posted = post_until_stuck(&link->client);
    await_quiet(&link->server);
    struct tofu_message *held[POOL_MAX];
    uint64_t id = 1;
    uint64_t notice_count = 0;
    for (size_t i = 0; i < POOL_MAX; i++) {
        held[i] = take_number(&link->server, id, &notice_count);
        id++;
    }
    for (size_t i = 0; i < POOL_MAX; i++) {
        // One back, one more: the budget is used up again at once.
        side_put(&link->server, held[i]);
        held[i] = take_number(&link->server, id, &notice_count);
        id++;
    }

    assert_int_equal(notice_count, 1);
    assert_int_equal(side_stats(&link->server).pool_empty_episodes, 1);

    for (size_t i = 0; i < POOL_MAX; i++) {
        side_put(&link->server, held[i]);
    }
    take_numbers(&link->server, id, posted);
}

struct stream {
    struct side side;
    uint64_t count;
    uint64_t posted;
};

static void post_stream(void *argument)
{
    struct stream *stream = argument;
    for (uint64_t id = 1; id <= stream->count; id++) {
        struct tofu_message *message = NULL;
        if (tofu_engine_get(stream->side.engine, TOFU_ALWAYS, &message) != TOFU_OK) {
            return;
        }
        struct tofu_header *header = tofu_message_header(message);
        header->opcode = TOFU_SIGNAL;
        header->channel = stream->side.channel;
        header->id = id;
        enum tofu_status status =
            tofu_group_post_within(stream->side.group, &message, TEST_DEADLINE_NS, NULL);
        if (status != TOFU_OK) {
            tofu_engine_put(stream->side.engine, &message);
            return;
        }
        stream->posted = id;
    }
}

// With a budget of one message, reading parks after each and goes on when it is put back. A wake-up that
// is lost once in so many times would stop it for good.
static void reading_parks_and_resumes_without_losing_a_wake_up(void **state)
{
    struct link_fixture *link = *state;
    open_link(link, 1);
    uint64_t count = scaled("park and resume", PARK_ROUNDS);
    static struct stream stream;
    static struct worker worker;
    stream = (struct stream){.side = link->client, .count = count};
    uint64_t turns_before = side_stats(&link->server).turns;
    worker_start(&worker, post_stream, &stream);

    for (uint64_t id = 1; id <= count;) {
        struct tofu_message *message = side_await(&link->server);
        const struct tofu_header *header = tofu_message_header(message);
        if (header->origin == TOFU_APPLICATION) {
            assert_int_equal(header->opcode, TOFU_SIGNAL);
            assert_int_equal(header->id, id);
            id++;
        }
        side_put(&link->server, message);
    }

    worker_join(&worker);
    assert_int_equal(stream.posted, count);
    struct tofu_stats stats = side_stats(&link->server);
    print_message(
        "%llu messages through a budget of one: %llu turns, %llu wake-ups, %llu episodes, 0 lost\n",
        (unsigned long long)count,
        (unsigned long long)(stats.turns - turns_before),
        (unsigned long long)stats.wakeups,
        (unsigned long long)stats.pool_empty_episodes);
    // A turn hands over one message at most, so each message that followed another was a park. The turn
    // that is on is not counted yet.
    assert_true(stats.turns - turns_before + 1 >= count);
    assert_int_equal(stats.messages_received, count + 1);
}

// Requests come to nobody, and their senders wait. What the application sends has a budget of its own.
static void serve_without_receiving(struct link_fixture *link)
{
    for (uint64_t id = 1; id <= 20; id++) {
        side_send(&link->server, TOFU_SIGNAL, id, "news");
        struct tofu_message *message = side_expect(&link->client, TOFU_SIGNAL);
        assert_int_equal(tofu_message_header(message)->id, id);
        assert_body(message, "news");
        side_put(&link->client, message);
    }
}

static void an_application_that_never_receives_is_besieged(void **state)
{
    struct link_fixture *link = *state;
    struct siege siege = {
        .scene = "nobody receives",
        .options =
            {.pool_messages_max = POOL_MAX,
             .text_bytes_max = 1024,
             .body_bytes_max = BODY_BYTES,
             .send_queue_messages_max = POOL_MAX,
             .send_queue_bytes_max = POOL_MAX * BODY_BYTES},
        .serve = serve_without_receiving};
    siege_open(&siege, link);
    assert_true(post_until_stuck(&link->client) > POOL_MAX);
    assert_int_equal(side_stats(&link->server).messages_incoming, POOL_MAX);

    siege_judge(&siege, link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(an_application_that_never_receives_costs_what_was_configured),
        LINK_TEST(an_empty_pool_is_told_once_per_episode),
        LINK_TEST(reading_parks_and_resumes_without_losing_a_wake_up),
        LINK_TEST(an_application_that_never_receives_is_besieged),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
