// SPDX-License-Identifier: MIT
// Forks in the middle of everything: the child's calls on what it inherited answer at once, whatever lock
// some thread of the parent held; its own engines work; and the parent does not notice.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile/measure.h"
#include "support/machine.h"
#include "support/posix/forked_child.h"
#include "support/raw_peer.h"
#include "support/worker.h"

#define FORKS          200
#define THREADS        4
#define LIST_ARGUMENT  "list-descriptors"
#define LIST_BYTES_MAX 4096

struct inheritance {
    struct side side;
    struct tofu_message *message;
};

static bool calls_of_group_answer_forked(struct tofu_group *group, struct tofu_message **message)
{
    struct tofu_message *none = NULL;
    struct tofu_group_stats group_stats = {0};
    struct tofu_channel_stats channel_stats = {0};
    tofu_descriptor descriptor = -1;
    return tofu_group_post(group, message, NULL) == TOFU_FORKED &&
           tofu_group_post_within(group, message, TOFU_WAIT_FOREVER, NULL) == TOFU_FORKED &&
           tofu_group_wait(group, TOFU_WAIT_FOREVER, &none) == TOFU_FORKED &&
           tofu_group_update(group, NULL) == TOFU_FORKED &&
           tofu_group_update(group, message) == TOFU_FORKED &&
           tofu_group_descriptor(group, &descriptor) == TOFU_FORKED &&
           tofu_group_stats(group, &group_stats) == TOFU_FORKED &&
           tofu_channel_stats(group, 1, &channel_stats) == TOFU_FORKED && none == NULL;
}

static bool calls_of_engine_answer_forked(struct tofu_engine *engine, struct tofu_message *message)
{
    struct tofu_message *none = NULL;
    struct tofu_group *group = NULL;
    struct tofu_stats stats = {0};
    return tofu_group_create(engine, &group) == TOFU_FORKED &&
           tofu_engine_get(engine, TOFU_POOL_ONLY, &none) == TOFU_FORKED &&
           tofu_engine_get(engine, TOFU_ALWAYS, &none) == TOFU_FORKED &&
           tofu_engine_get_within(engine, TOFU_WAIT_FOREVER, &none) == TOFU_FORKED &&
           tofu_engine_stats(engine, &stats) == TOFU_FORKED &&
           tofu_message_clone(message, &none) == TOFU_FORKED &&
           tofu_engine_shutdown(engine, TOFU_WAIT_FOREVER, NULL) == TOFU_FORKED && group == NULL &&
           none == NULL;
}

// Ends in a child all that it inherited, which must end there and nowhere else.
static int use_inherited(void *argument, int tell)
{
    struct inheritance inherited = *(const struct inheritance *)argument;
    (void)tell;
    if (!calls_of_group_answer_forked(inherited.side.group, &inherited.message) ||
        !calls_of_engine_answer_forked(inherited.side.engine, inherited.message)) {
        return 3;
    }
    tofu_engine_put(inherited.side.engine, &inherited.message);
    tofu_group_destroy(&inherited.side.group);
    tofu_engine_destroy(&inherited.side.engine);
    return inherited.message == NULL && inherited.side.group == NULL &&
                   inherited.side.engine == NULL
               ? 0
               : 4;
}

// Keeps the locks of the engine busy.
static void hammer(void *argument)
{
    const struct side *side = argument;
    while (worker_is_wanted()) {
        struct tofu_message *message = NULL;
        struct tofu_stats stats = {.struct_size = sizeof stats};
        if (tofu_engine_get(side->engine, TOFU_ALWAYS, &message) == TOFU_OK) {
            tofu_message_header(message)->opcode = TOFU_SIGNAL;
            tofu_message_header(message)->channel = side->channel;
            if (tofu_group_post(side->group, &message, NULL) != TOFU_OK) {
                tofu_engine_put(side->engine, &message);
            }
        }
        if (tofu_engine_stats(side->engine, &stats) != TOFU_OK) {
            return;
        }
    }
}

static void drain(void *argument)
{
    const struct side *side = argument;
    while (worker_is_wanted()) {
        struct tofu_message *message = NULL;
        if (tofu_group_wait(side->group, MILLISECOND_NS, &message) != TOFU_OK) {
            return;
        }
        tofu_engine_put(side->engine, &message);
    }
}

// What is taken makes room for more, so it is over when there is nothing and the engine has come to rest.
static void take_rest(const struct side *side)
{
    size_t taken_count = 0;
    do {
        taken_count = 0;
        await_quiet(side);
        struct tofu_message *message = NULL;
        do {
            assert_status(TOFU_OK, tofu_group_wait(side->group, 0, &message));
            taken_count += message != NULL ? 1 : 0;
            side_put(side, message);
        } while (message != NULL);
    } while (taken_count > 0);
}

