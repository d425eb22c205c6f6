// SPDX-License-Identifier: MIT
// The pool and the receiving budget: bounded, told of when it is used up, and nothing is lost by it.
#include <string.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"
#include "support/worker.h"

#define NUMBERED_MAX 500

// In one write: a Unix socket holds few small ones, and here the engine may not read.
static void send_numbered(int raw, uint64_t first, uint64_t last)
{
    static uint8_t bytes[NUMBERED_MAX * RAW_HEADER_BYTES];
    size_t size = 0;
    assert_true(last - first < NUMBERED_MAX);
    for (uint64_t id = first; id <= last; id++) {
        const struct raw_frame frame = {.channel = 1, .proto = RAW_REQUEST, .id = id};
        size += raw_pack(&frame, bytes + size);
    }
    raw_send(raw, bytes, size);
}

// Takes the notice that reading rests.
static struct tofu_message *expect_pool_empty(const struct side *side)
{
    struct tofu_message *notice = side_expect_notice(side, TOFU_SIGNAL, TOFU_POOL_EMPTY);
    assert_int_equal(tofu_message_header(notice)->channel, 0);
    assert_int_equal(tofu_message_header(notice)->id, 0);
    assert_false(message_is_closing(notice));
    return notice;
}

// Returns the next Request, and puts back the notices before it.
static struct tofu_message *next_request(const struct side *side)
{
    struct tofu_message *message = side_await(side);
    while (tofu_message_header(message)->status == TOFU_POOL_EMPTY) {
        side_put(side, message);
        message = side_await(side);
    }
    assert_int_equal(tofu_message_header(message)->opcode, TOFU_REQUEST);
    assert_int_equal(tofu_message_header(message)->origin, TOFU_APPLICATION);
    return message;
}

static void the_pool_gives_no_more_than_its_maximum(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 3, .pool_messages_initial = 2};
    struct tofu_message *messages[3];
    struct tofu_message *none = NULL;
    link_open_client(link, &options);
    struct tofu_engine *engine = link->client.engine;
    for (size_t i = 0; i < 3; i++) {
        assert_status(TOFU_OK, tofu_engine_get(engine, TOFU_POOL_ONLY, &messages[i]));
        assert_non_null(messages[i]);
    }

    assert_status(TOFU_OK, tofu_engine_get(engine, TOFU_POOL_ONLY, &none));
    assert_null(none);
    struct tofu_message *extra = NULL;
    assert_status(TOFU_OK, tofu_engine_get(engine, TOFU_ALWAYS, &extra));
    assert_non_null(extra);

    assert_int_equal(side_stats(&link->client).messages_idle, 0);
    tofu_engine_put(engine, &extra);
    for (size_t i = 0; i < 3; i++) {
        tofu_engine_put(engine, &messages[i]);
        assert_null(messages[i]);
    }
    assert_int_equal(side_stats(&link->client).messages_idle, 3);
    assert_status(TOFU_OK, tofu_engine_get(engine, TOFU_POOL_ONLY, &none));
    assert_non_null(none);
    tofu_engine_put(engine, &none);
    tofu_engine_put(engine, &none);
}

static void a_message_from_the_pool_is_empty(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1};
    link_open_client(link, &options);
    for (int i = 0; i < 3; i++) {
        struct tofu_message *message = NULL;
        assert_status(TOFU_OK, tofu_engine_get(link->client.engine, TOFU_POOL_ONLY, &message));
        const struct tofu_header *header = tofu_message_header(message);
        assert_int_equal(header->channel, 0);
        assert_int_equal(header->opcode, 0);
        assert_int_equal(header->origin, 0);
        assert_int_equal(header->more, 0);
        assert_int_equal(header->status, 0);
        assert_int_equal(header->id, 0);
        assert_null(tofu_message_user(message));
        assert_false(tofu_message_find_text(message, "name", NULL, NULL));
        assert_body(message, "");
        memset(tofu_message_header(message), 1, sizeof *header);
        assert_status(TOFU_OK, tofu_message_append_text(message, "name", "value"));
        assert_status(TOFU_OK, tofu_message_set_body(message, "body", 4));
        tofu_message_set_user(message, link);
        side_put(&link->client, message);
    }
}

