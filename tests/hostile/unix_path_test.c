// SPDX-License-Identifier: MIT
// Unix paths in hostile hands, through a whole engine: what is not a dead socket of ours is never touched,
// of several starters one wins, and nothing is left behind.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hostile/measure.h"
#include "support/posix/forked_child.h"
#include "support/raw_peer.h"

#define STARTERS 8
#define RACES    50

struct place {
    char path[TOFU_PATH_BYTES_MAX + 1];
    char address[TOFU_ADDRESS_BYTES_MAX];
};

static struct place place_named(const struct link_fixture *link, const char *name)
{
    struct place place;
    (void)snprintf(place.path, sizeof place.path, "%s/%s", link->directory, name);
    (void)snprintf(place.address, sizeof place.address, "uds|%s", place.path);
    return place;
}

// How many names there are: a lock file or a forgotten path shows.
static size_t names_in(const struct link_fixture *link)
{
    size_t count = 0;
    DIR *directory = opendir(link->directory);
    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    (void)closedir(directory);
    return count;
}

static struct stat stat_of(const char *path)
{
    struct stat file;
    assert_int_equal(lstat(path, &file), 0);
    return file;
}

static void expect_refused(const struct side *side, const char *address)
{
    struct tofu_header posted = side_post(side, side_welcome(side, address));
    struct tofu_message *response =
        side_expect_notice(side, TOFU_WELCOME_RESPONSE, TOFU_LISTEN_FAILED);
    assert_int_equal(tofu_message_header(response)->id, posted.id);
    side_put(side, response);
    side_expect_closed(side, posted.channel, posted.id, "listen_failed");
}

// Refused, and the file is the same as before, down to its times.
static void expect_untouched(const struct link_fixture *link, const struct place *place)
{
    struct stat before = stat_of(place->path);
    size_t names = names_in(link);

    expect_refused(&link->server, place->address);

    struct stat after = stat_of(place->path);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
    assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    assert_int_equal(names_in(link), names);
}

static void open_server(struct link_fixture *link)
{
    link->server.engine = link_open_engine(link, NULL);
    link_open_group(&link->server);
}

static int bound_socket(const char *path, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(descriptor >= 0);
    assert_int_equal(bind(descriptor, (const struct sockaddr *)&address, sizeof address), 0);
    if (backlog >= 0) {
        assert_int_equal(listen(descriptor, backlog), 0);
    }
    return descriptor;
}

static void leave_dead_socket(const char *path)
{
    (void)close(bound_socket(path, 4));
}

static void whatever_is_not_a_socket_is_not_touched(void **state)
{
    struct link_fixture *link = *state;
    open_server(link);
    struct place file = place_named(link, "file");
    struct place directory = place_named(link, "directory");
    struct place fifo = place_named(link, "fifo");
    int descriptor = open(file.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(descriptor, "precious", 8), 8);
    (void)close(descriptor);
    assert_int_equal(mkdir(directory.path, 0700), 0);
    assert_int_equal(mkfifo(fifo.path, 0600), 0);

    expect_untouched(link, &file);
    expect_untouched(link, &directory);
    expect_untouched(link, &fifo);

    assert_int_equal(rmdir(directory.path), 0);
}

// Not even one that leads to a dead socket, which alone would be replaced.
static void no_symbolic_link_is_followed(void **state)
{
    struct link_fixture *link = *state;
    open_server(link);
    struct place dead = place_named(link, "dead");
    struct place to_dead = place_named(link, "to-dead");
    struct place dangling = place_named(link, "dangling");
    leave_dead_socket(dead.path);
    struct stat before = stat_of(dead.path);
    assert_int_equal(symlink(dead.path, to_dead.path), 0);
    assert_int_equal(symlink("/nonexistent/target", dangling.path), 0);

    expect_untouched(link, &to_dead);
    expect_untouched(link, &dangling);

    assert_int_equal(stat_of(dead.path).st_ino, before.st_ino);
}

static void a_live_socket_is_not_touched_whoever_listens(void **state)
{
    struct link_fixture *link = *state;
    open_server(link);
    struct place raw = place_named(link, "raw");
    struct place ours = place_named(link, "ours");
    int descriptor = bound_socket(raw.path, 4);
    struct tofu_header posted = side_post(&link->server, side_welcome(&link->server, ours.address));
    side_put(&link->server, side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK));
    struct side other = {.engine = link_open_engine(link, NULL)};
    link_open_group(&other);

    expect_untouched(link, &raw);
    expect_untouched(link, &ours);
    expect_refused(&other, ours.address);

    (void)raw_connect(ours.address);
    side_expect_stat(&link->server, half_open, 1);
    assert_int_not_equal(posted.channel, 0);
    (void)close(descriptor);
}

