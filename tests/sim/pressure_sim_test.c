// SPDX-License-Identifier: MIT
// Slow, greedy and silent peers in virtual time: F7 to F12, each step by step over all kinds of pollers.
#include "sim/pair.h"

#define SEEDS 60

/// Turns that an engine may take in a minute in which nothing can go on.
#define IDLE_TURNS_MAX 20

static uint8_t frame[RAW_FRAME_BYTES_MAX];

// The next message that is no notice of an empty budget.
static struct tofu_message *take_regular(struct tofu_engine *engine, struct tofu_group *group)
{
    struct tofu_message *message = pair_take(group);
    while (tofu_message_header(message)->status == TOFU_POOL_EMPTY) {
        tofu_engine_put(engine, &message);
        message = pair_take(group);
    }
    return message;
}

// Spurious events are turns for nothing, and no fault of the engine.
static void begin_quiet(uint64_t seed)
{
    pair_begin(seed);
    sim_config()->spurious_rate = 0;
}

// Full has to mean that nobody reads, not that the network is slow.
static void use_fair_buffers(void)
{
    sim_config()->buffer_bytes_min = 256;
    sim_config()->buffer_bytes_max = 4096;
}

// The time that a test measures shall not be the network's.
static void use_wide_buffers(void)
{
    sim_config()->buffer_bytes_min = 65536;
    sim_config()->buffer_bytes_max = 65536;
    sim_config()->delay_ns_max = 0;
    sim_config()->split_rate = 0;
}

static void close_all(const tf_socket *sockets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tf_socket_close(sockets[i]);
    }
}

// Sends byte after byte until the server's group has a message; returns when that was.
static uint64_t drip_until_told(struct pair *pair, tf_socket raw, size_t size, uint64_t every_ns)
{
    struct tofu_message *message = NULL;
    for (size_t i = 0; message == NULL; i++) {
        assert_true(i < size);
        (void)raw_send(raw, frame + i, 1);
        assert_int_equal(tofu_group_wait(pair->server, every_ns, &message), TOFU_OK);
    }
    assert_int_equal(tofu_message_header(message)->status, TOFU_CHANNEL_CLOSED);
    tofu_engine_put(pair->server_engine, &message);
    return sim_now();
}

static void f7_a_dripping_message_ends_at_its_deadline_whatever_the_drip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        pair_begin(seed);
        const struct tofu_options options = {.frame_timeout_ns = seed * TF_SECOND};
        pair_open(&pair, seed, &options, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        tf_socket raw;
        (void)raw_join(&pair, &raw);
        size_t size = raw_frame(frame, TOFU_REQUEST, 5, false, NULL, 1000);
        uint64_t begin_ns = sim_now();

        uint64_t end_ns = drip_until_told(&pair, raw, size, seed * TF_SECOND / 50);

        assert_true(end_ns - begin_ns >= seed * TF_SECOND);
        assert_true(end_ns - begin_ns <= seed * TF_SECOND + 20 * TF_MILLISECOND);
        tf_socket_close(raw);
        pair_close(&pair);
    }
}

