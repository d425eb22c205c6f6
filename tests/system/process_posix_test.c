// SPDX-License-Identifier: MIT
// What POSIX gives to a process: a child that inherits an engine it cannot use, descriptors that exec
// closes, and signals.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/link_fixture.h"
#include "support/posix/forked_child.h"

#define DESCRIPTORS 1024

static void connect_to_server(struct link_fixture *link)
{
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, link->address));
    link->client.channel = hello.channel;
    link->hello_id = hello.id;
    assert_int_equal(side_take(&link->client, TOFU_HELLO_RESPONSE).id, hello.id);
}

static void say_bye_to_server(struct link_fixture *link)
{
    uint64_t bye = side_send(&link->client, TOFU_BYE_REQUEST, 0, NULL).id;
    assert_int_equal(side_take(&link->client, TOFU_BYE_RESPONSE).id, bye);
    side_expect_closed(&link->client, link->client.channel, link->hello_id, "success");
}

static bool all_calls_answer_forked(struct side *side, struct tofu_message *message)
{
    struct tofu_message *none = NULL;
    struct tofu_group *group = NULL;
    struct tofu_stats stats = {0};
    tofu_descriptor descriptor = -1;
    return tofu_group_post(side->group, &message, NULL) == TOFU_FORKED &&
           tofu_group_post_within(side->group, &message, 0, NULL) == TOFU_FORKED &&
           tofu_group_wait(side->group, TOFU_WAIT_FOREVER, &none) == TOFU_FORKED &&
           tofu_group_update(side->group, NULL) == TOFU_FORKED &&
           tofu_group_update(side->group, &message) == TOFU_FORKED &&
           tofu_group_descriptor(side->group, &descriptor) == TOFU_FORKED &&
           tofu_group_create(side->engine, &group) == TOFU_FORKED &&
           tofu_engine_get(side->engine, TOFU_ALWAYS, &none) == TOFU_FORKED &&
           tofu_engine_get_within(side->engine, TOFU_WAIT_FOREVER, &none) == TOFU_FORKED &&
           tofu_engine_shutdown(side->engine, 0, NULL) == TOFU_FORKED &&
           tofu_engine_stats(side->engine, &stats) == TOFU_FORKED &&
           tofu_message_clone(message, &none) == TOFU_FORKED && message != NULL && none == NULL &&
           group == NULL && descriptor == -1;
}

struct inheritance {
    struct side side;
    struct tofu_message *message;
};

static int use_inherited_engine(void *argument, int tell)
{
    struct inheritance inherited = *(struct inheritance *)argument;
    (void)tell;
    if (!all_calls_answer_forked(&inherited.side, inherited.message)) {
        return 3;
    }
    tofu_engine_put(inherited.side.engine, &inherited.message);
    tofu_group_destroy(&inherited.side.group);
    tofu_engine_destroy(&inherited.side.engine);
    bool are_null =
        inherited.message == NULL && inherited.side.group == NULL && inherited.side.engine == NULL;
    return are_null ? 0 : 4;
}

// The parent's descriptors are the child's too: nothing that the child does may reach the peer.
static void an_inherited_engine_answers_forked_and_stays_the_parents(void **state)
{
    struct link_fixture *link = *state;
    struct child child;
    struct inheritance inherited = {
        link->client, side_message(&link->client, TOFU_REQUEST, 5, "after the fork")};

    child_fork(&child, use_inherited_engine, &inherited);

    assert_int_equal(child_join(&child), 0);
    side_post(&link->client, inherited.message);
    struct tofu_message *message = side_expect(&link->server, TOFU_REQUEST);
    assert_body(message, "after the fork");
    side_put(&link->server, message);
    link_bye(link, &link->server, &link->client);
}

static int serve_echoes(void *argument, int tell)
{
    return dup2(tell, STDOUT_FILENO) >= 0 ? echo_server_run(argument) : 5;
}

static void a_child_of_a_process_with_an_engine_has_its_own(void **state)
{
    struct link_fixture *link = *state;
    struct child child;
    char address[TOFU_ADDRESS_BYTES_MAX];
    const char *sanitizer = getenv("TOFU_SANITIZE");
    if (sanitizer != NULL && strcmp(sanitizer, "thread") == 0) {
        skip_because("ThreadSanitizer knows no threads that begin behind such a fork");
    }
    link_fresh_address(link, "child", address);

    child_fork(&child, serve_echoes, address);

    child_read_line(&child, link->address, sizeof link->address);
    connect_to_server(link);
    side_send(&link->client, TOFU_REQUEST, 5, "echo");
    assert_int_equal(side_take(&link->client, TOFU_RESPONSE).id, 5);
    say_bye_to_server(link);
    assert_int_equal(child_join(&child), 0);
}

static void mark_open_descriptors(bool *is_open)
{
    for (int i = 0; i < DESCRIPTORS; i++) {
        is_open[i] = fcntl(i, F_GETFD) >= 0;
    }
}

// A program that our process starts must not hold our connections open.
static void all_descriptors_are_closed_by_exec(void **state)
{
    struct link_fixture *link = *state;
    bool was_open[DESCRIPTORS];
    tofu_descriptor descriptor = -1;
    int found = 0;
    mark_open_descriptors(was_open);
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    link_connect(link);
    assert_status(TOFU_OK, tofu_group_descriptor(link->client.group, &descriptor));

    for (int i = 0; i < DESCRIPTORS; i++) {
        int flags = was_open[i] ? -1 : fcntl(i, F_GETFD);
        found += flags >= 0;
        assert_true(flags < 0 || (flags & FD_CLOEXEC) != 0);
    }

    // A listener, two ends of a connection, two pollers and a descriptor at the least.
    assert_true(found >= 6);
}

// A signal that the application has blocked is not taken by a thread it does not know of.
static void no_thread_of_an_engine_takes_the_applications_signals(void **state)
{
    struct link_fixture *link = *state;
    sigset_t blocked;
    sigset_t before;
    sigset_t pending;
    (void)link;
    assert_int_equal(sigemptyset(&blocked), 0);
    assert_int_equal(sigaddset(&blocked, SIGUSR1), 0);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);

    assert_int_equal(kill(getpid(), SIGUSR1), 0);

    // Its default would have ended us by now; it waits for the one thread that may take it.
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGUSR1), 1);
    int taken = 0;
    assert_int_equal(sigwait(&blocked, &taken), 0);
    assert_int_equal(taken, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONNECTED_LINK_TEST(an_inherited_engine_answers_forked_and_stays_the_parents),
        CONNECTED_LINK_TEST(a_child_of_a_process_with_an_engine_has_its_own),
        LINK_TEST(all_descriptors_are_closed_by_exec),
        CONNECTED_LINK_TEST(no_thread_of_an_engine_takes_the_applications_signals),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
