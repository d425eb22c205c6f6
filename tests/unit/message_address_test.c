// SPDX-License-Identifier: MIT
// Addresses in messages: put in by the application, read and replaced by the engine.
#include "unit/expect.h"

#include <string.h>

#include "support/fault_allocator.h"
#include "unit/addresses.h"
#include "wire/address.h"
#include "wire/message.h"

// A message and the books about its memory.
struct fixture {
    struct fault_allocator fault;
    struct tofu_allocator allocator;
    struct tofu_message *message;
};

static struct fixture fixture;

static int set_up(void **state)
{
    fault_allocator_open(&fixture.fault);
    fixture.allocator = fault_allocator_functions(&fixture.fault);
    fixture.message = tf_message_create(&fixture.allocator);
    *state = &fixture;
    return fixture.message != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *own = *state;
    tf_message_destroy(&own->message);
    return fault_allocator_is_clean(&own->fault) ? 0 : -1;
}

static void append(struct fixture *own, const char *name, const char *value)
{
    assert_status(TOFU_OK, tofu_message_append_text(own->message, name, value));
}

static void assert_text(const struct fixture *own, const char *wanted)
{
    assert_int_equal(own->message->text.size, strlen(wanted));
    assert_memory_equal(own->message->text.data, wanted, strlen(wanted));
}

static void fill_header(struct fixture *own)
{
    *tofu_message_header(own->message) = (struct tofu_header){
        .channel = 7,
        .opcode = TOFU_SIGNAL,
        .origin = TOFU_ENGINE,
        .more = 1,
        .status = 9,
        .id = 5};
}

static void assert_only_opcode(const struct tofu_header *header, enum tofu_opcode opcode)
{
    assert_int_equal(header->opcode, opcode);
    assert_int_equal(header->channel, 0);
    assert_int_equal(header->origin, TOFU_APPLICATION);
    assert_int_equal(header->more, 0);
    assert_int_equal(header->status, TOFU_OK);
    assert_true(header->id == 0);
}

static void connect_to_makes_a_fresh_hello_request(void **state)
{
    struct fixture *own = *state;
    fill_header(own);

    assert_status(TOFU_OK, tofu_message_connect_to(own->message, "tcp|127.0.0.1|7099"));

    assert_text(own, "~connect_to:tcp|127.0.0.1|7099\r\n");
    assert_only_opcode(&own->message->header, TOFU_HELLO_REQUEST);
}

static void listen_on_makes_a_fresh_welcome_request(void **state)
{
    struct fixture *own = *state;
    fill_header(own);

    assert_status(TOFU_OK, tofu_message_listen_on(own->message, "tcp://:0"));

    assert_text(own, "~listen_on:tcp||0\r\n");
    assert_only_opcode(&own->message->header, TOFU_WELCOME_REQUEST);
}

static void every_address_goes_into_a_message_in_its_bar_form(void **state)
{
    struct fixture *own = *state;
    for (size_t i = 0; i < accepted_address_count; i++) {
        const char *value;
        size_t size;

        assert_status(TOFU_OK, tofu_message_listen_on(own->message, accepted_addresses[i].text));

        assert_true(tofu_message_find_text(own->message, "~listen_on", &value, &size));
        assert_int_equal(size, strlen(bar_form_of(&accepted_addresses[i])));
        assert_memory_equal(value, bar_form_of(&accepted_addresses[i]), size);
    }
}

static void an_address_replaces_those_before_and_nothing_else(void **state)
{
    struct fixture *own = *state;
    append(own, "first", "1");
    assert_status(TOFU_OK, tofu_message_connect_to(own->message, "uds|old"));
    append(own, "~listen_on", "uds|other");
    append(own, "~connect_to", "uds|twice");
    append(own, "last", "2");
    assert_status(TOFU_OK, tofu_message_set_body(own->message, "body", 4));

    assert_status(TOFU_OK, tofu_message_connect_to(own->message, "uds|new"));
    assert_text(own, "first:1\r\nlast:2\r\n~connect_to:uds|new\r\n");

    assert_status(TOFU_OK, tofu_message_listen_on(own->message, "uds|newer"));
    assert_text(own, "first:1\r\nlast:2\r\n~listen_on:uds|newer\r\n");
    assert_memory_equal(own->message->body.data, "body", 4);
}

