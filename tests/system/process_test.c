// SPDX-License-Identifier: MIT
// Two processes: a server of its own, and one that dies.
#include <string.h>

#include "support/child.h"
#include "support/link_fixture.h"
#include "support/machine.h"
#include "support/raw_peer.h"

static void start_server(struct link_fixture *link, struct child *child)
{
    char address[TOFU_ADDRESS_BYTES_MAX];
    link_fresh_address(link, "server", address);
    child_start_echo_server(child, address);
    child_read_line(child, link->address, sizeof link->address);
    link_open_client(link, NULL);
}

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

static void two_processes_exchange_messages_and_end_in_good_order(void **state)
{
    struct link_fixture *link = *state;
    struct child child;
    start_server(link, &child);
    connect_to_server(link);
    for (uint64_t id = 1; id <= 500; id++) {
        side_send(&link->client, id % 2 == 0 ? TOFU_SIGNAL : TOFU_REQUEST, id, "echo this");
    }
    for (uint64_t id = 1; id <= 500; id++) {
        struct tofu_message *message =
            side_expect(&link->client, id % 2 == 0 ? TOFU_SIGNAL : TOFU_RESPONSE);
        assert_int_equal(tofu_message_header(message)->id, id);
        assert_body(message, "echo this");
        side_put(&link->client, message);
    }

    say_bye_to_server(link);

    assert_int_equal(child_join(&child), 0);
}

static void the_largest_message_is_echoed_by_another_process(void **state)
{
    struct link_fixture *link = *state;
    struct child child;
    static char bytes[TOFU_PART_BYTES_MAX + 1];
    size_t size = 0;
    start_server(link, &child);
    connect_to_server(link);
    memset(bytes, 'x', TOFU_PART_BYTES_MAX);
    struct tofu_message *message = side_message(&link->client, TOFU_REQUEST, 5, bytes);
    bytes[TOFU_PART_BYTES_MAX - strlen("name:\r\n")] = '\0';
    assert_status(TOFU_OK, tofu_message_append_text(message, "name", bytes));
    side_post(&link->client, message);

    message = side_expect(&link->client, TOFU_RESPONSE);

    assert_text(message, "name", bytes);
    const char *body = tofu_message_body(message, &size);
    assert_int_equal(size, TOFU_PART_BYTES_MAX);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(body[i], 'x');
    }
    side_put(&link->client, message);
    say_bye_to_server(link);
    assert_int_equal(child_join(&child), 0);
}

static void a_server_that_is_killed_is_a_peer_that_goes(void **state)
{
    struct link_fixture *link = *state;
    struct child child;
    start_server(link, &child);
    connect_to_server(link);

    child_kill(&child);

    side_expect_closed(&link->client, link->client.channel, link->hello_id, "peer_disconnected");
}

// What the killed one has left behind, a Unix path above all, does not keep its successor away.
static void the_successor_of_a_killed_server_takes_its_address(void **state)
{
    struct link_fixture *link = *state;
    struct child child;
    start_server(link, &child);
    connect_to_server(link);
    child_kill(&child);
    side_expect_closed(&link->client, link->client.channel, link->hello_id, "peer_disconnected");
    link_close_engine(link, link->client.engine);

    child_start_echo_server(&child, link->address);
    char address[TOFU_ADDRESS_BYTES_MAX];
    child_read_line(&child, address, sizeof address);

    assert_string_equal(address, link->address);
    link_open_client(link, NULL);
    connect_to_server(link);
    say_bye_to_server(link);
    assert_int_equal(child_join(&child), 0);
}

// Opens two engines, connects them and ends them.
static void use_engines(struct link_fixture *link)
{
    size_t before = machine_descriptor_count();
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    link_connect(link);
    link_raw_client(link);
    raw_close_all();
    assert_true(machine_descriptor_count() > before);
    link_close_engine(link, link->client.engine);
    link_close_engine(link, link->server.engine);
}

// What a system keeps for itself after its first use is there before we count.
static void an_engine_that_is_destroyed_leaves_no_descriptor(void **state)
{
    struct link_fixture *link = *state;
    use_engines(link);
    size_t before = machine_descriptor_count();

    for (int i = 0; i < 5; i++) {
        use_engines(link);
    }

    assert_int_equal(machine_descriptor_count(), before);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(two_processes_exchange_messages_and_end_in_good_order),
        LINK_TEST(the_largest_message_is_echoed_by_another_process),
        LINK_TEST(a_server_that_is_killed_is_a_peer_that_goes),
        LINK_TEST(the_successor_of_a_killed_server_takes_its_address),
        LINK_TEST(an_engine_that_is_destroyed_leaves_no_descriptor),
    };
    child_take_role(argc, argv);
    return LINK_RUN(tests, LINK_BOTH);
}
