// SPDX-License-Identifier: MIT
// Exchange: after the hello both sides are equals, and each direction is a queue that loses nothing.
#include <string.h>

#include "support/link_fixture.h"
#include "unit/random.h"

static void fill(uint8_t *bytes, size_t size, uint64_t seed)
{
    struct random_source random = {seed};
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)random_next(&random);
    }
}

static void every_regular_opcode_travels_both_ways(void **state)
{
    static const enum tofu_opcode opcodes[] = {TOFU_REQUEST, TOFU_RESPONSE, TOFU_SIGNAL};
    struct link_fixture *link = *state;
    const struct side *const ways[2][2] = {
        {&link->client, &link->server}, {&link->server, &link->client}};
    for (size_t way = 0; way < 2; way++) {
        for (size_t i = 0; i < 3; i++) {
            const struct side *from = ways[way][0];
            const struct side *to = ways[way][1];
            struct tofu_header sent = side_send(from, opcodes[i], 100 + i, "body");

            struct tofu_message *message = side_expect(to, opcodes[i]);

            assert_int_equal(sent.channel, from->channel);
            assert_int_equal(tofu_message_header(message)->channel, to->channel);
            assert_int_equal(tofu_message_header(message)->id, 100 + i);
            assert_int_equal(tofu_message_header(message)->more, 0);
            assert_int_equal(tofu_message_header(message)->status, TOFU_OK);
            assert_null(tofu_message_user(message));
            assert_body(message, "body");
            side_put(to, message);
        }
    }
}

static void text_headers_travel_in_their_order(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_message *message = side_message(&link->client, TOFU_REQUEST, 0, NULL);
    assert_status(TOFU_OK, tofu_message_append_text(message, " color ", "blue"));
    assert_status(TOFU_OK, tofu_message_append_text(message, "size", "a: b, c"));
    assert_status(TOFU_OK, tofu_message_append_text(message, "color", "red"));
    side_post(&link->client, message);

    struct tofu_message *received = side_expect(&link->server, TOFU_REQUEST);

    static const char *const expected[3][2] = {
        {"color", "blue"}, {"size", "a: b, c"}, {"color", "red"}};
    struct tofu_text_iterator texts = tofu_message_texts(received);
    const char *name = NULL;
    const char *value = NULL;
    size_t name_size = 0;
    size_t value_size = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_true(tofu_text_next(&texts, &name, &name_size, &value, &value_size));
        assert_int_equal(name_size, strlen(expected[i][0]));
        assert_memory_equal(name, expected[i][0], name_size);
        assert_int_equal(value_size, strlen(expected[i][1]));
        assert_memory_equal(value, expected[i][1], value_size);
    }
    assert_false(tofu_text_next(&texts, &name, &name_size, &value, &value_size));
    side_put(&link->server, received);
}

// The engine changes nothing else in what it sends: the status and the origin are its own.
static void origin_and_status_of_a_posted_message_are_ignored(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_message *message = side_message(&link->client, TOFU_REQUEST, 5, NULL);
    tofu_message_header(message)->origin = TOFU_ENGINE;
    tofu_message_header(message)->status = TOFU_POOL_EMPTY;

    struct tofu_header accepted = side_post(&link->client, message);

    assert_int_equal(accepted.origin, TOFU_APPLICATION);
    assert_int_equal(accepted.status, TOFU_OK);
    struct tofu_header received = side_take(&link->server, TOFU_REQUEST);
    assert_int_equal(received.origin, TOFU_APPLICATION);
    assert_int_equal(received.status, TOFU_OK);
}

static void messages_of_one_direction_keep_their_order(void **state)
{
    struct link_fixture *link = *state;
    for (uint64_t id = 1; id <= 1000; id++) {
        side_send(&link->client, (enum tofu_opcode)(id % 3), id, "to the server");
        side_send(&link->server, (enum tofu_opcode)(id % 3), 5000 + id, "to the client");
    }

    for (uint64_t id = 1; id <= 1000; id++) {
        assert_int_equal(side_take(&link->server, (enum tofu_opcode)(id % 3)).id, id);
        assert_int_equal(side_take(&link->client, (enum tofu_opcode)(id % 3)).id, 5000 + id);
    }
}

static void an_answer_has_the_id_of_its_question(void **state)
{
    struct link_fixture *link = *state;
    for (int i = 0; i < 50; i++) {
        struct tofu_header question = side_send(&link->client, TOFU_REQUEST, 0, "?");
        struct tofu_message *message = side_expect(&link->server, TOFU_REQUEST);
        assert_int_equal(tofu_message_header(message)->id, question.id);
        // The message that came is itself the answer: channel and id are right already.
        tofu_message_header(message)->opcode = TOFU_RESPONSE;
        assert_status(TOFU_OK, tofu_message_set_body(message, "!", 1));
        side_post(&link->server, message);

        struct tofu_message *answer = side_expect(&link->client, TOFU_RESPONSE);

        assert_int_equal(tofu_message_header(answer)->id, question.id);
        assert_int_equal(tofu_message_header(answer)->channel, question.channel);
        assert_body(answer, "!");
        side_put(&link->client, answer);
    }
}