static void what_cannot_be_connected_to_is_refused(void **state)
{
    struct fixture *own = *state;
    const char *const texts[] = {"tcp||7099", "tcp|host|0", "tcp||0", "tcp://:7099", "tcp://h:0"};
    assert_status(TOFU_OK, tofu_message_connect_to(own->message, "tcp|h|1"));
    tofu_message_clear_texts(own->message);
    append(own, "kept", "1");
    fill_header(own);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_status(TOFU_WRONG_ADDRESS, tofu_message_connect_to(own->message, texts[i]));
        assert_text(own, "kept:1\r\n");
        assert_int_equal(own->message->header.opcode, TOFU_SIGNAL);
    }
}

static void a_malformed_address_leaves_the_message_as_it_was(void **state)
{
    struct fixture *own = *state;
    assert_status(TOFU_OK, tofu_message_connect_to(own->message, "uds|old"));
    fill_header(own);
    for (size_t i = 0; i < refused_address_count; i++) {
        assert_status(
            TOFU_WRONG_ADDRESS, tofu_message_connect_to(own->message, refused_addresses[i]));
        assert_status(
            TOFU_WRONG_ADDRESS, tofu_message_listen_on(own->message, refused_addresses[i]));
    }
    assert_text(own, "~connect_to:uds|old\r\n");
    assert_int_equal(own->message->header.channel, 7);
    assert_int_equal(own->message->header.opcode, TOFU_SIGNAL);
}

// Fills the text headers so that `size` bytes are free.
static void leave_room(struct fixture *own, size_t size)
{
    static char value[TOFU_PART_BYTES_MAX];
    size_t value_size = TOFU_PART_BYTES_MAX - size - own->message->text.size - strlen("x:\r\n");
    memset(value, 'v', value_size);
    value[value_size] = '\0';
    append(own, "x", value);
    assert_int_equal(own->message->text.size, TOFU_PART_BYTES_MAX - size);
}

static void an_address_needs_room_among_the_text_headers(void **state)
{
    struct fixture *own = *state;
    const size_t line_bytes = strlen("~connect_to:uds|1234\r\n");
    leave_room(own, line_bytes - 1);
    assert_status(TOFU_INVALID_HEADERS_LEN, tofu_message_connect_to(own->message, "uds|1234"));
    assert_int_equal(own->message->text.size, TOFU_PART_BYTES_MAX - line_bytes + 1);

    tofu_message_clear_texts(own->message);
    leave_room(own, line_bytes);
    assert_status(TOFU_OK, tofu_message_connect_to(own->message, "uds|1234"));
    assert_int_equal(own->message->text.size, TOFU_PART_BYTES_MAX);

    // The room of an address is free for the next one.
    assert_status(TOFU_INVALID_HEADERS_LEN, tofu_message_connect_to(own->message, "uds|12345"));
    assert_status(TOFU_OK, tofu_message_connect_to(own->message, "uds|4321"));
    assert_int_equal(own->message->text.size, TOFU_PART_BYTES_MAX);
}

static void without_memory_the_message_stays_as_it_was(void **state)
{
    struct fixture *own = *state;
    append(own, "first", "1");
    assert_status(TOFU_OK, tofu_message_connect_to(own->message, "uds|old"));
    fill_header(own);
    enum tofu_status status = TOFU_ALLOCATION_FAILED;
    for (size_t nth = 1; status != TOFU_OK; nth++) {
        assert_in_range(nth, 1, 10);
        fault_allocator_fail(&own->fault, nth, 1);

        status = tofu_message_listen_on(own->message, "uds|" PATH_107);

        if (status != TOFU_OK) {
            assert_status(TOFU_ALLOCATION_FAILED, status);
            assert_text(own, "first:1\r\n~connect_to:uds|old\r\n");
            assert_int_equal(own->message->header.channel, 7);
        }
    }
    assert_true(own->fault.failure_count > 0);
    assert_text(own, "first:1\r\n~listen_on:uds|" PATH_107 "\r\n");
}