// In vain: after 10 ms, 20, 40, 80, and then 160 each. But nobody waits longer for a look than he has waited.
static void f7_a_line_of_drips_is_looked_at_ever_more_seldom(void **state)
{
    (void)state;
    enum { DRIPS = 8, LOOKS = 8 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        begin_quiet(seed);
        use_wide_buffers();
        const struct tofu_options options = {.pool_messages_max = DRIPS};
        pair_open(&pair, seed, &options, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        tf_socket drips[DRIPS];
        size_t size = raw_frame(frame, TOFU_REQUEST, 5, false, NULL, 1000);
        for (int i = 0; i < DRIPS; i++) {
            (void)raw_join(&pair, &drips[i]);
        }
        for (int i = 0; i < DRIPS; i++) {
            assert_true(raw_send(drips[i], frame, 100));
        }
        pair_pass(10 * TF_MILLISECOND);
        uint64_t turns = pair_stats(pair.server_engine).turns;

        pair_pass(700 * TF_MILLISECOND);

        assert_true(pair_stats(pair.server_engine).turns - turns <= LOOKS);
        uint64_t begin_ns = sim_now();
        assert_true(raw_send(drips[DRIPS - 1], frame + 100, size - 100));
        pair_expect(pair.server_engine, pair.server, TOFU_REQUEST, TOFU_OK);
        assert_true(sim_now() - begin_ns <= 170 * TF_MILLISECOND);
        close_all(drips, DRIPS);
        pair_close(&pair);
    }
}

static void f7_drips_hold_half_of_the_budget_and_give_way_after_a_second(void **state)
{
    (void)state;
    enum { DRIPS = 8, MESSAGES = 100 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        pair_begin(seed);
        use_wide_buffers();
        const struct tofu_options options = {.pool_messages_max = DRIPS};
        pair_open(&pair, seed, &options, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        pair_connect(&pair);
        tf_socket drips[DRIPS];
        (void)raw_frame(frame, TOFU_REQUEST, 5, false, NULL, 1000);
        for (int i = 0; i < DRIPS; i++) {
            (void)raw_join(&pair, &drips[i]);
        }
        for (int i = 0; i < DRIPS; i++) {
            assert_true(raw_send(drips[i], frame, 100));
        }
        pair_pass(100 * TF_MILLISECOND);
        assert_int_equal(pair_stats(pair.server_engine).messages_incoming, DRIPS / 2);
        uint64_t begin_ns = sim_now();

        uint64_t received = 0;
        for (uint64_t id = 1; id <= MESSAGES; id++) {
            pair_post(
                pair.client,
                pair_message(pair.client_engine, TOFU_REQUEST, pair.client_channel, id, 10));
        }
        while (received < MESSAGES) {
            struct tofu_message *message = take_regular(pair.server_engine, pair.server);
            if (tofu_message_header(message)->status == TOFU_OK) {
                assert_int_equal(tofu_message_header(message)->id, ++received);
            }
            tofu_engine_put(pair.server_engine, &message);
        }

        assert_true(sim_now() - begin_ns <= 500 * TF_MILLISECOND);
        assert_int_equal(pair_stats(pair.server_engine).deadlines_missed, 0);
        pair_pass(begin_ns + 1500 * TF_MILLISECOND - sim_now());
        assert_int_equal(pair_stats(pair.server_engine).deadlines_missed, DRIPS / 2);
        assert_int_equal(pair_stats(pair.server_engine).messages_incoming, DRIPS / 2);
        close_all(drips, DRIPS);
        pair_close(&pair);
    }
}

// Posts until the queue is full; returns how many were accepted.
static uint64_t post_until_full(
    struct tofu_engine *engine, struct tofu_group *group, uint16_t channel, size_t body_bytes)
{
    for (uint64_t id = 1;; id++) {
        struct tofu_message *message = pair_message(engine, TOFU_REQUEST, channel, id, body_bytes);
        enum tofu_status status = TOFU_OK;
        for (int i = 0; i < 20; i++) { // The network may still be making room.
            status = tofu_group_post(group, &message, NULL);
            if (status == TOFU_OK) {
                break;
            }
            assert_int_equal(status, TOFU_QUEUE_FULL);
            pair_pass(100 * TF_MILLISECOND);
        }
        if (status != TOFU_OK) {
            tofu_engine_put(engine, &message);
            return id - 1;
        }
    }
}

// All of a crowd have left before the honest message came; a turn takes leave of some, and then it is read. In a
// few worlds the client has no turn for long.
static void f6_a_crowd_that_leaves_at_once_does_not_stand_in_the_way(void **state)
{
    (void)state;
    enum { CROWD = 250 };
    static tf_socket crowd[CROWD];
    uint64_t left = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        begin_quiet(seed);
        use_wide_buffers();
        pair_open(&pair, seed, NULL, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        pair_connect(&pair);
        for (int i = 0; i < CROWD; i++) {
            crowd[i] = raw_connect(pair.address);
        }
        pair_pass(TF_SECOND);
        assert_int_equal(pair_stats(pair.server_engine).half_open, CROWD);

        close_all(crowd, CROWD);
        pair_post(
            pair.client, pair_message(pair.client_engine, TOFU_SIGNAL, pair.client_channel, 5, 10));

        pair_expect(pair.server_engine, pair.server, TOFU_SIGNAL, TOFU_OK);
        left += pair_stats(pair.server_engine).half_open;
        pair_pass(TF_SECOND);
        assert_int_equal(pair_stats(pair.server_engine).half_open, 0);
        pair_close(&pair);
    }
    assert_true(left >= SEEDS * (CROWD * 3 / 4));
}

// Nothing moves for a minute: no memory, and no turns.
static void expect_a_quiet_minute(const struct tofu_engine *engine)
{
    uint64_t bytes = sim_allocated_bytes();
    uint64_t turns = pair_stats(engine).turns;
    pair_pass(60 * TF_SECOND);
    assert_int_equal(sim_allocated_bytes(), bytes);
    assert_true(pair_stats(engine).turns - turns <= IDLE_TURNS_MAX);
}

static void f8_an_application_that_never_receives_stops_the_sender_and_nothing_is_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        begin_quiet(seed);
        use_fair_buffers();
        const struct tofu_options server_options = {.pool_messages_max = 8};
        const struct tofu_options client_options = {.send_queue_messages_max = 4};
        pair_open(&pair, seed, &server_options, &client_options);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        pair_connect(&pair);

        uint64_t accepted =
            post_until_full(pair.client_engine, pair.client, pair.client_channel, 3000);

        assert_true(accepted >= 8 + 4 - 1); // The eighth may be unfinished, and in the queue, too.
        assert_int_equal(pair_stats(pair.server_engine).messages_incoming, 8);
        expect_a_quiet_minute(pair.server_engine);
        for (uint64_t id = 1; id <= accepted; id++) {
            struct tofu_message *message = take_regular(pair.server_engine, pair.server);
            assert_int_equal(tofu_message_header(message)->id, id);
            tofu_engine_put(pair.server_engine, &message);
        }
        pair_close(&pair);
    }
}

