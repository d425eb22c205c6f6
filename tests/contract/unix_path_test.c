// SPDX-License-Identifier: MIT
// The care that is taken of a Unix path: only a dead socket of our own is ever replaced or removed.
#include <errno.h>

#include "contract/unix_path_fixture.h"
#include "os/posix/native.h"

// Listening must fail, and leave the very file that is there.
static void expect_untouched(struct fixture *fixture, int error_wanted)
{
    struct tf_listener listener;
    int error = 0;
    struct stat before = look(fixture->address.path);

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_LISTEN_FAILED);

    struct stat after = look(fixture->address.path);
    assert_int_equal(error, error_wanted);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_size, before.st_size);
    assert_false(exists(fixture->lock));
}

// Descriptors below 200 that are open; a test opens few.
static uint32_t open_descriptors(void)
{
    uint32_t count = 0;
    for (int i = 3; i < 200; i++) {
        count += fcntl(i, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}

static void a_free_path_is_taken_and_given_back(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);

    assert_true(S_ISSOCK(look(fixture->address.path).st_mode));
    assert_true(is_served(fixture));
    assert_false(exists(fixture->lock));
    tf_listener_close(&listener);
    assert_false(exists(fixture->address.path));
}

static void a_dead_socket_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    dead_socket_make(fixture, fixture->address.path);
    assert_false(is_served(fixture));

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);

    assert_true(is_served(fixture));
    assert_false(exists(fixture->lock));
    tf_listener_close(&listener);
    assert_false(exists(fixture->address.path));
}

static void connecting_to_a_dead_socket_fails_but_not_as_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    dead_socket_make(fixture, fixture->address.path);
    assert_true(tf_endpoint_from_address(&fixture->address, &endpoint));

    assert_int_equal(tf_socket_connect(&endpoint, &client, &status, &error), TF_CONNECT_FAILED);

    assert_int_equal(status, TOFU_CONNECT_FAILED);
    assert_int_equal(error, ECONNREFUSED);
}

static void a_live_socket_is_untouched_and_goes_on_serving(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);

    expect_untouched(fixture, EADDRINUSE);

    assert_true(is_served(fixture));
    tf_listener_close(&listener);
}

// EAGAIN is no refusal: a busy server must not be taken for a dead one.
static void a_live_socket_with_a_full_backlog_is_untouched(void **state)
{
    struct fixture *fixture = *state;
    int descriptor = foreign_bind(fixture, fixture->address.path, SOCK_STREAM);
    struct tf_endpoint endpoint;
    enum tf_connect result = TF_CONNECT_DONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    assert_int_equal(listen(descriptor, 0), 0);
    assert_true(tf_endpoint_from_address(&fixture->address, &endpoint));
    while (result == TF_CONNECT_DONE) {
        tf_socket client = TF_SOCKET_NONE;
        result = tf_socket_connect(&endpoint, &client, &status, &error);
        if (result == TF_CONNECT_DONE) {
            contract_adopt(&fixture->link, client);
        }
    }
    assert_int_equal(result, TF_CONNECT_CONGESTED);

    expect_untouched(fixture, EADDRINUSE);
}

static void a_live_socket_of_another_kind_is_untouched(void **state)
{
    struct fixture *fixture = *state;
    (void)foreign_bind(fixture, fixture->address.path, SOCK_DGRAM);

    expect_untouched(fixture, EADDRINUSE);
}

static void a_regular_file_is_untouched(void **state)
{
    struct fixture *fixture = *state;
    file_make(fixture->address.path, "years of work");

    expect_untouched(fixture, EADDRINUSE);
}

static void a_directory_is_untouched(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkdir(fixture->address.path, 0700), 0);

    expect_untouched(fixture, EADDRINUSE);
}

static void a_link_to_a_dead_socket_is_untouched_and_so_is_the_socket(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address target = contract_address(&fixture->link, "target");
    dead_socket_make(fixture, target.path);
    assert_int_equal(symlink(target.path, fixture->address.path), 0);

    expect_untouched(fixture, EADDRINUSE);

    assert_true(S_ISSOCK(look(target.path).st_mode));
    assert_int_equal(unlink(target.path), 0);
}

