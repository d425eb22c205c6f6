// SPDX-License-Identifier: MIT
// The send queue: bounded in messages and bytes, open for Byes, and something one can wait for.
#include <string.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"
#include "support/worker.h"

#define BODY_BYTES 60000

static struct tofu_message *large_message(const struct side *side, uint64_t id)
{
    static const char body[BODY_BYTES] = "";
    struct tofu_message *message = side_message(side, TOFU_REQUEST, id, NULL);
    assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
    return message;
}

// Posts to a peer that does not read until the queue is full and stays full: the engine moves some of
// it to the kernel meanwhile. Returns how many were taken.
static uint64_t fill_queue(const struct side *side)
{
    uint64_t count = 0;
    for (;;) {
        struct tofu_message *message = large_message(side, count + 1);
        struct tofu_message *const same = message;
        enum tofu_status status =
            tofu_group_post_within(side->group, &message, 5 * TEST_SILENCE_NS, NULL);
        if (status != TOFU_OK) {
            assert_status(TOFU_TIMED_OUT, status);
            assert_ptr_equal(message, same);
            tofu_engine_put(side->engine, &message);
            return count;
        }
        assert_null(message);
        count++;
    }
}

static void a_peer_that_never_reads_fills_the_queue_of_messages(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_messages_max = 5};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    uint64_t taken = fill_queue(&link->server);
    assert_true(taken >= 5);

    side_expect_refusal(&link->server, large_message(&link->server, 99), TOFU_QUEUE_FULL);
    side_expect_refusal(
        &link->server, side_message(&link->server, TOFU_SIGNAL, 99, NULL), TOFU_QUEUE_FULL);
    side_expect_refusal(
        &link->server, side_message(&link->server, TOFU_HELLO_RESPONSE, 99, NULL), TOFU_QUEUE_FULL);

    // Nothing was lost by that: the peer gets what was taken, and then there is room again.
    for (uint64_t id = 1; id <= taken; id++) {
        assert_int_equal(raw_receive(raw)->id, id);
    }
    side_expect_stat(&link->server, messages_sent, taken);
    side_send(&link->server, TOFU_SIGNAL, 100, NULL);
    assert_int_equal(raw_expect(raw, RAW_SIGNAL), 100);
}

static void a_peer_that_never_reads_fills_the_queue_of_bytes(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_bytes_max = 200000};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    uint64_t taken = fill_queue(&link->server);

    side_expect_refusal(&link->server, large_message(&link->server, 99), TOFU_QUEUE_FULL);

    struct tofu_stats stats = side_stats(&link->server);
    assert_true(taken - stats.messages_sent >= 3);
    assert_true(taken - stats.messages_sent <= 4);
    for (uint64_t id = 1; id <= taken; id++) {
        assert_int_equal(raw_receive(raw)->id, id);
    }
}

// Other channels have queues of their own.
static void a_full_queue_is_full_for_its_channel_only(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_messages_max = 3};
    link_open_server(link, &options);
    link_raw_client(link);
    struct side full = link->server;
    int raw = link_raw_client(link);
    fill_queue(&full);

    for (uint64_t id = 1; id <= 3; id++) {
        side_send(&link->server, TOFU_REQUEST, id, NULL);
        assert_int_equal(raw_expect(raw, RAW_REQUEST), id);
    }
}

static void byes_have_room_in_a_full_queue(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_messages_max = 3};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    raw_send_proto(raw, RAW_BYE_REQUEST, 8);
    side_take(&link->server, TOFU_BYE_REQUEST);
    uint64_t taken = fill_queue(&link->server);

    uint64_t bye = side_send(&link->server, TOFU_BYE_REQUEST, 0, NULL).id;
    side_send(&link->server, TOFU_BYE_RESPONSE, 8, NULL);

    for (uint64_t id = 1; id <= taken; id++) {
        assert_int_equal(raw_receive(raw)->id, id);
    }
    assert_int_equal(raw_expect(raw, RAW_BYE_REQUEST), bye);
    assert_int_equal(raw_expect(raw, RAW_BYE_RESPONSE), 8);
    side_send(&link->server, TOFU_BYE_SIGNAL, 0, NULL);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "channel_closed");
}

