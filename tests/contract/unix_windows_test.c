// SPDX-License-Identifier: MIT
// Unix sockets over an imitation of them: which paths a listener takes over, and which it leaves alone;
// what it leaves behind; what is told of a peer.
#include <winsock2.h>

#include <stdalign.h>
#include <wchar.h>

#include "contract/contract_link.h"
#include "contract/failing_calls.h"
#include "contract/unix_imitation.h"
#include "os/error.h"
#include "os/windows/own_error.h"

// The link's own listener is a bystander; what is tested happens to `address`.
struct fixture {
    struct contract_link link;
    struct tofu_address address;
    char lock[sizeof((struct tofu_address *)0)->path + 8];
};

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
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)plan_end();
    (void)RemoveDirectoryA(fixture->address.path);
    contract_shut(&fixture->link);
    return 0;
}

static enum tofu_status listen_once(
    struct fixture *fixture, struct tf_listener *listener, int *error_out)
{
    return tf_listener_open(listener, &fixture->address, CONTRACT_MODE, error_out);
}

// Says whether a client finds somebody at the path.
static bool is_served(struct fixture *fixture)
{
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    assert_true(tf_endpoint_from_address(&fixture->address, &endpoint));
    enum tf_connect result = tf_socket_connect(&endpoint, &client, &status, &error);
    if (result == TF_CONNECT_FAILED) {
        return false;
    }
    while (result == TF_CONNECT_PENDING) {
        assert_true(contract_socket_await(client, TF_POLL_WRITE, CONTRACT_DEADLINE));
        result = tf_socket_connect_finish(client, &status, &error);
    }
    tf_socket_close(client);
    return result == TF_CONNECT_DONE;
}

// Leaves behind what a server that crashed leaves behind: its path.
static void dead_socket_make(struct fixture *fixture)
{
    struct tf_listener listener;
    int error = 0;
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    listener.path_inode = 0; // Now the close knows of no path.
    tf_listener_close(&listener);
    assert_true(machine_has_file(fixture->address.path));
    assert_false(is_served(fixture));
}

static void file_make(const char *path, const char *content)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, strlen(content), file), strlen(content));
    assert_int_equal(fclose(file), 0);
}

static void assert_content(const char *path, const char *content)
{
    char bytes[64] = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof bytes - 1, file), strlen(content));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(bytes, content);
}

static void expect_refusal(struct fixture *fixture, int wanted_error)
{
    struct tf_listener listener;
    int error = 0;
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_LISTEN_FAILED);
    assert_int_equal(error, wanted_error);
}

static void a_path_is_there_while_somebody_listens_and_no_longer(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    assert_true(machine_has_file(fixture->address.path));
    assert_true(is_served(fixture));
    assert_false(machine_has_file(fixture->lock));
    tf_listener_close(&listener);

    assert_false(machine_has_file(fixture->address.path));
    assert_false(machine_has_file(fixture->lock));
}

static void the_path_of_a_dead_socket_is_taken_over(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 2; i++) {
        struct tf_listener listener;
        int error = 0;
        dead_socket_make(fixture);
        imitation_connect_at_once(i == 1);

        assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);

        imitation_connect_at_once(false);
        assert_true(is_served(fixture));
        tf_listener_close(&listener);
        assert_false(machine_has_file(fixture->address.path));
    }
}

static void a_live_socket_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener live;
    int error = 0;
    assert_int_equal(listen_once(fixture, &live, &error), TOFU_OK);
    for (int i = 0; i < 2; i++) {
        imitation_connect_at_once(i == 1);
        expect_refusal(fixture, WSAEADDRINUSE);
    }

    imitation_connect_at_once(false);
    assert_true(is_served(fixture));
    tf_listener_close(&live);
}

// Such a path refuses connections like a dead one.
static void an_ordinary_file_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    file_make(fixture->address.path, "precious");

    expect_refusal(fixture, WSAEADDRINUSE);

    assert_content(fixture->address.path, "precious");
    assert_false(machine_has_file(fixture->lock));
}

static void a_directory_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    assert_true(CreateDirectoryA(fixture->address.path, NULL));

    expect_refusal(fixture, WSAEADDRINUSE);

    assert_true(machine_has_file(fixture->address.path));
}

// Doubt is no proof: when the question cannot even be put, the path stays.
static void without_a_socket_to_ask_with_the_path_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    dead_socket_make(fixture);

    // The reserve, the listener, then the one that asks.
    plan_failure("WSASocketW", WSAEMFILE, 2, 1);
    expect_refusal(fixture, WSAEADDRINUSE);

    assert_int_equal(plan_end(), 1);
    assert_true(machine_has_file(fixture->address.path));
}

