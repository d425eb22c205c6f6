// SPDX-License-Identifier: MIT
// What raw system calls alone can see of our sockets, or bring about: options, flags, descriptors running
// out, a backlog that is full, signals.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "contract/socket_fixture.h"

static int option_of(tf_socket socket, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt((int)socket, level, option, &value, &size), 0);
    return value;
}

static void assert_private_and_non_blocking(intptr_t descriptor)
{
    assert_true((fcntl((int)descriptor, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true((fcntl((int)descriptor, F_GETFL) & O_NONBLOCK) != 0);
}

static void every_socket_is_non_blocking_and_not_inherited(void **state)
{
    struct fixture *fixture = *state;
    assert_private_and_non_blocking(fixture->client);
    assert_private_and_non_blocking(fixture->server);
    assert_private_and_non_blocking(fixture->link.listener.socket);
    assert_private_and_non_blocking(fixture->link.listener.reserve);
}

static void tcp_sends_small_messages_at_once(void **state)
{
    struct fixture *fixture = *state;
    assert_int_not_equal(option_of(fixture->client, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_not_equal(option_of(fixture->server, IPPROTO_TCP, TCP_NODELAY), 0);
}

// The system may grant less than a MiB; what it grants to a plain request is what we must have.
static void both_ends_of_a_unix_connection_have_a_large_send_buffer(void **state)
{
    struct fixture *fixture = *state;
    int plain = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int size = 1024 * 1024;
    assert_true(plain >= 0);
    contract_adopt(&fixture->link, plain);
    int before = option_of(plain, SOL_SOCKET, SO_SNDBUF);
    assert_int_equal(setsockopt(plain, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    int granted = option_of(plain, SOL_SOCKET, SO_SNDBUF);
    assert_int_not_equal(granted, before);

    assert_int_equal(option_of(fixture->client, SOL_SOCKET, SO_SNDBUF), granted);
    assert_int_equal(option_of(fixture->server, SOL_SOCKET, SO_SNDBUF), granted);
}

static void the_system_vouches_for_the_peer_of_a_unix_connection(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_peer peer = {0};

    assert_true(tf_socket_peer(fixture->server, &peer));

    assert_true(peer.has_credentials);
    assert_int_equal(peer.user_id, geteuid());
    assert_int_equal(peer.group_id, getegid());
    assert_int_equal(peer.process_id, getpid());
}

static void keep_alive_is_off_until_it_is_asked_for(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(option_of(fixture->client, SOL_SOCKET, SO_KEEPALIVE), 0);

    tf_socket_keep_alive(fixture->client);

    assert_int_not_equal(option_of(fixture->client, SOL_SOCKET, SO_KEEPALIVE), 0);
}

static volatile sig_atomic_t pipe_signal_count;

static void count_pipe_signal(int number)
{
    (void)number;
    pipe_signal_count++;
}

// The host's SIGPIPE is the host's: with its default action we would end the program.
static void sending_to_a_dead_peer_raises_no_signal(void **state)
{
    struct fixture *fixture = *state;
    struct sigaction action = {.sa_handler = count_pipe_signal};
    struct sigaction before;
    uint8_t bytes[2] = {0};
    struct tf_segment segments[2] = {{bytes, 1}, {bytes + 1, 1}};
    size_t size = 0;
    int error = 0;
    pipe_signal_count = 0;
    assert_int_equal(sigaction(SIGPIPE, &action, &before), 0);
    contract_reset(&fixture->link, fixture->server);
    (void)contract_await_outcome(&fixture->link, fixture->client, &error);

    for (size_t segment_count = 1; segment_count <= 2; segment_count++) {
        assert_int_equal(
            tf_socket_send(fixture->client, segments, segment_count, &size, &error), TF_IO_FAILED);
        assert_true(tf_socket_error_is_disconnect(error));
    }

    assert_int_equal(sigaction(SIGPIPE, &before, NULL), 0);
    assert_int_equal(pipe_signal_count, 0);
}

// The first number that leaves only `free_count` free ones below it.
static int descriptors_end(uint32_t free_count)
{
    int number = 0;
    for (uint32_t seen = 0; fcntl(number, F_GETFD) >= 0 || seen < free_count; number++) {
        seen += fcntl(number, F_GETFD) < 0 ? 1 : 0;
    }
    return number;
}

// Descriptors below 200 that are open; a test opens few.
static uint32_t open_descriptors(void)
{
    uint32_t count = 0;
    for (int i = 0; i < 200; i++) {
        count += fcntl(i, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}

// Allows no descriptors from `number` on; returns the limit before.
static struct rlimit descriptors_limit(int number)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit limit = {.rlim_cur = (rlim_t)number, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

// Without the reserve the listener would stay readable, and nobody could do anything about it.
static void without_descriptors_one_waiting_peer_is_turned_away_each_time(void **state)
{
    struct fixture *fixture = *state;
    tf_socket clients[3];
    tf_socket socket = TF_SOCKET_NONE;
    int error = 0;
    for (int i = 0; i < 3; i++) {
        enum tf_connect result = TF_CONNECT_FAILED;
        clients[i] = contract_connect_start(&fixture->link, &result);
        contract_connect_end(&fixture->link, clients[i], result);
    }
    contract_await(&fixture->link, fixture->link.listener.socket, TF_POLL_READ);
    struct rlimit before = descriptors_limit(descriptors_end(0));

    enum tf_io first = tf_listener_accept(&fixture->link.listener, &socket, &error);
    intptr_t reserve = fixture->link.listener.reserve;
    enum tf_io second = tf_listener_accept(&fixture->link.listener, &socket, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

    assert_int_equal(first, TF_IO_EXHAUSTED);
    assert_true(reserve >= 0);
    assert_int_equal(second, TF_IO_EXHAUSTED);
    assert_int_equal(error, EMFILE);
    assert_int_equal(socket, TF_SOCKET_NONE);
    for (int i = 0; i < 2; i++) {
        enum tf_io outcome = contract_await_outcome(&fixture->link, clients[i], &error);
        assert_true(outcome == TF_IO_FAILED || outcome == TF_IO_END);
    }
    tf_socket server = contract_accept(&fixture->link);
    contract_send_text(&fixture->link, clients[2], "served");
    contract_expect_text(&fixture->link, server, "served");
}

// Another thread may be given the descriptor that the reserve gave up.
static void a_lost_reserve_is_taken_again_when_there_is_one(void **state)
{
    struct fixture *fixture = *state;
    tf_socket socket = TF_SOCKET_NONE;
    int error = 0;
    enum tf_connect result = TF_CONNECT_FAILED;
    tf_socket client = contract_connect_start(&fixture->link, &result);
    contract_connect_end(&fixture->link, client, result);
    contract_await(&fixture->link, fixture->link.listener.socket, TF_POLL_READ);
    struct rlimit before = descriptors_limit((int)fixture->link.listener.reserve);

    // Not even the reserve's number may be used again now.
    enum tf_io first = tf_listener_accept(&fixture->link.listener, &socket, &error);
    intptr_t lost = fixture->link.listener.reserve;
    enum tf_io second = tf_listener_accept(&fixture->link.listener, &socket, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

    assert_int_equal(first, TF_IO_EXHAUSTED);
    assert_int_equal(second, TF_IO_EXHAUSTED);
    assert_int_equal(lost, -1);
    tf_socket server = contract_accept(&fixture->link);
    assert_true(fixture->link.listener.reserve >= 0);
    contract_send_text(&fixture->link, client, "served");
    contract_expect_text(&fixture->link, server, "served");
}

static void without_descriptors_nothing_is_opened_and_the_error_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address address = contract_address(&fixture->link, "other");
    struct tf_endpoint endpoint;
    struct tf_listener listener;
    tf_socket socket = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int connect_error = 0;
    int listen_error = 0;
    assert_true(tf_endpoint_from_address(&fixture->link.listener.address, &endpoint));
    struct rlimit before = descriptors_limit(descriptors_end(0));

    enum tf_connect result = tf_socket_connect(&endpoint, &socket, &status, &connect_error);
    enum tofu_status listened = tf_listener_open(&listener, &address, CONTRACT_MODE, &listen_error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

    assert_int_equal(result, TF_CONNECT_FAILED);
    assert_int_equal(status, TOFU_CONNECT_FAILED);
    assert_int_equal(connect_error, EMFILE);
    assert_int_equal(listened, TOFU_LISTEN_FAILED);
    assert_int_equal(listen_error, EMFILE);
}

static void expect_no_listener(const struct tofu_address *address, uint32_t spare)
{
    struct tf_listener listener;
    int error = 0;
    uint32_t open_before = open_descriptors();
    struct rlimit before = descriptors_limit(descriptors_end(spare));

    enum tofu_status status = tf_listener_open(&listener, address, CONTRACT_MODE, &error);

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, TOFU_LISTEN_FAILED);
    assert_int_equal(error, EMFILE);
    assert_int_equal(open_descriptors(), open_before);
}

// With one descriptor left there is a reserve and no listener. A Unix listener needs a third for its lock,
// and one on a relative path a fourth, for the folder that this starts from.
static void a_listener_that_fails_half_way_leaves_nothing_open(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address address = contract_address(&fixture->link, "other");
    struct tofu_address relative = {.transport = TOFU_UDS, .path = "other"};
    expect_no_listener(&address, 1);
    if (fixture->link.transport == TOFU_UDS) {
        expect_no_listener(&address, 2);
        expect_no_listener(&relative, 1);
        expect_no_listener(&relative, 2);
        expect_no_listener(&relative, 3);
    }
}

// Makes a raw listener that takes one connection more than `backlog`, and its endpoint.
static int raw_listener(struct contract_link *link, int backlog, struct tf_endpoint *endpoint_out)
{
    int descriptor = -1;
    if (link->transport == TOFU_UDS) {
        struct tofu_address address = contract_address(link, "raw");
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        memcpy(name.sun_path, address.path, strlen(address.path));
        descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        contract_adopt(link, descriptor);
        assert_int_equal(bind(descriptor, (struct sockaddr *)&name, sizeof name), 0);
        assert_true(tf_endpoint_from_address(&address, endpoint_out));
    } else {
        struct sockaddr_in name = {
            .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof name;
        struct tofu_address address = contract_address(link, "raw");
        descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        contract_adopt(link, descriptor);
        assert_int_equal(bind(descriptor, (struct sockaddr *)&name, sizeof name), 0);
        assert_int_equal(getsockname(descriptor, (struct sockaddr *)&name, &size), 0);
        address.port = ntohs(name.sin_port);
        assert_true(tf_endpoint_from_address(&address, endpoint_out));
    }
    assert_int_equal(listen(descriptor, backlog), 0);
    return descriptor;
}

// The kernel reports no readiness for this, so the caller must be able to tell it from "under way".
static void a_full_unix_backlog_is_congestion_and_leaves_nothing_open(void **state)
{
    struct fixture *fixture = *state;
    struct tf_endpoint endpoint;
    enum tf_connect result = TF_CONNECT_DONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    int listener = raw_listener(&fixture->link, 1, &endpoint);
    for (int i = 0; i < 10 && result == TF_CONNECT_DONE; i++) {
        tf_socket client = TF_SOCKET_NONE;
        result = tf_socket_connect(&endpoint, &client, &status, &error);
        if (result == TF_CONNECT_DONE) {
            contract_adopt(&fixture->link, client);
        } else {
            assert_int_equal(client, TF_SOCKET_NONE);
        }
    }
    assert_int_equal(result, TF_CONNECT_CONGESTED);

    int accepted = accept(listener, NULL, NULL);
    assert_true(accepted >= 0);
    contract_adopt(&fixture->link, accepted);
    tf_socket client = TF_SOCKET_NONE;
    result = tf_socket_connect(&endpoint, &client, &status, &error);

    assert_int_equal(result, TF_CONNECT_DONE);
    contract_adopt(&fixture->link, client);
    assert_int_equal(unlink(contract_address(&fixture->link, "raw").path), 0);
}

// A listener whose backlog is full lets the handshake wait: the one way to hold it open on a loopback.
static void a_handshake_that_goes_on_is_pending_however_often_one_asks(void **state)
{
    struct fixture *fixture = *state;
    struct tf_endpoint endpoint;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    (void)raw_listener(&fixture->link, 0, &endpoint);
    tf_socket client = TF_SOCKET_NONE;
    for (int i = 0; i < 4; i++) {
        enum tf_connect result = tf_socket_connect(&endpoint, &client, &status, &error);
        assert_true(result == TF_CONNECT_PENDING || result == TF_CONNECT_DONE);
        contract_adopt(&fixture->link, client);
    }

    for (int i = 0; i < 100; i++) {
        assert_int_equal(tf_socket_connect_finish(client, &status, &error), TF_CONNECT_PENDING);
    }
}

#define TCP(function) cmocka_unit_test_setup_teardown(function, set_up_tcp, tear_down)
#define UDS(function) cmocka_unit_test_setup_teardown(function, set_up_uds, tear_down)

int main(void)
{
    const struct CMUnitTest tcp_tests[] = {
        TCP(every_socket_is_non_blocking_and_not_inherited),
        TCP(tcp_sends_small_messages_at_once),
        TCP(keep_alive_is_off_until_it_is_asked_for),
        TCP(sending_to_a_dead_peer_raises_no_signal),
        TCP(without_descriptors_one_waiting_peer_is_turned_away_each_time),
        TCP(a_lost_reserve_is_taken_again_when_there_is_one),
        TCP(without_descriptors_nothing_is_opened_and_the_error_says_so),
        TCP(a_listener_that_fails_half_way_leaves_nothing_open),
        TCP(a_handshake_that_goes_on_is_pending_however_often_one_asks),
    };
    const struct CMUnitTest uds_tests[] = {
        UDS(every_socket_is_non_blocking_and_not_inherited),
        UDS(the_system_vouches_for_the_peer_of_a_unix_connection),
        UDS(both_ends_of_a_unix_connection_have_a_large_send_buffer),
        UDS(sending_to_a_dead_peer_raises_no_signal),
        UDS(without_descriptors_one_waiting_peer_is_turned_away_each_time),
        UDS(a_lost_reserve_is_taken_again_when_there_is_one),
        UDS(without_descriptors_nothing_is_opened_and_the_error_says_so),
        UDS(a_listener_that_fails_half_way_leaves_nothing_open),
        UDS(a_full_unix_backlog_is_congestion_and_leaves_nothing_open),
    };
    int failed = cmocka_run_group_tests_name("sockets: POSIX, tcp", tcp_tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("sockets: POSIX, uds", uds_tests, NULL, NULL);
    return failed;
}
