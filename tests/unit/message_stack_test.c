// SPDX-License-Identifier: MIT
// Pushed by many, taken whole by one, in order.
#include "unit/expect.h"

#include "engine/message_stack.h"
#include "unit/producers.h"
#include "unit/workers.h"

#define MESSAGE_COUNT 5

static struct tf_message_stack stack;
static struct tofu_message messages[MESSAGE_COUNT];

static int set_up(void **state)
{
    (void)state;
    stack = (struct tf_message_stack){.top = NULL};
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        messages[i] = (struct tofu_message){0};
    }
    return 0;
}

static void push(size_t index)
{
    tf_message_stack_push(&stack, &messages[index], &messages[index]);
}

// Takes everything and compares it with the numbers of the messages as digits: "013".
static void assert_taken(const char *digits)
{
    const struct tofu_message *message = tf_message_stack_take(&stack);
    for (const char *digit = digits; *digit != '\0'; digit++) {
        assert_ptr_equal(message, &messages[*digit - '0']);
        message = message->next;
    }
    assert_null(message);
}

static void an_empty_stack_gives_nothing(void **state)
{
    (void)state;

    assert_true(tf_message_stack_is_empty(&stack));
    assert_null(tf_message_stack_take(&stack));
}

static void messages_come_out_in_the_order_they_went_in(void **state)
{
    (void)state;
    push(0);
    push(1);
    push(2);

    assert_false(tf_message_stack_is_empty(&stack));
    assert_taken("012");
}

static void one_message_is_a_chain_of_one(void **state)
{
    (void)state;
    push(3);

    assert_taken("3");
}

static void taking_leaves_an_empty_stack_that_can_be_used_again(void **state)
{
    (void)state;
    push(0);
    push(1);
    assert_taken("01");

    assert_true(tf_message_stack_is_empty(&stack));
    push(1);
    push(0);
    assert_taken("10");
}

// The caller links a chain from its newest message to its oldest.
static void a_chain_stays_together_and_in_order(void **state)
{
    (void)state;
    push(0);
    messages[3].next = &messages[2];
    messages[2].next = &messages[1];

    tf_message_stack_push(&stack, &messages[3], &messages[1]);

    push(4);
    assert_taken("01234");
}

static void push_on_stack(void *queue, struct tofu_message *message)
{
    tf_message_stack_push(queue, message, message);
}

static void racing_pushes_are_neither_lost_nor_doubled_nor_reordered(void **state)
{
    (void)state;
    static struct producers producers;
    producers_start(&producers, push_on_stack, &stack, 100000);
    uint64_t deadline_ns = patience_end();
    bool is_good = true;

    while (is_good && !producers_are_done(&producers) && go_on_until(deadline_ns)) {
        struct tofu_message *message = tf_message_stack_take(&stack);
        while (is_good && message != NULL) {
            struct tofu_message *next = message->next;
            is_good = producers_take_back(&producers, message);
            message = next;
        }
    }

    producers_join(&producers);
    assert_true(is_good);
    assert_true(producers_are_done(&producers));
    assert_true(tf_message_stack_is_empty(&stack));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_stack_gives_nothing, set_up),
        cmocka_unit_test_setup(messages_come_out_in_the_order_they_went_in, set_up),
        cmocka_unit_test_setup(one_message_is_a_chain_of_one, set_up),
        cmocka_unit_test_setup(taking_leaves_an_empty_stack_that_can_be_used_again, set_up),
        cmocka_unit_test_setup(a_chain_stays_together_and_in_order, set_up),
        cmocka_unit_test_setup(racing_pushes_are_neither_lost_nor_doubled_nor_reordered, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
