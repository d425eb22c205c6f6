// SPDX-License-Identifier: MIT
// What the numbers of a connection say about what its peer has not taken. That they are asked for and mean
// what we think shows in socket_contract, where the system has them.
#include <winsock2.h>

#include "contract/contract_link.h"
#include "contract/failing_calls.h"
#include "contract/tcp_info_imitation.h"

struct fixture {
    struct contract_link link;
    tf_socket client;
    tf_socket server;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    (void)plan_end();
    tcp_info_forget();
    contract_open(&fixture.link, TOFU_TCP);
    contract_pair(&fixture.link, &fixture.client, &fixture.server);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)plan_end();
    tcp_info_forget();
    contract_shut(&fixture->link);
    return 0;
}

static void what_waits_and_what_is_under_way_is_unsent(void **state)
{
    struct fixture *fixture = *state;
    tcp_info_answer(1000, 100, 0, FALSE);

    assert_int_equal(tf_socket_unsent(fixture->client, 1000), 100);
    assert_int_equal(tf_socket_unsent(fixture->client, 5000), 4100);
    assert_int_equal(tf_socket_unsent(fixture->client, 900), 0);
}

// A peer that is gone acknowledges nothing, however often it is sent the same.
static void what_is_sent_again_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t times = 0; times < 5; times++) {
        tcp_info_answer(2000 + times * 500, 2000, times * 500, FALSE);
        assert_int_equal(tf_socket_unsent(fixture->client, 3000), 3000);
    }
}

// A system that leaves out of the count what it sent again says less than is true, and never more.
static void numbers_that_contradict_each_other_are_no_progress(void **state)
{
    struct fixture *fixture = *state;
    tcp_info_answer(1000, 900, 500, FALSE);
    assert_int_equal(tf_socket_unsent(fixture->client, 1000), 1000);
    tcp_info_answer(5000, 0, 0, FALSE);
    assert_int_equal(tf_socket_unsent(fixture->client, 1000), 0);
}

static void more_than_four_gigabytes_are_counted(void **state)
{
    struct fixture *fixture = *state;
    tcp_info_answer(UINT64_C(0x500000000), 16, 0, FALSE);

    assert_int_equal(tf_socket_unsent(fixture->client, UINT64_C(0x500000001)), 17);
}

static void a_system_that_does_not_tell_leaves_nothing_unsent(void **state)
{
    struct fixture *fixture = *state;
    tcp_info_answer(1000, 100, 0, TRUE);
    assert_int_equal(tf_socket_unsent(fixture->client, 1000), 0);

    tcp_info_answer(1000, 100, 0, FALSE);
    plan_failure("WSAIoctl", WSAEOPNOTSUPP, 0, 1);
    assert_int_equal(tf_socket_unsent(fixture->client, 1000), 0);

    assert_int_equal(plan_end(), 1);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_waits_and_what_is_under_way_is_unsent),
        CASE(what_is_sent_again_is_not_taken),
        CASE(numbers_that_contradict_each_other_are_no_progress),
        CASE(more_than_four_gigabytes_are_counted),
        CASE(a_system_that_does_not_tell_leaves_nothing_unsent),
    };
    return cmocka_run_group_tests_name("unsent: Windows", tests, NULL, NULL);
}
