// SPDX-License-Identifier: MIT
// Posting: the checks of PROTOCOL.md, section 3, in their order. What is refused stays with the caller,
// untouched.
#include <string.h>

#include "support/link_fixture.h"

#define BODY_MAX 100
#define TEXT_MAX 100

static const struct tofu_options small_parts = {
    .text_bytes_max = TEXT_MAX, .body_bytes_max = BODY_MAX};

// Fails unless two messages say the same.
static void assert_same_message(struct tofu_message *message, struct tofu_message *copy)
{
    size_t size = 0;
    size_t copy_size = 0;
    const void *body = tofu_message_body(message, &size);
    const void *copy_body = tofu_message_body(copy, &copy_size);
    const struct tofu_header *header = tofu_message_header(message);
    const struct tofu_header *copy_header = tofu_message_header(copy);
    assert_int_equal(header->channel, copy_header->channel);
    assert_int_equal(header->opcode, copy_header->opcode);
    assert_int_equal(header->origin, copy_header->origin);
    assert_int_equal(header->more, copy_header->more);
    assert_int_equal(header->status, copy_header->status);
    assert_int_equal(header->id, copy_header->id);
    assert_int_equal(size, copy_size);
    assert_memory_equal(body, copy_body, size);
    assert_ptr_equal(tofu_message_user(message), tofu_message_user(copy));
    struct tofu_text_iterator texts = tofu_message_texts(message);
    struct tofu_text_iterator copies = tofu_message_texts(copy);
    const char *name = NULL;
    const char *value = NULL;
    size_t name_size = 0;
    size_t value_size = 0;
    while (tofu_text_next(&texts, &name, &name_size, &value, &value_size)) {
        const char *copy_name = NULL;
        const char *copy_value = NULL;
        size_t copy_name_size = 0;
        size_t copy_value_size = 0;
        assert_true(
            tofu_text_next(&copies, &copy_name, &copy_name_size, &copy_value, &copy_value_size));
        assert_int_equal(name_size, copy_name_size);
        assert_int_equal(value_size, copy_value_size);
        assert_memory_equal(name, copy_name, name_size);
        assert_memory_equal(value, copy_value, value_size);
    }
    assert_false(tofu_text_next(&copies, NULL, NULL, NULL, NULL));
}

// Posts a message that must be refused, and keeps it.
static void refuse(const struct side *side, struct tofu_message *message, enum tofu_status status)
{
    struct tofu_message *copy = NULL;
    struct tofu_message *posted = message;
    struct tofu_header accepted = {.id = 77};
    assert_status(TOFU_OK, tofu_message_clone(message, &copy));

    assert_status(status, tofu_group_post(side->group, &posted, &accepted));

    assert_ptr_equal(posted, message);
    assert_int_equal(accepted.id, 77);
    assert_same_message(message, copy);
    tofu_engine_put(side->engine, &copy);
}

static void no_message_is_refused(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_message *message = NULL;
    struct tofu_header accepted = {.id = 77};

    assert_status(TOFU_NULL_MESSAGE, tofu_group_post(link->client.group, &message, &accepted));

    assert_null(message);
    assert_int_equal(accepted.id, 77);
}

static void every_opcode_that_is_none_is_refused(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_message *message = side_message(&link->client, TOFU_REQUEST, 5, "body");
    for (unsigned opcode = 10; opcode <= 255; opcode++) {
        tofu_message_header(message)->opcode = (uint8_t)opcode;
        refuse(&link->client, message, TOFU_INVALID_OP_CODE);
    }
    side_put(&link->client, message);
    side_expect_silence(&link->server);
}

static void responses_without_an_id_are_refused(void **state)
{
    static const enum tofu_opcode opcodes[] = {
        TOFU_RESPONSE, TOFU_HELLO_RESPONSE, TOFU_BYE_RESPONSE, TOFU_WELCOME_RESPONSE};
    struct link_fixture *link = *state;
    for (size_t i = 0; i < 4; i++) {
        struct tofu_message *message = side_message(&link->server, opcodes[i], 0, "body");
        refuse(&link->server, message, TOFU_INVALID_MESSAGE_ID);
        side_put(&link->server, message);
    }
}

