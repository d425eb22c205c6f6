// SPDX-License-Identifier: MIT
// Header, body and life of a message, and the queue of messages.
#include "unit/expect.h"

#include <string.h>

#include "support/fault_allocator.h"
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

static void set_body(struct fixture *own, const char *body)
{
    assert_status(TOFU_OK, tofu_message_set_body(own->message, body, strlen(body)));
}

static void assert_body(const struct tofu_message *message, const char *wanted)
{
    size_t size;
    const void *body = tofu_message_body(message, &size);
    assert_int_equal(size, strlen(wanted));
    assert_memory_equal(body, wanted, size);
}

static void a_fresh_message_is_empty(void **state)
{
    struct fixture *own = *state;
    const struct tofu_header *header = tofu_message_header(own->message);

    assert_int_equal(header->channel, 0);
    assert_int_equal(header->opcode, TOFU_REQUEST);
    assert_int_equal(header->origin, TOFU_APPLICATION);
    assert_int_equal(header->more, 0);
    assert_int_equal(header->status, TOFU_OK);
    assert_true(header->id == 0);
    assert_body(own->message, "");
    assert_false(tofu_message_find_text(own->message, "a", NULL, NULL));
    assert_null(tofu_message_user(own->message));
    assert_int_equal(tf_message_wire_bytes(own->message), 16);
    assert_int_equal(own->fault.allocation_count, 1);
}

static void without_memory_there_is_no_message(void **state)
{
    struct fixture *own = *state;
    fault_allocator_fail(&own->fault, 1, 1);

    assert_null(tf_message_create(&own->allocator));
}

static void destroying_frees_all_and_nulls(void **state)
{
    struct fixture *own = *state;
    set_body(own, "body");
    assert_status(TOFU_OK, tofu_message_append_text(own->message, "a", "b"));

    tf_message_destroy(&own->message);

    assert_null(own->message);
    assert_int_equal(own->fault.live_count, 0);
    tf_message_destroy(&own->message);
    assert_null(own->message);
}

static void the_header_is_there_to_be_changed(void **state)
{
    struct fixture *own = *state;

    tofu_message_header(own->message)->channel = 7;

    assert_int_equal(own->message->header.channel, 7);
}

static void a_body_is_copied(void **state)
{
    struct fixture *own = *state;
    char bytes[] = "hello";

    assert_status(TOFU_OK, tofu_message_set_body(own->message, bytes, 5));
    memset(bytes, 'x', 5);

    assert_body(own->message, "hello");
    assert_int_equal(tf_message_wire_bytes(own->message), 16 + 5);
}

static void setting_a_body_replaces_the_one_before(void **state)
{
    struct fixture *own = *state;

    set_body(own, "a longer body");
    set_body(own, "short");
    assert_body(own->message, "short");

    set_body(own, "the longest body of all");
    assert_body(own->message, "the longest body of all");

    set_body(own, "");
    assert_body(own->message, "");
}

static void a_body_of_one_byte_is_a_body(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *copy = tf_message_create(&own->allocator);
    assert_non_null(copy);

    set_body(own, "a");
    set_body(own, "b");
    assert_body(own->message, "b");

    assert_true(tf_message_copy(copy, own->message));
    assert_body(copy, "b");
    tf_message_destroy(&copy);
}

static void a_body_can_be_set_to_a_piece_of_itself(void **state)
{
    struct fixture *own = *state;
    set_body(own, "0123456789");
    const char *body = tofu_message_body(own->message, NULL);

    assert_status(TOFU_OK, tofu_message_set_body(own->message, body + 3, 6));

    assert_body(own->message, "345678");
}

static void an_empty_body_still_has_an_address(void **state)
{
    struct fixture *own = *state;
    size_t size = 77;
    void *writable = NULL;

    assert_non_null(tofu_message_body(own->message, NULL));
    assert_non_null(tofu_message_body(own->message, &size));
    assert_int_equal(size, 0);

    assert_status(TOFU_OK, tofu_message_resize_body(own->message, 0, &writable));
    assert_non_null(writable);
    assert_status(TOFU_OK, tofu_message_set_body(own->message, NULL, 0));
    assert_status(TOFU_OK, tofu_message_append_body(own->message, NULL, 0));
    assert_non_null(tofu_message_body(own->message, NULL));
    assert_int_equal(own->fault.allocation_count, 1);
}

