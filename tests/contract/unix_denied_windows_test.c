// SPDX-License-Identifier: MIT
// A Windows that has a provider of Unix sockets in its catalogue, and then no Unix sockets. It is asked once
// per process, so this is a program of its own.
#include <winsock2.h>

#include "contract/contract_link.h"
#include "contract/failing_calls.h"
#include "contract/scratch_windows.h"
#include "os/error.h"
#include "os/windows/own_error.h"

static void what_the_system_does_not_support_is_not_there(void **state)
{
    (void)state;
    plan_failure("connect", WSAEOPNOTSUPP, 0, 1);

    assert_false(tf_network_has_unix());

    assert_int_equal(plan_end(), 1);
    assert_int_equal(scratch_count(), 0);
}

static void the_answer_does_not_change(void **state)
{
    (void)state;
    assert_false(tf_network_has_unix());
}

static void who_asks_for_a_unix_socket_is_told_why_there_is_none(void **state)
{
    struct tofu_address address = {.transport = TOFU_UDS, .path = "C:/nowhere"};
    struct tf_listener listener;
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    char words[TF_ERROR_TEXT_BYTES_MAX];
    int error = 0;
    (void)state;

    assert_int_equal(
        tf_listener_open(&listener, &address, CONTRACT_MODE, &error), TOFU_INVALID_ADDRESS);
    assert_int_equal(error, TF_ERROR_NO_UNIX_SOCKETS);
    assert_true(tf_endpoint_from_address(&address, &endpoint));
    assert_int_equal(tf_socket_connect(&endpoint, &client, &status, &error), TF_CONNECT_FAILED);
    assert_int_equal(status, TOFU_INVALID_ADDRESS);
    assert_int_equal(error, TF_ERROR_NO_UNIX_SOCKETS);

    tf_error_text(error, words, sizeof words);
    assert_non_null(strstr(words, "no Unix sockets"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_system_does_not_support_is_not_there),
        cmocka_unit_test(the_answer_does_not_change),
        cmocka_unit_test(who_asks_for_a_unix_socket_is_told_why_there_is_none),
    };
    return cmocka_run_group_tests_name(
        "Unix sockets denied: Windows", tests, contract_open_network, contract_close_network);
}
