// SPDX-License-Identifier: MIT
// Urgent bytes, and what a socket reports that nobody reads: the stream does not change, and a resting
// socket costs nothing, whatever its peer does to it.
#include <string.h>

#include "hostile/measure.h"
#include "support/raw_peer.h"
#include "support/raw_socket.h"

#define SERVER_THREAD "hostile-server"
#define INTERVAL_NS   (SECOND_NS / 2)
#define POOL_MAX      2
#define SENT_COUNT    6
#define TEXT          "color:blue\r\n"
#define BODY          "not urgent"
#define FRAME_BYTES   (RAW_HEADER_BYTES + sizeof TEXT - 1 + sizeof BODY - 1)

// Unix sockets have urgent bytes only where the system was made so.
static void skip_without_urgent_bytes(const struct link_fixture *link)
{
    char address[TOFU_ADDRESS_BYTES_MAX];
    if (link->transport == TOFU_TCP) {
        return;
    }
    int listener = raw_listen(false, link->directory, "urgent", 1, address);
    int client = raw_connect(address);
    bool has_urgent = raw_socket_send_urgent(client, '!');
    const char *error = raw_socket_error();
    raw_close(client);
    raw_close(listener);
    if (!has_urgent) {
        skip_because("Unix sockets have no urgent bytes here: %s", error);
    }
}

static int open_link(struct link_fixture *link, uint64_t pool_messages_max)
{
    const struct tofu_options options = {
        .pool_messages_max = pool_messages_max,
        .thread_name = SERVER_THREAD,
        .close_timeout_ns = 600 * SECOND_NS};
    link_open_server(link, &options);
    return link_raw_client(link);
}

// One at a time: of two urgent bytes on their way the first would become an ordinary one.
static void an_urgent_byte_at_any_offset_is_no_part_of_the_message(void **state)
{
    struct link_fixture *link = *state;
    skip_without_urgent_bytes(link);
    int raw = open_link(link, 0);
    uint8_t bytes[FRAME_BYTES];
    const struct raw_frame frame = {
        .channel = 1,
        .proto = RAW_REQUEST,
        .id = 5,
        .text = TEXT,
        .text_bytes = sizeof TEXT - 1,
        .body = BODY,
        .body_bytes = sizeof BODY - 1};
    assert_int_equal(raw_pack(&frame, bytes), sizeof bytes);

    for (size_t offset = 0; offset < sizeof bytes; offset++) {
        raw_send(raw, bytes, offset);
        raw_send_urgent(raw);
        raw_send(raw, bytes + offset, sizeof bytes - offset);

        struct tofu_message *message = side_expect(&link->server, TOFU_REQUEST);
        assert_text(message, "color", "blue");
        assert_body(message, BODY);
        side_put(&link->server, message);
    }
    assert_int_equal(side_stats(&link->server).rules_broken, 0);
}

// The byte stays in the kernel, which goes on saying so until somebody has read past it.
static void an_urgent_byte_alone_costs_nothing(void **state)
{
    struct link_fixture *link = *state;
    skip_without_urgent_bytes(link);
    int raw = open_link(link, 0);
    side_send(&link->server, TOFU_HELLO_RESPONSE, link->hello_id, NULL);
    raw_expect(raw, RAW_HELLO_RESPONSE);
    await_quiet(&link->server);
    raw_send_urgent(raw);
    interval_pass(50 * MILLISECOND_NS);

    assert_idle("armed", cost_of_interval(&link->server, SERVER_THREAD, INTERVAL_NS));

    raw_send_proto(raw, RAW_REQUEST, 5);
    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 5);
}

static void take_signals(const struct side *side, uint64_t first, uint64_t last)
{
    for (uint64_t id = first; id <= last;) {
        struct tofu_message *message = side_await(side);
        const struct tofu_header *header = tofu_message_header(message);
        if (header->origin == TOFU_APPLICATION) {
            assert_int_equal(header->opcode, TOFU_SIGNAL);
            assert_int_equal(header->id, id);
            id++;
        } else {
            assert_int_equal(header->status, TOFU_POOL_EMPTY);
        }
        side_put(side, message);
    }
}

// A channel that starves with more to read: its socket rests.
static int open_resting(struct link_fixture *link)
{
    int raw = open_link(link, POOL_MAX);
    for (uint64_t id = 1; id <= SENT_COUNT; id++) {
        raw_send_proto(raw, RAW_SIGNAL, id);
    }
    side_expect_stat(&link->server, messages_incoming, POOL_MAX);
    await_quiet(&link->server);
    return raw;
}

// Whoever puts messages back one by one may end a shortage and begin the next, which is told behind all else.
static void expect_nothing_but_shortages(const struct side *side)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tofu_group_wait(side->group, TEST_SILENCE_NS, &message));
    while (message != NULL) {
        assert_int_equal(tofu_message_header(message)->status, TOFU_POOL_EMPTY);
        side_put(side, message);
        assert_status(TOFU_OK, tofu_group_wait(side->group, TEST_SILENCE_NS, &message));
    }
}