static void f9_a_peer_that_never_reads_fills_one_queue_and_all_comes_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        begin_quiet(seed);
        use_fair_buffers();
        const struct tofu_options options = {
            .send_queue_messages_max = 6, .close_timeout_ns = seed * TF_SECOND};
        pair_open(&pair, seed, &options, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        tf_socket raw;
        uint16_t channel = raw_join(&pair, &raw);

        uint64_t accepted = post_until_full(pair.server_engine, pair.server, channel, 3000);
        expect_a_quiet_minute(pair.server_engine);
        uint64_t sent = pair_stats(pair.server_engine).messages_sent;
        pair_post(pair.server, pair_message(pair.server_engine, TOFU_BYE_REQUEST, channel, 900, 0));
        uint64_t begin_ns = sim_now();

        assert_int_equal(accepted - sent, 6);
        for (uint64_t id = sent + 1; id <= accepted + 1; id++) {
            struct tofu_message *message = pair_take(pair.server);
            const struct tofu_header *header = tofu_message_header(message);
            size_t body_bytes = 0;
            (void)tofu_message_body(message, &body_bytes);
            assert_int_equal(header->status, TOFU_TIMED_OUT);
            assert_int_equal(header->id, id <= accepted ? id : 900);
            assert_int_equal(body_bytes, id <= accepted ? 3000 : 0);
            tofu_engine_put(pair.server_engine, &message);
        }
        pair_expect_closed(pair.server_engine, pair.server, channel, TOFU_TIMED_OUT);
        assert_true(sim_now() - begin_ns >= seed * TF_SECOND);
        assert_true(sim_now() - begin_ns <= seed * TF_SECOND + TF_MILLISECOND);
        tf_socket_close(raw);
        pair_close(&pair);
    }
}

