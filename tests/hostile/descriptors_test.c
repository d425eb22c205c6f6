// SPDX-License-Identifier: MIT
// A process that has no descriptors left: its listeners rest instead of spinning, its group is told once,
// what is connected goes on, and all is well again when there are descriptors.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hostile/crowd.h"
#include "hostile/measure.h"
#include "support/machine.h"
#include "support/raw_peer.h"

#define SERVER_THREAD     "hostile-server"
#define DESCRIPTORS_MAX   36
#define CROWD_COUNT       100
#define BACKLOG_COUNT     800
#define TURNS_PER_SECOND  20
#define SERVICE_WITHIN_NS SECOND_NS

static struct rlimit normal_limit;

// The limit counts from 0, and the runner of the tests may have left us some descriptors open.
static void limit_descriptors(void)
{
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &normal_limit), 0);
    struct rlimit limit = {.rlim_cur = DESCRIPTORS_MAX, .rlim_max = normal_limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_in_range(machine_descriptor_count(), 1, DESCRIPTORS_MAX - 4);
}

static void unlimit_descriptors(void)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &normal_limit), 0);
}

// A test that failed under the limit must not fail the next one too.
static int tear_down(void **state)
{
    if (normal_limit.rlim_cur != 0) {
        unlimit_descriptors();
    }
    return link_tear_down(state);
}

#define LIMITED_TEST(function)                                                                     \
    {                                                                                              \
#        function, (function), link_set_up, tear_down, NULL                                        \
    }

static void open_link(struct link_fixture *link)
{
    const struct tofu_options options = {
        .thread_name = SERVER_THREAD, .hello_timeout_ns = 600 * SECOND_NS};
    link_open_server(link, &options);
    link_open_client(link, NULL);
    link_connect(link);
}

static void expect_accept_failed(const struct link_fixture *link)
{
    struct tofu_message *notice =
        side_expect_notice(&link->server, TOFU_SIGNAL, TOFU_ACCEPT_FAILED);
    assert_int_equal(tofu_message_header(notice)->channel, link->listener);
    assert_false(tofu_message_find_text(notice, "~reason", NULL, NULL));
    side_put(&link->server, notice);
}

// Sees to it that the crowd has taken every descriptor, and connections are waiting for more.
static struct meter exhaust(struct link_fixture *link, struct crowd *crowd, uint64_t count)
{
    crowd_open(crowd);
    open_link(link);
    struct meter meter = meter_open(&link->server, SERVER_THREAD);
    limit_descriptors();
    crowd_order_connect(crowd, link->address, count, NULL, 0);
    assert_true(crowd_take_report(crowd).connected > DESCRIPTORS_MAX);
    await_at_least(&link->server, accepts_failed, 1);
    assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), -1);
    assert_int_equal(errno, EMFILE);
    expect_accept_failed(link);
    return meter;
}

static void a_listener_without_descriptors_rests_and_says_so_once(void **state)
{
    struct link_fixture *link = *state;
    struct crowd crowd;
    struct meter meter = exhaust(link, &crowd, CROWD_COUNT);

    struct cost cost = meter_interval(&meter, 2 * SECOND_NS);

    struct tofu_stats stats = side_stats(&link->server);
    print_message(
        "%llu held, %llu rests, %.1f turns per second, %.3f ms of processor time\n",
        (unsigned long long)stats.half_open,
        (unsigned long long)stats.accepts_failed,
        (double)cost.turns / 2,
        (double)cost.processor_ns / 1e6);
    assert_in_range(cost.turns, 1, 2 * TURNS_PER_SECOND);
    assert_in_range(cost.processor_ns, 0, 50 * MILLISECOND_NS);
    side_expect_silence(&link->server); // However often it rested: the episode was told.
    crowd_close(&crowd);
}

static void what_is_connected_goes_on_without_descriptors(void **state)
{
    struct link_fixture *link = *state;
    struct crowd crowd;
    exhaust(link, &crowd, CROWD_COUNT);

    for (int i = 0; i < 1000; i++) {
        round_trip(link, NULL);
    }

    crowd_close(&crowd);
}

// While the system recovers the listener may serve and rest in turn, and says so each time.
static void say_hello(struct link_fixture *link)
{
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, link->address));
    struct tofu_message *message = side_await(&link->server);
    while (tofu_message_header(message)->status == TOFU_ACCEPT_FAILED) {
        side_put(&link->server, message);
        message = side_await(&link->server);
    }
    assert_int_equal(tofu_message_header(message)->opcode, TOFU_HELLO_REQUEST);
    assert_int_equal(tofu_message_header(message)->id, hello.id);
    side_put(&link->server, message);
}

static void service_is_full_again_soon_after_descriptors_come_back(void **state)
{
    struct link_fixture *link = *state;
    struct crowd crowd;
    exhaust(link, &crowd, CROWD_COUNT);

    // Gone are they that hold descriptors, and also they that wait for one.
    crowd_close(&crowd);
    uint64_t start_ns = test_now();
    side_expect_stat(&link->server, half_open, 0);
    for (int i = 0; i < 4; i++) {
        say_hello(link);
    }

    uint64_t time_ns = test_now() - start_ns;
    print_message("service after %.0f ms\n", (double)time_ns / 1e6);
    assert_in_range(time_ns, 0, SERVICE_WITHIN_NS + MACHINE_SLACK_NS);
}

/// Honest clients of another process, since this one has no descriptors for them. One in twenty of those
/// that wait may be turned away to make room.
#define HONEST_COUNT     20
#define HONEST_COUNT_MIN 18