static void more_is_refused_on_what_is_not_regular(void **state)
{
    struct link_fixture *link = *state;
    for (unsigned opcode = TOFU_HELLO_REQUEST; opcode <= TOFU_WELCOME_RESPONSE; opcode++) {
        struct tofu_message *message =
            side_message(&link->server, (enum tofu_opcode)opcode, 5, "body");
        tofu_message_header(message)->more = 1;
        refuse(&link->server, message, TOFU_INVALID_MORE_USAGE);
        side_put(&link->server, message);
    }
}

static void a_channel_is_for_all_but_hello_and_welcome(void **state)
{
    struct link_fixture *link = *state;
    for (unsigned opcode = TOFU_REQUEST; opcode <= TOFU_WELCOME_RESPONSE; opcode++) {
        bool opens = opcode == TOFU_HELLO_REQUEST || opcode == TOFU_WELCOME_REQUEST;
        struct tofu_message *message =
            side_message(&link->client, (enum tofu_opcode)opcode, 5, "body");
        tofu_message_header(message)->channel = opens ? link->client.channel : 0;
        refuse(&link->client, message, TOFU_INVALID_CHANNEL_NUMBER);
        side_put(&link->client, message);
    }
}

// One message that breaks every check there is: each repair brings out the next one.
static void the_checks_are_made_in_their_order(void **state)
{
    struct link_fixture *link = *state;
    char long_value[TEXT_MAX + 1];
    memset(long_value, 'v', TEXT_MAX);
    long_value[TEXT_MAX] = '\0';
    link_open_server(link, &small_parts);
    link_open_client(link, &small_parts);
    link_connect(link);
    struct side other = link->client;
    link_open_group(&other);
    struct tofu_message *message = side_message(&link->client, (enum tofu_opcode)12, 0, NULL);
    struct tofu_header *header = tofu_message_header(message);
    void *body = NULL;
    assert_status(TOFU_OK, tofu_message_resize_body(message, BODY_MAX + 1, &body));
    memset(body, 'b', BODY_MAX + 1);
    assert_status(TOFU_OK, tofu_message_append_text(message, "name", long_value));
    header->more = 1;
    header->channel = 0;

    refuse(&other, message, TOFU_INVALID_OP_CODE);
    header->opcode = TOFU_HELLO_RESPONSE;
    refuse(&other, message, TOFU_INVALID_MESSAGE_ID);
    header->id = 5;
    refuse(&other, message, TOFU_INVALID_MORE_USAGE);
    header->more = 0;
    refuse(&other, message, TOFU_INVALID_CHANNEL_NUMBER);
    header->channel = 9999;
    refuse(&other, message, TOFU_INVALID_HEADERS_LEN);
    tofu_message_clear_texts(message);
    refuse(&other, message, TOFU_INVALID_BODY_LEN);
    assert_status(TOFU_OK, tofu_message_set_body(message, "body", 4));
    refuse(&other, message, TOFU_INVALID_CHANNEL_NUMBER);
    header->channel = link->client.channel;
    refuse(&other, message, TOFU_INVALID_CHANNEL_GROUP);
    refuse(&link->client, message, TOFU_NOT_ALLOWED);
    header->opcode = TOFU_RESPONSE;
    struct tofu_header accepted = side_post(&link->client, message);

    assert_int_equal(accepted.id, 5);
    assert_int_equal(side_take(&link->server, TOFU_RESPONSE).id, 5);
}

// The two that open a channel have an address to check between texts and body.
static void an_opening_message_needs_texts_before_its_body_counts(void **state)
{
    static const enum tofu_opcode opcodes[] = {TOFU_HELLO_REQUEST, TOFU_WELCOME_REQUEST};
    static const char body[BODY_MAX + 1] = "";
    struct link_fixture *link = *state;
    link_open_client(link, &small_parts);
    for (size_t i = 0; i < 2; i++) {
        struct tofu_message *message = side_message(&link->client, opcodes[i], 0, NULL);
        refuse(&link->client, message, TOFU_WRONG_ADDRESS);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
        refuse(&link->client, message, TOFU_WRONG_ADDRESS);
        assert_status(TOFU_OK, tofu_message_append_text(message, "name", "value"));
        refuse(&link->client, message, TOFU_INVALID_BODY_LEN);
        side_put(&link->client, message);
    }
}

