// SPDX-License-Identifier: MIT
// Stats: what an engine, a group and a channel say about themselves adds up with what was done to them.
#include <string.h>

#include "support/link_fixture.h"
#include "support/machine.h"
#include "support/raw_peer.h"

static struct tofu_group_stats group_stats(const struct side *side)
{
    struct tofu_group_stats stats = {.struct_size = sizeof stats};
    assert_status(TOFU_OK, tofu_group_stats(side->group, &stats));
    return stats;
}

static struct tofu_channel_stats channel_stats(const struct side *side)
{
    struct tofu_channel_stats stats = {.struct_size = sizeof stats};
    assert_status(TOFU_OK, tofu_channel_stats(side->group, side->channel, &stats));
    return stats;
}

static uint64_t histogram_sum(const struct tofu_histogram *histogram)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < TOFU_HISTOGRAM_BUCKETS; i++) {
        sum += histogram->counts[i];
    }
    return sum;
}

// Whoever has a message in his hands finds it counted, so that no waiting is needed here.
static void received_messages_are_counted_before_they_are_seen(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    struct tofu_group_stats group = group_stats(&link->server);
    assert_int_equal(group.messages_received, 1);
    for (uint64_t id = 1; id <= 20; id++) {
        const struct raw_frame frame = {
            .channel = 1, .proto = RAW_REQUEST, .id = id, .body = "body", .body_bytes = 4};
        raw_send_frame(raw, &frame);
        struct tofu_message *message = side_expect(&link->server, TOFU_REQUEST);
        assert_int_equal(group_stats(&link->server).messages_received, 1 + id);
        assert_int_equal(channel_stats(&link->server).messages_received, 1 + id);
        assert_int_equal(side_stats(&link->server).messages_received, 1 + id);
        assert_int_equal(side_stats(&link->server).messages_incoming, 1);
        side_put(&link->server, message);
        assert_int_equal(side_stats(&link->server).messages_incoming, 0);
    }
}

static void sent_messages_are_counted_by_channel_and_group(void **state)
{
    enum { COUNT = 30 };
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    struct tofu_channel_stats before = channel_stats(&link->server);
    for (uint64_t id = 1; id <= COUNT; id++) {
        side_send(&link->server, TOFU_SIGNAL, id, "body");
        assert_int_equal(raw_expect(raw, RAW_SIGNAL), id);
    }
    side_expect_stat(&link->server, messages_sent, COUNT);

    struct tofu_channel_stats after = channel_stats(&link->server);
    assert_int_equal(after.messages_sent - before.messages_sent, COUNT);
    assert_int_equal(after.bytes_sent - before.bytes_sent, COUNT * (RAW_HEADER_BYTES + 4));
    assert_int_equal(after.messages_queued, 0);
    assert_int_equal(after.bytes_queued, 0);
    assert_int_equal(group_stats(&link->server).messages_sent, COUNT);
    assert_int_equal(side_stats(&link->server).bytes_sent, COUNT * (RAW_HEADER_BYTES + 4));
    struct tofu_stats stats = side_stats(&link->server);
    assert_int_equal(histogram_sum(&stats.queue_dwell), COUNT);
    assert_int_not_equal(histogram_sum(&stats.loop_lag), 0);
}

// While a connection is made nothing leaves the queue, so that the gauges are exact.
static void what_is_queued_is_a_gauge_of_the_channel(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    link_open_client(link, NULL);
    raw_listen(link->transport == TOFU_TCP, link->directory, "full", 0, address);
    raw_connect(address);
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, address));
    link->client.channel = hello.channel;
    uint64_t hello_bytes = channel_stats(&link->client).bytes_queued;
    for (uint64_t id = 1; id <= 5; id++) {
        side_send(&link->client, TOFU_REQUEST, id, "body");
        assert_int_equal(channel_stats(&link->client).messages_queued, 1 + id);
    }

    assert_int_equal(hello_bytes, RAW_HEADER_BYTES + strlen("~connect_to:\r\n") + strlen(address));
    assert_int_equal(
        channel_stats(&link->client).bytes_queued, hello_bytes + 5 * (RAW_HEADER_BYTES + 4));
    side_send(&link->client, TOFU_BYE_SIGNAL, 0, NULL);
    for (int i = 0; i < 6; i++) {
        struct tofu_message *returned = side_await(&link->client);
        assert_int_equal(tofu_message_header(returned)->status, TOFU_CHANNEL_CLOSED);
        assert_false(message_is_closing(returned));
        side_put(&link->client, returned);
    }
    side_expect_closed(&link->client, hello.channel, hello.id, "channel_closed");
    assert_int_equal(side_stats(&link->client).messages_returned, 6);
    assert_int_equal(group_stats(&link->client).messages_returned, 6);
}

