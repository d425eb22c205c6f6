// SPDX-License-Identifier: MIT
// Stage 0: what the poller of Windows stands on, without the poller. Every NT function is there, and requests
// on the socket itself come back as it expects: with the right context, flags and counts.
//
// Besides Windows it runs over the simulated system with its NT kernel, so the two cannot drift apart.
#include "contract/contract_link.h"
#include "os/windows/nt.h"

#define CONTEXT ((void *)0x123400000001)

struct feasibility {
    struct contract_link link;
    struct tf_nt nt;
    tf_nt_handle port;
    tf_nt_handle listener;
    struct tf_nt_io_status io_status;
    struct tf_nt_poll poll;
};

static int set_up(void **state)
{
    static struct feasibility feasibility;
    memset(&feasibility, 0, sizeof feasibility);
    contract_open(&feasibility.link, TOFU_TCP);
    assert_null(tf_nt_open(&feasibility.nt));
    const struct tf_nt *nt = &feasibility.nt;
    assert_int_equal(
        nt->NtCreateIoCompletion(&feasibility.port, TF_NT_IO_COMPLETION_ALL_ACCESS, NULL, 1),
        TF_NT_SUCCESS);
    tf_nt_handle socket = (tf_nt_handle)feasibility.link.listener.socket;
    assert_int_equal(nt->base_of(socket, TF_NT_SIO_BASE_HANDLE, &feasibility.listener), 0);
    *state = &feasibility;
    return 0;
}

static int tear_down(void **state)
{
    struct feasibility *feasibility = *state;
    contract_shut(&feasibility->link);
    return feasibility->nt.NtClose(feasibility->port) == TF_NT_SUCCESS ? 0 : -1;
}

static tf_nt_status give_port(struct feasibility *feasibility)
{
    struct tf_nt_io_status io_status;
    struct tf_nt_completion completion = {.port = feasibility->port};
    return feasibility->nt.NtSetInformationFile(
        feasibility->listener,
        &io_status,
        &completion,
        sizeof completion,
        TF_NT_FILE_COMPLETION_INFORMATION);
}

static tf_nt_status poll_for(struct feasibility *feasibility, uint32_t events)
{
    feasibility->io_status = (struct tf_nt_io_status){.status = TF_NT_PENDING};
    feasibility->poll = (struct tf_nt_poll){
        .timeout = INT64_MAX,
        .handle_count = 1,
        .handles = {{.handle = feasibility->listener, .events = events}}};
    return feasibility->nt.NtDeviceIoControlFile(
        feasibility->listener,
        NULL,
        NULL,
        CONTEXT,
        &feasibility->io_status,
        TF_NT_IOCTL_AFD_POLL,
        &feasibility->poll,
        sizeof feasibility->poll,
        &feasibility->poll,
        sizeof feasibility->poll);
}

static tf_nt_status take(
    struct feasibility *feasibility, int64_t timeout, struct tf_nt_packet *packet, uint32_t *count)
{
    *count = 0;
    return feasibility->nt.NtRemoveIoCompletionEx(feasibility->port, packet, 1, count, &timeout, 0);
}

static void every_nt_function_resolves(void **state)
{
    struct feasibility *feasibility = *state;
    const struct tf_nt *nt = &feasibility->nt;
    assert_true(nt->NtCreateIoCompletion != NULL && nt->NtSetIoCompletion != NULL);
    assert_true(nt->NtRemoveIoCompletionEx != NULL && nt->NtDeviceIoControlFile != NULL);
    assert_true(nt->NtCancelIoFileEx != NULL && nt->NtSetInformationFile != NULL);
    assert_true(nt->NtClose != NULL && nt->base_of != NULL && nt->provider_of != NULL);
}