/// One of two applications that ask all the time and answer everything.
struct talker {
    struct tofu_engine *engine;
    struct tofu_group *group;
    uint16_t channel;
    uint64_t next_id;
    uint64_t answers;            ///< received
    struct tofu_message *answer; ///< that waits for room
};

static void post_if_room(struct talker *talker, struct tofu_message **message)
{
    enum tofu_status status = tofu_group_post(talker->group, message, NULL);
    assert_true(status == TOFU_OK || status == TOFU_QUEUE_FULL);
}

// Answers go first, one at a time, in a message of their own: whoever kept the question while there is no
// room would hold the very budget that the other side needs. What is asked meanwhile gets no answer.
static void receive(struct talker *talker)
{
    struct tofu_message *message = NULL;
    assert_int_equal(tofu_group_wait(talker->group, 0, &message), TOFU_OK);
    if (message == NULL) {
        return;
    }
    struct tofu_header *header = tofu_message_header(message);
    bool is_regular = header->status == TOFU_OK;
    talker->answers += is_regular && header->opcode == TOFU_RESPONSE ? 1 : 0;
    if (is_regular && header->opcode == TOFU_REQUEST && talker->answer == NULL) {
        talker->answer =
            pair_message(talker->engine, TOFU_RESPONSE, talker->channel, header->id, 200);
    }
    tofu_engine_put(talker->engine, &message);
}

static void talk(struct talker *talker)
{
    receive(talker);
    if (talker->answer != NULL) {
        post_if_room(talker, &talker->answer);
        return;
    }
    struct tofu_message *question =
        pair_message(talker->engine, TOFU_REQUEST, talker->channel, talker->next_id++, 200);
    post_if_room(talker, &question);
    tofu_engine_put(talker->engine, &question);
}

static void f10_two_sides_that_answer_each_other_with_tiny_budgets_never_stop(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        pair_begin(seed);
        use_fair_buffers();
        const struct tofu_options options = {
            .pool_messages_max = 1 + seed % 3, .send_queue_messages_max = 1 + seed % 4};
        pair_open(&pair, seed, &options, &options);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        pair_connect(&pair);
        struct talker server = {pair.server_engine, pair.server, pair.server_channel, 1, 0, NULL};
        struct talker client = {pair.client_engine, pair.client, pair.client_channel, 1, 0, NULL};

        for (int i = 0; i < 1000000 && (server.answers < 100 || client.answers < 100); i++) {
            talk(&server);
            talk(&client);
            pair_pass(TF_MILLISECOND / 100);
        }

        assert_true(server.answers >= 100 && client.answers >= 100);
        tofu_engine_put(pair.server_engine, &server.answer);
        tofu_engine_put(pair.client_engine, &client.answer);
        pair_close(&pair);
    }
}

// Two channels from the client, over a network that takes no time, to a server with these options.
static void open_two_channels(
    struct pair *pair, uint64_t seed, const struct tofu_options *options, uint16_t channels_out[2])
{
    pair_begin(seed);
    use_wide_buffers();
    const struct tofu_options client_options = {.send_queue_messages_max = TOFU_UNLIMITED};
    pair_open(pair, seed, options, &client_options);
    pair_listen(pair, "tcp|127.0.0.1|0");
    for (int i = 0; i < 2; i++) {
        pair_connect(pair);
        channels_out[i] = pair->client_channel;
    }
}

// Posts Signals with ids from `first_id` on, and lets them arrive, or wait for the budget.
static void post_signals(
    const struct pair *pair, uint16_t channel, uint64_t first_id, uint64_t count, size_t body_bytes)
{
    for (uint64_t id = first_id; id < first_id + count; id++) {
        pair_post(
            pair->client, pair_message(pair->client_engine, TOFU_SIGNAL, channel, id, body_bytes));
    }
    pair_pass(TF_SECOND);
}