struct waiting_get {
    struct tofu_engine *engine;
    struct tofu_message *message;
    enum tofu_status status;
    struct worker worker;
};

static void get_within(void *argument)
{
    struct waiting_get *get = argument;
    get->status = tofu_engine_get_within(get->engine, TOFU_WAIT_FOREVER, &get->message);
}

static void who_waits_for_the_pool_gets_what_is_put_back(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1};
    link_open_client(link, &options);
    for (int i = 0; i < 50; i++) {
        struct tofu_message *only = NULL;
        struct waiting_get get = {.engine = link->client.engine};
        assert_status(TOFU_OK, tofu_engine_get(get.engine, TOFU_POOL_ONLY, &only));
        assert_non_null(only);
        worker_start(&get.worker, get_within, &get);

        tofu_engine_put(get.engine, &only);

        worker_join(&get.worker);
        assert_status(TOFU_OK, get.status);
        assert_non_null(get.message);
        tofu_engine_put(get.engine, &get.message);
    }
}

static void who_waits_for_the_pool_in_vain_is_told_and_not_early(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1};
    struct tofu_message *only = NULL;
    struct tofu_message *message = NULL;
    link_open_client(link, &options);
    struct tofu_engine *engine = link->client.engine;
    assert_status(TOFU_OK, tofu_engine_get_within(engine, 0, &only));
    assert_non_null(only);
    uint64_t start_ns = test_now();

    enum tofu_status status = tofu_engine_get_within(engine, 30 * MILLISECOND_NS, &message);

    assert_status(TOFU_TIMED_OUT, status);
    assert_true(test_now() - start_ns >= 30 * MILLISECOND_NS);
    assert_null(message);
    tofu_engine_put(engine, &only);
}

// The smallest pool there is: every message starves the next, and all of them come.
static void a_pool_of_one_message_delivers_everything_in_order(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    send_numbered(raw, 1, 500);

    for (uint64_t id = 1; id <= 500; id++) {
        struct tofu_message *message = next_request(&link->server);
        assert_int_equal(tofu_message_header(message)->id, id);
        side_put(&link->server, message);
    }
    raw_close(raw);

    struct tofu_message *message = side_await(&link->server);
    while (tofu_message_header(message)->status == TOFU_POOL_EMPTY) {
        side_put(&link->server, message);
        message = side_await(&link->server);
    }
    assert_text(message, "~reason", "peer_disconnected");
    side_put(&link->server, message);
}

static void a_used_up_budget_is_told_once(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 4};
    struct tofu_message *held[4];
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    send_numbered(raw, 1, 20);
    for (size_t i = 0; i < 4; i++) {
        held[i] = side_expect(&link->server, TOFU_REQUEST);
    }
    struct tofu_message *notice = expect_pool_empty(&link->server);
    side_expect_silence(&link->server);
    side_put(&link->server, notice);
    side_expect_silence(&link->server);
    assert_int_equal(side_stats(&link->server).messages_incoming, 4);

    // One that comes back is not half of the budget: the episode goes on without another word.
    side_put(&link->server, held[0]);
    held[0] = side_expect(&link->server, TOFU_REQUEST);
    assert_int_equal(tofu_message_header(held[0])->id, 5);
    side_expect_silence(&link->server);
    assert_int_equal(side_stats(&link->server).pool_empty_episodes, 1);
    for (size_t i = 0; i < 4; i++) {
        side_put(&link->server, held[i]);
    }
    for (uint64_t id = 6; id <= 20; id++) {
        struct tofu_message *message = next_request(&link->server);
        assert_int_equal(tofu_message_header(message)->id, id);
        side_put(&link->server, message);
    }
}