static void an_accept_poll_completes_with_its_context_and_flags(void **state)
{
    struct feasibility *feasibility = *state;
    struct tf_nt_packet packet = {0};
    uint32_t count = 0;
    enum tf_connect result = TF_CONNECT_FAILED;
    assert_int_equal(give_port(feasibility), TF_NT_SUCCESS);
    assert_int_equal(poll_for(feasibility, TF_AFD_ACCEPT), TF_NT_PENDING);
    assert_int_equal(take(feasibility, 0, &packet, &count), TF_NT_TIMEOUT);

    tf_socket client = contract_connect_start(&feasibility->link, &result);
    contract_connect_end(&feasibility->link, client, result);

    tf_nt_status status = take(feasibility, -(int64_t)(CONTRACT_DEADLINE / 100), &packet, &count);
    assert_int_equal(status, TF_NT_SUCCESS);
    assert_int_equal(count, 1);
    assert_ptr_equal(packet.context, CONTEXT);
    assert_null(packet.key);
    assert_int_equal(packet.io_status.status, TF_NT_SUCCESS);
    assert_int_equal(feasibility->poll.handle_count, 1);
    assert_int_equal(feasibility->poll.handles[0].events, TF_AFD_ACCEPT);
    assert_int_equal(take(feasibility, 0, &packet, &count), TF_NT_TIMEOUT);
}

// What holds already completes all the same, with one packet.
static void a_poll_for_what_holds_gives_one_packet(void **state)
{
    struct feasibility *feasibility = *state;
    struct tf_nt_packet packet = {0};
    uint32_t count = 0;
    enum tf_connect result = TF_CONNECT_FAILED;
    assert_int_equal(give_port(feasibility), TF_NT_SUCCESS);
    tf_socket client = contract_connect_start(&feasibility->link, &result);
    contract_connect_end(&feasibility->link, client, result);
    contract_await(&feasibility->link, feasibility->link.listener.socket, TF_POLL_READ);
    for (int i = 0; i < 3; i++) {
        assert_false(tf_nt_is_refusal(poll_for(feasibility, TF_AFD_ACCEPT)));

        assert_int_equal(
            take(feasibility, -(int64_t)(CONTRACT_DEADLINE / 100), &packet, &count), TF_NT_SUCCESS);

        assert_int_equal(feasibility->poll.handles[0].events, TF_AFD_ACCEPT);
        assert_int_equal(take(feasibility, 0, &packet, &count), TF_NT_TIMEOUT);
    }
}

// The buffer of a cancelled poll says what was asked for, which is easily taken for what happened.
static void a_cancelled_poll_gives_its_packet_and_no_events(void **state)
{
    struct feasibility *feasibility = *state;
    struct tf_nt_packet packet = {0};
    struct tf_nt_io_status io_status;
    uint32_t count = 0;
    assert_int_equal(give_port(feasibility), TF_NT_SUCCESS);
    assert_int_equal(poll_for(feasibility, TF_AFD_ACCEPT), TF_NT_PENDING);

    tf_nt_status status = feasibility->nt.NtCancelIoFileEx(
        feasibility->listener, &feasibility->io_status, &io_status);

    assert_int_equal(status, TF_NT_SUCCESS);
    status = take(feasibility, -(int64_t)(CONTRACT_DEADLINE / 100), &packet, &count);
    assert_int_equal(status, TF_NT_SUCCESS);
    assert_ptr_equal(packet.context, CONTEXT);
    assert_int_equal(packet.io_status.status, TF_NT_CANCELLED);
    assert_int_equal(feasibility->poll.handles[0].events, TF_AFD_ACCEPT);
    status = feasibility->nt.NtCancelIoFileEx(
        feasibility->listener, &feasibility->io_status, &io_status);
    assert_int_equal(status, TF_NT_NOT_FOUND);
}

static void a_second_port_is_refused(void **state)
{
    struct feasibility *feasibility = *state;
    assert_int_equal(give_port(feasibility), TF_NT_SUCCESS);
    assert_int_equal(give_port(feasibility), TF_NT_INVALID_PARAMETER);
}

static void a_posted_packet_is_taken(void **state)
{
    struct feasibility *feasibility = *state;
    struct tf_nt_packet packet = {0};
    uint32_t count = 0;
    assert_int_equal(
        feasibility->nt.NtSetIoCompletion(feasibility->port, (void *)1, NULL, TF_NT_SUCCESS, 0),
        TF_NT_SUCCESS);
    assert_int_equal(take(feasibility, 0, &packet, &count), TF_NT_SUCCESS);
    assert_int_equal(count, 1);
    assert_ptr_equal(packet.key, (void *)1);
    assert_null(packet.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_nt_function_resolves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_accept_poll_completes_with_its_context_and_flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_poll_for_what_holds_gives_one_packet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_cancelled_poll_gives_its_packet_and_no_events, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_port_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_posted_packet_is_taken, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("stage 0: feasibility", tests, NULL, NULL);
}
