// SPDX-License-Identifier: MIT
// The lock file beside a Unix path: starters never block one another, never both win, and leave nothing
// behind.
#include <errno.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <unistd.h>

#include "contract/unix_path_fixture.h"
#include "os/park.h"
#include "os/thread.h"

static void a_starter_is_told_of_another_one_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    dead_socket_make(fixture, fixture->address.path);
    int other = open(fixture->lock, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(other >= 0);
    contract_adopt(&fixture->link, other);
    assert_int_equal(flock(other, LOCK_EX), 0);
    ino_t inode = look(fixture->address.path).st_ino;

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_LISTEN_FAILED);

    assert_int_equal(error, EWOULDBLOCK);
    assert_true(tf_listener_error_is_busy(error));
    assert_int_equal(look(fixture->address.path).st_ino, inode);
    assert_true(exists(fixture->lock));
    assert_int_equal(flock(other, LOCK_UN), 0);
    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);
    tf_listener_close(&listener);
}

static void the_lock_file_of_a_starter_that_crashed_is_no_obstacle(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    file_make(fixture->lock, "");
    assert_int_equal(chmod(fixture->lock, 01400), 0);

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);

    assert_false(exists(fixture->lock));
    tf_listener_close(&listener);
}

// Somebody's file that happens to have the name and nothing in it yet: good enough to lock, not ours to
// remove.
static void an_empty_file_that_was_not_made_for_a_lock_is_kept(void **state)
{
    static const mode_t modes[] = {0644, 0600, 0660, 0444, 0700, 0500, 0400, 01600, 01444};
    struct fixture *fixture = *state;
    file_make(fixture->lock, "");
    ino_t inode = look(fixture->lock).st_ino;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct tf_listener listener;
        int error = 0;
        assert_int_equal(chmod(fixture->lock, modes[i]), 0);

        assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);

        assert_int_equal(look(fixture->lock).st_ino, inode);
        assert_int_equal(look(fixture->lock).st_mode & 07777, modes[i]);
        tf_listener_close(&listener);
    }
}

static void whatever_the_umask_the_lock_goes_after_use(void **state)
{
    static const mode_t masks[] = {0, 022, 077, 0177, 0377, 0777};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        struct tf_listener listener;
        int error = 0;
        mode_t before = umask(masks[i]);

        enum tofu_status status = listen_once(fixture, &listener, &error);

        (void)umask(before);
        assert_int_equal(status, TOFU_OK);
        assert_false(exists(fixture->lock));
        tf_listener_close(&listener);
    }
}

// Somebody's data under that name.
static void a_lock_file_with_content_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    file_make(fixture->lock, "years of work");

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_OK);

    assert_int_equal(look(fixture->lock).st_size, strlen("years of work"));
    tf_listener_close(&listener);
}

static void a_link_in_place_of_the_lock_is_not_followed(void **state)
{
    struct fixture *fixture = *state;
    struct tofu_address target = contract_address(&fixture->link, "target");
    struct tf_listener listener;
    int error = 0;
    assert_int_equal(symlink(target.path, fixture->lock), 0);

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_LISTEN_FAILED);

    assert_int_equal(error, ELOOP);
    assert_false(exists(target.path));
    assert_false(exists(fixture->address.path));
}

static void a_named_pipe_in_place_of_the_lock_stops_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    assert_int_equal(mkfifo(fixture->lock, 0600), 0);

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_LISTEN_FAILED);

    assert_int_equal(error, EPERM);
    assert_true(exists(fixture->lock));
}

static void the_lock_file_of_another_user_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct tf_listener listener;
    int error = 0;
    file_make(fixture->lock, "");
    if (chown(fixture->lock, geteuid() + 1, (gid_t)-1) != 0) {
        print_message("skipped: only a privileged user can make another user's file\n");
        skip();
    }

    assert_int_equal(listen_once(fixture, &listener, &error), TOFU_LISTEN_FAILED);

    assert_int_equal(error, EPERM);
    assert_true(exists(fixture->lock));
}

#define STARTER_COUNT 4
#define ROUND_COUNT   50

struct starter {
    struct tf_thread thread;
    struct fixture *fixture;
    _Atomic uint32_t *ready_count;
    uint32_t ready_wanted;
    struct tf_listener listener;
    enum tofu_status status;
};

