// SPDX-License-Identifier: MIT
// Winsock belongs to the engine: a program that never heard of it works, and one that has started it
// finds it as it left it. What an engine opens, it closes.
#include <winsock2.h>

#include <tofu/tofu.h>

#include "contract/contract_link.h"
#include "os/resolver.h"

// Says how often Winsock is started, by stopping it until it refuses.
static int startup_count(void)
{
    int count = 0;
    while (WSACleanup() == 0) {
        count++;
    }
    assert_int_equal(WSAGetLastError(), WSANOTINITIALISED);
    return count;
}

static struct tofu_engine *engine_create(void)
{
    struct tofu_engine *engine = NULL;
    assert_int_equal(tofu_engine_create(NULL, &engine), TOFU_OK);
    return engine;
}

static void an_engine_starts_winsock_once_and_stops_it(void **state)
{
    (void)state;
    assert_int_equal(startup_count(), 0);

    struct tofu_engine *first = engine_create();
    struct tofu_engine *second = engine_create();
    tofu_engine_destroy(&first);
    SOCKET socket = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, 0);
    assert_true(socket != INVALID_SOCKET);
    assert_int_equal(closesocket(socket), 0);
    tofu_engine_destroy(&second);

    assert_int_equal(startup_count(), 0);
}

static void a_program_keeps_the_winsock_that_it_started(void **state)
{
    WSADATA data;
    (void)state;
    assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);

    struct tofu_engine *engine = engine_create();
    tofu_engine_destroy(&engine);

    assert_int_equal(startup_count(), 1);
}

static void await_end(void *context)
{
    (void)SetEvent((HANDLE)context);
}

// The name is asked for without an engine: the thread has its own hold.
static void a_resolver_needs_nobody_and_leaves_nothing(void **state)
{
    struct tofu_address address = {.transport = TOFU_TCP, .host = "localhost", .port = 1};
    HANDLE ended = CreateEventW(NULL, FALSE, FALSE, NULL);
    size_t before = 0;
    struct tf_resolver *resolver = NULL;
    (void)state;
    assert_int_equal(tf_resolver_open(&resolver), TOFU_OK);
    for (int i = 0; i < 12; i++) {
        struct tf_query *query = NULL;
        assert_int_equal(tf_query_open(resolver, &query, &address, await_end, ended), TOFU_OK);
        assert_int_equal(WaitForSingleObject(ended, 20000), WAIT_OBJECT_0);
        assert_int_equal(tf_query_resolution(query)->status, TOFU_OK);
        tf_query_close(&query);
        // The first ones load what the system needs for names.
        before = i == 1 ? machine_descriptor_count() : before;
    }
    tf_resolver_close(&resolver);

    // A thread that has told us may not be quite gone.
    uint64_t deadline_ns = tf_clock_now() + 5 * TF_SECOND;
    while (machine_descriptor_count() > before && tf_clock_now() < deadline_ns) {
        machine_yield();
    }
    assert_true(machine_descriptor_count() <= before);
    assert_int_equal(startup_count(), 0);
    (void)CloseHandle(ended);
}

static struct tofu_message *message_await(struct tofu_group *group)
{
    struct tofu_message *message = NULL;
    assert_int_equal(tofu_group_wait(group, CONTRACT_DEADLINE, &message), TOFU_OK);
    assert_non_null(message);
    return message;
}

// Where there are no Unix sockets the application hears why, and not only that the address is none.
static void who_asks_for_a_unix_socket_is_told_if_there_are_none(void **state)
{
    (void)state;
    if (contract_has(TOFU_UDS)) {
        print_message("skipped: this machine has Unix sockets\n");
        skip();
    }
    struct tofu_engine *engine = engine_create();
    struct tofu_group *group = NULL;
    struct tofu_message *message = NULL;
    const char *words = "";
    size_t size = 0;
    assert_int_equal(tofu_group_create(engine, &group), TOFU_OK);
    assert_int_equal(tofu_engine_get(engine, TOFU_ALWAYS, &message), TOFU_OK);
    assert_int_equal(tofu_message_connect_to(message, "uds|C:/nowhere"), TOFU_OK);

    assert_int_equal(tofu_group_post(group, &message, NULL), TOFU_OK);

    message = message_await(group);
    assert_int_equal(tofu_message_header(message)->status, TOFU_INVALID_ADDRESS);
    tofu_engine_put(engine, &message);
    message = message_await(group);
    assert_int_equal(tofu_message_header(message)->status, TOFU_CHANNEL_CLOSED);
    assert_true(tofu_message_find_text(message, "~detail", &words, &size));
    assert_memory_equal(words, "this system has no Unix sockets", 31);
    tofu_engine_put(engine, &message);
    tofu_engine_destroy(&engine);
}

static void engines_that_are_destroyed_leave_no_handle(void **state)
{
    (void)state;
    struct tofu_engine *first = engine_create(); // What the system loads for good.
    tofu_engine_destroy(&first);
    size_t before = machine_descriptor_count();

    for (int i = 0; i < 20; i++) {
        struct tofu_engine *engine = engine_create();
        struct tofu_group *group = NULL;
        tofu_descriptor descriptor = 0;
        assert_int_equal(tofu_group_create(engine, &group), TOFU_OK);
        assert_int_equal(tofu_group_descriptor(group, &descriptor), TOFU_OK);
        tofu_group_destroy(&group);
        tofu_engine_destroy(&engine);
    }

    assert_int_equal(machine_descriptor_count(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_starts_winsock_once_and_stops_it),
        cmocka_unit_test(a_program_keeps_the_winsock_that_it_started),
        cmocka_unit_test(a_resolver_needs_nobody_and_leaves_nothing),
        cmocka_unit_test(who_asks_for_a_unix_socket_is_told_if_there_are_none),
        cmocka_unit_test(engines_that_are_destroyed_leave_no_handle),
    };
    return cmocka_run_group_tests_name("Winsock", tests, NULL, NULL);
}