static void f11_who_floods_waits_in_line_like_everybody(void **state)
{
    (void)state;
    enum { FLOOD = 400, HONEST = 20, GAP_MAX = 4 };
    uint64_t widest = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        uint16_t channels[2]; // The flood's, and the honest one.
        const struct tofu_options options = {.pool_messages_max = 4, .turn_bytes_max = 4096};
        open_two_channels(&pair, seed, &options, channels);
        post_signals(&pair, channels[0], 1, FLOOD, 2000);
        post_signals(&pair, channels[1], 1001, HONEST, 100);

        uint64_t run = 0; // Of messages of the same channel, while the other one's wait, too.
        bool was_honest = false;
        for (uint64_t honest = 0; honest < HONEST;) {
            struct tofu_message *message = take_regular(pair.server_engine, pair.server);
            bool is_honest = tofu_message_header(message)->id > 1000;
            honest += is_honest ? 1 : 0;
            run = is_honest == was_honest ? run + 1 : 1;
            was_honest = is_honest;
            widest = run > widest && honest > 0 ? run : widest;
            tofu_engine_put(pair.server_engine, &message);
            pair_pass(TF_MILLISECOND);
        }
        pair_close(&pair);
    }
    print_message("at most %llu of one channel in a row\n", (unsigned long long)widest);
    assert_true(widest <= GAP_MAX);
}

// A flood has as much in the receive queue as may be there before the honest peer says anything, and the
// application is slow: it is not made to wait for what was there before it. Returns how many of the
// flood come before an honest message at most.
static uint64_t flood_before_honest(uint64_t seed, uint64_t budget, uint64_t flood_count)
{
    enum { HONEST = 10 };
    struct pair pair;
    uint64_t widest = 0;
    uint16_t channels[2]; // The flood's, and the honest one.
    const struct tofu_options options = {.pool_messages_max = budget};
    open_two_channels(&pair, seed, &options, channels);
    post_signals(&pair, channels[0], 1, flood_count, 20);
    uint64_t queued = budget < flood_count ? budget : flood_count;
    assert_int_equal(pair_stats(pair.server_engine).messages_incoming, queued);
    post_signals(&pair, channels[1], flood_count + 1, HONEST, 20);

    uint64_t gap = 0;
    for (uint64_t honest = 0; honest < HONEST;) {
        struct tofu_message *message = take_regular(pair.server_engine, pair.server);
        bool is_honest = tofu_message_header(message)->id > flood_count;
        honest += is_honest ? 1 : 0;
        gap = is_honest ? 0 : gap + 1;
        widest = gap > widest ? gap : widest;
        tofu_engine_put(pair.server_engine, &message);
        pair_pass(TF_MILLISECOND);
    }
    pair_close(&pair);
    return widest;
}

static void f11_a_full_queue_of_a_flood_is_no_head_start(void **state)
{
    (void)state;
    enum { BUDGET = 64, FLOOD = 1000, GAP_MAX = 3 };
    uint64_t widest = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t gap = flood_before_honest(seed, BUDGET, FLOOD);
        widest = gap > widest ? gap : widest;
    }
    print_message("at most %llu of the flood before one\n", (unsigned long long)widest);
    assert_true(widest <= GAP_MAX);
}

