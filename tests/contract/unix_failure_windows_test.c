// SPDX-License-Identifier: MIT
// Unix listeners over the imitation, each of whose calls of Windows fails once: that is told as it is, nothing
// stays open, nothing of somebody else's is removed, and the path can be had again.
#include <winsock2.h>

#include "contract/contract_link.h"
#include "contract/failing_calls.h"
#include "contract/unix_imitation.h"
#include "unit/expect.h"

#define FAILURE ERROR_NO_SYSTEM_RESOURCES

struct fixture {
    struct contract_link link;
    struct tofu_address address;
    char lock[sizeof((struct tofu_address *)0)->path + 8];
    size_t handle_count; ///< before the test
};

// What opening calls on a path that is free, and on one that is dead; how often at least.
struct row {
    const char *call;
    uint32_t free_count;
    uint32_t dead_count;
};

static const struct row rows[] = {
    {"WSASocketW", 2, 3},
    {"GetFullPathNameW", 1, 1},
    {"CreateFileW", 2, 3},
    {"bind", 1, 1},
    {"connect", 0, 1},
    {"select", 0, 1},
    {"getsockopt", 0, 0},
    {"GetFileInformationByHandleEx", 1, 2},
    {"GetFileInformationByHandle", 1, 1},
    {"SetFileInformationByHandle", 0, 1},
    {"OpenProcessToken", 1, 1},
    {"GetTokenInformation", 1, 1},
    {"InitializeAcl", 1, 1},
    {"AddAccessAllowedAce", 1, 1},
    {"InitializeSecurityDescriptor", 1, 1},
    {"SetSecurityDescriptorDacl", 1, 1},
    {"SetSecurityDescriptorControl", 1, 1},
    {"SetKernelObjectSecurity", 1, 1},
    {"listen", 1, 1},
};

// Handles but for those that the imitation keeps of its own. Counting takes long, so it is done once for many.
static size_t handle_count(void)
{
    return machine_descriptor_count() - imitation_kept_sockets();
}

static enum tofu_status listen_once(
    struct fixture *fixture, struct tf_listener *listener, int *error_out)
{
    return tf_listener_open(listener, &fixture->address, CONTRACT_MODE, error_out);
}

static void expect_free_to_listen(struct fixture *fixture)
{
    struct tf_listener listener;
    int error = 0;
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    tf_listener_close(&listener);
    assert_false(machine_has_file(fixture->address.path));
    assert_false(machine_has_file(fixture->lock));
}

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    (void)plan_end();
    imitation_connect_at_once(false);
    contract_open(&fixture.link, TOFU_UDS);
    fixture.address = contract_address(&fixture.link, "path");
    (void)snprintf(fixture.lock, sizeof fixture.lock, "%s.lock", fixture.address.path);
    *state = &fixture;
    expect_free_to_listen(&fixture); // What is opened once for all tests is open then.
    fixture.handle_count = handle_count();
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)plan_end();
    size_t now_count = handle_count();
    size_t before_count = fixture->handle_count;
    contract_shut(&fixture->link);
    assert_int_equal(now_count, before_count);
    return 0;
}

static void leave_dead_socket(struct fixture *fixture)
{
    struct tf_listener listener;
    int error = 0;
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    listener.path_inode = 0; // Now the close knows of no path.
    tf_listener_close(&listener);
}

// Lets the n-th call fail. Returns false if there was no such call, so that all went well.
static bool fail_listening_once(
    struct fixture *fixture, const struct row *row, uint32_t n, bool is_dead)
{
    struct tf_listener listener;
    int error = 0;
    plan_failure(row->call, FAILURE, n, 1);
    enum tofu_status status = listen_once(fixture, &listener, &error);
    bool has_failed = plan_end() == 1;
    if (has_failed) {
        assert_int_equal(status, TOFU_LISTEN_FAILED);
        // Who cannot find out that a path is dead takes it for one in use.
        assert_true_or(
            error == FAILURE || (is_dead && error == WSAEADDRINUSE), "%s: %d", row->call, error);
    } else {
        assert_int_equal(status, TOFU_OK);
        tf_listener_close(&listener);
    }
    assert_false(machine_has_file(fixture->lock));
    return has_failed;
}

static void a_listener_that_fails_anywhere_leaves_nothing_open_and_its_path_to_be_had(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t n = 0;
        while (fail_listening_once(fixture, &rows[i], n, false)) {
            n++;
            expect_free_to_listen(fixture);
        }
        assert_true_or(n >= rows[i].free_count, "%s: %u calls", rows[i].call, (unsigned)n);
    }
}