static void urgent_bytes_to_a_resting_socket_cost_nothing(void **state)
{
    struct link_fixture *link = *state;
    skip_without_urgent_bytes(link);
    int raw = open_resting(link);
    raw_send_urgent(raw);

    assert_idle("urgent byte", cost_of_interval(&link->server, SERVER_THREAD, INTERVAL_NS));

    take_signals(&link->server, 1, SENT_COUNT);
    raw_send_proto(raw, RAW_SIGNAL, SENT_COUNT + 1);
    take_signals(&link->server, SENT_COUNT + 1, SENT_COUNT + 1);
}

static void the_end_of_a_resting_socket_costs_nothing_and_loses_nothing(void **state)
{
    struct link_fixture *link = *state;
    int raw = open_resting(link);
    raw_close(raw);

    assert_idle("FIN", cost_of_interval(&link->server, SERVER_THREAD, INTERVAL_NS));

    take_signals(&link->server, 1, SENT_COUNT);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "peer_disconnected");
    expect_nothing_but_shortages(&link->server);
}

// What the engine had read before is delivered; the rest the reset took away in the kernel.
static void the_reset_of_a_resting_socket_is_reported_once(void **state)
{
    struct link_fixture *link = *state;
    int raw = open_resting(link);
    raw_reset(raw);

    assert_idle("reset", cost_of_interval(&link->server, SERVER_THREAD, INTERVAL_NS));

    uint64_t id = 1;
    struct tofu_message *message = side_await(&link->server);
    for (; !message_is_closing(message); message = side_await(&link->server)) {
        const struct tofu_header *header = tofu_message_header(message);
        if (header->origin == TOFU_APPLICATION) {
            assert_int_equal(header->id, id);
            id++;
        }
        side_put(&link->server, message);
    }
    side_put(&link->server, message);
    assert_in_range(id, POOL_MAX + 1, SENT_COUNT + 1);
    expect_nothing_but_shortages(&link->server);
}

static void all_at_once_on_many_resting_sockets_costs_nothing(void **state)
{
    enum { COUNT = 30 };
    struct link_fixture *link = *state;
    int peers[COUNT + 1];
    peers[COUNT] = open_link(link, COUNT + 2);
    for (size_t i = 0; i < COUNT; i++) {
        peers[i] = link_raw_client(link);
    }
    for (uint64_t id = 1; id <= COUNT + 2; id++) {
        raw_send_proto(peers[COUNT], RAW_SIGNAL, id);
    }
    side_expect_stat(&link->server, messages_incoming, COUNT + 2);
    // Each is read up to a header, for which there is no message.
    for (size_t i = 0; i < COUNT; i++) {
        raw_send_proto(peers[i], RAW_SIGNAL, 1);
    }
    await_quiet(&link->server);

    for (size_t i = 0; i < COUNT; i++) {
        if (i % 3 == 0) {
            raw_reset(peers[i]);
        } else if (i % 3 == 1) {
            raw_close(peers[i]);
        } else {
            (void)raw_socket_send_urgent(peers[i], '!');
        }
    }

    assert_idle("30 sockets", cost_of_interval(&link->server, SERVER_THREAD, INTERVAL_NS));

    uint64_t received = 0;
    uint64_t closed = 0;
    while (received < COUNT + 2 + COUNT || closed < 2 * COUNT / 3) {
        struct tofu_message *message = side_await(&link->server);
        received += tofu_message_header(message)->origin == TOFU_APPLICATION ? 1 : 0;
        closed += message_is_closing(message) ? 1 : 0;
        side_put(&link->server, message);
    }
    assert_int_equal(received, COUNT + 2 + COUNT);
    expect_nothing_but_shortages(&link->server);
}

// We still have to write, and the peer, which has nothing more to say, does not read.
static void a_drain_to_a_peer_that_has_ended_and_does_not_read_costs_nothing(void **state)
{
    static const char body[60000];
    struct link_fixture *link = *state;
    int raw = open_link(link, 0);
    for (uint64_t bytes = 0; bytes < (uint64_t)8 << 20; bytes += sizeof body) {
        struct tofu_message *message = side_message(&link->server, TOFU_SIGNAL, 0, NULL);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
        enum tofu_status status = tofu_group_post(link->server.group, &message, NULL);
        side_put(&link->server, message);
        assert_true(status == TOFU_OK || status == TOFU_QUEUE_FULL);
    }
    raw_send_proto(raw, RAW_BYE_REQUEST, 9);
    assert_int_equal(side_take(&link->server, TOFU_BYE_REQUEST).id, 9);
    side_send(&link->server, TOFU_BYE_RESPONSE, 9, NULL);
    raw_finish(raw);
    await_quiet(&link->server);

    assert_idle("draining", cost_of_interval(&link->server, SERVER_THREAD, INTERVAL_NS));

    while (raw_receive(raw)->proto == RAW_SIGNAL) {
        // All that was posted comes before the answer.
    }
    assert_int_equal(raw_await_end(raw, NULL), RAW_FIN);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "success");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(an_urgent_byte_at_any_offset_is_no_part_of_the_message),
        LINK_TEST(an_urgent_byte_alone_costs_nothing),
        LINK_TEST(urgent_bytes_to_a_resting_socket_cost_nothing),
        LINK_TEST(the_end_of_a_resting_socket_costs_nothing_and_loses_nothing),
        LINK_TEST(the_reset_of_a_resting_socket_is_reported_once),
        LINK_TEST(all_at_once_on_many_resting_sockets_costs_nothing),
        LINK_TEST(a_drain_to_a_peer_that_has_ended_and_does_not_read_costs_nothing),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