static void take_hellos(const struct side *side, uint64_t count)
{
    while (count > 0) {
        struct tofu_message *message = side_await(side);
        bool is_hello = tofu_message_header(message)->opcode == TOFU_HELLO_REQUEST;
        assert_true(is_hello || tofu_message_header(message)->status == TOFU_ACCEPT_FAILED);
        count -= is_hello ? 1 : 0;
        side_put(side, message);
    }
}

static void service_is_full_again_behind_hundreds_that_are_gone(void **state)
{
    struct link_fixture *link = *state;
    struct crowd honest;
    struct crowd crowd;
    static const char text[] = "~connect_to:tcp|127.0.0.1|7099\r\n";
    uint8_t hello[RAW_HEADER_BYTES + sizeof text];
    const struct raw_frame frame = {
        .channel = 1,
        .proto = RAW_HELLO_REQUEST,
        .id = 1,
        .text = text,
        .text_bytes = sizeof text - 1};
    size_t hello_bytes = raw_pack(&frame, hello);
    crowd_open(&honest);
    exhaust(link, &crowd, BACKLOG_COUNT);
    uint64_t turns_before = side_stats(&link->server).turns;

    crowd_close(&crowd);
    uint64_t start_ns = test_now();
    crowd_order_connect(&honest, link->address, HONEST_COUNT, hello, hello_bytes);
    take_hellos(&link->server, HONEST_COUNT_MIN);

    uint64_t time_ns = test_now() - start_ns;
    print_message(
        "service after %.0f ms, behind %d that were gone, %llu turns\n",
        (double)time_ns / 1e6,
        BACKLOG_COUNT,
        (unsigned long long)(side_stats(&link->server).turns - turns_before));
    assert_int_equal(crowd_take_report(&honest).connected, HONEST_COUNT);
    assert_in_range(time_ns, 0, SERVICE_WITHIN_NS + MACHINE_SLACK_NS);
    crowd_close(&honest);
}

static void service_is_full_again_when_the_limit_is_raised(void **state)
{
    struct link_fixture *link = *state;
    struct crowd crowd;
    exhaust(link, &crowd, CROWD_COUNT);
    struct tofu_stats before = side_stats(&link->server);

    uint64_t start_ns = test_now();
    unlimit_descriptors();
    say_hello(link);

    uint64_t time_ns = test_now() - start_ns;
    struct tofu_stats stats = side_stats(&link->server);
    print_message(
        "service after %.0f ms, %llu of the crowd held, %llu turned away\n",
        (double)time_ns / 1e6,
        (unsigned long long)stats.half_open,
        (unsigned long long)CROWD_COUNT - stats.half_open);
    assert_in_range(time_ns, 0, SERVICE_WITHIN_NS + MACHINE_SLACK_NS);
    assert_true(stats.half_open >= before.half_open);
    crowd_close(&crowd);
}

// A listener that has served again and then rests anew tells its group anew.
static void each_episode_is_told(void **state)
{
    struct link_fixture *link = *state;
    struct crowd crowds[3];
    for (size_t i = 0; i < 3; i++) {
        crowd_open(&crowds[i]);
    }
    open_link(link);
    for (size_t i = 0; i < 3; i++) {
        limit_descriptors();
        crowd_order_connect(&crowds[i], link->address, CROWD_COUNT, NULL, 0);

        expect_accept_failed(link);

        (void)crowd_take_report(&crowds[i]);
        crowd_close(&crowds[i]);
        side_expect_stat(&link->server, half_open, 0);
        unlimit_descriptors();
        say_hello(link);
        side_expect_silence(&link->server);
    }
}

// A caller that cannot have what it asks for is told, and everything else goes on.
static void whoever_needs_a_descriptor_is_told_that_there_is_none(void **state)
{
    struct link_fixture *link = *state;
    open_link(link);
    limit_descriptors();
    int taken[DESCRIPTORS_MAX];
    size_t taken_count = 0;
    for (int next = open("/dev/null", O_RDONLY | O_CLOEXEC); next >= 0;
         next = open("/dev/null", O_RDONLY | O_CLOEXEC)) {
        taken[taken_count] = next;
        taken_count++;
    }

    struct tofu_engine *engine = NULL;
    assert_status(TOFU_NOTIFICATION_FAILED, tofu_engine_create(NULL, &engine));
    assert_null(engine);
    tofu_descriptor descriptor = -7;
    assert_status(TOFU_NOTIFICATION_FAILED, tofu_group_descriptor(link->server.group, &descriptor));
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, link->address));
    side_put(
        &link->client, side_expect_notice(&link->client, TOFU_HELLO_RESPONSE, TOFU_CONNECT_FAILED));
    side_expect_closed(&link->client, hello.channel, hello.id, "connect_failed");
    char address[TOFU_ADDRESS_BYTES_MAX];
    link_fresh_address(link, "another", address);
    struct tofu_header welcome = side_post(&link->server, side_welcome(&link->server, address));
    side_put(
        &link->server,
        side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_LISTEN_FAILED));
    side_expect_closed(&link->server, welcome.channel, welcome.id, "listen_failed");
    round_trip(link, NULL);

    for (size_t i = 0; i < taken_count; i++) {
        (void)close(taken[i]);
    }
    say_hello(link);
}

int main(int argc, char **argv)
{
    crowd_take_role(argc, argv);
    const struct CMUnitTest tests[] = {
        LIMITED_TEST(a_listener_without_descriptors_rests_and_says_so_once),
        LIMITED_TEST(what_is_connected_goes_on_without_descriptors),
        LIMITED_TEST(service_is_full_again_soon_after_descriptors_come_back),
        LIMITED_TEST(service_is_full_again_behind_hundreds_that_are_gone),
        LIMITED_TEST(service_is_full_again_when_the_limit_is_raised),
        LIMITED_TEST(each_episode_is_told),
        LIMITED_TEST(whoever_needs_a_descriptor_is_told_that_there_is_none),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