static void the_length_limits_themselves_are_allowed(void **state)
{
    static const char body[BODY_MAX] = "";
    struct link_fixture *link = *state;
    char value[TEXT_MAX];
    link_open_server(link, &small_parts);
    link_open_client(link, &small_parts);
    link_connect(link);
    struct tofu_message *message = side_message(&link->client, TOFU_REQUEST, 5, NULL);
    memset(value, 'v', sizeof value);
    value[TEXT_MAX - strlen("name:\r\n")] = '\0';
    assert_status(TOFU_OK, tofu_message_append_text(message, "name", value));
    assert_status(TOFU_OK, tofu_message_set_body(message, body, BODY_MAX));

    side_post(&link->client, message);

    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 5);
}

static void numbers_that_no_channel_has_are_refused(void **state)
{
    static const uint16_t numbers[] = {9999, 65534, 65535};
    struct link_fixture *link = *state;
    for (size_t i = 0; i < 3; i++) {
        struct tofu_message *message = side_message(&link->client, TOFU_REQUEST, 5, "body");
        tofu_message_header(message)->channel = numbers[i];
        refuse(&link->client, message, TOFU_INVALID_CHANNEL_NUMBER);
        side_put(&link->client, message);
    }
}

static void a_channel_of_another_group_is_refused(void **state)
{
    struct link_fixture *link = *state;
    struct side other = link->client;
    link_open_group(&other);
    struct tofu_message *message = side_message(&other, TOFU_REQUEST, 5, "body");

    refuse(&other, message, TOFU_INVALID_CHANNEL_GROUP);

    tofu_message_header(message)->opcode = TOFU_BYE_SIGNAL;
    refuse(&other, message, TOFU_INVALID_CHANNEL_GROUP);
    side_put(&other, message);
    side_send(&link->client, TOFU_REQUEST, 6, NULL);
    side_take(&link->server, TOFU_REQUEST);
}

static void a_message_of_another_engine_is_refused(void **state)
{
    struct link_fixture *link = *state;
    struct side other = {.engine = link_open_engine(link, NULL), .channel = link->client.channel};
    struct tofu_message *message = side_message(&other, TOFU_REQUEST, 5, "body");
    struct tofu_message *posted = message;

    assert_status(TOFU_INVALID_MESSAGE, tofu_group_post(link->client.group, &posted, NULL));
    assert_ptr_equal(posted, message);
    assert_status(TOFU_INVALID_MESSAGE, tofu_group_update(link->client.group, &posted));
    assert_ptr_equal(posted, message);

    assert_int_equal(tofu_message_header(message)->channel, link->client.channel);
    assert_body(message, "body");
    side_put(&other, message);
    side_expect_silence(&link->server);
}

static void a_fresh_number_and_id_are_told(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    uint16_t last_number = 0;
    uint64_t last_id = 0;
    for (int i = 0; i < 20; i++) {
        struct tofu_header accepted =
            side_post(&link->client, side_hello(&link->client, link->address));
        assert_int_equal(accepted.opcode, TOFU_HELLO_REQUEST);
        assert_in_range(accepted.channel, 1, 65534);
        assert_int_not_equal(accepted.channel, last_number);
        assert_true(accepted.id > last_id);
        last_number = accepted.channel;
        last_id = accepted.id;
        side_take(&link->server, TOFU_HELLO_REQUEST);
    }
}

static void the_accepted_header_is_optional(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_message *message = side_message(&link->client, TOFU_REQUEST, 5, NULL);

    assert_status(TOFU_OK, tofu_group_post(link->client.group, &message, NULL));

    assert_null(message);
    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 5);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONNECTED_LINK_TEST(no_message_is_refused),
        CONNECTED_LINK_TEST(every_opcode_that_is_none_is_refused),
        CONNECTED_LINK_TEST(responses_without_an_id_are_refused),
        CONNECTED_LINK_TEST(more_is_refused_on_what_is_not_regular),
        CONNECTED_LINK_TEST(a_channel_is_for_all_but_hello_and_welcome),
        LINK_TEST(the_checks_are_made_in_their_order),
        LINK_TEST(an_opening_message_needs_texts_before_its_body_counts),
        LINK_TEST(the_length_limits_themselves_are_allowed),
        CONNECTED_LINK_TEST(numbers_that_no_channel_has_are_refused),
        CONNECTED_LINK_TEST(a_channel_of_another_group_is_refused),
        CONNECTED_LINK_TEST(a_message_of_another_engine_is_refused),
        LINK_TEST(a_fresh_number_and_id_are_told),
        CONNECTED_LINK_TEST(the_accepted_header_is_optional),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
