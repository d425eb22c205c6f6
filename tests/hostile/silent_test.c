// SPDX-License-Identifier: MIT
// Connections that say nothing: they cost little memory and no message, the oldest give way, all end at
// their deadline, and nobody else loses anything. How long others wait is latency_silent_test.c's subject.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile/crowd.h"
#include "hostile/measure.h"
#include "hostile/siege.h"
#include "support/raw_peer.h"

#define HALF_OPEN_BYTES_MAX 1024
#define ROUND_TRIPS         20
#define SILENT_COUNT        10000
#define SILENT_COUNT_POLL   3000
#define SERVER_THREAD       "hostile-server"

static uint64_t trip_count; ///< honest round trips beside the silent

// poll(2) costs every descriptor in every turn: ten thousand would only make the test long.
static uint64_t silent_count(void)
{
    const char *poller = getenv("TOFU_POLLER");
    bool is_poll = poller != NULL && strcmp(poller, "poll") == 0;
    uint64_t count = connection_count(is_poll ? SILENT_COUNT_POLL : SILENT_COUNT);
    // What the engine needs for itself, the test, and the peers.
    uint64_t granted = system_allow_descriptors(count + 100);
    if (granted < count + 100) {
        print_message("the system grants only %llu descriptors\n", (unsigned long long)granted);
        return granted - 100;
    }
    return count;
}

static void open_link(struct link_fixture *link, struct tofu_options *options)
{
    options->thread_name = SERVER_THREAD;
    trip_count = 0;
    link_open_server(link, options);
    link_open_client(link, NULL);
    link_connect(link);
}

static void print_trips(const char *what)
{
    print_message("%s: %llu honest round trips, 0 lost\n", what, (unsigned long long)trip_count);
    trip_count = 0;
}

static void trip(struct link_fixture *link)
{
    round_trip(link, NULL);
    trip_count++;
}

// The one that had the most time to say hello goes; one that is left may still say it.
static void the_oldest_half_open_connection_gives_way(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.half_open_max = 8};
    link_open_server(link, &options);
    int peers[13];
    for (int i = 0; i < 8; i++) {
        peers[i] = raw_connect(link->address);
        side_expect_stat(&link->server, half_open, (uint64_t)i + 1);
    }

    for (int i = 8; i < 13; i++) {
        peers[i] = raw_connect(link->address);
    }

    for (int i = 0; i < 5; i++) {
        raw_await_end(peers[i], NULL);
    }
    side_expect_stat(&link->server, connections_refused, 5);
    side_expect_stat(&link->server, half_open, 8);
    for (int i = 5; i < 13; i++) {
        raw_send_hello(peers[i], (uint64_t)i);
        assert_int_equal(side_take(&link->server, TOFU_HELLO_REQUEST).id, i);
    }
    side_expect_stat(&link->server, half_open, 0);
    side_expect_silence(&link->server);
}

// The listener's group is told nothing: what never said hello was never a channel.
static void nobody_hears_of_connections_that_said_nothing(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.hello_timeout_ns = 50 * MILLISECOND_NS};
    link_open_server(link, &options);
    for (int i = 0; i < 20; i++) {
        raw_await_end(raw_connect(link->address), NULL);
    }

    side_expect_silence(&link->server);

    struct tofu_stats stats = side_stats(&link->server);
    assert_int_equal(stats.connections_refused, 20);
    assert_int_equal(stats.deadlines_missed, 20);
    assert_int_equal(stats.channels_opened, 1);
    assert_int_equal(stats.messages_incoming, 0);
}

static void round_trips_until_report(struct link_fixture *link, const struct crowd *crowd)
{
    while (!crowd_has_report(crowd)) {
        trip(link);
        struct tofu_stats stats = side_stats(&link->server);
        assert_in_range(stats.messages_incoming, 0, 1); // A request that is on its way.
    }
}

static void thousands_of_silent_connections_cost_no_message_and_little_memory(void **state)
{
    struct link_fixture *link = *state;
    struct crowd crowd;
    crowd_open(&crowd);
    uint64_t count = silent_count();
    struct tofu_options options = {
        .half_open_max = 2 * SILENT_COUNT, .hello_timeout_ns = 600 * SECOND_NS};
    open_link(link, &options);
    struct fault_allocator *memory = link_memory(link, link->server.engine);
    size_t bytes_before = atomic_load(&memory->live_bytes);

    crowd_order_connect(&crowd, link->address, count, NULL, 0);
    round_trips_until_report(link, &crowd);
    struct crowd_report report = crowd_take_report(&crowd);
    await_at_least(&link->server, half_open, report.connected);

    size_t bytes = atomic_load(&memory->live_bytes) - bytes_before;
    struct tofu_stats stats = side_stats(&link->server);
    assert_int_equal(report.connected, count);
    assert_int_equal(stats.half_open, count);
    assert_int_equal(stats.messages_incoming, 0);
    print_message(
        "%llu silent connections: %zu bytes, %zu each\n",
        (unsigned long long)count,
        bytes,
        bytes / (size_t)count);
    assert_in_range(bytes / count, 1, HALF_OPEN_BYTES_MAX);
    print_trips("while they come");
    for (int i = 0; i < ROUND_TRIPS; i++) {
        trip(link);
    }
    print_trips("while they stay");
    crowd_close(&crowd);
    side_expect_stat(&link->server, half_open, 0);
    round_trip(link, NULL);
}