static void the_next_episode_is_told_again(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 4};
    struct tofu_message *held[4];
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    for (uint64_t episode = 1; episode <= 3; episode++) {
        send_numbered(raw, 1, 5);
        for (size_t i = 0; i < 4; i++) {
            held[i] = side_expect(&link->server, TOFU_REQUEST);
        }
        struct tofu_message *notice = expect_pool_empty(&link->server);
        assert_int_equal(side_stats(&link->server).pool_empty_episodes, episode);
        side_put(&link->server, notice);
        for (size_t i = 0; i < 4; i++) {
            side_put(&link->server, held[i]);
        }
        side_take(&link->server, TOFU_REQUEST);
        side_expect_stat(&link->server, messages_incoming, 0);
    }
}

// Fills the budget of four, and returns the notice that says so; the four go back.
static struct tofu_message *run_into_the_budget(const struct side *side, int raw)
{
    struct tofu_message *held[4];
    send_numbered(raw, 1, 5);
    for (size_t i = 0; i < 4; i++) {
        held[i] = side_expect(side, TOFU_REQUEST);
    }
    struct tofu_message *notice = expect_pool_empty(side);
    for (size_t i = 0; i < 4; i++) {
        side_put(side, held[i]);
    }
    side_take(side, TOFU_REQUEST);
    side_expect_stat(side, messages_incoming, 0);
    return notice;
}

// The notice is one of a kind: lost, there would be silence for ever.
static void a_notice_is_back_home_when_a_group_that_it_was_sent_on_to_is_gone(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 4};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    for (int episode = 0; episode < 3; episode++) {
        struct tofu_message *notice = run_into_the_budget(&link->server, raw);
        struct side other = link->server;
        link_open_group(&other);
        assert_status(TOFU_OK, tofu_group_update(other.group, &notice));

        tofu_group_destroy(&other.group);
    }
}

// The group at home goes first; what is left in the other one must not look for it.
static void a_notice_that_waits_in_another_group_goes_with_the_engine(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 4};
    link_open_server(link, &options);
    struct tofu_message *notice = run_into_the_budget(&link->server, link_raw_client(link));
    struct side other = link->server;
    link_open_group(&other);
    assert_status(TOFU_OK, tofu_group_update(other.group, &notice));

    link_close_engine(link, link->server.engine);
}

static void a_message_that_is_posted_leaves_the_budget(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1};
    link_open_server(link, &options);
    int raw = link_raw_client(link);
    send_numbered(raw, 1, 100);

    for (uint64_t id = 1; id <= 100; id++) {
        struct tofu_message *message = next_request(&link->server);
        tofu_message_header(message)->opcode = TOFU_RESPONSE;
        side_post(&link->server, message);
    }

    for (uint64_t id = 1; id <= 100; id++) {
        assert_int_equal(raw_expect(raw, RAW_RESPONSE), id);
    }
}

// Memory does not grow, and the engine does not spin, while the peer pushes against a used up budget.
static void a_starved_engine_slows_its_peer_down(void **state)
{
    static const uint8_t body[60000] = {0};
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 2};
    const struct raw_frame frame = {
        .channel = 1, .proto = RAW_SIGNAL, .id = 1, .body = body, .body_bytes = sizeof body};
    static uint8_t bytes[RAW_FRAME_BYTES_MAX];
    size_t size = raw_pack(&frame, bytes);
    struct tofu_message *held[2];
    uint64_t total = 0;
    link_open_server(link, &options);
    int raw = link_raw_client(link);

    // Two refusals with a while between them: the engine had its chance to read.
    for (int refusals = 0; refusals < 2;) {
        size_t offset = (size_t)(total % size);
        size_t sent = raw_send_some(raw, bytes + offset, size - offset);
        total += sent;
        refusals = sent > 0 ? 0 : refusals + 1;
        assert_true(sent > 0 || raw_is_silent(raw));
        assert_true(total < UINT64_C(256) << 20);
    }
    held[0] = side_expect(&link->server, TOFU_SIGNAL);
    held[1] = side_expect(&link->server, TOFU_SIGNAL);
    side_put(&link->server, expect_pool_empty(&link->server));

    struct tofu_stats before = side_stats(&link->server);
    side_expect_silence(&link->server);
    assert_true(side_stats(&link->server).turns - before.turns < 10);
    assert_true(atomic_load(&link_memory(link, link->server.engine)->live_bytes) < (size_t)1 << 20);
    side_put(&link->server, held[0]);
    side_put(&link->server, held[1]);
    for (uint64_t count = 2; count < total / size; count++) {
        struct tofu_message *message = side_await(&link->server);
        count -= tofu_message_header(message)->status == TOFU_POOL_EMPTY;
        side_put(&link->server, message);
    }
}