static void the_engine_reads_the_address_that_was_put_in(void **state)
{
    struct fixture *own = *state;
    struct tofu_address address;
    append(own, "first", "1");

    assert_status(TOFU_OK, tofu_message_connect_to(own->message, "tcp://[::1]:80"));
    assert_status(TOFU_OK, tf_message_address(own->message, &address));
    assert_int_equal(address.transport, TOFU_TCP);
    assert_string_equal(address.host, "::1");
    assert_int_equal(address.port, 80);

    assert_status(TOFU_OK, tofu_message_listen_on(own->message, "tcp||0"));
    assert_status(TOFU_OK, tf_message_address(own->message, &address));
    assert_string_equal(address.host, "");
    assert_int_equal(address.port, 0);
}

// An application may write the text header itself; then the engine finds out.
static void what_the_engine_cannot_use_is_an_invalid_address(void **state)
{
    struct fixture *own = *state;
    const struct {
        uint8_t opcode;
        const char *name;
        const char *value;
    } cases[] = {
        {TOFU_HELLO_REQUEST, "other", "x"},
        {TOFU_HELLO_REQUEST, "~listen_on", "uds|x"},
        {TOFU_HELLO_REQUEST, "~connect_to", "uds:///tmp/x"},
        {TOFU_HELLO_REQUEST, "~connect_to", "tcp://host:1"},
        {TOFU_HELLO_REQUEST, "~connect_to", "tcp|host|0"},
        {TOFU_HELLO_REQUEST, "~connect_to", "tcp||1"},
        {TOFU_HELLO_REQUEST, "~connect_to", " "},
        {TOFU_HELLO_REQUEST, "~connect_to", "uds|p" PATH_107},
        {TOFU_HELLO_REQUEST, "~connect_to", "tcp|h" HOST_253 "|1"},
        {TOFU_WELCOME_REQUEST, "~connect_to", "uds|x"},
        {TOFU_WELCOME_REQUEST, "~listen_on", "uds|"},
        {TOFU_WELCOME_REQUEST, "~listen_on", "tcp://:0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tofu_address address = {.port = 4711};
        tofu_message_reset(own->message);
        own->message->header.opcode = cases[i].opcode;
        append(own, cases[i].name, cases[i].value);

        assert_status(TOFU_INVALID_ADDRESS, tf_message_address(own->message, &address));

        assert_int_equal(address.port, 4711);
    }
    tofu_message_reset(own->message);
    own->message->header.opcode = TOFU_HELLO_REQUEST;
    struct tofu_address address;
    assert_status(TOFU_INVALID_ADDRESS, tf_message_address(own->message, &address));
}

static void a_nul_in_an_address_is_refused(void **state)
{
    struct fixture *own = *state;
    const char *const lines[] = {"~connect_to:uds|a#b", "~connect_to:tcp|a#b|1"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct tofu_address address;
        tofu_message_reset(own->message);
        own->message->header.opcode = TOFU_HELLO_REQUEST;
        assert_true(tf_bytes_append(
            &own->message->text, &own->allocator, lines[i], strlen(lines[i]), 1000));
        assert_status(TOFU_OK, tf_message_address(own->message, &address));

        *(char *)memchr(own->message->text.data, '#', own->message->text.size) = '\0';

        assert_status(TOFU_INVALID_ADDRESS, tf_message_address(own->message, &address));
    }
}

static void blanks_around_the_value_are_not_part_of_the_address(void **state)
{
    struct fixture *own = *state;
    struct tofu_address address;
    own->message->header.opcode = TOFU_WELCOME_REQUEST;
    append(own, "~listen_on", "\t uds|x \t");

    assert_status(TOFU_OK, tf_message_address(own->message, &address));

    assert_string_equal(address.path, "x");
}

// The WelcomeResponse says where the engine really listens, and must not fail for want of memory.
static void the_real_address_replaces_the_asked_one_without_allocation(void **state)
{
    struct fixture *own = *state;
    struct tofu_address longest = {.transport = TOFU_TCP, .host = HOST_253, .port = 65535};
    struct tofu_address shorter = {.transport = TOFU_TCP, .host = "::", .port = 40000};
    append(own, "first", "1");
    assert_status(TOFU_OK, tofu_message_listen_on(own->message, "tcp||0"));
    append(own, "last", "2");
    assert_status(TOFU_OK, tf_message_reserve_address(own->message));
    fault_allocator_fail(&own->fault, 1, SIZE_MAX);

    tf_message_set_listen_on(own->message, &longest);
    assert_text(own, "first:1\r\nlast:2\r\n~listen_on:tcp|" HOST_253 "|65535\r\n");

    tf_message_set_listen_on(own->message, &shorter);
    assert_text(own, "first:1\r\nlast:2\r\n~listen_on:tcp|::|40000\r\n");
    assert_int_equal(own->message->header.opcode, TOFU_WELCOME_REQUEST);
}

static void the_reserve_serves_a_text_whose_last_line_has_no_crlf(void **state)
{
    struct fixture *own = *state;
    struct tofu_address longest = {.transport = TOFU_TCP, .host = HOST_253, .port = 65535};
    const char *text = "~listen_on:uds|x\r\na:b";
    assert_true(tf_bytes_append(&own->message->text, &own->allocator, text, strlen(text), 1000));
    assert_status(TOFU_OK, tf_message_reserve_address(own->message));
    fault_allocator_fail(&own->fault, 1, SIZE_MAX);

    tf_message_set_listen_on(own->message, &longest);

    assert_text(own, "a:b\r\n~listen_on:tcp|" HOST_253 "|65535\r\n");
}

static void reserving_says_when_there_is_no_memory_or_no_room(void **state)
{
    struct fixture *own = *state;
    assert_status(TOFU_OK, tofu_message_listen_on(own->message, "tcp||0"));
    fault_allocator_fail(&own->fault, 1, 1);
    assert_status(TOFU_ALLOCATION_FAILED, tf_message_reserve_address(own->message));
    assert_text(own, "~listen_on:tcp||0\r\n");

    leave_room(own, 0);
    assert_status(TOFU_INVALID_HEADERS_LEN, tf_message_reserve_address(own->message));
    assert_int_equal(own->message->text.size, TOFU_PART_BYTES_MAX);
}

static void a_nearly_full_text_has_room_for_the_real_address(void **state)
{
    struct fixture *own = *state;
    struct tofu_address longest = {.transport = TOFU_TCP, .host = HOST_253, .port = 65535};
    assert_status(TOFU_OK, tofu_message_listen_on(own->message, "tcp||0"));
    leave_room(own, 300 - own->message->text.size);

    assert_status(TOFU_OK, tf_message_reserve_address(own->message));
    tf_message_set_listen_on(own->message, &longest);

    struct tofu_address address;
    assert_status(TOFU_OK, tf_message_address(own->message, &address));
    assert_string_equal(address.host, HOST_253);
    assert_true(own->message->text.size <= TOFU_PART_BYTES_MAX);
    assert_true(own->message->text.capacity <= TOFU_PART_BYTES_MAX);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(connect_to_makes_a_fresh_hello_request),
        with_fixture(listen_on_makes_a_fresh_welcome_request),
        with_fixture(every_address_goes_into_a_message_in_its_bar_form),
        with_fixture(an_address_replaces_those_before_and_nothing_else),
        with_fixture(what_cannot_be_connected_to_is_refused),
        with_fixture(a_malformed_address_leaves_the_message_as_it_was),
        with_fixture(an_address_needs_room_among_the_text_headers),
        with_fixture(without_memory_the_message_stays_as_it_was),
        with_fixture(the_engine_reads_the_address_that_was_put_in),
        with_fixture(what_the_engine_cannot_use_is_an_invalid_address),
        with_fixture(a_nul_in_an_address_is_refused),
        with_fixture(blanks_around_the_value_are_not_part_of_the_address),
        with_fixture(the_real_address_replaces_the_asked_one_without_allocation),
        with_fixture(the_reserve_serves_a_text_whose_last_line_has_no_crlf),
        with_fixture(reserving_says_when_there_is_no_memory_or_no_room),
        with_fixture(a_nearly_full_text_has_room_for_the_real_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