static void a_connection_that_fails_otherwise_proves_nothing(void **state)
{
    static const int errors[] = {WSAENOBUFS, WSAETIMEDOUT, WSAEACCES, WSAEINVAL};
    struct fixture *fixture = *state;
    dead_socket_make(fixture);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        plan_failure("connect", errors[i], 0, 1);

        expect_refusal(fixture, WSAEADDRINUSE);

        assert_int_equal(plan_end(), 1);
        assert_true(machine_has_file(fixture->address.path));
    }
}

static HANDLE lock_take(struct fixture *fixture)
{
    HANDLE lock =
        CreateFileA(fixture->lock, DELETE, 0, NULL, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    assert_true(lock != INVALID_HANDLE_VALUE);
    return lock;
}

static void who_finds_another_starter_is_to_come_again(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    HANDLE lock = lock_take(fixture);
    expect_refusal(fixture, ERROR_SHARING_VIOLATION);
    assert_true(tf_listener_error_is_busy(ERROR_SHARING_VIOLATION));
    assert_false(machine_has_file(fixture->address.path));

    assert_true(CloseHandle(lock));

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    tf_listener_close(&listener);
    // It was there before, so it is somebody's, though it is empty.
    assert_true(machine_has_file(fixture->lock));

    assert_true(DeleteFileA(fixture->lock));
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    tf_listener_close(&listener);
    assert_false(machine_has_file(fixture->lock));
}

// The file is closed, and not yet gone: somebody else has it open, or the system is slow.
static void who_finds_another_starter_just_gone_is_to_come_again(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    imitation_file_is_going(fixture->lock, 2);

    expect_refusal(fixture, ERROR_DELETE_PENDING);

    assert_true(tf_listener_error_is_busy(ERROR_DELETE_PENDING));
    // Gone between the opening and the question.
    imitation_file_is_going(fixture->lock, 1);
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    tf_listener_close(&listener);
}

// Between the making that finds a file and the opening that finds none, another starter has let go.
static void a_lock_that_comes_and_goes_is_tried_again_but_not_for_ever(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    plan_failure("CreateFileW", ERROR_FILE_NOT_FOUND, 0, 3);
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    assert_int_equal(plan_end(), 3);
    tf_listener_close(&listener);

    plan_failure("CreateFileW", ERROR_FILE_NOT_FOUND, 0, FOR_EVER);
    expect_refusal(fixture, ERROR_SHARING_VIOLATION);

    assert_in_range(plan_end(), 4, 100);
}

// In a directory that lets us make nothing, or where somebody else's file or directory has the name.
static void a_lock_that_may_not_be_had_is_no_other_starter(void **state)
{
    struct fixture *fixture = *state;
    plan_failure("CreateFileW", ERROR_ACCESS_DENIED, 0, FOR_EVER);
    expect_refusal(fixture, ERROR_ACCESS_DENIED);
    assert_true(plan_end() > 0);
    file_make(fixture->lock, "precious");
    plan_failure("CreateFileW", ERROR_ACCESS_DENIED, 0, FOR_EVER);
    expect_refusal(fixture, ERROR_ACCESS_DENIED);
    assert_int_equal(plan_end(), 1);
    assert_content(fixture->lock, "precious");
    assert_true(machine_remove_file(fixture->lock));
    assert_true(CreateDirectoryA(fixture->lock, NULL));

    expect_refusal(fixture, ERROR_ACCESS_DENIED);

    assert_false(tf_listener_error_is_busy(ERROR_ACCESS_DENIED));
    assert_true(RemoveDirectoryA(fixture->lock));
}

static void a_file_with_something_in_it_is_no_lock_to_be_removed(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    file_make(fixture->lock, "precious");

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    tf_listener_close(&listener);

    assert_content(fixture->lock, "precious");
}

// Somebody has moved our path away and put something of his in its place.
static void a_path_that_is_no_longer_ours_survives_our_close(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address elsewhere = contract_address(&fixture->link, "elsewhere");
    struct tf_listener listener;
    struct tf_listener other;
    int error = 0;
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    assert_true(MoveFileA(fixture->address.path, elsewhere.path));
    assert_int_equal(listen_once(fixture, &other, &error), TOFU_OK);

    tf_listener_close(&listener);
    assert_true(is_served(fixture));
    assert_true(machine_remove_file(fixture->address.path));
    file_make(fixture->address.path, "precious");
    tf_listener_close(&other);

    assert_content(fixture->address.path, "precious");
}

// The working directory is the whole process's, and a service changes it once it has started.
static void a_relative_path_is_removed_where_it_was_made(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address elsewhere = contract_address(&fixture->link, "elsewhere");
    struct tofu_address same_name = contract_address(&fixture->link, "elsewhere/path");
    struct tofu_address absolute = fixture->address;
    struct tf_listener listener;
    char start[MAX_PATH];
    int error = 0;
    assert_in_range(GetCurrentDirectoryA(sizeof start, start), 1, sizeof start - 1);
    assert_true(CreateDirectoryA(elsewhere.path, NULL));
    (void)snprintf(fixture->address.path, sizeof fixture->address.path, "path");
    assert_true(SetCurrentDirectoryA(fixture->link.directory));
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    assert_string_equal(listener.address.path, "path");
    // The same file under the same name in another folder: told from ours by nothing but the folder.
    assert_true(CreateHardLinkA(same_name.path, absolute.path, NULL));
    assert_true(SetCurrentDirectoryA(elsewhere.path));

    tf_listener_close(&listener);

    assert_true(SetCurrentDirectoryA(start));
    assert_false(machine_has_file(absolute.path));
    assert_true(machine_has_file(same_name.path));
    assert_true(machine_remove_file(same_name.path));
    assert_true(RemoveDirectoryA(elsewhere.path));
}

static void a_directory_that_does_not_exist_is_not_made(void **state)
{
    struct fixture *fixture = *state;
    (void)snprintf(
        fixture->address.path, sizeof fixture->address.path, "%s/no/path", fixture->link.directory);

    expect_refusal(fixture, ERROR_PATH_NOT_FOUND);
}

static bool is_own_user(PSID user)
{
    alignas(TOKEN_USER) unsigned char bytes[256];
    HANDLE token = NULL;
    DWORD size = 0;
    assert_true(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    assert_true(GetTokenInformation(token, TokenUser, bytes, (DWORD)sizeof bytes, &size));
    (void)CloseHandle(token);
    return EqualSid(((TOKEN_USER *)(void *)bytes)->User.Sid, user);
}

// Says whether a file's access list has an entry for others than its user and the system itself.
static bool others_have_access(const char *path)
{
    alignas(SECURITY_DESCRIPTOR) unsigned char bytes[4096];
    SECURITY_DESCRIPTOR *descriptor = (SECURITY_DESCRIPTOR *)(void *)bytes;
    DWORD needed = 0;
    ACL *list = NULL;
    BOOL has_list = FALSE;
    BOOL is_default = FALSE;
    uint32_t other_count = 0;
    assert_true(GetFileSecurityA(
        path, DACL_SECURITY_INFORMATION, descriptor, (DWORD)sizeof bytes, &needed));
    assert_true(GetSecurityDescriptorDacl(descriptor, &has_list, &list, &is_default));
    assert_true(has_list && list != NULL && list->AceCount > 0);
    for (DWORD i = 0; i < list->AceCount; i++) {
        void *entry = NULL;
        assert_true(GetAce(list, i, &entry));
        PSID user = &((ACCESS_ALLOWED_ACE *)entry)->SidStart;
        other_count += !is_own_user(user) && !IsWellKnownSid(user, WinLocalSystemSid) ? 1 : 0;
    }
    return other_count > 0;
}

// Connecting takes the right to write, so the list of the file is what keeps others out.
static void only_the_own_user_may_connect_unless_others_are_to(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    assert_int_equal(tf_listener_open(&listener, &fixture->address, 0666, &error), TOFU_OK);
    assert_true(others_have_access(fixture->address.path));
    tf_listener_close(&listener);

    assert_int_equal(tf_listener_open(&listener, &fixture->address, 0600, &error), TOFU_OK);

    assert_false(others_have_access(fixture->address.path));
    assert_true(is_served(fixture));
    tf_listener_close(&listener);
}

static void a_path_that_cannot_be_made_private_is_not_listened_on(void **state)
{
    struct fixture *fixture = *state;
    plan_failure("SetKernelObjectSecurity", ERROR_ACCESS_DENIED, 0, 1);

    expect_refusal(fixture, ERROR_ACCESS_DENIED);

    assert_int_equal(plan_end(), 1);
    assert_false(machine_has_file(fixture->address.path));
}

// Paths are UTF-8 for us, and UTF-16 for the system.
static void a_path_has_characters_of_all_kinds(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    wchar_t wide[256];
    int error = 0;
    fixture->address = contract_address(&fixture->link, "p\xC3\xA9\xE6\xBC\xA2");
    (void)swprintf(wide, 256, L"%hs/p\x00E9\x6F22", fixture->link.directory);

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);

    assert_true(GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES);
    assert_true(is_served(fixture));
    tf_listener_close(&listener);
    assert_true(GetFileAttributesW(wide) == INVALID_FILE_ATTRIBUTES);
}

static void a_path_that_is_no_utf_8_is_no_address(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    fixture->address = contract_address(&fixture->link, "p\xFF");

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_INVALID_ADDRESS);
    assert_int_equal(error, ERROR_NO_UNICODE_TRANSLATION);
    assert_true(tf_endpoint_from_address(&fixture->address, &endpoint));

    assert_int_equal(tf_socket_connect(&endpoint, &client, &status, &error), TF_CONNECT_FAILED);
    assert_int_equal(status, TOFU_INVALID_ADDRESS);
    assert_int_equal(error, ERROR_NO_UNICODE_TRANSLATION);
}