static void a_bye_signal_has_room_in_a_full_queue(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_messages_max = 3};
    link_open_server(link, &options);
    link_raw_client(link);
    uint64_t taken = fill_queue(&link->server);

    side_send(&link->server, TOFU_BYE_SIGNAL, 0, NULL);

    uint64_t returned = 0;
    struct tofu_message *message = side_await(&link->server);
    for (; !message_is_closing(message); message = side_await(&link->server)) {
        assert_status(TOFU_CHANNEL_CLOSED, (enum tofu_status)tofu_message_header(message)->status);
        returned++;
        side_put(&link->server, message);
    }
    side_put(&link->server, message);
    assert_in_range(returned, 3, 4);
    assert_int_equal(side_stats(&link->server).messages_sent, taken - returned);
}

// A message that is larger than the whole limit would otherwise never be sent.
static void an_empty_queue_takes_one_message_of_any_size(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_bytes_max = 20};
    link_open_server(link, &options);
    int raw = link_raw_client(link);

    side_post(&link->server, large_message(&link->server, 1));

    assert_int_equal(raw_receive(raw)->body_bytes, BODY_BYTES);
    side_expect_stat(&link->server, messages_sent, 1);
    side_post(&link->server, large_message(&link->server, 2));
    assert_int_equal(raw_receive(raw)->id, 2);
}

// While the connection is made nothing leaves the queue, so every number is exact.
static void the_hello_counts_as_one_message_of_the_queue(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_messages_max = 4};
    char address[TOFU_ADDRESS_BYTES_MAX];
    link_open_client(link, &options);
    int listener = raw_listen(link->transport == TOFU_TCP, link->directory, "full", 0, address);
    raw_connect(address);
    link->client.channel = side_post(&link->client, side_hello(&link->client, address)).channel;

    for (uint64_t id = 1; id <= 3; id++) {
        side_send(&link->client, TOFU_REQUEST, id, NULL);
    }

    side_expect_refusal(
        &link->client, side_message(&link->client, TOFU_REQUEST, 4, NULL), TOFU_QUEUE_FULL);
    raw_accept(listener);
    int raw = raw_accept(listener);
    raw_expect(raw, RAW_HELLO_REQUEST);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(raw_expect(raw, RAW_REQUEST), id);
    }
}

struct waiting_post {
    struct side side;
    struct tofu_message *message;
    uint64_t timeout_ns;
    enum tofu_status status;
    struct tofu_header accepted;
    struct worker worker;
};

static void post_within(void *argument)
{
    struct waiting_post *post = argument;
    post->status =
        tofu_group_post_within(post->side.group, &post->message, post->timeout_ns, &post->accepted);
}

static void start_waiting_post(struct waiting_post *post, const struct side *side)
{
    *post = (struct waiting_post){.side = *side, .timeout_ns = TOFU_WAIT_FOREVER};
    post->message = large_message(side, 1000);
    worker_start(&post->worker, post_within, post);
}

static void post_within_waits_for_room(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_messages_max = 3};
    struct waiting_post post;
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    uint64_t taken = fill_queue(&link->server);
    start_waiting_post(&post, &link->server);

    for (uint64_t id = 1; id <= taken; id++) {
        assert_int_equal(raw_receive(raw)->id, id);
    }

    assert_int_equal(raw_receive(raw)->id, 1000);
    worker_join(&post.worker);
    assert_status(TOFU_OK, post.status);
    assert_null(post.message);
    assert_int_equal(post.accepted.id, 1000);
    assert_int_equal(post.accepted.channel, link->server.channel);
}

