// SPDX-License-Identifier: MIT
// Sockets and listeners whose system calls fail: the operation fails or carries on as its header says, and
// nothing is left open.
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract/failing_fixture.h"
#include "unit/expect.h"

static int set_up_tcp(void **state)
{
    return failing_set_up(state, TOFU_TCP);
}

static int set_up_uds(void **state)
{
    return failing_set_up(state, TOFU_UDS);
}

// Accepting.

static void connections_that_ended_while_they_waited_are_skipped(void **state)
{
    static const int errors[] = {
        ECONNABORTED,
        EPROTO,
        EPERM,
        EINTR,
        ENETDOWN,
        ENETUNREACH,
        EHOSTDOWN,
        EHOSTUNREACH,
        ENOPROTOOPT,
        EOPNOTSUPP,
        ETIMEDOUT};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        expect_skipped(*state, "accept4", errors[i]);
    }
}

static void a_listener_that_only_skips_is_to_rest(void **state)
{
    expect_rest(*state, "accept4", ECONNABORTED);
}

static void without_memory_or_files_in_the_system_one_peer_is_turned_away(void **state)
{
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        expect_turned_away(*state, "accept4", errors[i]);
    }
}

static void a_listener_that_is_broken_says_so(void **state)
{
    expect_broken(*state, "accept4", EINVAL);
}

static void a_connection_that_cannot_have_our_options_is_turned_away_alone(void **state)
{
    expect_turned_away_alone(*state, "setsockopt", ENOBUFS);
}

// Connecting.

static void a_connect_that_fails_says_how_and_leaves_nothing_open(void **state)
{
    static const struct connect_failure failures[] = {
        {"socket", EMFILE, TOFU_CONNECT_FAILED},
        {"socket", EAFNOSUPPORT, TOFU_INVALID_ADDRESS},
        {"setsockopt", ENOBUFS, TOFU_SETSOCKOPT_FAILED},
        {"connect", ENETUNREACH, TOFU_CONNECT_FAILED},
        {"connect", EACCES, TOFU_CONNECT_FAILED},
        {"connect", ETIMEDOUT, TOFU_CONNECT_FAILED},
        {"connect", EINVAL, TOFU_INVALID_ADDRESS},
    };
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        expect_no_connection(*state, &failures[i]);
    }
}

// An interrupted connect goes on by itself; asked again, the system says so in one of two ways.
static void an_interrupted_connect_is_under_way(void **state)
{
    struct fixture *fixture = *state;
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    assert_true(tf_endpoint_from_address(&fixture->link.listener.address, &endpoint));
    plan_failure("connect", EINTR, 0, 3);
    enum tf_connect result = tf_socket_connect(&endpoint, &client, &status, &error);
    assert_int_equal(plan_end(), 3);
    assert_true(result == TF_CONNECT_PENDING || result == TF_CONNECT_DONE);
    contract_adopt(&fixture->link, client);
    contract_connect_end(&fixture->link, client, result);

    plan_failure("connect", EALREADY, 0, 1);
    result = tf_socket_connect(&endpoint, &client, &status, &error);

    assert_int_equal(plan_end(), 1);
    assert_int_equal(result, TF_CONNECT_PENDING);
    contract_adopt(&fixture->link, client);
}

static void a_finish_that_cannot_be_asked_is_a_failure(void **state)
{
    expect_no_finish(*state, "getsockopt", ENOBUFS);
}

static void interrupted_reads_and_writes_are_made_again(void **state)
{
    struct fixture *fixture = *state;
    plan_failure("send", EINTR, 0, 5);
    contract_send_text(&fixture->link, fixture->client, "signal");
    assert_int_equal(plan_end(), 5);

    plan_failure("recv", EINTR, 0, 5);
    contract_expect_text(&fixture->link, fixture->server, "signal");
    assert_int_equal(plan_end(), 5);
}

// Listening.

static void a_tcp_listener_that_fails_anywhere_leaves_nothing_open(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address address = contract_address(&fixture->link, "other");
    assert_int_equal(fail_listening_everywhere(&address, "socket", EACCES), 2);
    assert_int_equal(fail_listening_everywhere(&address, "setsockopt", EACCES), 1);
    assert_int_equal(fail_listening_everywhere(&address, "bind", EACCES), 1);
    assert_int_equal(fail_listening_everywhere(&address, "listen", EACCES), 1);
    assert_int_equal(fail_listening_everywhere(&address, "getsockname", EACCES), 1);
    if (has_version_6()) {
        (void)snprintf(address.host, sizeof address.host, "::1");
        assert_int_equal(fail_listening_everywhere(&address, "setsockopt", EACCES), 2);
    } else {
        print_message("skipped in part: this system has no IPv6\n");
    }
}

