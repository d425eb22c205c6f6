// SPDX-License-Identifier: MIT
// F13, F14: a connection that ends, in good order or by a reset, at every byte of three messages.
#include <string.h>

#include "sim/pair.h"

#define SEEDS    4 // One per poller: the offsets are the point.
#define MESSAGES 3

static uint8_t stream[RAW_FRAME_BYTES_MAX];
static size_t ends[MESSAGES]; ///< offset behind each message

static size_t make_stream(void)
{
    size_t size = raw_frame(stream, TOFU_REQUEST, 1, true, NULL, 5);
    ends[0] = size;
    size += raw_frame(stream + size, TOFU_REQUEST, 1, true, "name:value\r\n", 0);
    ends[1] = size;
    size += raw_frame(stream + size, TOFU_REQUEST, 1, false, NULL, 40);
    ends[2] = size;
    return size;
}

static size_t messages_before(size_t offset)
{
    size_t count = 0;
    while (count < MESSAGES && ends[count] <= offset) {
        count++;
    }
    return count;
}

static void open_world(struct pair *pair, uint64_t seed, const char *address)
{
    pair_begin(seed);
    pair_open(pair, seed, NULL, NULL);
    pair_listen(pair, address);
}

static void expect_parts(struct pair *pair, uint16_t channel, size_t count)
{
    static const size_t body_bytes[MESSAGES] = {5, 0, 40};
    for (size_t i = 0; i < count; i++) {
        struct tofu_message *message = pair_take(pair->server);
        const struct tofu_header *header = tofu_message_header(message);
        size_t size = 0;
        (void)tofu_message_body(message, &size);
        assert_int_equal(header->channel, channel);
        assert_int_equal(header->status, TOFU_OK);
        assert_int_equal(header->more, i + 1 < MESSAGES);
        assert_int_equal(size, body_bytes[i]);
        assert_true(tofu_message_find_text(message, "name", NULL, NULL) == (i == 1));
        tofu_engine_put(pair->server_engine, &message);
    }
}

static void end_by_fin(tf_socket raw)
{
    tf_socket_close(raw);
}

static void end_by_reset(tf_socket raw)
{
    pair_pass(TF_SECOND); // What was sent has arrived and was read; a reset may destroy the rest.
    tf_socket_reset(raw);
}

// Whole messages are delivered, the one that is cut is dropped, and the channel says what happened.
static void cut_receiving(const char *address, void (*end)(tf_socket raw))
{
    size_t size = make_stream();
    for (size_t offset = 0; offset <= size; offset++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct pair pair;
            tf_socket raw;
            open_world(&pair, offset * SEEDS + seed, address);
            uint16_t channel = raw_join(&pair, &raw);
            assert_true(raw_send(raw, stream, offset));
            end(raw);

            expect_parts(&pair, channel, messages_before(offset));
            pair_expect_closed(pair.server_engine, pair.server, channel, TOFU_PEER_DISCONNECTED);
            pair_expect_nothing(pair.server);
            pair_close(&pair);
        }
    }
}

static void f13_a_fin_at_every_byte_loses_no_whole_message(void **state)
{
    (void)state;
    cut_receiving("tcp|127.0.0.1|0", end_by_fin);
    cut_receiving("uds|@cut", end_by_fin);
}

static void f14_a_reset_at_every_byte_received_loses_no_whole_message(void **state)
{
    (void)state;
    cut_receiving("tcp|127.0.0.1|0", end_by_reset);
}

// A peer that shuts its sending side down may still be answered what was asked before.
static void f13_a_half_closed_peer_has_its_messages_delivered_before_the_end(void **state)
{
    (void)state;
    size_t size = make_stream();
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct pair pair;
        tf_socket raw;
        enum tf_io end;
        open_world(&pair, seed, seed % 8 < 4 ? "tcp|127.0.0.1|0" : "uds|@half");
        uint16_t channel = raw_join(&pair, &raw);
        assert_true(raw_send(raw, stream, size));
        tf_socket_shutdown_send(raw);

        expect_parts(&pair, channel, MESSAGES);
        pair_expect_closed(pair.server_engine, pair.server, channel, TOFU_PEER_DISCONNECTED);

        assert_int_equal(raw_receive(raw, 1, &end), 0);
        assert_true(end == TF_IO_END || end == TF_IO_FAILED);
        tf_socket_close(raw);
        pair_close(&pair);
    }
}