static void messages_without_an_id_get_one_of_their_own(void **state)
{
    struct link_fixture *link = *state;
    uint64_t last = 0;
    for (int i = 0; i < 100; i++) {
        const struct side *side = i % 2 == 0 ? &link->client : &link->server;
        uint64_t id = side_send(side, TOFU_SIGNAL, 0, NULL).id;
        assert_true(id > last);
        last = id;
    }
    for (int i = 0; i < 50; i++) {
        assert_true(side_take(&link->server, TOFU_SIGNAL).id <= last);
        assert_true(side_take(&link->client, TOFU_SIGNAL).id <= last);
    }
}

static void a_stream_of_parts_keeps_its_more_flags(void **state)
{
    struct link_fixture *link = *state;
    for (size_t opcode = 0; opcode < 3; opcode++) {
        for (int i = 0; i < 20; i++) {
            struct tofu_message *part =
                side_message(&link->client, (enum tofu_opcode)opcode, 42, "part");
            tofu_message_header(part)->more = i < 19;
            assert_int_equal(side_post(&link->client, part).more, i < 19);
        }
        for (int i = 0; i < 20; i++) {
            struct tofu_header header = side_take(&link->server, (enum tofu_opcode)opcode);
            assert_int_equal(header.more, i < 19);
            assert_int_equal(header.id, 42);
        }
    }
}

// 1 MiB in parts of odd sizes, both ways at the same time.
static void a_mebibyte_is_streamed_both_ways(void **state)
{
    enum { STREAM_BYTES = 1 << 20, PART_BYTES = 60001 };
    struct link_fixture *link = *state;
    const struct side *const sides[2] = {&link->client, &link->server};
    static uint8_t bytes[2][STREAM_BYTES];
    static uint8_t received[2][STREAM_BYTES];
    size_t sizes[2] = {0};
    fill(bytes[0], STREAM_BYTES, 1);
    fill(bytes[1], STREAM_BYTES, 2);
    for (size_t done = 0; done < STREAM_BYTES; done += PART_BYTES) {
        for (size_t i = 0; i < 2; i++) {
            bool is_last = done + PART_BYTES >= STREAM_BYTES;
            struct tofu_message *part = side_message(sides[i], TOFU_REQUEST, 7, NULL);
            tofu_message_header(part)->more = !is_last;
            assert_status(
                TOFU_OK,
                tofu_message_set_body(
                    part, bytes[i] + done, is_last ? STREAM_BYTES - done : PART_BYTES));
            side_post(sides[i], part);
        }
    }

    for (size_t i = 0; i < 2; i++) {
        for (bool has_more = true; has_more;) {
            struct tofu_message *part = side_expect(sides[1 - i], TOFU_REQUEST);
            size_t size = 0;
            const void *body = tofu_message_body(part, &size);
            assert_true(size <= STREAM_BYTES - sizes[i]);
            memcpy(received[i] + sizes[i], body, size);
            sizes[i] += size;
            has_more = tofu_message_header(part)->more != 0;
            side_put(sides[1 - i], part);
        }
        assert_int_equal(sizes[i], STREAM_BYTES);
        assert_memory_equal(received[i], bytes[i], STREAM_BYTES);
    }
}

// Text headers of exactly 65,535 bytes: a name, a colon, the value and the line's end.
static struct tofu_message *largest_message(const struct side *side, const uint8_t *body)
{
    static char value[TOFU_PART_BYTES_MAX];
    struct tofu_message *message = side_message(side, TOFU_REQUEST, 9, NULL);
    memset(value, 'v', sizeof value);
    value[TOFU_PART_BYTES_MAX - strlen("name:\r\n")] = '\0';
    assert_status(TOFU_OK, tofu_message_append_text(message, "name", value));
    assert_status(TOFU_OK, tofu_message_set_body(message, body, TOFU_PART_BYTES_MAX));
    return message;
}

static void the_largest_message_travels_both_ways(void **state)
{
    struct link_fixture *link = *state;
    const struct side *const sides[2] = {&link->client, &link->server};
    static uint8_t body[TOFU_PART_BYTES_MAX];
    fill(body, sizeof body, 3);
    for (size_t i = 0; i < 2; i++) {
        side_post(sides[i], largest_message(sides[i], body));
        side_send(sides[i], TOFU_SIGNAL, 10, "behind");

        struct tofu_message *message = side_expect(sides[1 - i], TOFU_REQUEST);

        size_t size = 0;
        const void *bytes = tofu_message_body(message, &size);
        assert_int_equal(size, TOFU_PART_BYTES_MAX);
        assert_memory_equal(bytes, body, size);
        const char *value = NULL;
        assert_true(tofu_message_find_text(message, "name", &value, &size));
        assert_int_equal(size, TOFU_PART_BYTES_MAX - strlen("name:\r\n"));
        for (size_t k = 0; k < size; k++) {
            assert_int_equal(value[k], 'v');
        }
        side_put(sides[1 - i], message);
        assert_int_equal(side_take(sides[1 - i], TOFU_SIGNAL).id, 10);
    }
}

