// SPDX-License-Identifier: MIT
// The contract of a poller, case by case: readiness. os/poller.h numbers the rules; here are rules 1 to 4
// and 6, and poller_wake_contract.c has the others.
//
// Only src/os/*.h is used, so a simulated system is held to the same contract. A case that needs signals,
// urgent data or raw descriptors is in poller_posix_test.c.
#include "contract/poller_fixture.h"

// Rule 1: level on arm.

// Accepting, then watching, is the usual order: the first message is often there before the watch.
static void data_that_came_before_the_first_watch_is_reported(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    contract_send_text(&fixture->link, fixture->client, "ping");
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    arm(fixture, watch, TF_POLL_READ);

    assert_true((expect(fixture, watch) & TF_POLL_READ) != 0);
}

// A channel that waited for memory takes up reading again: what came meanwhile gives no edge.
static void data_that_came_while_disarmed_is_reported_on_arming(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    arm(fixture, watch, TF_POLL_READ);
    arm(fixture, watch, 0);
    contract_send_text(&fixture->link, fixture->client, "ping");
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    arm(fixture, watch, TF_POLL_READ);

    assert_true((expect(fixture, watch) & TF_POLL_READ) != 0);
}

static void a_writable_socket_is_reported_each_time_writing_is_armed(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    for (int i = 0; i < 100; i++) {
        arm(fixture, watch, TF_POLL_WRITE);
        assert_true((expect(fixture, watch) & TF_POLL_WRITE) != 0);
        arm(fixture, watch, 0);
    }
}

static void an_interest_that_is_added_to_another_is_reported_if_it_holds(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    arm(fixture, watch, TF_POLL_READ);
    (void)count_events(fixture, QUIET);

    arm(fixture, watch, TF_POLL_READ | TF_POLL_WRITE);

    while ((expect(fixture, watch) & TF_POLL_WRITE) == 0) {
        // Events for nothing are allowed; expect() fails when there are no more.
    }
}

static void a_connection_that_waited_is_reported_when_its_listener_is_armed(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->link.listener.socket);
    enum tf_connect result = TF_CONNECT_FAILED;
    tf_socket client = contract_connect_start(&fixture->link, &result);
    contract_connect_end(&fixture->link, client, result);

    arm(fixture, watch, TF_POLL_READ);

    assert_true((expect(fixture, watch) & TF_POLL_READ) != 0);
    (void)contract_accept(&fixture->link);
}

// Rule 2: disarmed is silent.

static void a_socket_that_is_disarmed_from_the_start_is_silent(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    contract_send_text(&fixture->link, fixture->client, "ping");
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    arm(fixture, watch, 0);

    assert_int_equal(count_events(fixture, QUIET), 0);
}

static void a_socket_that_was_disarmed_is_silent_about_data(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    arm(fixture, watch, TF_POLL_READ | TF_POLL_WRITE);
    (void)expect(fixture, watch);

    arm(fixture, watch, 0);
    contract_send_text(&fixture->link, fixture->client, "ping");
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    assert_int_equal(count_events(fixture, QUIET), 0);
}

// The kernel's own level mode would report this for ever, and a starved engine would spin.
static void a_disarmed_socket_is_silent_about_the_end_of_its_peer(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    arm(fixture, watch, TF_POLL_READ);
    arm(fixture, watch, 0);

    contract_close(&fixture->link, fixture->client);
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    assert_int_equal(count_events(fixture, QUIET), 0);
}

static void a_disarmed_socket_is_silent_when_both_sides_have_ended(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    arm(fixture, watch, 0);

    tf_socket_shutdown_send(fixture->server);
    contract_close(&fixture->link, fixture->client);
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    assert_int_equal(count_events(fixture, QUIET), 0);
}

static void a_disarmed_socket_reports_its_reset_once_at_most(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    arm(fixture, watch, TF_POLL_READ);
    arm(fixture, watch, 0);

    contract_reset(&fixture->link, fixture->client);
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    assert_in_range(count_events(fixture, QUIET), 0, 1);
    assert_int_equal(count_events(fixture, QUIET), 0);
}