static void forks_under_load_answer_at_once_and_leave_the_parent_alone(void **state)
{
    struct link_fixture *link = *state;
    static struct worker workers[THREADS];
    struct inheritance inherited = {
        link->client, side_message(&link->client, TOFU_SIGNAL, 5, "inherited")};
    uint64_t forks = scaled("forks", FORKS);
    worker_start(&workers[0], drain, &link->server);
    for (size_t i = 1; i < THREADS; i++) {
        worker_start(&workers[i], hammer, &link->client);
    }

    for (uint64_t i = 0; i < forks; i++) {
        struct child child;
        child_fork(&child, use_inherited, &inherited);
        assert_int_equal(child_join(&child), 0);
    }

    for (size_t i = 0; i < THREADS; i++) {
        worker_dismiss(&workers[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        worker_join(&workers[i]);
    }
    // What the client has not sent yet is on its way when the client has come to rest.
    await_quiet(&link->client);
    take_rest(&link->server);
    take_rest(&link->client);
    print_message(
        "%llu forks, %llu messages sent meanwhile\n",
        (unsigned long long)forks,
        (unsigned long long)side_stats(&link->client).messages_sent);
    side_post(&link->client, inherited.message);
    assert_int_equal(side_take(&link->server, TOFU_SIGNAL).id, 5);
    for (int i = 0; i < 100; i++) {
        round_trip(link, NULL);
    }
    link_bye(link, &link->client, &link->server);
}

// The child destroyed the engine that listens: neither the path nor the listener is touched by that.
static void a_listener_that_a_child_destroys_goes_on_listening(void **state)
{
    struct link_fixture *link = *state;
    struct inheritance inherited = {
        link->server, side_message(&link->server, TOFU_SIGNAL, 5, "inherited")};
    struct child child;
    child_fork(&child, use_inherited, &inherited);
    assert_int_equal(child_join(&child), 0);

    side_put(&link->server, inherited.message);
    link_connect(link);
    round_trip(link, NULL);
}

// A child that does nothing but keep what it inherited, until its parent says or is gone.
static int keep_inherited(void *argument, int tell)
{
    const int *parting = argument;
    char byte = 0;
    (void)close(parting[1]);
    (void)tell;
    return read(parting[0], &byte, 1) == 0 ? 0 : 3;
}

// The child has copies of all descriptors: what the parent ends must end all the same.
static void what_the_parent_ends_has_ended_whatever_a_child_keeps(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    struct child child;
    int parting[2];
    int peer = link_raw_server(link);
    int aborted = link_raw_client(link);
    uint16_t channel = link->server.channel;
    memcpy(address, link->address, sizeof address);
    assert_int_equal(pipe2(parting, O_CLOEXEC), 0);
    child_fork(&child, keep_inherited, parting);
    (void)close(parting[0]);

    side_send(&link->server, TOFU_BYE_SIGNAL, 1, NULL);
    side_expect_closed(&link->server, channel, link->hello_id, "channel_closed");
    link->server.channel = link->listener;
    side_send(&link->server, TOFU_BYE_SIGNAL, 2, NULL);
    side_expect_closed(&link->server, link->listener, link->welcome_id, "channel_closed");

    bool is_tcp = link->transport == TOFU_TCP;
    assert_int_equal(raw_await_end(aborted, NULL), is_tcp ? RAW_RESET : RAW_FIN);
    side_post(&link->server, side_welcome(&link->server, address));
    side_put(&link->server, side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK));
    link_close_engine(link, link->client.engine);
    assert_int_equal(raw_await_end(peer, NULL), is_tcp ? RAW_RESET : RAW_FIN);
    (void)close(parting[1]);
    assert_int_equal(child_join(&child), 0);
}

static bool exchange_in_child(const struct side *server, const struct side *client)
{
    struct tofu_message *message = NULL;
    bool is_good = tofu_engine_get(server->engine, TOFU_ALWAYS, &message) == TOFU_OK &&
                   tofu_message_listen_on(message, "tcp|127.0.0.1|0") == TOFU_OK &&
                   tofu_group_post(server->group, &message, NULL) == TOFU_OK &&
                   tofu_group_wait(server->group, TEST_DEADLINE_NS, &message) == TOFU_OK &&
                   message != NULL;
    char address[TOFU_ADDRESS_BYTES_MAX] = "";
    const char *value = NULL;
    size_t size = 0;
    if (is_good && tofu_message_find_text(message, "~listen_on", &value, &size)) {
        memcpy(address, value, size);
        tofu_engine_put(server->engine, &message);
    }
    is_good = is_good && tofu_engine_get(client->engine, TOFU_ALWAYS, &message) == TOFU_OK &&
              tofu_message_connect_to(message, address) == TOFU_OK &&
              tofu_group_post(client->group, &message, NULL) == TOFU_OK &&
              tofu_group_wait(server->group, TEST_DEADLINE_NS, &message) == TOFU_OK &&
              message != NULL && tofu_message_header(message)->opcode == TOFU_HELLO_REQUEST;
    tofu_engine_put(server->engine, &message);
    return is_good;
}

// What is the child's own is inherited by the grandchild in turn.
static int fork_again(const struct side *own)
{
    struct tofu_message *message = NULL;
    int status = -1;
    if (tofu_engine_get(own->engine, TOFU_ALWAYS, &message) != TOFU_OK) {
        return 5;
    }
    struct inheritance inherited = {*own, message};
    pid_t grandchild = fork();
    if (grandchild == 0) {
        _exit(use_inherited(&inherited, -1));
    }
    uint64_t looks = 0;
    while (waitpid(grandchild, &status, WNOHANG) == 0 && looks < 100000) {
        interval_pass(MILLISECOND_NS);
        looks++;
    }
    tofu_engine_put(own->engine, &message);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 6;
}

static int use_own_engine(void *argument, int tell)
{
    struct inheritance inherited = *(const struct inheritance *)argument;
    struct fault_allocator memory;
    fault_allocator_open(&memory);
    const struct tofu_options options = {.allocator = fault_allocator_functions(&memory)};
    struct side own = {.engine = NULL};
    if (tofu_engine_create(&options, &own.engine) != TOFU_OK ||
        tofu_group_create(own.engine, &own.group) != TOFU_OK) {
        return 7;
    }
    struct side client = own;
    if (tofu_group_create(own.engine, &client.group) != TOFU_OK ||
        !exchange_in_child(&own, &client)) {
        return 8;
    }
    int result = use_inherited(&inherited, tell);
    if (result == 0) {
        result = fork_again(&own);
    }
    tofu_engine_destroy(&own.engine);
    return result == 0 && !fault_allocator_is_clean(&memory) ? 9 : result;
}

static void a_childs_own_engine_works_beside_the_inherited_one(void **state)
{
    struct link_fixture *link = *state;
    struct inheritance inherited = {
        link->client, side_message(&link->client, TOFU_SIGNAL, 5, "inherited")};
    struct child child;
    const char *sanitizer = getenv("TOFU_SANITIZE");
    if (sanitizer != NULL && strcmp(sanitizer, "thread") == 0) {
        side_put(&link->client, inherited.message);
        print_message("skipped: ThreadSanitizer cannot follow threads that a forked child makes\n");
        skip();
    }

    child_fork(&child, use_own_engine, &inherited);

    assert_int_equal(child_join(&child), 0);
    side_put(&link->client, inherited.message);
    round_trip(link, NULL);
}

static int exec_list(void *argument, int tell)
{
    char path[] = "/proc/self/exe";
    char list[] = LIST_ARGUMENT;
    char *arguments[] = {path, list, NULL};
    (void)argument;
    (void)dup2(tell, STDOUT_FILENO);
    (void)execv(path, arguments);
    return 99;
}

// Runs this program anew to list what is open in it, but for its standard streams.
static void list_after_exec(char *text)
{
    struct child child;
    child_fork(&child, exec_list, NULL);
    child_read_line(&child, text, LIST_BYTES_MAX);
    assert_int_equal(child_join(&child), 0);
}

static void a_program_that_is_started_inherits_no_descriptor(void **state)
{
    static char before[LIST_BYTES_MAX];
    static char after[LIST_BYTES_MAX];
    struct link_fixture *link = *state;
    tofu_descriptor descriptor = -1;
    list_after_exec(before);
    size_t open_before = machine_descriptor_count();
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    link_connect(link);
    assert_status(TOFU_OK, tofu_group_descriptor(link->client.group, &descriptor));
    (void)link_raw_client(link);
    // A connect that is still under way.
    char address[TOFU_ADDRESS_BYTES_MAX];
    raw_listen(link->transport == TOFU_TCP, link->directory, "full", 0, address);
    raw_connect(address);
    side_post(&link->client, side_hello(&link->client, address));

    list_after_exec(after);

    print_message(
        "%zu descriptors more are open, none in the new program\n",
        machine_descriptor_count() - open_before);
    assert_true(machine_descriptor_count() >= open_before + 8);
    assert_string_equal(after, before);
}

static int list_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        return 1;
    }
    for (int i = STDERR_FILENO + 1; i < 4096; i++) {
        if (i != dirfd(directory) && fcntl(i, F_GETFD) >= 0) {
            printf("%d ", i);
        }
    }
    printf("end\n");
    (void)closedir(directory);
    return 0;
}

static int set_up_listening(void **state)
{
    int result = link_set_up(state);
    link_open_server(*state, NULL);
    link_open_client(*state, NULL);
    return result;
}

int main(int argument_count, char **arguments)
{
    if (argument_count == 2 && strcmp(arguments[1], LIST_ARGUMENT) == 0) {
        return list_descriptors();
    }
    const struct CMUnitTest tests[] = {
        CONNECTED_LINK_TEST(forks_under_load_answer_at_once_and_leave_the_parent_alone),
        {"a listener that a child destroys goes on listening",
         a_listener_that_a_child_destroys_goes_on_listening,
         set_up_listening,
         link_tear_down,
         NULL},
        {"what the parent ends has ended whatever a child keeps",
         what_the_parent_ends_has_ended_whatever_a_child_keeps,
         set_up_listening,
         link_tear_down,
         NULL},
        CONNECTED_LINK_TEST(a_childs_own_engine_works_beside_the_inherited_one),
        LINK_TEST(a_program_that_is_started_inherits_no_descriptor),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