static void appending_adds_to_the_body(void **state)
{
    struct fixture *own = *state;

    assert_status(TOFU_OK, tofu_message_append_body(own->message, "one", 3));
    assert_status(TOFU_OK, tofu_message_append_body(own->message, "", 0));
    assert_status(TOFU_OK, tofu_message_append_body(own->message, " two", 4));

    assert_body(own->message, "one two");
}

static void resizing_keeps_what_fits_and_gives_the_place_to_write(void **state)
{
    struct fixture *own = *state;
    set_body(own, "hello world");
    void *body;

    assert_status(TOFU_OK, tofu_message_resize_body(own->message, 5, &body));
    assert_body(own->message, "hello");

    assert_status(TOFU_OK, tofu_message_resize_body(own->message, 1000, &body));
    assert_ptr_equal(body, tofu_message_body(own->message, NULL));
    assert_memory_equal(body, "hello", 5);
    memset(body, 'x', 1000);

    assert_status(TOFU_OK, tofu_message_resize_body(own->message, 2, NULL));
    assert_body(own->message, "xx");
}

static void a_body_has_at_most_65535_bytes(void **state)
{
    struct fixture *own = *state;
    static char bytes[TOFU_PART_BYTES_MAX + 1];
    void *body = &body;
    set_body(own, "kept");

    assert_status(TOFU_INVALID_BODY_LEN, tofu_message_set_body(own->message, bytes, sizeof bytes));
    assert_status(
        TOFU_INVALID_BODY_LEN, tofu_message_append_body(own->message, bytes, sizeof bytes - 4));
    assert_status(TOFU_INVALID_BODY_LEN, tofu_message_append_body(own->message, bytes, SIZE_MAX));
    assert_status(
        TOFU_INVALID_BODY_LEN, tofu_message_resize_body(own->message, sizeof bytes, &body));
    assert_status(TOFU_INVALID_BODY_LEN, tofu_message_resize_body(own->message, SIZE_MAX, NULL));
    assert_body(own->message, "kept");
    assert_ptr_equal(body, &body);

    assert_status(TOFU_OK, tofu_message_append_body(own->message, bytes, sizeof bytes - 5));
    assert_int_equal(own->message->body.size, TOFU_PART_BYTES_MAX);
    assert_status(TOFU_INVALID_BODY_LEN, tofu_message_append_body(own->message, bytes, 1));
    assert_status(TOFU_OK, tofu_message_append_body(own->message, bytes, 0));
    assert_status(TOFU_OK, tofu_message_set_body(own->message, bytes, sizeof bytes - 1));
    assert_status(TOFU_OK, tofu_message_resize_body(own->message, TOFU_PART_BYTES_MAX, NULL));
    assert_int_equal(tf_message_wire_bytes(own->message), 16 + TOFU_PART_BYTES_MAX);
}

static void without_memory_body_and_texts_stay_as_they_were(void **state)
{
    struct fixture *own = *state;
    static const char much[5000];
    static char long_value[5000];
    memset(long_value, 'v', sizeof long_value - 1);
    set_body(own, "kept");
    assert_status(TOFU_OK, tofu_message_append_text(own->message, "a", "b"));
    void *body = &body;

    // Each call below needs memory, so each is the next to fail.
    fault_allocator_fail(&own->fault, 1, SIZE_MAX);
    assert_status(TOFU_ALLOCATION_FAILED, tofu_message_set_body(own->message, much, sizeof much));
    assert_status(
        TOFU_ALLOCATION_FAILED, tofu_message_append_body(own->message, much, sizeof much));
    assert_status(
        TOFU_ALLOCATION_FAILED, tofu_message_resize_body(own->message, sizeof much, &body));
    assert_status(TOFU_ALLOCATION_FAILED, tofu_message_append_text(own->message, "c", long_value));

    assert_int_equal(own->fault.failure_count, 4);
    assert_body(own->message, "kept");
    assert_ptr_equal(body, &body);
    assert_int_equal(own->message->text.size, 5);
    assert_memory_equal(own->message->text.data, "a:b\r\n", 5);
}