static void post_part(struct pair *pair, uint16_t channel, int part)
{
    static const size_t body_bytes[MESSAGES] = {5, 0, 40};
    struct tofu_message *message =
        pair_message(pair->server_engine, TOFU_REQUEST, channel, 1, body_bytes[part]);
    if (part == 1) {
        assert_int_equal(tofu_message_append_text(message, "name", "value"), TOFU_OK);
    }
    tofu_message_header(message)->more = part + 1 < MESSAGES;
    tofu_message_set_user(message, (void *)(uintptr_t)(part + 1));
    pair_post(pair->server, message);
}

// Those that come back are the last ones, in order and whole.
static void expect_rest_returned(struct pair *pair, size_t sent)
{
    for (size_t i = sent; i < MESSAGES; i++) {
        struct tofu_message *message = pair_take(pair->server);
        const struct tofu_header *header = tofu_message_header(message);
        size_t size = 0;
        const uint8_t *body = tofu_message_body(message, &size);
        assert_int_equal(header->status, TOFU_PEER_DISCONNECTED);
        assert_int_equal(header->opcode, TOFU_REQUEST);
        assert_int_equal(header->id, 1);
        assert_int_equal(header->more, i + 1 < MESSAGES);
        assert_int_equal((uintptr_t)tofu_message_user(message), i + 1);
        assert_int_equal(size, i == 0 ? 5 : i == 1 ? 0 : 40);
        assert_true(size == 0 || body[size - 1] == 1);
        assert_true(tofu_message_find_text(message, "name", NULL, NULL) == (i == 1));
        tofu_engine_put(pair->server_engine, &message);
    }
}

// The peer reads up to an offset and resets. The buffers are so small that the rest is still with us.
static void f14_a_reset_at_every_byte_sent_returns_exactly_the_rest(void **state)
{
    (void)state;
    size_t size = make_stream();
    for (size_t offset = 0; offset < size; offset++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct pair pair;
            tf_socket raw;
            enum tf_io end;
            pair_begin(offset * SEEDS + seed);
            sim_config()->buffer_bytes_min = 1 + (uint32_t)seed * 8;
            sim_config()->buffer_bytes_max = sim_config()->buffer_bytes_min;
            pair_open(&pair, seed, NULL, NULL);
            pair_listen(&pair, "tcp|127.0.0.1|0");
            uint16_t channel = raw_join(&pair, &raw);
            for (int i = 0; i < MESSAGES; i++) {
                post_part(&pair, channel, i);
            }
            assert_int_equal(raw_receive(raw, offset, &end), offset);
            pair_pass(TF_SECOND);
            uint64_t sent = pair_stats(pair.server_engine).messages_sent;
            assert_true(sent >= messages_before(offset) && sent <= MESSAGES);

            tf_socket_reset(raw);

            expect_rest_returned(&pair, sent);
            pair_expect_closed(pair.server_engine, pair.server, channel, TOFU_PEER_DISCONNECTED);
            struct tofu_stats stats = pair_stats(pair.server_engine);
            assert_int_equal(stats.messages_sent, sent);
            assert_int_equal(stats.messages_returned, MESSAGES - sent);
            pair_close(&pair);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f13_a_fin_at_every_byte_loses_no_whole_message),
        cmocka_unit_test(f13_a_half_closed_peer_has_its_messages_delivered_before_the_end),
        cmocka_unit_test(f14_a_reset_at_every_byte_received_loses_no_whole_message),
        cmocka_unit_test(f14_a_reset_at_every_byte_sent_returns_exactly_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
