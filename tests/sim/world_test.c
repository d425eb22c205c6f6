// SPDX-License-Identifier: MIT
// The simulated system by itself: what no contract of src/os says, and what every scenario relies on.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "os/clock.h"
#include "os/park.h"
#include "os/resolver.h"
#include "os/socket.h"
#include "sim/simulation.h"

struct pair {
    struct tf_listener listener;
    tf_socket client;
    tf_socket server;
};

static tf_socket connect_to(const struct tofu_address *address, enum tf_connect *result_out)
{
    struct tf_endpoint endpoint;
    tf_socket socket = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    assert_true(tf_endpoint_from_address(address, &endpoint));
    *result_out = tf_socket_connect(&endpoint, &socket, &status, &error);
    return socket;
}

static void open_listener(struct tf_listener *listener, enum tofu_transport transport)
{
    struct tofu_address address = {.transport = transport};
    int error = 0;
    (void)snprintf(address.host, sizeof address.host, "127.0.0.1");
    (void)snprintf(address.path, sizeof address.path, "/sim/world");
    assert_int_equal(tf_listener_open(listener, &address, 0600, &error), TOFU_OK);
}

static tf_socket accept_one(struct tf_listener *listener)
{
    tf_socket socket = TF_SOCKET_NONE;
    int error = 0;
    for (int i = 0; i < 100000; i++) {
        if (tf_listener_accept(listener, &socket, &error) == TF_IO_DONE) {
            return socket;
        }
    }
    fail_msg("nobody came");
    return TF_SOCKET_NONE;
}

static void open_pair(struct pair *pair, enum tofu_transport transport)
{
    enum tf_connect result;
    open_listener(&pair->listener, transport);
    pair->client = connect_to(&pair->listener.address, &result);
    pair->server = accept_one(&pair->listener);
}

static void close_pair(struct pair *pair)
{
    if (pair->client != TF_SOCKET_NONE) {
        tf_socket_close(pair->client);
    }
    if (pair->server != TF_SOCKET_NONE) {
        tf_socket_close(pair->server);
    }
    tf_listener_close(&pair->listener);
}

static size_t send_bytes(tf_socket socket, size_t wanted)
{
    static uint8_t bytes[4096];
    struct tf_segment segment = {.data = bytes, .size = wanted};
    size_t size = 0;
    int error = 0;
    return tf_socket_send(socket, &segment, 1, &size, &error) == TF_IO_DONE ? size : 0;
}

static enum tf_io receive_bytes(tf_socket socket, size_t *size_out, int *error_out)
{
    static uint8_t bytes[4096];
    struct tf_segment segment = {.data = bytes, .size = sizeof bytes};
    return tf_socket_receive(socket, &segment, 1, size_out, error_out);
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static void let_time_pass(uint64_t span_ns)
{
    (void)sim_run_until(never, NULL, sim_now() + span_ns);
}

static uint64_t hash_of_a_chat(uint64_t seed)
{
    struct pair pair;
    sim_begin(seed);
    open_pair(&pair, TOFU_TCP);
    for (int i = 0; i < 20; i++) {
        size_t size = 0;
        int error = 0;
        (void)send_bytes(pair.client, 100);
        (void)receive_bytes(pair.server, &size, &error);
    }
    close_pair(&pair);
    let_time_pass(TF_SECOND);
    uint64_t hash = sim_trace_hash();
    sim_end();
    return hash;
}

static void the_same_seed_gives_the_same_trace(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        assert_true(hash_of_a_chat(seed) == hash_of_a_chat(seed));
    }
}

static void another_seed_gives_another_trace(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        assert_true(hash_of_a_chat(seed) != hash_of_a_chat(seed + 1));
    }
}

// Minutes cost nothing, and a deadline is met to the nanosecond when nothing else happens.
static void a_park_ends_at_its_deadline_in_virtual_time(void **state)
{
    (void)state;
    _Atomic uint32_t word = 7;
    sim_begin(1);
    sim_config()->spurious_rate = 0;
    uint64_t deadline_ns = sim_now() + 600 * TF_SECOND;

    tf_park(&word, 7, deadline_ns);

    assert_true(sim_now() >= deadline_ns && sim_now() < deadline_ns + TF_MILLISECOND);
    sim_end();
}

static bool unpark_later(void *context)
{
    _Atomic uint32_t *word = context;
    if (sim_now() < 50 * TF_MILLISECOND) {
        sim_sleep(50 * TF_MILLISECOND, -1);
        return true;
    }
    atomic_store(word, 8);
    tf_unpark_one(word);
    return false;
}

static void a_park_ends_when_an_actor_unparks_it(void **state)
{
    (void)state;
    _Atomic uint32_t word = 7;
    struct tf_thread thread = {0};
    sim_begin(2);
    sim_config()->spurious_rate = 0;
    sim_actor_start(&thread, "unparker", unpark_later, &word);

    tf_park(&word, 7, TF_NEVER);

    assert_int_equal(word, 8);
    assert_true(sim_now() >= 50 * TF_MILLISECOND);
    tf_thread_join(&thread);
    sim_end();
}