static void a_link_to_nowhere_is_untouched_and_creates_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address target = contract_address(&fixture->link, "target");
    assert_int_equal(symlink(target.path, fixture->address.path), 0);

    expect_untouched(fixture, EADDRINUSE);

    assert_false(exists(target.path));
}

static void a_dead_socket_of_another_user_is_untouched(void **state)
{
    struct fixture *fixture = *state;
    dead_socket_make(fixture, fixture->address.path);
    if (chown(fixture->address.path, geteuid() + 1, (gid_t)-1) != 0) {
        print_message("skipped: only a privileged user can make another user's file\n");
        skip();
    }

    expect_untouched(fixture, EADDRINUSE);
}

static void a_path_below_a_file_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    struct tofu_address below = fixture->address;
    file_make(fixture->address.path, "");
    (void)strcat(below.path, "/x");
    assert_true(tf_endpoint_from_address(&below, &endpoint));

    assert_int_equal(tf_socket_connect(&endpoint, &client, &status, &error), TF_CONNECT_FAILED);

    assert_int_equal(status, TOFU_UDS_PATH_NOT_FOUND);
}

// Probe, lock and listener are all closed again, whatever was found at the path.
static void listening_and_failing_to_leave_no_descriptor_behind(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    struct tf_listener refused;
    int error = 0;
    dead_socket_make(fixture, fixture->address.path);
    uint32_t before = open_descriptors();

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    uint32_t listening = open_descriptors();
    assert_int_equal(listen_once(fixture, &refused, &error), TOFU_LISTEN_FAILED);
    uint32_t failed = open_descriptors();
    tf_listener_close(&listener);

    assert_int_equal(listening, before + 2);
    assert_int_equal(failed, listening);
    assert_int_equal(open_descriptors(), before);
}

static void a_directory_that_does_not_exist_is_not_made(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    (void)snprintf(
        fixture->address.path,
        sizeof fixture->address.path,
        "%s/no/where",
        fixture->link.directory);

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_LISTEN_FAILED);

    assert_int_equal(error, ENOENT);
}

static void the_path_has_the_permissions_asked_for_whatever_the_umask(void **state)
{
    static const mode_t modes[] = {0600, 0660, 0666, 0700, 0777, 0000};
    static const mode_t umasks[] = {0000, 0022, 0077, 0777};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        for (size_t j = 0; j < sizeof umasks / sizeof umasks[0]; j++) {
            struct tf_listener listener;
            int error = 0;
            mode_t before = umask(umasks[j]);
            enum tofu_status status =
                tf_listener_open(&listener, &fixture->address, modes[i], &error);
            assert_int_equal(umask(before), umasks[j]);
            assert_int_equal(status, TOFU_OK);
            assert_int_equal(look(fixture->address.path).st_mode & 07777, modes[i]);
            tf_listener_close(&listener);
        }
    }
}

static void at_close_another_file_in_its_place_stays(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    assert_int_equal(unlink(fixture->address.path), 0);
    file_make(fixture->address.path, "years of work");

    tf_listener_close(&listener);

    assert_true(S_ISREG(look(fixture->address.path).st_mode));
}

// Two programs with one path, one after the other: the first one's end must not cut the second one off.
static void at_close_the_socket_of_a_successor_stays(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener first;
    struct tf_listener second;
    int error = 0;
    assert_int_equal(listen_once(fixture, &first, &error), TOFU_OK);
    assert_int_equal(unlink(fixture->address.path), 0);
    assert_int_equal(listen_once(fixture, &second, &error), TOFU_OK);

    tf_listener_close(&first);

    assert_true(is_served(fixture));
    tf_listener_close(&second);
    assert_false(exists(fixture->address.path));
}

