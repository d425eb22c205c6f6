// SPDX-License-Identifier: MIT
// Stage 3: one socket at a time. What can be accepted, received and sent is reported, again and again, and
// nothing after forget.
#include "contract/poller_fixture.h"
#include "stages/figures.h"

#define CYCLES 150

static void a_connection_to_accept_is_reported_each_time(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->link.listener.socket);
    arm(fixture, watch, TF_POLL_READ);
    for (uint32_t i = 0; i < 20; i++) {
        enum tf_connect result = TF_CONNECT_FAILED;
        tf_socket client = contract_connect_start(&fixture->link, &result);

        assert_int_equal(expect(fixture, watch) & TF_POLL_READ, TF_POLL_READ);

        tf_socket server = contract_accept(&fixture->link);
        contract_connect_end(&fixture->link, client, result);
        contract_close(&fixture->link, server);
        contract_close(&fixture->link, client);
    }
}

static void bytes_to_receive_are_reported_over_many_cycles(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    uint64_t start_ns = tf_clock_now();
    arm(fixture, watch, TF_POLL_READ);
    for (uint32_t i = 0; i < CYCLES; i++) {
        contract_send_text(&fixture->link, fixture->client, "ping");
        size_t total = 0;
        while (total < 4) {
            enum tf_io last = TF_IO_DONE;
            assert_int_equal(expect(fixture, watch) & TF_POLL_READ, TF_POLL_READ);
            total += contract_drain(fixture->server, &last);
        }
    }
    figures_print_rate(
        fixture->poller.ops->name, "receive cycles", CYCLES, tf_clock_now() - start_ns);
}

// Bytes that are not taken are reported as often as one asks: the level is looked at each time.
static void bytes_that_are_left_are_reported_again(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    contract_send_text(&fixture->link, fixture->client, "ping");
    for (uint32_t i = 0; i < CYCLES; i++) {
        arm(fixture, watch, TF_POLL_READ);
        assert_int_equal(expect(fixture, watch) & TF_POLL_READ, TF_POLL_READ);
        arm(fixture, watch, 0);
    }
    contract_expect_text(&fixture->link, fixture->server, "ping");
}

static void room_to_send_is_reported_over_many_cycles(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    uint64_t start_ns = tf_clock_now();
    for (uint32_t i = 0; i < CYCLES; i++) {
        arm(fixture, watch, TF_POLL_WRITE);
        assert_int_equal(expect(fixture, watch), TF_POLL_WRITE);
        arm(fixture, watch, 0);
    }
    figures_print_rate(fixture->poller.ops->name, "send cycles", CYCLES, tf_clock_now() - start_ns);
}

static void a_change_between_the_directions_is_followed(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    contract_send_text(&fixture->link, fixture->client, "ping");
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);
    for (uint32_t i = 0; i < CYCLES; i++) {
        uint8_t interest = i % 2 == 0 ? TF_POLL_READ : TF_POLL_WRITE;
        arm(fixture, watch, interest);
        assert_int_equal(expect(fixture, watch), interest);
    }
}

// Forgotten at every point of a request's life: before the wait, with an event ready, after its report.
static void nothing_comes_after_forget(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    struct tf_poll_event events[CAPACITY_MAX];
    contract_send_text(&fixture->link, fixture->client, "ping");
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);
    for (uint32_t i = 0; i < CYCLES; i++) {
        watch->token = ++fixture->last_token;
        arm(fixture, watch, i % 3 == 0 ? 0 : TF_POLL_READ | TF_POLL_WRITE);
        if (i % 3 == 1) {
            (void)expect(fixture, watch);
        }
        if (i % 3 == 2) {
            arm(fixture, watch, TF_POLL_READ);
        }
        forget(fixture, watch);
        assert_int_equal(wait_once(fixture, 0, events, CAPACITY_MAX), 0);
    }
    assert_int_equal(count_events(fixture, QUIET), 0);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_connection_to_accept_is_reported_each_time),
    cmocka_unit_test(bytes_to_receive_are_reported_over_many_cycles),
    cmocka_unit_test(bytes_that_are_left_are_reported_again),
    cmocka_unit_test(room_to_send_is_reported_over_many_cycles),
    cmocka_unit_test(a_change_between_the_directions_is_followed),
    cmocka_unit_test(nothing_comes_after_forget),
};

int main(void)
{
    return poller_contract_run("stage 3: one socket", cases, sizeof cases / sizeof cases[0]);
}