static void a_full_unix_backlog_is_congested_and_a_tcp_one_takes_longer(void **state)
{
    (void)state;
    static const enum tf_connect expected[] = {TF_CONNECT_PENDING, TF_CONNECT_CONGESTED};
    for (int i = 0; i < 2; i++) {
        struct tf_listener listener;
        enum tf_connect result;
        sim_begin(3);
        sim_config()->backlog_max = 1;
        open_listener(&listener, i == 0 ? TOFU_TCP : TOFU_UDS);
        tf_socket first = connect_to(&listener.address, &result);
        let_time_pass(TF_SECOND);

        tf_socket second = connect_to(&listener.address, &result);
        let_time_pass(TF_SECOND);

        assert_int_equal(result, expected[i]);
        tf_socket_close(first);
        if (result == TF_CONNECT_PENDING) {
            enum tofu_status status = TOFU_OK;
            int error = 0;
            assert_int_equal(tf_socket_connect_finish(second, &status, &error), TF_CONNECT_PENDING);
            tf_socket_close(second);
        }
        tf_listener_close(&listener);
        sim_end();
    }
}

// Why a graceful close reads to the end before it closes.
static void closing_with_unread_data_resets_the_peer(void **state)
{
    (void)state;
    struct pair pair;
    sim_begin(4);
    open_pair(&pair, TOFU_TCP);
    assert_true(send_bytes(pair.client, 10) > 0);
    assert_true(send_bytes(pair.server, 10) > 0);
    let_time_pass(TF_SECOND);

    tf_socket_close(pair.client);
    pair.client = TF_SOCKET_NONE;
    let_time_pass(TF_SECOND);

    size_t size = 0;
    int error = 0;
    assert_int_equal(receive_bytes(pair.server, &size, &error), TF_IO_FAILED);
    assert_true(tf_socket_error_is_disconnect(error));
    assert_int_equal(receive_bytes(pair.server, &size, &error), TF_IO_END);
    close_pair(&pair);
    sim_end();
}

static void what_was_sent_arrives_whole_after_the_close(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct pair pair;
        sim_begin(seed);
        open_pair(&pair, seed % 2 == 0 ? TOFU_TCP : TOFU_UDS);
        size_t sent = send_bytes(pair.client, 1000);
        tf_socket_close(pair.client);
        pair.client = TF_SOCKET_NONE;
        let_time_pass(TF_SECOND);

        size_t received = 0;
        size_t size = 0;
        int error = 0;
        enum tf_io result = receive_bytes(pair.server, &size, &error);
        for (; result == TF_IO_DONE; result = receive_bytes(pair.server, &size, &error)) {
            received += size;
        }
        assert_int_equal(result, TF_IO_END);
        assert_int_equal(received, sent);
        close_pair(&pair);
        sim_end();
    }
}

static void note_answer(void *context)
{
    *(bool *)context = true;
}

static enum tofu_status resolve(const char *host, size_t *endpoint_count_out)
{
    struct tofu_address address = {.transport = TOFU_TCP, .port = 80};
    struct tf_resolver *resolver = NULL;
    struct tf_query *query = NULL;
    bool is_answered = false;
    assert_int_equal(tf_resolver_open(&resolver), TOFU_OK);
    (void)snprintf(address.host, sizeof address.host, "%s", host);
    assert_int_equal(tf_query_open(resolver, &query, &address, note_answer, &is_answered), TOFU_OK);
    assert_null(tf_query_resolution(query));
    let_time_pass(TF_SECOND);
    assert_true(is_answered);
    const struct tf_resolution *resolution = tf_query_resolution(query);
    enum tofu_status status = resolution->status;
    *endpoint_count_out = resolution->endpoint_count;
    tf_query_close(&query);
    tf_resolver_close(&resolver);
    return status;
}

static void names_are_answered_after_a_while(void **state)
{
    (void)state;
    size_t count = 0;
    sim_begin(5);
    assert_int_equal(resolve("localhost", &count), TOFU_OK);
    assert_int_equal(count, 1);
    assert_int_equal(resolve("second.sim", &count), TOFU_OK);
    assert_int_equal(count, 2);
    assert_int_equal(resolve("nowhere.sim", &count), TOFU_INVALID_ADDRESS);
    sim_end();
}

static void memory_is_counted_to_the_byte(void **state)
{
    (void)state;
    sim_begin(6);
    struct tofu_allocator allocator = sim_allocator();
    void *memory = allocator.allocate(allocator.context, 123);
    assert_non_null(memory);
    assert_int_equal(sim_allocated_bytes(), 123);
    allocator.release(allocator.context, memory, 123);
    assert_int_equal(sim_allocated_bytes(), 0);
    sim_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_trace),
        cmocka_unit_test(another_seed_gives_another_trace),
        cmocka_unit_test(a_park_ends_at_its_deadline_in_virtual_time),
        cmocka_unit_test(a_park_ends_when_an_actor_unparks_it),
        cmocka_unit_test(a_full_unix_backlog_is_congested_and_a_tcp_one_takes_longer),
        cmocka_unit_test(closing_with_unread_data_resets_the_peer),
        cmocka_unit_test(what_was_sent_arrives_whole_after_the_close),
        cmocka_unit_test(names_are_answered_after_a_while),
        cmocka_unit_test(memory_is_counted_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