// The working directory is the whole process's, and a daemon changes it once it has started.
static void a_relative_path_is_removed_where_it_was_made(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address elsewhere = contract_address(&fixture->link, "elsewhere");
    struct tofu_address same_name = contract_address(&fixture->link, "elsewhere/path");
    struct tf_listener listener;
    int error = 0;
    char *start = getcwd(NULL, 0);
    assert_non_null(start);
    size_t before = machine_descriptor_count();
    struct tofu_address absolute = fixture->address;
    (void)snprintf(fixture->address.path, sizeof fixture->address.path, "path");
    assert_int_equal(mkdir(elsewhere.path, 0700), 0);
    assert_int_equal(chdir(fixture->link.directory), 0);
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    assert_string_equal(listener.address.path, "path");
    // The same file under the same name in another folder: told from ours by nothing but the folder.
    assert_int_equal(link(absolute.path, same_name.path), 0);
    assert_int_equal(chdir(elsewhere.path), 0);

    tf_listener_close(&listener);

    assert_int_equal(chdir(start), 0);
    free(start);
    assert_false(exists(absolute.path));
    assert_true(exists(same_name.path));
    assert_int_equal(machine_descriptor_count(), before);
    assert_int_equal(unlink(same_name.path), 0);
    assert_int_equal(rmdir(elsewhere.path), 0);
}

static void at_close_a_path_that_is_gone_is_no_trouble(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    assert_int_equal(unlink(fixture->address.path), 0);

    tf_listener_close(&listener);

    assert_false(exists(fixture->address.path));
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    tf_listener_close(&listener);
}

// 107 bytes: the kernel's array then has room for the NUL and no more.
static void the_longest_path_works_to_its_last_byte(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    char *path = fixture->address.path;
    int error = 0;
    size_t size = strlen(fixture->link.directory);
    memcpy(path, fixture->link.directory, size);
    path[size] = '/';
    memset(path + size + 1, 'x', TOFU_PATH_BYTES_MAX - size - 1);
    path[TOFU_PATH_BYTES_MAX] = '\0';
    assert_int_equal(strlen(path), TOFU_PATH_BYTES_MAX);
    (void)snprintf(fixture->lock, sizeof fixture->lock, "%s.lock", path);

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);

    assert_true(exists(path));
    assert_true(is_served(fixture));
    assert_false(exists(fixture->lock));
    tf_listener_close(&listener);
    assert_false(exists(path));
}

static void a_path_that_is_too_long_is_no_address(void **state)
{
    char text[TOFU_PATH_BYTES_MAX + 8] = "uds|/";
    struct tofu_address address;
    (void)state;
    memset(text + 5, 'x', TOFU_PATH_BYTES_MAX - 1);
    assert_int_equal(tofu_address_parse(text, &address), TOFU_OK);
    memset(text + 5, 'x', TOFU_PATH_BYTES_MAX);

    assert_int_equal(tofu_address_parse(text, &address), TOFU_WRONG_ADDRESS);
}

// The name is that of the temporary directory, which nobody else has.
static void an_abstract_name_has_no_file_and_is_free_after_close(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    struct tf_listener other;
    int error = 0;
    (void)snprintf(
        fixture->address.path, sizeof fixture->address.path, "@%s", fixture->link.directory);
    assert_false(is_served(fixture));

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    assert_string_equal(listener.address.path, fixture->address.path);
    assert_true(is_served(fixture));
    assert_int_equal(listen_once(fixture, &other, &error), TOFU_LISTEN_FAILED);
    assert_int_equal(error, EADDRINUSE);
    assert_false(exists(fixture->address.path));
    tf_listener_close(&listener);

    assert_false(is_served(fixture));
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    tf_listener_close(&listener);
}

static void the_peer_of_a_client_has_the_name_that_was_listened_on(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 2; i++) {
        struct tf_listener listener;
        struct tf_endpoint endpoint;
        struct tofu_peer peer = {0};
        tf_socket client = TF_SOCKET_NONE;
        enum tofu_status status = TOFU_OK;
        int error = 0;
        (void)snprintf(
            fixture->address.path,
            sizeof fixture->address.path,
            i == 0 ? "%s/named" : "@%s",
            fixture->link.directory);
        assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
        assert_true(tf_endpoint_from_address(&fixture->address, &endpoint));
        assert_int_equal(tf_socket_connect(&endpoint, &client, &status, &error), TF_CONNECT_DONE);

        assert_true(tf_socket_peer(client, &peer));

        assert_string_equal(peer.address.path, fixture->address.path);
        tf_socket_close(client);
        tf_listener_close(&listener);
    }
}