static void a_disarmed_listener_is_silent(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->link.listener.socket);
    enum tf_connect result = TF_CONNECT_FAILED;
    arm(fixture, watch, TF_POLL_READ);
    arm(fixture, watch, 0);

    tf_socket client = contract_connect_start(&fixture->link, &result);
    contract_connect_end(&fixture->link, client, result);

    assert_int_equal(count_events(fixture, QUIET), 0);
    (void)contract_accept(&fixture->link);
}

static void only_the_declared_direction_is_reported(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    contract_send_text(&fixture->link, fixture->client, "ping");
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    arm(fixture, watch, TF_POLL_WRITE);
    assert_false((expect(fixture, watch) & TF_POLL_READ) != 0);
    arm(fixture, watch, TF_POLL_READ);
    assert_false((expect(fixture, watch) & TF_POLL_WRITE) != 0);
}

static void a_disarmed_socket_that_has_ended_is_reported_when_it_is_armed_again(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    enum tf_io last = TF_IO_DONE;
    arm(fixture, watch, 0);
    contract_close(&fixture->link, fixture->client);
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);
    assert_int_equal(count_events(fixture, QUIET), 0);

    arm(fixture, watch, TF_POLL_READ);

    assert_true((expect(fixture, watch) & TF_POLL_READ) != 0);
    assert_int_equal(contract_drain(fixture->server, &last), 0);
    assert_int_equal(last, TF_IO_END);
}

// Rule 3: nothing is lost.

static void new_data_after_would_block_is_reported_without_another_watch(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    enum tf_io last = TF_IO_DONE;
    arm(fixture, watch, TF_POLL_READ);
    for (int i = 0; i < 200; i++) {
        contract_send_text(&fixture->link, fixture->client, "ping");
        size_t total = 0;
        while (total < 4) {
            assert_true((expect(fixture, watch) & TF_POLL_READ) != 0);
            total += contract_drain(fixture->server, &last);
            assert_int_equal(last, TF_IO_WOULD_BLOCK);
        }
    }
}

static void two_hundred_cycles_of_arm_and_disarm_lose_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    enum tf_io last = TF_IO_DONE;
    for (int i = 0; i < 200; i++) {
        contract_send_text(&fixture->link, fixture->client, "ping");
        size_t total = 0;
        while (total < 4) {
            arm(fixture, watch, TF_POLL_READ);
            assert_true((expect(fixture, watch) & TF_POLL_READ) != 0);
            arm(fixture, watch, 0);
            total += contract_drain(fixture->server, &last);
        }
    }
}

static void room_for_writing_is_reported_when_the_peer_has_read(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    size_t filled = contract_fill(fixture->server);
    arm(fixture, watch, TF_POLL_WRITE);

    size_t drained = 0;
    while (drained < filled) {
        enum tf_io last = TF_IO_DONE;
        contract_await(&fixture->link, fixture->client, TF_POLL_READ);
        drained += contract_drain(fixture->client, &last);
        assert_int_equal(last, TF_IO_WOULD_BLOCK);
    }

    assert_true((expect(fixture, watch) & TF_POLL_WRITE) != 0);
    assert_true(contract_fill(fixture->server) > 0);
}

// Both ends go on until "would block", so what happens after it depends on events alone.
static void a_large_transfer_goes_on_by_events_alone(void **state)
{
    struct fixture *fixture = *state;
    struct tf_poll_event events[CAPACITY_MAX];
    size_t sent = contract_fill(fixture->client);
    size_t wanted = 3 * sent;
    size_t received = 0;
    arm(fixture, watch_add(fixture, fixture->server), TF_POLL_READ);
    arm(fixture, watch_add(fixture, fixture->client), TF_POLL_WRITE);
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    while (received < wanted) {
        enum tf_io last = TF_IO_DONE;
        assert_true(tf_clock_now() < deadline_ns);
        assert_true(wait_once(fixture, CONTRACT_DEADLINE, events, CAPACITY_MAX) > 0);
        received += contract_drain(fixture->server, &last);
        assert_int_equal(last, TF_IO_WOULD_BLOCK);
        sent += contract_fill(fixture->client);
    }
    assert_true(sent >= received);
}

