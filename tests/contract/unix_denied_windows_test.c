// SPDX-License-Identifier: MIT
// A Windows that has a provider of Unix sockets in its catalogue, and then no Unix sockets. It is asked once
// per process, so this is a program of its own.
#include <winsock2.h>

#include "contract/contract_link.h"
#include "contract/failing_calls.h"
#include "os/error.h"
#include "os/windows/own_error.h"

// How many files there are in the directory of temporary files whose names the probe could have given.
static uint32_t scratch_count(void)
{
    char pattern[MAX_PATH + 32];
    WIN32_FIND_DATAA found;
    uint32_t count = 0;
    DWORD length = GetTempPathA(MAX_PATH, pattern);
    assert_in_range(length, 1, MAX_PATH);
    (void)snprintf(pattern + length, 32, "tofu-unix-%lx-*", (unsigned long)GetCurrentProcessId());
    HANDLE search = FindFirstFileA(pattern, &found);
    if (search == INVALID_HANDLE_VALUE) {
        return 0;
    }
    do {
        count++;
    } while (FindNextFileA(search, &found));
    (void)FindClose(search);
    return count;
}

static void what_cannot_be_connected_to_is_not_there(void **state)
{
    (void)state;
    plan_failure("connect", WSAEACCES, 0, 1);

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
        cmocka_unit_test(what_cannot_be_connected_to_is_not_there),
        cmocka_unit_test(the_answer_does_not_change),
        cmocka_unit_test(who_asks_for_a_unix_socket_is_told_why_there_is_none),
    };
    return cmocka_run_group_tests_name(
        "Unix sockets denied: Windows", tests, contract_open_network, contract_close_network);
}