static void thousands_of_silent_connections_end_at_the_hello_deadline(void **state)
{
    struct link_fixture *link = *state;
    struct crowd crowd;
    crowd_open(&crowd);
    uint64_t count = silent_count();
    uint64_t timeout_ns = 2 * SECOND_NS;
    struct tofu_options options = {
        .half_open_max = 2 * SILENT_COUNT, .hello_timeout_ns = timeout_ns};
    open_link(link, &options);

    crowd_order_connect(&crowd, link->address, count, NULL, 0);
    round_trips_until_report(link, &crowd);
    assert_int_equal(crowd_take_report(&crowd).connected, count);
    crowd_order_await(&crowd, count);
    round_trips_until_report(link, &crowd);

    struct crowd_report report = crowd_take_report(&crowd);
    assert_int_equal(report.ended, count);
    // A peer may see its end before that is counted.
    side_expect_stat(&link->server, deadlines_missed, count);
    side_expect_stat(&link->server, connections_refused, count);
    side_expect_stat(&link->server, half_open, 0);
    print_message(
        "%llu silent connections, %.0f ms allowed: ended after %.0f to %.0f ms as they saw it\n",
        (unsigned long long)count,
        (double)timeout_ns / 1e6,
        (double)report.soonest_ns / 1e6,
        (double)report.latest_ns / 1e6);
    // The engine's clock stands still during a turn, so a connection may look a turn older than it is.
    assert_true(report.soonest_ns >= timeout_ns - 200 * MILLISECOND_NS);
    print_trips("while they end");
    crowd_close(&crowd);
}

static void the_default_cap_holds_against_thousands(void **state)
{
    struct link_fixture *link = *state;
    struct crowd crowd;
    crowd_open(&crowd);
    uint64_t count = silent_count();
    struct tofu_options options = {.hello_timeout_ns = 600 * SECOND_NS};
    open_link(link, &options);
    uint64_t most = 0;

    crowd_order_connect(&crowd, link->address, count, NULL, 0);
    while (!crowd_has_report(&crowd)) {
        trip(link);
        uint64_t half_open = side_stats(&link->server).half_open;
        most = half_open > most ? half_open : most;
    }
    assert_int_equal(crowd_take_report(&crowd).connected, count);
    crowd_order_await(&crowd, count - 1024);

    struct crowd_report report = crowd_take_report(&crowd);
    side_expect_stat(&link->server, half_open, 1024);
    side_expect_stat(&link->server, connections_refused, count - 1024);
    assert_int_equal(report.ended, count - 1024);
    assert_int_equal(report.last_ended, report.ended); // Those that came first, and no other.
    assert_in_range(most, 0, 1024);
    assert_int_equal(side_stats(&link->server).messages_incoming, 0);
    print_message(
        "%llu silent connections: %llu held at most, %llu oldest gave way\n",
        (unsigned long long)count,
        (unsigned long long)most,
        (unsigned long long)report.ended);
    print_trips("while they press");
    crowd_close(&crowd);
}

// Whoever keeps thousands of connections open without a word must not cost a turn of the loop.
static void thousands_of_silent_connections_lay_siege(void **state)
{
    struct link_fixture *link = *state;
    struct crowd crowd;
    crowd_open(&crowd);
    uint64_t count = silent_count();
    struct siege siege = {
        .scene = "silent connections",
        .options =
            {.half_open_max = 2 * SILENT_COUNT,
             .hello_timeout_ns = 600 * SECOND_NS,
             .pool_messages_max = 16,
             .text_bytes_max = 1024,
             .body_bytes_max = 1024,
             .send_queue_messages_max = 16,
             .send_queue_bytes_max = 16 << 10},
        .half_open_count = count,
        .serve = siege_serve_round_trips};
    siege_open(&siege, link);

    crowd_order_connect(&crowd, link->address, count, NULL, 0);
    round_trips_until_report(link, &crowd);
    assert_int_equal(crowd_take_report(&crowd).connected, count);
    await_at_least(&link->server, half_open, count);

    siege_judge(&siege, link);
    crowd_close(&crowd);
}

int main(int argc, char **argv)
{
    crowd_take_role(argc, argv);
    const struct CMUnitTest tests[] = {
        LINK_TEST(the_oldest_half_open_connection_gives_way),
        LINK_TEST(nobody_hears_of_connections_that_said_nothing),
        LINK_TEST(thousands_of_silent_connections_cost_no_message_and_little_memory),
        LINK_TEST(thousands_of_silent_connections_end_at_the_hello_deadline),
        LINK_TEST(the_default_cap_holds_against_thousands),
        LINK_TEST(thousands_of_silent_connections_lay_siege),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
