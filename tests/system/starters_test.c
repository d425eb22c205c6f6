// SPDX-License-Identifier: MIT
// Processes that start on one Unix path at the same moment take turns: one listens, and each other one is told
// that the path is in use.
//
// A process is this very program. It connects to the test, which says when to begin, and reports over the
// same connection. It must not use cmocka.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/link_fixture.h"
#include "support/machine.h"
#include "support/process.h"
#include "support/raw_peer.h"

#define STARTER_ROLE  "--starter"
#define STARTER_COUNT 4
#define ROUND_COUNT   10

// Whether the library has Unix sockets that no raw socket finds.
#ifndef TEST_IMITATES_UNIX
#    define TEST_IMITATES_UNIX false
#endif

enum { ID_POSTED = 1, ID_VERDICT };

struct starter {
    struct tofu_engine *engine;
    struct tofu_group *group;
    uint16_t report; ///< channel to the test
};

static struct tofu_message *await_message(const struct starter *starter)
{
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_group_wait(starter->group, TEST_DEADLINE_NS, &message);
    return status == TOFU_OK ? message : NULL;
}

static bool connect_and_await_go(struct starter *starter, const char *address)
{
    struct tofu_message *message = NULL;
    struct tofu_header hello = {0};
    bool is_posted = tofu_engine_get(starter->engine, TOFU_ALWAYS, &message) == TOFU_OK &&
                     tofu_message_connect_to(message, address) == TOFU_OK &&
                     tofu_group_post(starter->group, &message, &hello) == TOFU_OK;
    starter->report = hello.channel;
    message = is_posted ? await_message(starter) : NULL;
    bool is_go = message != NULL && tofu_message_header(message)->origin != TOFU_ENGINE &&
                 tofu_message_header(message)->opcode == TOFU_HELLO_RESPONSE;
    tofu_engine_put(starter->engine, &message);
    return is_go;
}

static bool listen_at(const struct starter *starter, const char *address)
{
    struct tofu_message *message = NULL;
    return tofu_engine_get(starter->engine, TOFU_ALWAYS, &message) == TOFU_OK &&
           tofu_message_listen_on(message, address) == TOFU_OK &&
           tofu_group_post(starter->group, &message, NULL) == TOFU_OK;
}

static bool report(const struct starter *starter, uint64_t id, const char *text, size_t size)
{
    struct tofu_message *message = NULL;
    if (tofu_engine_get(starter->engine, TOFU_ALWAYS, &message) != TOFU_OK ||
        tofu_message_set_body(message, text, size) != TOFU_OK) {
        return false;
    }
    *tofu_message_header(message) =
        (struct tofu_header){.opcode = TOFU_SIGNAL, .channel = starter->report, .id = id};
    return tofu_group_post(starter->group, &message, NULL) == TOFU_OK;
}

// Nothing if it listens, or what the closing notice of its listener says.
static bool report_verdict(const struct starter *starter)
{
    struct tofu_message *response = await_message(starter);
    struct tofu_message *closed = NULL;
    const char *words = "";
    size_t size = 0;
    bool is_good = response != NULL;
    if (is_good && tofu_message_header(response)->status != TOFU_OK) {
        closed = await_message(starter);
        is_good = closed != NULL && tofu_message_find_text(closed, "~detail", &words, &size);
    }
    is_good = is_good && report(starter, ID_VERDICT, words, size);
    tofu_engine_put(starter->engine, &response);
    tofu_engine_put(starter->engine, &closed);
    return is_good;
}

// The test ends it; if the test itself has ended, so has the connection to it.
static int starter_run(char *addresses)
{
    struct starter starter = {0};
    char *path = strchr(addresses, ';');
    if (path == NULL) {
        return 2;
    }
    *path++ = '\0';
    if (tofu_engine_create(NULL, &starter.engine) != TOFU_OK) {
        return 3;
    }
    bool is_good = tofu_group_create(starter.engine, &starter.group) == TOFU_OK &&
                   connect_and_await_go(&starter, addresses) && listen_at(&starter, path) &&
                   report(&starter, ID_POSTED, "", 0) && report_verdict(&starter);
    struct tofu_message *message = is_good ? await_message(&starter) : NULL;
    tofu_engine_put(starter.engine, &message);
    tofu_engine_destroy(&starter.engine);
    return is_good ? 0 : 1;
}

struct race {
    char path[TOFU_ADDRESS_BYTES_MAX]; ///< that all of them want, as an address
    char lock[TOFU_ADDRESS_BYTES_MAX];
    struct child children[STARTER_COUNT];
    struct side reports[STARTER_COUNT];
};