// Dead, but of somebody else: who could take over another's path could take over his clients.
static void a_dead_socket_of_another_user_is_not_touched(void **state)
{
    struct link_fixture *link = *state;
    open_server(link);
    struct place foreign = place_named(link, "foreign");
    leave_dead_socket(foreign.path);
    if (chown(foreign.path, 12345, 12345) != 0) {
        print_message("skipped: only root can give a file away: %s\n", strerror(errno));
        skip();
    }

    expect_untouched(link, &foreign);
}

static void a_dead_socket_is_replaced_and_goes_with_its_listener(void **state)
{
    struct link_fixture *link = *state;
    open_server(link);
    struct place dead = place_named(link, "dead");
    leave_dead_socket(dead.path);
    struct stat before = stat_of(dead.path);

    struct tofu_header posted = side_post(&link->server, side_welcome(&link->server, dead.address));
    side_put(&link->server, side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK));

    struct stat after = stat_of(dead.path);
    assert_true(
        after.st_ino != before.st_ino || after.st_ctim.tv_sec != before.st_ctim.tv_sec ||
        after.st_ctim.tv_nsec != before.st_ctim.tv_nsec);
    assert_int_equal(after.st_mode & 0777, 0600);
    (void)raw_connect(dead.address);
    side_expect_stat(&link->server, half_open, 1);
    assert_int_equal(names_in(link), 1); // The lock has gone after its use.
    struct side listener = link->server;
    listener.channel = posted.channel;
    side_send(&listener, TOFU_BYE_REQUEST, 0, NULL);
    side_expect_closed(&link->server, posted.channel, posted.id, "success");
    assert_int_equal(names_in(link), 0);
}

// Somebody has taken our path away and put his own there; ours ends, his stays.
static void a_path_that_has_become_anothers_stays_at_the_end(void **state)
{
    struct link_fixture *link = *state;
    open_server(link);
    struct place place = place_named(link, "path");
    side_post(&link->server, side_welcome(&link->server, place.address));
    side_put(&link->server, side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK));
    assert_int_equal(unlink(place.path), 0);
    int usurper = bound_socket(place.path, 4);
    struct stat before = stat_of(place.path);

    link_close_engine(link, link->server.engine);

    assert_int_equal(stat_of(place.path).st_ino, before.st_ino);
    (void)raw_connect(place.address);
    (void)close(usurper);
}

// The program changes its working directory, which a relative path of ours began with.
static void a_relative_path_goes_with_its_listener_wherever_the_program_has_gone(void **state)
{
    struct link_fixture *link = *state;
    open_server(link);
    struct place place = place_named(link, "path");
    char *start = getcwd(NULL, 0);
    assert_non_null(start);
    assert_int_equal(chdir(link->directory), 0);
    side_post(&link->server, side_welcome(&link->server, "uds|path"));
    side_put(&link->server, side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK));
    assert_int_equal(chdir("/"), 0);

    raw_close(raw_connect(place.address));
    link_close_engine(link, link->server.engine);

    assert_int_equal(names_in(link), 0);
    assert_int_equal(chdir(start), 0);
    free(start);
}

static void a_path_that_is_too_long_is_an_invalid_address(void **state)
{
    struct link_fixture *link = *state;
    char address[256];
    open_server(link);
    int size = snprintf(address, sizeof address, "uds|%s/", link->directory);
    memset(address + size, 'x', sizeof address - (size_t)size);
    address[sizeof "uds|" - 1 + TOFU_PATH_BYTES_MAX + 1] = '\0';
    struct tofu_message *message = side_message(&link->server, TOFU_WELCOME_REQUEST, 0, NULL);
    tofu_message_header(message)->channel = 0;
    assert_status(TOFU_WRONG_ADDRESS, tofu_message_listen_on(message, address));
    side_put(&link->server, message);

    // One byte less is the longest that there is, and works.
    address[sizeof "uds|" - 1 + TOFU_PATH_BYTES_MAX] = '\0';
    side_post(&link->server, side_welcome(&link->server, address));
    side_put(&link->server, side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK));
    assert_int_equal(names_in(link), 1);
    (void)raw_connect(address);
    side_expect_stat(&link->server, half_open, 1);
}