static void a_dead_path_is_refused_and_a_missing_one_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    dead_socket_make(fixture);
    imitation_connect_at_once(true);
    assert_true(tf_endpoint_from_address(&fixture->address, &endpoint));

    assert_int_equal(tf_socket_connect(&endpoint, &client, &status, &error), TF_CONNECT_FAILED);
    assert_int_equal(status, TOFU_CONNECT_FAILED);
    assert_int_equal(error, WSAECONNREFUSED);
    assert_true(machine_remove_file(fixture->address.path));
    assert_int_equal(tf_socket_connect(&endpoint, &client, &status, &error), TF_CONNECT_FAILED);

    assert_int_equal(status, TOFU_UDS_PATH_NOT_FOUND);
    assert_int_equal(error, ERROR_FILE_NOT_FOUND);
    assert_int_equal(client, TF_SOCKET_NONE);
}

// User and group of a peer have no numbers here; its process has.
static void the_system_tells_the_process_of_a_peer(void **state)
{
    struct fixture *fixture = *state;
    tf_socket client = TF_SOCKET_NONE;
    tf_socket server = TF_SOCKET_NONE;
    struct tofu_peer of_server = {0};
    struct tofu_peer of_client = {0};
    contract_pair(&fixture->link, &client, &server);

    assert_true(tf_socket_peer(server, &of_server));
    assert_true(tf_socket_peer(client, &of_client));

    assert_int_equal(of_server.address.transport, TOFU_UDS);
    assert_string_equal(of_server.address.path, "");
    assert_false(of_server.has_credentials);
    assert_int_equal(of_server.process_id, GetCurrentProcessId());
    assert_string_equal(of_client.address.path, fixture->link.listener.address.path);

    plan_failure("WSAIoctl", WSAEOPNOTSUPP, 0, 1);
    assert_true(tf_socket_peer(server, &of_server));
    assert_int_equal(plan_end(), 1);
    assert_int_equal(of_server.process_id, 0);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_path_is_there_while_somebody_listens_and_no_longer),
        CASE(the_path_of_a_dead_socket_is_taken_over),
        CASE(a_live_socket_is_left_alone),
        CASE(an_ordinary_file_is_left_alone),
        CASE(a_directory_is_left_alone),
        CASE(without_a_socket_to_ask_with_the_path_is_left_alone),
        CASE(a_connection_that_fails_otherwise_proves_nothing),
        CASE(who_finds_another_starter_is_to_come_again),
        CASE(who_finds_another_starter_just_gone_is_to_come_again),
        CASE(a_lock_that_comes_and_goes_is_tried_again_but_not_for_ever),
        CASE(a_lock_that_may_not_be_had_is_no_other_starter),
        CASE(a_file_with_something_in_it_is_no_lock_to_be_removed),
        CASE(a_path_that_is_no_longer_ours_survives_our_close),
        CASE(a_relative_path_is_removed_where_it_was_made),
        CASE(a_directory_that_does_not_exist_is_not_made),
        CASE(only_the_own_user_may_connect_unless_others_are_to),
        CASE(a_path_that_cannot_be_made_private_is_not_listened_on),
        CASE(a_path_has_characters_of_all_kinds),
        CASE(a_path_that_is_no_utf_8_is_no_address),
        CASE(a_dead_path_is_refused_and_a_missing_one_is_not_found),
        CASE(the_system_tells_the_process_of_a_peer),
    };
    return cmocka_run_group_tests_name("Unix sockets: Windows", tests, NULL, NULL);
}
