// SPDX-License-Identifier: MIT
#include "support/link_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/child.h"
#include "support/machine.h"
#include "support/raw_peer.h"
#include "support/worker.h"

#define RUN_TESTS_MAX 256

struct kind {
    unsigned kind;
    const char *name;
    enum tofu_transport transport;
    bool is_one_engine;
};

// Not const, since cmocka hands them to the set up as its state.
static struct kind all_kinds[] = {
    {LINK_TCP, "tcp", TOFU_TCP, false},
    {LINK_UDS, "uds", TOFU_UDS, false},
    {LINK_TCP_ONE_ENGINE, "tcp, one engine", TOFU_TCP, true},
    {LINK_UDS_ONE_ENGINE, "uds, one engine", TOFU_UDS, true},
};

// One test at a time: its state lives here, where a test that fails leaves it for the tear down.
static struct link_fixture the_link;

int link_set_up(void **state)
{
    const struct kind *kind = *state;
    memset(&the_link, 0, sizeof the_link);
    the_link.transport = kind->transport;
    the_link.is_one_engine = kind->is_one_engine;
    assert_true(machine_make_directory(the_link.directory, sizeof the_link.directory));
    *state = &the_link;
    return 0;
}

int link_set_up_connected(void **state)
{
    int status = link_set_up(state);
    link_open_server(&the_link, NULL);
    link_open_client(&the_link, NULL);
    link_connect(&the_link);
    return status;
}

static bool engine_end(struct link_engine *place)
{
    struct fault_allocator *memory = &place->memory;
    tofu_engine_destroy(&place->engine);
    if (fault_allocator_is_clean(memory)) {
        return true;
    }
    print_error(
        "an engine kept %zu blocks, %zu bytes, and gave back %zu with a wrong size\n",
        atomic_load(&memory->live_count),
        atomic_load(&memory->live_bytes),
        atomic_load(&memory->mistake_count));
    return false;
}

// A test that failed may have left threads inside an engine: they are told to end first.
static void end_workers(struct link_fixture *link)
{
    for (size_t i = 0; i < LINK_ENGINES_MAX && workers_are_left(); i++) {
        if (link->engines[i].engine != NULL) {
            enum tofu_status status = tofu_engine_shutdown(link->engines[i].engine, 0, NULL);
            print_error("threads are left, shutting down: %s\n", tofu_status_name(status));
        }
    }
    workers_join_left();
}

int link_tear_down(void **state)
{
    struct link_fixture *link = *state;
    bool is_clean = true;
    end_workers(link);
    child_end_left();
    for (size_t i = 0; i < LINK_ENGINES_MAX; i++) {
        if (link->engines[i].engine != NULL) {
            is_clean = engine_end(&link->engines[i]) && is_clean;
        }
    }
    raw_close_all();
    machine_remove_directory(link->directory);
    return is_clean ? 0 : -1;
}

static void name_write(char *name, const char *kind, const char *function)
{
    (void)snprintf(name, TEST_NAME_BYTES_MAX, "%s: %s", kind, function);
    for (char *c = name; *c != '\0'; c++) {
        if (*c == '_') {
            *c = ' ';
        }
    }
}

// In place of a test whose kind of link this machine does not have.
static void no_unix_sockets(void **state)
{
    (void)state;
    skip_because("this machine has no Unix sockets");
}

// Whether there are Unix sockets does not change while a program runs.
static bool is_available(const struct kind *kind)
{
    static enum { UNKNOWN, PRESENT, ABSENT } unix_sockets = UNKNOWN;
    if (kind->transport == TOFU_UDS && unix_sockets == UNKNOWN) {
        unix_sockets = raw_has_unix() ? PRESENT : ABSENT;
    }
    return kind->transport != TOFU_UDS || unix_sockets == PRESENT;
}

int link_run(const struct CMUnitTest *tests, size_t test_count, unsigned kinds)
{
    static char names[RUN_TESTS_MAX][TEST_NAME_BYTES_MAX];
    struct CMUnitTest all[RUN_TESTS_MAX];
    size_t count = 0;
    for (size_t k = 0; k < sizeof all_kinds / sizeof all_kinds[0]; k++) {
        for (size_t i = 0; i < test_count && (all_kinds[k].kind & kinds) != 0; i++) {
            if (count == RUN_TESTS_MAX) {
                print_error("more than %d tests\n", RUN_TESTS_MAX);
                return 1;
            }
            name_write(names[count], all_kinds[k].name, tests[i].name);
            all[count] = is_available(&all_kinds[k])
                             ? tests[i]
                             : (struct CMUnitTest){.test_func = no_unix_sockets};
            all[count].name = names[count];
            all[count].initial_state = &all_kinds[k];
            count++;
        }
    }
    const char *filter = getenv("TOFU_TEST_FILTER");
    if (filter != NULL) {
        cmocka_set_test_filter(filter);
    }
    return _cmocka_run_group_tests("system", all, count, NULL, NULL);
}

struct tofu_engine *link_open_engine(struct link_fixture *link, const struct tofu_options *options)
{
    struct tofu_options own = {0};
    if (options != NULL) {
        own = *options;
    }
    if (own.pool_messages_max == 0) {
        own.pool_messages_max = LINK_POOL_MESSAGES_MAX;
    }
    for (size_t i = 0; i < LINK_ENGINES_MAX; i++) {
        struct link_engine *place = &link->engines[i];
        if (place->engine == NULL) {
            fault_allocator_open(&place->memory);
            own.allocator = fault_allocator_functions(&place->memory);
            assert_status(TOFU_OK, tofu_engine_create(&own, &place->engine));
            assert_non_null(place->engine);
            return place->engine;
        }
    }
    fail_msg("more than %d engines", LINK_ENGINES_MAX);
    return NULL;
}