// A share of a large budget is not a large one. While the flood has all of a budget, messages that come back
// are divided between the two, so that there is one more wait, for memory.
static void f11_a_long_queue_of_a_flood_is_no_head_start(void **state)
{
    (void)state;
    enum { BUDGET = 4096, SHARE = 16, FLOOD = 5000 };
    uint64_t widest = 0;
    uint64_t widest_unlimited = 0;
    for (uint64_t seed = 1; seed <= SEEDS / 10; seed++) {
        uint64_t gap = flood_before_honest(seed, BUDGET, FLOOD);
        widest = gap > widest ? gap : widest;
        gap = flood_before_honest(seed, TOFU_UNLIMITED, FLOOD);
        widest_unlimited = gap > widest_unlimited ? gap : widest_unlimited;
    }
    print_message(
        "at most %llu of the flood before one, without a limit %llu\n",
        (unsigned long long)widest,
        (unsigned long long)widest_unlimited);
    assert_true(widest <= SHARE + 3);
    assert_true(widest_unlimited <= SHARE);
}

// Who waits for the budget shares what comes back at once.
static void f11_those_in_line_share_what_comes_back(void **state)
{
    (void)state;
    enum { BUDGET = 16, MESSAGES = 100 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        struct tofu_message *held[BUDGET];
        uint16_t channels[2];
        const struct tofu_options options = {.pool_messages_max = BUDGET};
        open_two_channels(&pair, seed, &options, channels);
        for (uint64_t id = 1; id <= 2 * MESSAGES; id++) {
            uint16_t channel = channels[id % 2];
            pair_post(pair.client, pair_message(pair.client_engine, TOFU_SIGNAL, channel, id, 20));
        }
        pair_pass(TF_SECOND);
        for (int i = 0; i < BUDGET; i++) {
            held[i] = take_regular(pair.server_engine, pair.server);
        }
        for (int i = 0; i < BUDGET; i++) {
            tofu_engine_put(pair.server_engine, &held[i]);
        }
        pair_pass(TF_SECOND);

        int odd = 0;
        for (int i = 0; i < BUDGET; i++) {
            held[i] = take_regular(pair.server_engine, pair.server);
            odd += tofu_message_header(held[i])->id % 2 == 1 ? 1 : 0;
        }
        assert_true(odd >= BUDGET / 2 - 1 && odd <= BUDGET / 2 + 1);
        for (int i = 0; i < BUDGET; i++) {
            tofu_engine_put(pair.server_engine, &held[i]);
        }
        pair_close(&pair);
    }
}

// As many as the backlog has room for come while there is no descriptor for any of them.
static void knock_in_vain(
    char addresses[][TOFU_ADDRESS_BYTES_MAX],
    size_t address_count,
    tf_socket *callers,
    size_t count)
{
    sim_config()->exhausted_rate = 1000;
    for (size_t i = 0; i < count; i++) {
        callers[i] = raw_knock(addresses[i % address_count]);
    }
}