// A line is appended in pieces; whichever of them finds no memory, none of it may stay.
static void a_text_header_is_appended_whole_or_not_at_all(void **state)
{
    struct fixture *own = *state;
    char name[41];
    char value[121];
    memset(name, 'n', sizeof name - 1);
    memset(value, 'v', sizeof value - 1);
    name[sizeof name - 1] = '\0';
    value[sizeof value - 1] = '\0';
    assert_status(TOFU_OK, tofu_message_append_text(own->message, "a", "b"));
    enum tofu_status status = TOFU_ALLOCATION_FAILED;
    for (size_t nth = 1; status != TOFU_OK; nth++) {
        assert_in_range(nth, 1, 10);
        fault_allocator_fail(&own->fault, nth, 1);

        status = tofu_message_append_text(own->message, name, value);

        if (status != TOFU_OK) {
            assert_status(TOFU_ALLOCATION_FAILED, status);
            assert_int_equal(own->message->text.size, 5);
            // The memory that the piece before got must not make the next round easier.
            tf_bytes_clear(&own->message->text, &own->allocator);
            fault_allocator_mend(&own->fault);
            assert_status(TOFU_OK, tofu_message_append_text(own->message, "a", "b"));
        }
    }
    assert_true(own->fault.failure_count > 1);
    assert_int_equal(own->message->text.size, 5 + 40 + 1 + 120 + 2);
}

static void resetting_keeps_memory_and_the_notes_of_the_engine(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *message = own->message;
    struct tofu_message other;
    int user;
    set_body(own, "body");
    assert_status(TOFU_OK, tofu_message_append_text(message, "a", "b"));
    tofu_message_set_user(message, &user);
    *tofu_message_header(message) = (struct tofu_header){
        .channel = 1,
        .opcode = TOFU_SIGNAL,
        .origin = TOFU_ENGINE,
        .more = 1,
        .status = 2,
        .id = 3};
    message->next = &other;
    message->ticket = 4;
    message->population = 5;
    const uint8_t *text_memory = message->text.data;
    const uint8_t *body_memory = message->body.data;

    tofu_message_reset(message);

    assert_int_equal(message->header.channel, 0);
    assert_int_equal(message->header.opcode, 0);
    assert_int_equal(message->header.origin, 0);
    assert_int_equal(message->header.more, 0);
    assert_int_equal(message->header.status, 0);
    assert_true(message->header.id == 0);
    assert_int_equal(tf_message_wire_bytes(message), 16);
    assert_null(tofu_message_user(message));
    assert_ptr_equal(message->text.data, text_memory);
    assert_ptr_equal(message->body.data, body_memory);
    assert_ptr_equal(message->allocator, &own->allocator);
    assert_ptr_equal(message->next, &other);
    assert_int_equal(message->ticket, 4);
    assert_int_equal(message->population, 5);
    message->next = NULL;
}

static void the_user_pointer_is_kept_as_given(void **state)
{
    struct fixture *own = *state;
    int user;

    tofu_message_set_user(own->message, &user);
    assert_ptr_equal(tofu_message_user(own->message), &user);

    tofu_message_set_user(own->message, NULL);
    assert_null(tofu_message_user(own->message));
}