static void post_within_is_never_early(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_messages_max = 3};
    link_open_server(link, &options);
    link_raw_client(link);
    fill_queue(&link->server);
    struct tofu_message *message = large_message(&link->server, 7);
    struct tofu_message *const same = message;
    uint64_t start_ns = test_now();

    enum tofu_status status =
        tofu_group_post_within(link->server.group, &message, 50 * MILLISECOND_NS, NULL);

    assert_status(TOFU_TIMED_OUT, status);
    assert_true(test_now() - start_ns >= 50 * MILLISECOND_NS);
    assert_ptr_equal(message, same);
    assert_int_equal(tofu_message_header(message)->id, 7);
    side_put(&link->server, message);
}

static void post_within_with_room_does_not_wait(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    struct tofu_message *message = side_message(&link->server, TOFU_SIGNAL, 4, NULL);

    assert_status(TOFU_OK, tofu_group_post_within(link->server.group, &message, 0, NULL));

    assert_int_equal(raw_expect(raw, RAW_SIGNAL), 4);
}

static void post_within_makes_all_other_checks(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link_raw_client(link);
    struct tofu_message *message = NULL;
    assert_status(TOFU_NULL_MESSAGE, tofu_group_post_within(link->server.group, &message, 0, NULL));
    message = side_message(&link->server, TOFU_REQUEST, 4, NULL);
    tofu_message_header(message)->channel = 9999;
    assert_status(
        TOFU_INVALID_CHANNEL_NUMBER,
        tofu_group_post_within(link->server.group, &message, TOFU_WAIT_FOREVER, NULL));
    assert_non_null(message);
    side_put(&link->server, message);
}

// Who waits for room in a channel that ends must hear of it, or would wait for ever.
static void post_within_ends_with_its_channel(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_messages_max = 3};
    struct waiting_post post;
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    fill_queue(&link->server);
    start_waiting_post(&post, &link->server);

    raw_reset(raw);

    worker_join(&post.worker);
    if (post.status == TOFU_OK) {
        // It slipped in while the queue was being returned, and is returned with the rest.
        assert_null(post.message);
    } else {
        assert_status(TOFU_INVALID_CHANNEL_NUMBER, post.status);
        assert_non_null(post.message);
    }
    side_put(&link->server, post.message);
    struct tofu_message *message = side_await(&link->server);
    for (; !message_is_closing(message); message = side_await(&link->server)) {
        side_put(&link->server, message);
    }
    side_put(&link->server, message);
    side_expect_silence(&link->server);
}

static void post_within_ends_with_its_group(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.send_queue_messages_max = 3};
    struct waiting_post post;
    link_open_server(link, &options);
    link_raw_client(link);
    fill_queue(&link->server);
    start_waiting_post(&post, &link->server);

    tofu_group_destroy(&link->server.group);

    worker_join(&post.worker);
    if (post.status != TOFU_OK) {
        assert_true(
            post.status == TOFU_SHUTDOWN_STARTED || post.status == TOFU_INVALID_CHANNEL_NUMBER);
        assert_non_null(post.message);
    }
    side_put(&link->server, post.message);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(a_peer_that_never_reads_fills_the_queue_of_messages),
        LINK_TEST(a_peer_that_never_reads_fills_the_queue_of_bytes),
        LINK_TEST(a_full_queue_is_full_for_its_channel_only),
        LINK_TEST(byes_have_room_in_a_full_queue),
        LINK_TEST(a_bye_signal_has_room_in_a_full_queue),
        LINK_TEST(an_empty_queue_takes_one_message_of_any_size),
        LINK_TEST(the_hello_counts_as_one_message_of_the_queue),
        LINK_TEST(post_within_waits_for_room),
        LINK_TEST(post_within_is_never_early),
        LINK_TEST(post_within_with_room_does_not_wait),
        LINK_TEST(post_within_makes_all_other_checks),
        LINK_TEST(post_within_ends_with_its_channel),
        LINK_TEST(post_within_ends_with_its_group),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