// Each starts at the same time over the same dead path.
static void of_many_starters_exactly_one_gets_the_path(void **state)
{
    struct link_fixture *link = *state;
    uint64_t races = scaled("races", RACES);
    struct side sides[STARTERS] = {0};
    open_server(link);
    for (size_t i = 0; i < STARTERS; i++) {
        // Four engines with two groups each.
        sides[i].engine = i == 0                 ? link->server.engine
                          : i < LINK_ENGINES_MAX ? link_open_engine(link, NULL)
                                                 : sides[i - LINK_ENGINES_MAX].engine;
        link_open_group(&sides[i]);
    }
    for (uint64_t race = 0; race < races; race++) {
        struct place place = place_named(link, "raced");
        struct tofu_header posted[STARTERS];
        struct side *winner = NULL;
        leave_dead_socket(place.path);
        for (size_t i = 0; i < STARTERS; i++) {
            posted[i] = side_post(&sides[i], side_welcome(&sides[i], place.address));
        }

        for (size_t i = 0; i < STARTERS; i++) {
            struct tofu_message *response = side_await(&sides[i]);
            uint8_t status = tofu_message_header(response)->status;
            side_put(&sides[i], response);
            if (status == TOFU_OK) {
                assert_null(winner);
                winner = &sides[i];
                winner->channel = posted[i].channel;
            } else {
                assert_int_equal(status, TOFU_LISTEN_FAILED);
                // Nobody is turned away by another one's lock: all learn that the path has an owner.
                struct tofu_message *closed = side_await(&sides[i]);
                assert_true(message_is_closing(closed));
                assert_int_equal(tofu_message_header(closed)->id, posted[i].id);
                assert_text(closed, "~detail", strerror(EADDRINUSE));
                side_put(&sides[i], closed);
            }
        }

        assert_non_null(winner);
        raw_close(raw_connect(place.address));
        side_send(winner, TOFU_BYE_SIGNAL, 0, NULL);
        struct tofu_message *closed = side_await(winner);
        assert_true(message_is_closing(closed));
        side_put(winner, closed);
        assert_int_equal(names_in(link), 0);
    }
    print_message(
        "%llu races of %d starters: one winner each\n", (unsigned long long)races, STARTERS);
}

static int hold_lock_until_killed(void *argument, int tell)
{
    const struct place *place = argument;
    char lock[TOFU_PATH_BYTES_MAX + 8];
    (void)snprintf(lock, sizeof lock, "%s.lock", place->path);
    int descriptor = open(lock, O_CREAT | O_RDONLY | O_CLOEXEC, 01400);
    (void)write(tell, "held\n", 5);
    return descriptor >= 0 ? 0 : 1;
}

// A starter that crashed leaves its lock file, unlocked; the next one is not kept away by it.
static void a_lock_file_of_a_crashed_starter_keeps_nobody_away(void **state)
{
    struct link_fixture *link = *state;
    struct child child;
    struct place place = place_named(link, "path");
    char line[8];
    child_fork(&child, hold_lock_until_killed, &place);
    child_read_line(&child, line, sizeof line);
    assert_int_equal(child_join(&child), 0);
    assert_int_equal(names_in(link), 1);
    open_server(link);

    side_post(&link->server, side_welcome(&link->server, place.address));

    side_put(&link->server, side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK));
    assert_int_equal(names_in(link), 1); // The path, and no lock any more.
    assert_true(S_ISSOCK(stat_of(place.path).st_mode));
}

// A user's own file that happens to have the lock's name, and nothing in it, is none that we may remove.
static void an_empty_file_with_the_name_of_the_lock_is_kept(void **state)
{
    struct link_fixture *link = *state;
    struct place place = place_named(link, "path");
    struct place lock = place_named(link, "path.lock");
    int descriptor = open(lock.path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(descriptor >= 0);
    open_server(link);

    side_post(&link->server, side_welcome(&link->server, place.address));
    side_put(&link->server, side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK));
    link_close_engine(link, link->server.engine);

    assert_int_equal(names_in(link), 1);
    assert_true(S_ISREG(stat_of(lock.path).st_mode));
    assert_int_equal(unlink(lock.path), 0);
    (void)close(descriptor);
}

static void a_name_without_a_path_leaves_nothing_and_is_refused_twice(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_server(link);
    (void)snprintf(address, sizeof address, "uds|@%s/abstract", link->directory);
    side_post(&link->server, side_welcome(&link->server, address));
    side_put(&link->server, side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK));

    expect_refused(&link->server, address);

    assert_int_equal(names_in(link), 0);
    (void)raw_connect(address);
    side_expect_stat(&link->server, half_open, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(whatever_is_not_a_socket_is_not_touched),
        LINK_TEST(no_symbolic_link_is_followed),
        LINK_TEST(a_live_socket_is_not_touched_whoever_listens),
        LINK_TEST(a_dead_socket_of_another_user_is_not_touched),
        LINK_TEST(a_dead_socket_is_replaced_and_goes_with_its_listener),
        LINK_TEST(a_path_that_has_become_anothers_stays_at_the_end),
        LINK_TEST(a_relative_path_goes_with_its_listener_wherever_the_program_has_gone),
        LINK_TEST(a_path_that_is_too_long_is_an_invalid_address),
        LINK_TEST(of_many_starters_exactly_one_gets_the_path),
        LINK_TEST(a_lock_file_of_a_crashed_starter_keeps_nobody_away),
        LINK_TEST(an_empty_file_with_the_name_of_the_lock_is_kept),
        LINK_TEST(a_name_without_a_path_leaves_nothing_and_is_refused_twice),
    };
    return LINK_RUN(tests, LINK_UDS);
}