static void a_copy_says_the_same_and_shares_nothing(void **state)
{
    struct fixture *own = *state;
    int user;
    set_body(own, "body");
    assert_status(TOFU_OK, tofu_message_append_text(own->message, "a", "b"));
    tofu_message_set_user(own->message, &user);
    own->message->header = (struct tofu_header){.channel = 1, .opcode = TOFU_SIGNAL, .id = 3};
    struct tofu_message *copy = tf_message_create(&own->allocator);
    assert_non_null(copy);

    assert_true(tf_message_copy(copy, own->message));

    set_body(own, "changed");
    tofu_message_clear_texts(own->message);
    assert_body(copy, "body");
    assert_true(tofu_message_find_text(copy, "a", NULL, NULL));
    assert_int_equal(copy->header.channel, 1);
    assert_int_equal(copy->header.opcode, TOFU_SIGNAL);
    assert_true(copy->header.id == 3);
    assert_ptr_equal(tofu_message_user(copy), &user);
    assert_int_equal(copy->body.capacity, 4);
    tf_message_destroy(&copy);
}

static void an_empty_message_is_copied_without_memory(void **state)
{
    struct fixture *own = *state;
    struct tofu_message *copy = tf_message_create(&own->allocator);
    assert_non_null(copy);
    fault_allocator_fail(&own->fault, 1, SIZE_MAX);

    assert_true(tf_message_copy(copy, own->message));

    assert_int_equal(tf_message_wire_bytes(copy), 16);
    tf_message_destroy(&copy);
}

static void a_copy_without_memory_is_empty(void **state)
{
    struct fixture *own = *state;
    set_body(own, "body");
    assert_status(TOFU_OK, tofu_message_append_text(own->message, "a", "b"));
    tofu_message_set_user(own->message, own);
    own->message->header.id = 3;
    for (size_t nth = 1; nth <= 2; nth++) {
        struct tofu_message *copy = tf_message_create(&own->allocator);
        assert_non_null(copy);
        fault_allocator_fail(&own->fault, nth, 1);

        assert_false(tf_message_copy(copy, own->message));

        assert_int_equal(tf_message_wire_bytes(copy), 16);
        assert_true(copy->header.id == 0);
        assert_null(tofu_message_user(copy));
        tf_message_destroy(&copy);
    }
}

static void a_queue_gives_messages_in_the_order_they_came(void **state)
{
    (void)state;
    struct tofu_message messages[3] = {{.ticket = 0}};
    struct tf_message_queue queue = {0};
    assert_null(tf_message_queue_take(&queue));
    for (int round = 0; round < 2; round++) {
        tf_message_queue_append(&queue, &messages[0]);
        tf_message_queue_append(&queue, &messages[1]);
        assert_int_equal(queue.count, 2);

        assert_ptr_equal(tf_message_queue_take(&queue), &messages[0]);
        assert_null(messages[0].next);
        tf_message_queue_append(&queue, &messages[2]);
        assert_ptr_equal(tf_message_queue_take(&queue), &messages[1]);
        assert_ptr_equal(tf_message_queue_take(&queue), &messages[2]);

        assert_null(tf_message_queue_take(&queue));
        assert_int_equal(queue.count, 0);
    }
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(a_fresh_message_is_empty),
        with_fixture(without_memory_there_is_no_message),
        with_fixture(destroying_frees_all_and_nulls),
        with_fixture(the_header_is_there_to_be_changed),
        with_fixture(a_body_is_copied),
        with_fixture(setting_a_body_replaces_the_one_before),
        with_fixture(a_body_of_one_byte_is_a_body),
        with_fixture(a_body_can_be_set_to_a_piece_of_itself),
        with_fixture(an_empty_body_still_has_an_address),
        with_fixture(appending_adds_to_the_body),
        with_fixture(resizing_keeps_what_fits_and_gives_the_place_to_write),
        with_fixture(a_body_has_at_most_65535_bytes),
        with_fixture(without_memory_body_and_texts_stay_as_they_were),
        with_fixture(a_text_header_is_appended_whole_or_not_at_all),
        with_fixture(resetting_keeps_memory_and_the_notes_of_the_engine),
        with_fixture(the_user_pointer_is_kept_as_given),
        with_fixture(a_copy_says_the_same_and_shares_nothing),
        with_fixture(an_empty_message_is_copied_without_memory),
        with_fixture(a_copy_without_memory_is_empty),
        cmocka_unit_test(a_queue_gives_messages_in_the_order_they_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