static void start_all(struct link_fixture *link, struct race *race)
{
    char addresses[2 * TOFU_ADDRESS_BYTES_MAX];
    (void)snprintf(addresses, sizeof addresses, "%s;%s", link->address, race->path);
    for (size_t i = 0; i < STARTER_COUNT; i++) {
        assert_true(process_start(&race->children[i], STARTER_ROLE, addresses));
    }
    for (size_t i = 0; i < STARTER_COUNT; i++) {
        race->reports[i] = link->server;
        race->reports[i].channel = side_take(&link->server, TOFU_HELLO_REQUEST).channel;
    }
}

// The first ones find the lock held and have to wait; or all come at once, as chance will have it.
static void let_all_begin(struct link_fixture *link, struct race *race, bool is_held)
{
    intptr_t lock = is_held ? machine_lock_file(race->lock) : -1;
    assert_true(!is_held || lock != -1);
    for (size_t i = 0; i < STARTER_COUNT; i++) {
        side_send(&race->reports[i], TOFU_HELLO_RESPONSE, 1, NULL);
    }
    if (!is_held) {
        return;
    }
    // It has tried by then. Who has its own five seconds behind it before all others have begun would give up.
    struct tofu_message *message = side_expect(&link->server, TOFU_SIGNAL);
    assert_int_equal(tofu_message_header(message)->id, ID_POSTED);
    side_put(&link->server, message);
    machine_unlock_file(lock);
}

static void expect_in_use(struct link_fixture *link, const char *address, const char *words)
{
    struct tofu_header posted = side_post(&link->server, side_welcome(&link->server, address));
    side_put(
        &link->server,
        side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_LISTEN_FAILED));
    struct tofu_message *closed = side_await(&link->server);
    assert_true(message_is_closing(closed));
    assert_int_equal(tofu_message_header(closed)->id, posted.id);
    assert_text(closed, "~detail", words);
    side_put(&link->server, closed);
}

// Returns what the losers were told, the same each.
static void expect_one_winner(struct link_fixture *link, char *words, size_t room)
{
    size_t winner_count = 0;
    size_t verdict_count = 0;
    words[0] = '\0';
    while (verdict_count < STARTER_COUNT) {
        struct tofu_message *message = side_expect(&link->server, TOFU_SIGNAL);
        size_t size = 0;
        const char *body = tofu_message_body(message, &size);
        if (tofu_message_header(message)->id == ID_POSTED) {
            side_put(&link->server, message);
            continue;
        }
        assert_in_range(size, 0, room - 1);
        if (size == 0) {
            winner_count++;
        } else if (words[0] == '\0') {
            memcpy(words, body, size);
            words[size] = '\0';
        } else {
            assert_body(message, words);
        }
        side_put(&link->server, message);
        verdict_count++;
    }
    if (winner_count != 1) {
        print_error("the others were told: %s\n", words);
    }
    assert_int_equal(winner_count, 1);
}

// As a crash would: the winner leaves its path to the next round.
static void kill_all(struct link_fixture *link, struct race *race)
{
    for (size_t i = 0; i < STARTER_COUNT; i++) {
        assert_true(process_kill(&race->children[i]));
        (void)process_join(&race->children[i]);
        struct tofu_message *closed = side_await(&link->server);
        assert_true(message_is_closing(closed));
        side_put(&link->server, closed);
    }
}

static void open_test(struct link_fixture *link)
{
    if (!TEST_IMITATES_UNIX && !raw_has_unix()) {
        skip_because("this machine has no Unix sockets");
    }
    link_open_server(link, NULL);
}

static void run_race(struct link_fixture *link, bool is_held)
{
    struct race race = {0};
    char words[TOFU_ADDRESS_BYTES_MAX];
    (void)snprintf(race.path, sizeof race.path, "uds|%s/raced", link->directory);
    (void)snprintf(race.lock, sizeof race.lock, "%s/raced.lock", link->directory);
    start_all(link, &race);

    let_all_begin(link, &race, is_held);

    expect_one_winner(link, words, sizeof words);
    expect_in_use(link, race.path, words);
    assert_int_equal(machine_has_file(race.lock), is_held);
    kill_all(link, &race);
    assert_true(machine_has_file(race.path + strlen("uds|")));
    assert_true(!is_held || machine_remove_file(race.lock));
}

static void of_processes_that_wait_for_one_path_one_gets_it(void **state)
{
    struct link_fixture *link = *state;
    open_test(link);
    for (int round = 0; round < ROUND_COUNT; round++) {
        run_race(link, true);
    }
}

static void of_processes_that_come_at_once_one_gets_the_path(void **state)
{
    struct link_fixture *link = *state;
    open_test(link);
    for (int round = 0; round < ROUND_COUNT; round++) {
        run_race(link, false);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(of_processes_that_wait_for_one_path_one_gets_it),
        LINK_TEST(of_processes_that_come_at_once_one_gets_the_path),
    };
    if (argc == 3 && strcmp(argv[1], STARTER_ROLE) == 0) {
        return starter_run(argv[2]);
    }
    return LINK_RUN(tests, LINK_TCP);
}