static void a_dead_path_is_to_be_had_after_any_failure(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t n = 0;
        leave_dead_socket(fixture);
        while (fail_listening_once(fixture, &rows[i], n, true)) {
            n++;
            expect_free_to_listen(fixture);
            leave_dead_socket(fixture);
        }
        assert_true_or(n >= rows[i].dead_count, "%s: %u calls", rows[i].call, (unsigned)n);
        expect_free_to_listen(fixture);
    }
}

// A live listener, and a file that only has the name.
static void what_is_somebody_elses_stays_whatever_fails(void **state)
{
    struct fixture *fixture = *state;
    FILE *file = fopen(fixture->address.path, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    const struct tofu_address addresses[] = {fixture->address, fixture->link.listener.address};
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i / 2];
        const struct tofu_address *address = &addresses[i % 2];
        for (uint32_t n = 0, failed_count = 1; failed_count > 0; n++) {
            struct tf_listener listener;
            int error = 0;
            plan_failure(row->call, FAILURE, n, 1);
            enum tofu_status status = tf_listener_open(&listener, address, CONTRACT_MODE, &error);
            failed_count = plan_end();
            assert_int_equal(status, TOFU_LISTEN_FAILED);
            assert_true(machine_has_file(address->path));
        }
    }
    enum tf_connect result = TF_CONNECT_FAILED;
    tf_socket client = contract_connect_start(&fixture->link, &result);
    contract_connect_end(&fixture->link, client, result);
    contract_close(&fixture->link, client);
    assert_true(machine_remove_file(fixture->address.path));
}

static void replace_path(void *context)
{
    const struct fixture *fixture = context;
    struct tofu_address elsewhere = contract_address(&fixture->link, "elsewhere");
    assert_true(MoveFileExA(fixture->address.path, elsewhere.path, MOVEFILE_REPLACE_EXISTING));
    FILE *file = fopen(fixture->address.path, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

// Somebody who knows nothing of locks moves our fresh path away and puts something of his there.
static void a_listener_that_fails_removes_nothing_but_its_own(void **state)
{
    static const char *const calls[] = {"SetKernelObjectSecurity", "listen"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct tf_listener listener;
        int error = 0;
        plan_failure(calls[i], FAILURE, 0, 1);
        plan_action(replace_path, fixture);

        assert_int_equal(listen_once(fixture, &listener, &error), TOFU_LISTEN_FAILED);

        assert_int_equal(plan_end(), 1);
        assert_int_equal(error, FAILURE);
        assert_true(machine_has_file(fixture->address.path));
        assert_true(machine_remove_file(fixture->address.path));
    }
}

// It may be somebody else's. As a dead socket it is in nobody's way.
static void a_fresh_path_that_cannot_be_identified_stays(void **state)
{
    static const struct row unknown[] = {
        {"CreateFileW", 1, 0},
        {"GetFileInformationByHandleEx", 0, 0},
        {"GetFileInformationByHandle", 0, 0}};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_true(fail_listening_once(fixture, &unknown[i], unknown[i].free_count, false));
        assert_true(machine_has_file(fixture->address.path));
        expect_free_to_listen(fixture);
    }
}

static void a_path_that_cannot_be_removed_stays_and_is_taken_over(void **state)
{
    static const char *const calls[] = {
        "CreateFileW",
        "GetFileInformationByHandleEx",
        "GetFileInformationByHandle",
        "SetFileInformationByHandle"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct tf_listener listener;
        int error = 0;
        assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
        plan_failure(calls[i], FAILURE, 0, 1);

        tf_listener_close(&listener);

        assert_int_equal(plan_end(), 1);
        assert_true(machine_has_file(fixture->address.path));
        expect_free_to_listen(fixture);
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_listener_that_fails_anywhere_leaves_nothing_open_and_its_path_to_be_had),
        CASE(a_dead_path_is_to_be_had_after_any_failure),
        CASE(what_is_somebody_elses_stays_whatever_fails),
        CASE(a_listener_that_fails_removes_nothing_but_its_own),
        CASE(a_fresh_path_that_cannot_be_identified_stays),
        CASE(a_path_that_cannot_be_removed_stays_and_is_taken_over),
    };
    return cmocka_run_group_tests_name("Unix sockets and failures: Windows", tests, NULL, NULL);
}