static void a_unix_listener_that_fails_anywhere_leaves_nothing_open_and_no_path(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address address = contract_address(&fixture->link, "other");
    assert_int_equal(fail_listening_everywhere(&address, "socket", EACCES), 2);
    plan_failure("flock", EACCES, 0, 1);
    uint32_t before = open_descriptors();
    struct tf_listener listener;
    int error = 0;
    enum tofu_status status = tf_listener_open(&listener, &address, CONTRACT_MODE, &error);
    assert_int_equal(plan_end(), 1);
    assert_int_equal(status, TOFU_LISTEN_FAILED);
    assert_int_equal(error, EACCES);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(fail_listening_everywhere(&address, "fstat", EACCES), 2);
    assert_int_equal(fail_listening_everywhere(&address, "bind", EACCES), 1);
    assert_int_equal(fail_listening_everywhere(&address, "listen", EACCES), 1);
}

static void a_path_whose_permissions_cannot_be_set_is_not_listened_on(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address address = contract_address(&fixture->link, "other");
    struct tf_listener listener;
    int error = 0;
    mode_t before = umask(0777);
    plan_failure("fchmodat", EPERM, 0, 1);

    enum tofu_status status = tf_listener_open(&listener, &address, CONTRACT_MODE, &error);

    (void)umask(before);
    assert_int_equal(plan_end(), 1);
    assert_int_equal(status, TOFU_LISTEN_FAILED);
    assert_int_equal(error, EPERM);
    assert_int_equal(access(address.path, F_OK), -1);
}

// The lock file goes away between its opening and its locking: another starter has just finished.
static void a_lock_file_that_vanishes_is_opened_again_but_not_for_ever(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address address = contract_address(&fixture->link, "other");
    struct tf_listener listener;
    int error = 0;
    uint32_t before = open_descriptors();
    plan_failure("fstatat", ENOENT, 0, 3);
    enum tofu_status status = tf_listener_open(&listener, &address, CONTRACT_MODE, &error);
    assert_int_equal(plan_end(), 3);
    assert_int_equal(status, TOFU_OK);
    tf_listener_close(&listener);

    plan_failure("fstatat", ENOENT, 0, FOR_EVER);
    status = tf_listener_open(&listener, &address, CONTRACT_MODE, &error);

    assert_in_range(plan_end(), 4, 1000);
    assert_int_equal(status, TOFU_LISTEN_FAILED);
    assert_int_equal(error, EWOULDBLOCK);
    assert_int_equal(open_descriptors(), before);
    char lock[sizeof address.path + 8];
    (void)snprintf(lock, sizeof lock, "%s.lock", address.path);
    assert_int_equal(unlink(lock), 0);
}

// Four ways in which systems say that they have no IPv6. The reserve takes the first socket.
static void all_interfaces_are_those_of_version_4_where_there_is_no_other(void **state)
{
    static const struct version_6_failure failures[] = {
        {"socket", EAFNOSUPPORT, 1},
        {"setsockopt", ENOPROTOOPT, 1},
        {"setsockopt", EINVAL, 1},
        {"bind", EADDRNOTAVAIL, 0},
    };
    if (!has_version_6()) {
        skip_because("this system has no IPv6");
    }
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        expect_version_4_for_all_interfaces(*state, &failures[i]);
    }
}

#define TCP(function) cmocka_unit_test_setup_teardown(function, set_up_tcp, failing_tear_down)
#define UDS(function) cmocka_unit_test_setup_teardown(function, set_up_uds, failing_tear_down)

int main(void)
{
    const struct CMUnitTest tcp_tests[] = {
        TCP(connections_that_ended_while_they_waited_are_skipped),
        TCP(a_listener_that_only_skips_is_to_rest),
        TCP(without_memory_or_files_in_the_system_one_peer_is_turned_away),
        TCP(a_listener_that_is_broken_says_so),
        TCP(a_connection_that_cannot_have_our_options_is_turned_away_alone),
        TCP(a_connect_that_fails_says_how_and_leaves_nothing_open),
        TCP(an_interrupted_connect_is_under_way),
        TCP(a_finish_that_cannot_be_asked_is_a_failure),
        TCP(interrupted_reads_and_writes_are_made_again),
        TCP(a_tcp_listener_that_fails_anywhere_leaves_nothing_open),
        TCP(all_interfaces_are_those_of_version_4_where_there_is_no_other),
    };
    const struct CMUnitTest uds_tests[] = {
        UDS(without_memory_or_files_in_the_system_one_peer_is_turned_away),
        UDS(a_connection_that_cannot_have_our_options_is_turned_away_alone),
        UDS(a_connect_that_fails_says_how_and_leaves_nothing_open),
        UDS(interrupted_reads_and_writes_are_made_again),
        UDS(a_unix_listener_that_fails_anywhere_leaves_nothing_open_and_no_path),
        UDS(a_path_whose_permissions_cannot_be_set_is_not_listened_on),
        UDS(a_lock_file_that_vanishes_is_opened_again_but_not_for_ever),
    };
    int failed = cmocka_run_group_tests_name("failing sockets, tcp", tcp_tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("failing sockets, uds", uds_tests, NULL, NULL);
    return failed;
}