static void f12_without_descriptors_a_listener_rests_and_is_back_within_a_second(void **state)
{
    (void)state;
    enum { CALLERS = 40 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        begin_quiet(seed);
        sim_config()->backlog_max = CALLERS;
        pair_open(&pair, seed, NULL, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        tf_socket callers[CALLERS];
        knock_in_vain(&pair.address, 1, callers, CALLERS);
        uint64_t turns = pair_stats(pair.server_engine).turns;
        pair_pass(TF_SECOND);

        assert_true(pair_stats(pair.server_engine).turns - turns <= 20);
        assert_true(pair_stats(pair.server_engine).accepts_failed >= 5);
        pair_expect(pair.server_engine, pair.server, TOFU_SIGNAL, TOFU_ACCEPT_FAILED);
        pair_expect_nothing(pair.server);
        sim_config()->exhausted_rate = 0;
        uint64_t begin_ns = sim_now();
        tf_socket raw;
        (void)raw_join(&pair, &raw);
        assert_true(sim_now() - begin_ns <= TF_SECOND);
        tf_socket_close(raw);
        close_all(callers, CALLERS);
        pair_close(&pair);
    }
}

// Two listeners share the one notice of their group: the second is told of when it is back.
static void f12_each_listener_that_rests_is_told_of(void **state)
{
    (void)state;
    enum { CALLERS = 40 }; // Half of them for each; one that finds no descriptor is gone here.
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        char addresses[2][TOFU_ADDRESS_BYTES_MAX];
        uint16_t listeners[2];
        tf_socket callers[CALLERS];
        bool is_told[2] = {false, false};
        begin_quiet(seed);
        sim_config()->backlog_max = CALLERS;
        pair_open(&pair, seed, NULL, NULL);
        for (int i = 0; i < 2; i++) {
            pair_listen(&pair, "tcp|127.0.0.1|0");
            listeners[i] = pair.listener;
            memcpy(addresses[i], pair.address, sizeof pair.address);
        }
        knock_in_vain(addresses, 2, callers, CALLERS);
        pair_pass(TF_SECOND);

        for (int i = 0; i < 2; i++) {
            struct tofu_message *notice = pair_take(pair.server);
            const struct tofu_header *header = tofu_message_header(notice);
            assert_int_equal(header->status, TOFU_ACCEPT_FAILED);
            int which = header->channel == listeners[1] ? 1 : 0;
            assert_int_equal(header->channel, listeners[which]);
            assert_false(is_told[which]);
            is_told[which] = true;
            tofu_engine_put(pair.server_engine, &notice);
        }
        pair_pass(TF_SECOND);
        pair_expect_nothing(pair.server); // However often they rest: both are told of.
        sim_config()->exhausted_rate = 0;
        close_all(callers, CALLERS);
        pair_close(&pair);
    }
}

static void f12_a_full_table_turns_callers_away_until_there_is_room(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair pair;
        pair_begin(seed);
        const struct tofu_options options = {.channels_max = 2};
        pair_open(&pair, seed, &options, NULL);
        pair_listen(&pair, "tcp|127.0.0.1|0");
        tf_socket raw;
        uint16_t channel = raw_join(&pair, &raw);

        uint16_t refused = pair_hello(pair.client_engine, pair.client, pair.address);
        struct tofu_message *message = pair_take(pair.client);
        if (tofu_message_header(message)->opcode ==
            TOFU_HELLO_RESPONSE) { // It was not sent in time.
            tofu_engine_put(pair.client_engine, &message);
            message = pair_take(pair.client);
        }
        assert_int_equal(tofu_message_header(message)->channel, refused);
        assert_int_equal(tofu_message_header(message)->status, TOFU_CHANNEL_CLOSED);
        tofu_engine_put(pair.client_engine, &message);
        tf_socket_close(raw);
        pair_expect_closed(pair.server_engine, pair.server, channel, TOFU_PEER_DISCONNECTED);

        pair_connect(&pair);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f6_a_crowd_that_leaves_at_once_does_not_stand_in_the_way),
        cmocka_unit_test(f7_a_dripping_message_ends_at_its_deadline_whatever_the_drip),
        cmocka_unit_test(f7_a_line_of_drips_is_looked_at_ever_more_seldom),
        cmocka_unit_test(f7_drips_hold_half_of_the_budget_and_give_way_after_a_second),
        cmocka_unit_test(
            f8_an_application_that_never_receives_stops_the_sender_and_nothing_is_lost),
        cmocka_unit_test(f9_a_peer_that_never_reads_fills_one_queue_and_all_comes_back),
        cmocka_unit_test(f10_two_sides_that_answer_each_other_with_tiny_budgets_never_stop),
        cmocka_unit_test(f11_who_floods_waits_in_line_like_everybody),
        cmocka_unit_test(f11_a_full_queue_of_a_flood_is_no_head_start),
        cmocka_unit_test(f11_a_long_queue_of_a_flood_is_no_head_start),
        cmocka_unit_test(f11_those_in_line_share_what_comes_back),
        cmocka_unit_test(f12_without_descriptors_a_listener_rests_and_is_back_within_a_second),
        cmocka_unit_test(f12_each_listener_that_rests_is_told_of),
        cmocka_unit_test(f12_a_full_table_turns_callers_away_until_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