static void a_connection_that_is_established_is_reported_as_writable(void **state)
{
    struct fixture *fixture = *state;
    enum tf_connect result = TF_CONNECT_FAILED;
    tf_socket client = contract_connect_start(&fixture->link, &result);
    struct tf_watch *watch = watch_add(fixture, client);

    arm(fixture, watch, TF_POLL_WRITE);

    assert_true((expect(fixture, watch) & TF_POLL_WRITE) != 0);
    contract_connect_end(&fixture->link, client, result);
    (void)contract_accept(&fixture->link);
}

// Rule 4: tokens are generations.

static void a_forgotten_socket_is_silent(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    arm(fixture, watch, TF_POLL_READ | TF_POLL_WRITE);
    contract_send_text(&fixture->link, fixture->client, "ping");
    contract_await(&fixture->link, fixture->server, TF_POLL_READ);

    forget(fixture, watch);

    assert_int_equal(count_events(fixture, QUIET), 0);
}

static void forgetting_twice_or_without_a_watch_does_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    struct tf_watch *other = watch_add(fixture, fixture->client);
    arm(fixture, other, TF_POLL_WRITE);

    forget(fixture, watch);
    arm(fixture, watch, TF_POLL_WRITE);
    forget(fixture, watch);
    forget(fixture, watch);

    assert_true((expect(fixture, other) & TF_POLL_WRITE) != 0);
}

static void a_forgotten_socket_can_be_watched_again(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    arm(fixture, watch, TF_POLL_WRITE);
    forget(fixture, watch);
    watch->token = ++fixture->last_token;

    arm(fixture, watch, TF_POLL_WRITE);

    assert_true((expect(fixture, watch) & TF_POLL_WRITE) != 0);
}

// The system gives the number of a closed socket to the next one: only the token tells them apart.
static void an_event_never_carries_the_token_of_a_closed_socket(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    struct tf_poll_event events[CAPACITY_MAX];
    for (int i = 0; i < 100; i++) {
        contract_send_text(&fixture->link, fixture->client, "ping");
        contract_await(&fixture->link, fixture->server, TF_POLL_READ);
        arm(fixture, watch, TF_POLL_READ | TF_POLL_WRITE);
        (void)expect(fixture, watch);
        forget(fixture, watch);
        contract_close(&fixture->link, fixture->server);
        contract_close(&fixture->link, fixture->client);
        contract_pair(&fixture->link, &fixture->client, &fixture->server);
        *watch = (struct tf_watch){.socket = fixture->server, .token = ++fixture->last_token};
        arm(fixture, watch, TF_POLL_READ);

        assert_int_equal(wait_once(fixture, 0, events, CAPACITY_MAX), 0);

        forget(fixture, watch);
    }
}

// A backend that keeps its watches in an array moves some when others go, and must not mix them up: of the
// forgotten ones and of those left, every second one has data.
static void forgetting_half_of_many_leaves_exactly_the_others(void **state)
{
    struct fixture *fixture = *state;
    struct tf_poll_event events[CAPACITY_MAX];
    watch_many(fixture, 100, TF_POLL_READ);
    // A fixed scramble: 37 has no divisor in common with 100, so each index comes once.
    for (uint32_t i = 0; i < 50; i++) {
        forget(fixture, &fixture->watches[i * 37 % 100]);
    }
    for (uint32_t i = 0; i < 100; i += 2) {
        uint32_t index = i * 37 % 100;
        contract_send_text(&fixture->link, fixture->peers[index], "ping");
        contract_await(&fixture->link, fixture->watches[index].socket, TF_POLL_READ);
    }

    for (int i = 0; i < 20; i++) {
        uint32_t event_count = wait_once(fixture, QUIET, events, CAPACITY_MAX);
        for (uint32_t j = 0; j < event_count; j++) {
            fixture->event_counts[events[j].token]++;
        }
    }

    for (uint32_t i = 0; i < 100; i++) {
        const struct tf_watch *watch = &fixture->watches[i * 37 % 100];
        uint32_t event_count = fixture->event_counts[watch->token];
        assert_int_equal(event_count != 0, i >= 50 && i % 2 == 0);
    }
}