static void bodies_of_every_kind_of_size_travel(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 15, 16, 17, 255, 256, 4095, 4096, 16384, 65534, 65535};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    struct link_fixture *link = *state;
    static uint8_t body[TOFU_PART_BYTES_MAX];
    fill(body, sizeof body, 4);
    for (size_t i = 0; i < SIZES; i++) {
        struct tofu_message *message = side_message(&link->server, TOFU_SIGNAL, 1 + i, NULL);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizes[i]));
        side_post(&link->server, message);
    }

    for (size_t i = 0; i < SIZES; i++) {
        size_t size = 0;
        struct tofu_message *message = side_expect(&link->client, TOFU_SIGNAL);
        const void *bytes = tofu_message_body(message, &size);
        assert_int_equal(tofu_message_header(message)->id, 1 + i);
        assert_int_equal(size, sizes[i]);
        assert_memory_equal(bytes, body, size);
        side_put(&link->client, message);
    }
}

static void channels_of_one_group_do_not_mix(void **state)
{
    enum { CHANNELS = 20, MESSAGES = 20 };
    struct link_fixture *link = *state;
    struct side clients[CHANNELS];
    struct side servers[CHANNELS];
    for (size_t i = 0; i < CHANNELS; i++) {
        link_connect(link);
        clients[i] = link->client;
        servers[i] = link->server;
    }
    for (uint64_t id = 1; id <= MESSAGES; id++) {
        for (size_t i = 0; i < CHANNELS; i++) {
            side_send(&clients[i], TOFU_REQUEST, i * 1000 + id, NULL);
        }
    }

    uint64_t next[CHANNELS] = {0};
    for (size_t count = 0; count < (size_t)CHANNELS * MESSAGES; count++) {
        struct tofu_header header = side_take(&link->server, TOFU_REQUEST);
        size_t i = (size_t)(header.id / 1000);
        assert_true(i < CHANNELS);
        assert_int_equal(header.channel, servers[i].channel);
        next[i]++;
        assert_int_equal(header.id % 1000, next[i]);
    }
}

static void the_stats_count_what_travelled(void **state)
{
    struct link_fixture *link = *state;
    // A message may be at the peer before its sender has counted it, the HelloResponse, too.
    side_expect_stat(&link->server, messages_sent, link->is_one_engine ? 2 : 1);
    struct tofu_stats before = side_stats(&link->server);
    for (uint64_t id = 1; id <= 10; id++) {
        side_send(&link->client, TOFU_REQUEST, id, "0123456789");
    }
    for (uint64_t id = 1; id <= 10; id++) {
        side_take(&link->server, TOFU_REQUEST);
    }

    // With two engines the server's saw nothing but these ten come in, 16 + 10 bytes each.
    uint64_t sent = link->is_one_engine ? before.messages_sent + 10 : before.messages_sent;
    side_expect_stat(&link->server, messages_received, before.messages_received + 10);
    side_expect_stat(&link->server, bytes_received, before.bytes_received + 260);
    side_expect_stat(&link->server, messages_sent, sent);
    side_expect_stat(&link->client, messages_incoming, 0);
    side_expect_stat(&link->server, messages_incoming, 0);
    struct tofu_stats after = side_stats(&link->server);
    assert_int_equal(after.messages_returned, 0);
    assert_int_equal(after.messages_dropped, 0);
    assert_int_equal(after.connections_accepted, 1);
    assert_int_equal(after.connections_refused, 0);
    assert_int_equal(after.channels, link->is_one_engine ? 3 : 2);
    assert_int_equal(after.half_open, 0);
    assert_true(after.messages_idle <= after.messages_alive);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONNECTED_LINK_TEST(every_regular_opcode_travels_both_ways),
        CONNECTED_LINK_TEST(text_headers_travel_in_their_order),
        CONNECTED_LINK_TEST(origin_and_status_of_a_posted_message_are_ignored),
        CONNECTED_LINK_TEST(messages_of_one_direction_keep_their_order),
        CONNECTED_LINK_TEST(an_answer_has_the_id_of_its_question),
        CONNECTED_LINK_TEST(messages_without_an_id_get_one_of_their_own),
        CONNECTED_LINK_TEST(a_stream_of_parts_keeps_its_more_flags),
        CONNECTED_LINK_TEST(a_mebibyte_is_streamed_both_ways),
        CONNECTED_LINK_TEST(the_largest_message_travels_both_ways),
        CONNECTED_LINK_TEST(bodies_of_every_kind_of_size_travel),
        CONNECTED_LINK_TEST(channels_of_one_group_do_not_mix),
        CONNECTED_LINK_TEST(the_stats_count_what_travelled),
    };
    return LINK_RUN(tests, LINK_ALL);
}