// Other programs know the name without a NUL at its end.
static void an_abstract_name_is_the_one_that_others_mean(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    (void)snprintf(
        fixture->address.path, sizeof fixture->address.path, "@%s", fixture->link.directory);
    struct sockaddr_un name = name_of(fixture->address.path);
    name.sun_path[0] = '\0';
    socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(fixture->address.path));
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    contract_adopt(&fixture->link, client);

    assert_int_equal(connect(client, (struct sockaddr *)&name, size), 0);

    tf_listener_close(&listener);
}

// Somebody who may write to the folder can put something else in the place of our fresh socket.
static void only_a_socket_is_given_permissions(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address link = contract_address(&fixture->link, "link");
    struct stat file = {0};
    file_make(fixture->address.path, "years of work");
    assert_int_equal(chmod(fixture->address.path, 0600), 0);

    assert_int_equal(
        tf_native_path_set_mode(AT_FDCWD, fixture->address.path, 0666, &file), EADDRINUSE);

    assert_int_equal(look(fixture->address.path).st_mode & 07777, 0600);
    assert_int_equal(file.st_ino, 0);
    assert_int_equal(unlink(fixture->address.path), 0);

    dead_socket_make(fixture, fixture->address.path);
    mode_t before = look(fixture->address.path).st_mode;
    assert_int_equal(symlink(fixture->address.path, link.path), 0);
    assert_int_equal(tf_native_path_set_mode(AT_FDCWD, link.path, 0666, &file), EADDRINUSE);
    assert_int_equal(look(fixture->address.path).st_mode, before);
    assert_int_equal(unlink(link.path), 0);

    assert_int_equal(tf_native_path_set_mode(AT_FDCWD, fixture->address.path, 0640, &file), 0);
    assert_int_equal(look(fixture->address.path).st_mode & 07777, 0640);
    assert_int_equal(file.st_ino, look(fixture->address.path).st_ino);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_free_path_is_taken_and_given_back),
        CASE(a_dead_socket_is_replaced),
        CASE(only_a_socket_is_given_permissions),
        CASE(connecting_to_a_dead_socket_fails_but_not_as_not_found),
        CASE(a_live_socket_is_untouched_and_goes_on_serving),
        CASE(a_live_socket_with_a_full_backlog_is_untouched),
        CASE(a_live_socket_of_another_kind_is_untouched),
        CASE(a_regular_file_is_untouched),
        CASE(a_directory_is_untouched),
        CASE(a_link_to_a_dead_socket_is_untouched_and_so_is_the_socket),
        CASE(a_link_to_nowhere_is_untouched_and_creates_nothing),
        CASE(a_dead_socket_of_another_user_is_untouched),
        CASE(a_path_below_a_file_is_not_found),
        CASE(listening_and_failing_to_leave_no_descriptor_behind),
        CASE(a_directory_that_does_not_exist_is_not_made),
        CASE(the_path_has_the_permissions_asked_for_whatever_the_umask),
        CASE(at_close_another_file_in_its_place_stays),
        CASE(at_close_the_socket_of_a_successor_stays),
        CASE(a_relative_path_is_removed_where_it_was_made),
        CASE(at_close_a_path_that_is_gone_is_no_trouble),
        CASE(the_longest_path_works_to_its_last_byte),
        CASE(a_path_that_is_too_long_is_no_address),
        CASE(an_abstract_name_has_no_file_and_is_free_after_close),
        CASE(the_peer_of_a_client_has_the_name_that_was_listened_on),
        CASE(an_abstract_name_is_the_one_that_others_mean),
    };
    return cmocka_run_group_tests_name("unix paths", tests, NULL, NULL);
}