// Rule 6: data before the end.

static void expect_text_then_end(struct fixture *fixture, const char *text)
{
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    char bytes[64] = {0};
    size_t total = 0;
    enum tf_io result = TF_IO_WOULD_BLOCK;
    arm(fixture, watch, TF_POLL_READ);
    while (result != TF_IO_END) {
        size_t size = 0;
        int error = 0;
        assert_true((expect(fixture, watch) & TF_POLL_READ) != 0);
        do {
            // Three at a time, so that reads are short of what is there.
            result = contract_receive(fixture->server, bytes + total, 3, &size, &error);
            total += result == TF_IO_DONE ? size : 0;
            assert_true(total < sizeof bytes - 3);
        } while (result == TF_IO_DONE);
        assert_int_not_equal(result, TF_IO_FAILED);
    }
    assert_string_equal(bytes, text);
}

static void data_comes_before_the_end_of_a_peer_that_shut_down(void **state)
{
    struct fixture *fixture = *state;
    contract_send_text(&fixture->link, fixture->client, "last words");
    tf_socket_shutdown_send(fixture->client);

    expect_text_then_end(fixture, "last words");
}

static void data_comes_before_the_end_of_a_peer_that_closed(void **state)
{
    struct fixture *fixture = *state;
    contract_send_text(&fixture->link, fixture->client, "last words");
    contract_close(&fixture->link, fixture->client);

    expect_text_then_end(fixture, "last words");
}

// A short read is "would block" only if the event did not say hang-up: the end would be waited for.
static void an_end_that_comes_with_data_is_not_lost_after_a_short_read(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    char bytes[64];
    contract_send_text(&fixture->link, fixture->client, "last words");
    tf_socket_shutdown_send(fixture->client);
    arm(fixture, watch, TF_POLL_READ);
    size_t total = 0;
    enum tf_io result = TF_IO_DONE;
    while (result != TF_IO_END) {
        size_t size = 0;
        int error = 0;
        uint8_t ready = expect(fixture, watch);
        do {
            result = contract_receive(fixture->server, bytes, sizeof bytes, &size, &error);
            total += result == TF_IO_DONE ? size : 0;
        } while (result == TF_IO_DONE && (ready & TF_POLL_HANGUP) != 0);
    }
    assert_int_equal(total, strlen("last words"));
}

static void a_reset_is_reported_and_learned_by_reading(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    enum tf_io result = TF_IO_WOULD_BLOCK;
    int error = 0;
    arm(fixture, watch, TF_POLL_READ);

    contract_reset(&fixture->link, fixture->client);
    while (result == TF_IO_WOULD_BLOCK) {
        uint8_t byte = 0;
        size_t size = 0;
        assert_true((expect(fixture, watch) & TF_POLL_READ) != 0);
        result = contract_receive(fixture->server, &byte, 1, &size, &error);
    }

    if (fixture->link.transport == TOFU_TCP) {
        assert_int_equal(result, TF_IO_FAILED);
        assert_true(tf_socket_error_is_disconnect(error));
    } else {
        assert_int_equal(result, TF_IO_END);
    }
}

// Reading may rest for want of memory while there is something to send: writing must learn it.
static void a_reset_is_reported_to_one_who_only_writes(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    static uint8_t byte;
    struct tf_segment segment = {.data = &byte, .size = 1};
    enum tf_io result = TF_IO_WOULD_BLOCK;
    int error = 0;
    (void)contract_fill(fixture->server);
    arm(fixture, watch, TF_POLL_WRITE);

    contract_reset(&fixture->link, fixture->client);
    while (result == TF_IO_WOULD_BLOCK || result == TF_IO_DONE) {
        size_t size = 0;
        uint8_t ready = expect(fixture, watch);
        assert_true((ready & TF_POLL_WRITE) != 0);
        assert_false((ready & TF_POLL_READ) != 0);
        result = tf_socket_send(fixture->server, &segment, 1, &size, &error);
    }

    assert_int_equal(result, TF_IO_FAILED);
    assert_true(tf_socket_error_is_disconnect(error));
}