static void what_waits_in_a_group_is_a_gauge_of_the_group(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    int raw = link_raw_client(link);
    for (uint64_t id = 1; id <= 3; id++) {
        raw_send_proto(raw, RAW_REQUEST, id);
        assert_status(TOFU_OK, tofu_group_update(link->server.group, NULL));
    }
    side_expect_stat(&link->server, messages_incoming, 3);
    assert_int_equal(group_stats(&link->server).updates_waiting, 3);
    // The listener and the connection.
    assert_int_equal(group_stats(&link->server).channels, 2);
    for (int i = 0; i < 6; i++) {
        side_put(&link->server, side_await(&link->server));
    }

    assert_int_equal(group_stats(&link->server).messages_waiting, 0);
    assert_int_equal(group_stats(&link->server).updates_waiting, 0);
}

static void broken_rules_and_missed_deadlines_are_counted(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.hello_timeout_ns = 50 * MILLISECOND_NS};
    link_open_server(link, &options);
    int rude = link_raw_client(link);
    raw_send_proto(rude, 15, 1);
    side_expect_closed(&link->server, link->server.channel, link->hello_id, "invalid_op_code");
    raw_await_end(raw_connect(link->address), NULL);

    side_expect_stat(&link->server, connections_refused, 1);
    struct tofu_stats stats = side_stats(&link->server);
    assert_int_equal(stats.rules_broken, 1);
    assert_int_equal(stats.connections_accepted, 2);
    assert_int_equal(stats.deadlines_missed, 1);
    assert_int_equal(stats.channels_graceful, 0);
}

static void stats_of_a_channel_that_is_none_are_refused(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_channel_stats stats = {.struct_size = sizeof stats, .messages_sent = 77};
    struct side other = link->client;
    link_open_group(&other);

    assert_status(
        TOFU_INVALID_CHANNEL_NUMBER, tofu_channel_stats(link->client.group, 9999, &stats));
    assert_status(
        TOFU_INVALID_CHANNEL_GROUP, tofu_channel_stats(other.group, link->client.channel, &stats));
    stats.struct_size = 8;
    assert_status(
        TOFU_NOT_ALLOWED, tofu_channel_stats(link->client.group, link->client.channel, &stats));
    assert_int_equal(stats.messages_sent, 77);
    uint16_t channel = link->client.channel;
    link_bye(link, &link->client, &link->server);
    stats.struct_size = sizeof stats;
    assert_status(
        TOFU_INVALID_CHANNEL_NUMBER, tofu_channel_stats(link->client.group, channel, &stats));
}

static void a_hello_request_says_who_sent_it(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_peer peer;
    link_open_server(link, NULL);
    int raw = raw_connect(link->address);
    raw_send_hello(raw, 5);
    struct tofu_message *hello = side_expect(&link->server, TOFU_HELLO_REQUEST);

    assert_true(tofu_message_peer(hello, &peer));

    assert_int_equal(peer.address.transport, link->transport);
    if (link->transport == TOFU_UDS) {
        struct machine_ids own;
        assert_int_equal(peer.has_credentials, machine_has_ids(&own));
        assert_int_equal(peer.user_id, own.user);
        assert_int_equal(peer.group_id, own.group);
        assert_int_equal(peer.process_id, own.process);
    } else {
        assert_false(peer.has_credentials);
        assert_string_equal(peer.address.host, "127.0.0.1");
        assert_int_not_equal(peer.address.port, 0);
    }
    side_put(&link->server, hello);
    raw_send_proto(raw, RAW_REQUEST, 6);
    struct tofu_message *request = side_expect(&link->server, TOFU_REQUEST);
    assert_false(tofu_message_peer(request, &peer));
    side_put(&link->server, request);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(received_messages_are_counted_before_they_are_seen),
        LINK_TEST(sent_messages_are_counted_by_channel_and_group),
        LINK_TEST(what_is_queued_is_a_gauge_of_the_channel),
        LINK_TEST(what_waits_in_a_group_is_a_gauge_of_the_group),
        LINK_TEST(broken_rules_and_missed_deadlines_are_counted),
        CONNECTED_LINK_TEST(stats_of_a_channel_that_is_none_are_refused),
        LINK_TEST(a_hello_request_says_who_sent_it),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