static void starved_channels_take_turns(void **state)
{
    enum { CHANNELS = 4, MESSAGES = 25 };
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1};
    uint16_t channels[CHANNELS];
    uint64_t counts[CHANNELS] = {0};
    int raws[CHANNELS];
    link_open_server(link, &options);
    for (size_t i = 0; i < CHANNELS; i++) {
        raws[i] = link_raw_client(link);
        channels[i] = link->server.channel;
    }
    send_numbered(raws[0], 1, 1);
    struct tofu_message *first = side_expect(&link->server, TOFU_REQUEST);
    counts[0]++;
    for (size_t i = 0; i < CHANNELS; i++) {
        send_numbered(raws[i], i == 0 ? 2 : 1, MESSAGES);
    }
    side_put(&link->server, expect_pool_empty(&link->server));
    side_put(&link->server, first);

    for (size_t count = 1; count < (size_t)CHANNELS * MESSAGES; count++) {
        struct tofu_message *message = next_request(&link->server);
        size_t i = 0;
        while (channels[i] != tofu_message_header(message)->channel) {
            i++;
            assert_true(i < CHANNELS);
        }
        counts[i]++;
        assert_int_equal(tofu_message_header(message)->id, counts[i]);
        for (size_t other = 0; other < CHANNELS; other++) {
            // Nobody is passed over while he has something to give.
            assert_true(counts[i] <= counts[other] + 4);
        }
        side_put(&link->server, message);
    }
}

static void idle_connections_own_no_message(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_max = 1};
    link_open_server(link, &options);
    for (int i = 0; i < 50; i++) {
        link_raw_client(link);
        raw_connect(link->address);
    }

    side_expect_stat(&link->server, half_open, 50);
    assert_int_equal(side_stats(&link->server).messages_incoming, 0);
    assert_int_equal(side_stats(&link->server).pool_empty_episodes, 0);
    assert_int_equal(side_stats(&link->server).channels, 51);
}

int main(void)
{
    static const struct CMUnitTest pool_tests[] = {
        LINK_TEST(the_pool_gives_no_more_than_its_maximum),
        LINK_TEST(a_message_from_the_pool_is_empty),
        LINK_TEST(who_waits_for_the_pool_gets_what_is_put_back),
        LINK_TEST(who_waits_for_the_pool_in_vain_is_told_and_not_early),
    };
    static const struct CMUnitTest tests[] = {
        LINK_TEST(a_pool_of_one_message_delivers_everything_in_order),
        LINK_TEST(a_used_up_budget_is_told_once),
        LINK_TEST(the_next_episode_is_told_again),
        LINK_TEST(a_notice_is_back_home_when_a_group_that_it_was_sent_on_to_is_gone),
        LINK_TEST(a_notice_that_waits_in_another_group_goes_with_the_engine),
        LINK_TEST(a_message_that_is_posted_leaves_the_budget),
        LINK_TEST(a_starved_engine_slows_its_peer_down),
        LINK_TEST(starved_channels_take_turns),
        LINK_TEST(idle_connections_own_no_message),
    };
    int failed = LINK_RUN(pool_tests, LINK_TCP);
    failed += LINK_RUN(tests, LINK_BOTH);
    return failed;
}