static void a_refused_connection_is_reported_as_writable(void **state)
{
    struct fixture *fixture = *state;
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    assert_true(tf_endpoint_from_address(&fixture->link.listener.address, &endpoint));
    tf_listener_close(&fixture->link.listener);

    enum tf_connect result = tf_socket_connect(&endpoint, &client, &status, &error);
    if (result == TF_CONNECT_PENDING) {
        contract_adopt(&fixture->link, client);
        struct tf_watch *watch = watch_add(fixture, client);
        arm(fixture, watch, TF_POLL_WRITE);
        while (result == TF_CONNECT_PENDING) {
            assert_true((expect(fixture, watch) & TF_POLL_WRITE) != 0);
            result = tf_socket_connect_finish(client, &status, &error);
        }
    }

    assert_int_equal(result, TF_CONNECT_FAILED);
    assert_int_equal(
        status,
        fixture->link.transport == TOFU_TCP ? TOFU_CONNECT_FAILED : TOFU_UDS_PATH_NOT_FOUND);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(data_that_came_before_the_first_watch_is_reported),
    cmocka_unit_test(data_that_came_while_disarmed_is_reported_on_arming),
    cmocka_unit_test(a_writable_socket_is_reported_each_time_writing_is_armed),
    cmocka_unit_test(an_interest_that_is_added_to_another_is_reported_if_it_holds),
    cmocka_unit_test(a_connection_that_waited_is_reported_when_its_listener_is_armed),
    cmocka_unit_test(a_socket_that_is_disarmed_from_the_start_is_silent),
    cmocka_unit_test(a_socket_that_was_disarmed_is_silent_about_data),
    cmocka_unit_test(a_disarmed_socket_is_silent_about_the_end_of_its_peer),
    cmocka_unit_test(a_disarmed_socket_is_silent_when_both_sides_have_ended),
    cmocka_unit_test(a_disarmed_socket_reports_its_reset_once_at_most),
    cmocka_unit_test(a_disarmed_listener_is_silent),
    cmocka_unit_test(only_the_declared_direction_is_reported),
    cmocka_unit_test(a_disarmed_socket_that_has_ended_is_reported_when_it_is_armed_again),
    cmocka_unit_test(new_data_after_would_block_is_reported_without_another_watch),
    cmocka_unit_test(two_hundred_cycles_of_arm_and_disarm_lose_nothing),
    cmocka_unit_test(room_for_writing_is_reported_when_the_peer_has_read),
    cmocka_unit_test(a_large_transfer_goes_on_by_events_alone),
    cmocka_unit_test(a_connection_that_is_established_is_reported_as_writable),
    cmocka_unit_test(a_forgotten_socket_is_silent),
    cmocka_unit_test(forgetting_twice_or_without_a_watch_does_nothing),
    cmocka_unit_test(a_forgotten_socket_can_be_watched_again),
    cmocka_unit_test(an_event_never_carries_the_token_of_a_closed_socket),
    cmocka_unit_test(forgetting_half_of_many_leaves_exactly_the_others),
    cmocka_unit_test(data_comes_before_the_end_of_a_peer_that_shut_down),
    cmocka_unit_test(data_comes_before_the_end_of_a_peer_that_closed),
    cmocka_unit_test(an_end_that_comes_with_data_is_not_lost_after_a_short_read),
    cmocka_unit_test(a_reset_is_reported_and_learned_by_reading),
    cmocka_unit_test(a_reset_is_reported_to_one_who_only_writes),
    cmocka_unit_test(a_refused_connection_is_reported_as_writable),
};

int main(void)
{
    return poller_contract_run("poller contract: readiness", cases, sizeof cases / sizeof cases[0]);
}