// All begin at once, or the first would have listened before the second exists.
static bool starter_step(void *context)
{
    struct starter *starter = context;
    int error = 0;
    uint32_t ready_count = atomic_fetch_add(starter->ready_count, 1) + 1;
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    tf_unpark_all(starter->ready_count);
    while (ready_count < starter->ready_wanted && tf_clock_now() < deadline_ns) {
        tf_park(starter->ready_count, ready_count, deadline_ns);
        ready_count = atomic_load(starter->ready_count);
    }
    starter->status = listen_once(starter->fixture, &starter->listener, &error);
    return false;
}

// Were the lock not kept until the listen, one could take another's fresh socket for a dead one, and there
// would be two who believe that the path is theirs.
static void of_many_starters_on_a_dead_socket_exactly_one_serves(void **state)
{
    struct fixture *fixture = *state;
    static struct starter starters[STARTER_COUNT];
    for (int round = 0; round < ROUND_COUNT; round++) {
        _Atomic uint32_t ready_count = 0;
        uint32_t winner_count = 0;
        dead_socket_make(fixture, fixture->address.path);
        for (int i = 0; i < STARTER_COUNT; i++) {
            starters[i] = (struct starter){
                .fixture = fixture, .ready_count = &ready_count, .ready_wanted = STARTER_COUNT};
            assert_int_equal(
                tf_thread_start(&starters[i].thread, NULL, starter_step, &starters[i]), TOFU_OK);
        }
        for (int i = 0; i < STARTER_COUNT; i++) {
            tf_thread_join(&starters[i].thread);
            winner_count += starters[i].status == TOFU_OK ? 1 : 0;
        }

        assert_int_equal(winner_count, 1);
        assert_true(is_served(fixture));
        assert_false(exists(fixture->lock));
        for (int i = 0; i < STARTER_COUNT; i++) {
            if (starters[i].status == TOFU_OK) {
                tf_listener_close(&starters[i].listener);
            }
        }
        assert_false(exists(fixture->address.path));
    }
}

#define VISIT_COUNT 1000

struct visitor {
    struct tf_thread thread;
    struct fixture *fixture;
    uint32_t visit_count;
    uint32_t served_count;
    uint32_t robbed_count;
};

// Listens, looks whether the path is still its own, and goes. Whoever is robbed was taken for dead.
static bool visitor_step(void *context)
{
    struct visitor *visitor = context;
    struct tf_listener listener;
    struct stat file;
    int error = 0;
    visitor->visit_count++;
    if (listen_once(visitor->fixture, &listener, &error) == TOFU_OK) {
        visitor->served_count++;
        if (lstat(listener.address.path, &file) != 0 ||
            (uint64_t)file.st_ino != listener.path_inode) {
            visitor->robbed_count++;
        }
        tf_listener_close(&listener);
    }
    return visitor->visit_count < VISIT_COUNT;
}

static void starters_that_come_and_go_never_rob_one_another(void **state)
{
    struct fixture *fixture = *state;
    struct visitor visitors[STARTER_COUNT];
    uint32_t served_count = 0;
    for (int i = 0; i < STARTER_COUNT; i++) {
        visitors[i] = (struct visitor){.fixture = fixture};
        assert_int_equal(
            tf_thread_start(&visitors[i].thread, NULL, visitor_step, &visitors[i]), TOFU_OK);
    }
    for (int i = 0; i < STARTER_COUNT; i++) {
        tf_thread_join(&visitors[i].thread);
    }
    for (int i = 0; i < STARTER_COUNT; i++) {
        assert_int_equal(visitors[i].robbed_count, 0);
        served_count += visitors[i].served_count;
    }
    assert_true(served_count > 0);
    assert_false(exists(fixture->address.path));
    assert_false(exists(fixture->lock));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_starter_is_told_of_another_one_at_once),
        CASE(the_lock_file_of_a_starter_that_crashed_is_no_obstacle),
        CASE(an_empty_file_that_was_not_made_for_a_lock_is_kept),
        CASE(whatever_the_umask_the_lock_goes_after_use),
        CASE(a_lock_file_with_content_is_kept),
        CASE(a_link_in_place_of_the_lock_is_not_followed),
        CASE(a_named_pipe_in_place_of_the_lock_stops_nobody),
        CASE(the_lock_file_of_another_user_is_refused),
        CASE(of_many_starters_on_a_dead_socket_exactly_one_serves),
        CASE(starters_that_come_and_go_never_rob_one_another),
    };
    return cmocka_run_group_tests_name("the lock beside a path", tests, NULL, NULL);
}
