// SPDX-License-Identifier: MIT
// A Windows that has Unix sockets and is short of something when it is first asked for them: that is given
// back as it is, and is no answer. The answer is remembered, so this is a program of its own.
#include <winsock2.h>

#include "contract/contract_link.h"
#include "contract/failing_calls.h"
#include "contract/scratch_windows.h"

static int set_up(void **state)
{
    static struct contract_link link;
    memset(&link, 0, sizeof link);
    (void)plan_end();
    contract_open(&link, TOFU_TCP);
    *state = &link;
    return 0;
}

static int tear_down(void **state)
{
    (void)plan_end();
    contract_shut(*state);
    return 0;
}

static struct tofu_address fresh_address(const struct contract_link *link)
{
    struct tofu_address address = {.transport = TOFU_UDS};
    (void)snprintf(address.path, sizeof address.path, "%s/path", link->directory);
    return address;
}

static enum tofu_status listen_once(const struct tofu_address *address, int *error_out)
{
    struct tf_listener listener;
    enum tofu_status status = tf_listener_open(&listener, address, CONTRACT_MODE, error_out);
    if (status == TOFU_OK) {
        tf_listener_close(&listener);
    }
    return status;
}

// The catalogue is asked twice, for its size and for itself, and the first answer is a shortage by rights.
static void a_shortage_is_given_back_as_it_is(void **state)
{
    static const struct {
        const char *call;
        int error;
        uint32_t skip_count;
    } shortages[] = {
        {"WSAEnumProtocolsW", WSAENETDOWN, 0},
        {"WSAEnumProtocolsW", WSAENOBUFS, 1},
        {"WSASocketW", WSAEMFILE, 0},
        {"WSASocketW", WSAENOBUFS, 1},
        {"ioctlsocket", WSAENOBUFS, 0},
        {"bind", WSAENOBUFS, 0},
        {"listen", WSAEMFILE, 0},
        {"connect", WSAENOBUFS, 0},
    };
    const struct tofu_address address = fresh_address(*state);
    for (size_t i = 0; i < sizeof shortages / sizeof shortages[0]; i++) {
        int error = 0;
        plan_failure(shortages[i].call, shortages[i].error, shortages[i].skip_count, 1);

        assert_int_equal(listen_once(&address, &error), TOFU_LISTEN_FAILED);

        assert_int_equal(plan_end(), 1);
        assert_int_equal(error, shortages[i].error);
        assert_false(machine_has_file(address.path));
        assert_int_equal(scratch_count(), 0);
    }
}

// That the temporary files are out of bounds says nothing of other places.
static void what_is_wrong_with_one_path_is_no_answer_for_all(void **state)
{
    const struct tofu_address address = fresh_address(*state);
    int error = 0;
    plan_failure("connect", WSAEACCES, 0, 1);

    assert_int_equal(listen_once(&address, &error), TOFU_OK);

    assert_int_equal(plan_end(), 1);
    assert_int_equal(scratch_count(), 0);
}

static void the_answer_stays_when_there_is_one(void **state)
{
    const struct tofu_address address = fresh_address(*state);
    int error = 0;
    plan_failure("WSAEnumProtocolsW", WSAEAFNOSUPPORT, 0, 1);

    assert_true(tf_network_has_unix());
    assert_int_equal(listen_once(&address, &error), TOFU_OK);

    assert_int_equal(plan_end(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shortage_is_given_back_as_it_is),
        cmocka_unit_test(what_is_wrong_with_one_path_is_no_answer_for_all),
        cmocka_unit_test(the_answer_stays_when_there_is_one),
    };
    return cmocka_run_group_tests_name(
        "Unix sockets and shortage: Windows", tests, set_up, tear_down);
}