static struct link_engine *place_of(struct link_fixture *link, const struct tofu_engine *engine)
{
    for (size_t i = 0; i < LINK_ENGINES_MAX; i++) {
        if (link->engines[i].engine == engine) {
            return &link->engines[i];
        }
    }
    fail_msg("the engine is not one of this link");
    return NULL;
}

void link_close_engine(struct link_fixture *link, struct tofu_engine *engine)
{
    struct link_engine *place = place_of(link, engine);
    struct side *const sides[] = {&link->server, &link->client};
    for (size_t i = 0; i < 2; i++) {
        if (sides[i]->engine == engine) {
            *sides[i] = (struct side){0};
        }
    }
    assert_true(engine_end(place));
    assert_null(place->engine);
}

struct fault_allocator *link_memory(struct link_fixture *link, struct tofu_engine *engine)
{
    return &place_of(link, engine)->memory;
}

void link_open_group(struct side *side)
{
    side->group = NULL;
    assert_status(TOFU_OK, tofu_group_create(side->engine, &side->group));
    assert_non_null(side->group);
}

void link_fresh_address(const struct link_fixture *link, const char *name, char *address)
{
    if (link->transport == TOFU_TCP) {
        (void)snprintf(address, TOFU_ADDRESS_BYTES_MAX, "tcp|127.0.0.1|0");
        return;
    }
    int size = snprintf(address, TOFU_ADDRESS_BYTES_MAX, "uds|%s/%s", link->directory, name);
    assert_in_range(size, 1, TOFU_ADDRESS_BYTES_MAX - 1);
}

void link_real_address(const struct tofu_message *response, char *address)
{
    const char *value = NULL;
    size_t size = 0;
    assert_true(tofu_message_find_text(response, "~listen_on", &value, &size));
    assert_in_range(size, 1, TOFU_ADDRESS_BYTES_MAX - 1);
    memcpy(address, value, size);
    address[size] = '\0';
}

uint16_t link_listen(
    const struct link_fixture *link, const struct side *side, const char *name, char *address)
{
    link_fresh_address(link, name, address);
    struct tofu_header posted = side_post(side, side_welcome(side, address));
    struct tofu_message *response = side_expect_notice(side, TOFU_WELCOME_RESPONSE, TOFU_OK);
    link_real_address(response, address);
    side_put(side, response);
    return posted.channel;
}

void link_open_server(struct link_fixture *link, const struct tofu_options *options)
{
    link->server.engine = link_open_engine(link, options);
    link_open_group(&link->server);
    link_fresh_address(link, "server", link->address);
    struct tofu_header posted =
        side_post(&link->server, side_welcome(&link->server, link->address));
    struct tofu_message *response =
        side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK);
    link->listener = posted.channel;
    link->welcome_id = posted.id;
    link_real_address(response, link->address);
    side_put(&link->server, response);
}

void link_open_client(struct link_fixture *link, const struct tofu_options *options)
{
    link->client.engine =
        link->is_one_engine ? link->server.engine : link_open_engine(link, options);
    link_open_group(&link->client);
}

void link_connect(struct link_fixture *link)
{
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, link->address));
    link->client.channel = hello.channel;
    link->hello_id = hello.id;

    struct tofu_header received = side_take(&link->server, TOFU_HELLO_REQUEST);
    assert_int_equal(received.id, hello.id);
    link->server.channel = received.channel;

    side_send(&link->server, TOFU_HELLO_RESPONSE, hello.id, NULL);
    assert_int_equal(side_take(&link->client, TOFU_HELLO_RESPONSE).id, hello.id);
}

int link_raw_client(struct link_fixture *link)
{
    link->hello_id = 4711;
    int raw = raw_connect(link->address);
    raw_send_hello(raw, link->hello_id);
    struct tofu_header received = side_take(&link->server, TOFU_HELLO_REQUEST);
    assert_int_equal(received.id, link->hello_id);
    link->server.channel = received.channel;
    return raw;
}

int link_raw_server(struct link_fixture *link)
{
    char address[TOFU_ADDRESS_BYTES_MAX];
    int listener = raw_listen(link->transport == TOFU_TCP, link->directory, "raw", 4, address);
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, address));
    int raw = raw_accept(listener);
    raw_close(listener);
    // The next raw peer of this test may have the same path.
    if (link->transport == TOFU_UDS) {
        (void)machine_remove_file(address + strlen("uds|"));
    }
    assert_int_equal(raw_expect(raw, RAW_HELLO_REQUEST), hello.id);
    link->client.channel = hello.channel;
    link->hello_id = hello.id;
    return raw;
}

void link_bye(const struct link_fixture *link, const struct side *from, const struct side *to)
{
    struct tofu_header bye = side_send(from, TOFU_BYE_REQUEST, 0, NULL);
    assert_int_equal(side_take(to, TOFU_BYE_REQUEST).id, bye.id);
    side_send(to, TOFU_BYE_RESPONSE, bye.id, NULL);
    assert_int_equal(side_take(from, TOFU_BYE_RESPONSE).id, bye.id);
    side_expect_closed(from, from->channel, link->hello_id, "success");
    side_expect_closed(to, to->channel, link->hello_id, "success");
}
