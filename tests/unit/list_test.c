// SPDX-License-Identifier: MIT
#include "unit/expect.h"

#include "base/list.h"

// Something that is listed; the link is not its first member, so that the way back is not trivial.
struct item {
    int number;
    struct tf_list link;
};

#define ITEM_COUNT 4

static struct item items[ITEM_COUNT];
static struct tf_list head;
static struct tf_list other;

static int set_up(void **state)
{
    (void)state;
    tf_list_init(&head);
    tf_list_init(&other);
    for (int i = 0; i < ITEM_COUNT; i++) {
        items[i].number = i;
        tf_list_init(&items[i].link);
    }
    return 0;
}

// Compares the list, in both directions, with the numbers of its items as digits: "013".
static void assert_list(const struct tf_list *list, const char *digits)
{
    const struct tf_list *link = list->next;
    for (const char *digit = digits; *digit != '\0'; digit++) {
        assert_ptr_not_equal(link, list);
        assert_ptr_equal(link, &items[*digit - '0'].link);
        assert_ptr_equal(link->next->previous, link);
        assert_ptr_equal(link->previous->next, link);
        link = link->next;
    }
    assert_ptr_equal(link, list);
}

static void append_all_items(void)
{
    for (int i = 0; i < ITEM_COUNT; i++) {
        tf_list_append(&head, &items[i].link);
    }
}

static void a_fresh_head_and_a_fresh_link_are_empty(void **state)
{
    (void)state;

    assert_true(tf_list_is_empty(&head));
    assert_true(tf_list_is_empty(&items[0].link));
    assert_null(tf_list_take_first(&head));
}

static void the_link_leads_back_to_its_item(void **state)
{
    (void)state;

    struct item *item = TF_CONTAINER_OF(&items[2].link, struct item, link);

    assert_ptr_equal(item, &items[2]);
    assert_int_equal(item->number, 2);
}

static void links_come_out_in_the_order_they_went_in(void **state)
{
    (void)state;

    append_all_items();

    assert_list(&head, "0123");
    for (int i = 0; i < ITEM_COUNT; i++) {
        assert_ptr_equal(tf_list_take_first(&head), &items[i].link);
        assert_true(tf_list_is_empty(&items[i].link));
    }
    assert_true(tf_list_is_empty(&head));
}

static void a_link_can_be_removed_anywhere(void **state)
{
    (void)state;
    append_all_items();

    tf_list_remove(&items[1].link);
    assert_list(&head, "023");
    tf_list_remove(&items[3].link);
    assert_list(&head, "02");
    tf_list_remove(&items[0].link);
    assert_list(&head, "2");
    tf_list_remove(&items[2].link);
    assert_list(&head, "");
}

static void removing_twice_does_no_harm(void **state)
{
    (void)state;
    append_all_items();

    tf_list_remove(&items[1].link);
    tf_list_remove(&items[1].link);

    assert_list(&head, "023");
    assert_true(tf_list_is_empty(&items[1].link));
}

static void a_whole_list_moves_behind_another(void **state)
{
    (void)state;
    tf_list_append(&head, &items[0].link);
    tf_list_append(&head, &items[1].link);
    tf_list_append(&other, &items[2].link);
    tf_list_append(&other, &items[3].link);

    tf_list_append_all(&head, &other);

    assert_list(&head, "0123");
    assert_true(tf_list_is_empty(&other));
}

static void a_whole_list_moves_into_an_empty_one(void **state)
{
    (void)state;
    tf_list_append(&other, &items[3].link);
    tf_list_append(&other, &items[1].link);

    tf_list_append_all(&head, &other);

    assert_list(&head, "31");
    assert_true(tf_list_is_empty(&other));
}

static void moving_an_empty_list_changes_nothing(void **state)
{
    (void)state;
    append_all_items();

    tf_list_append_all(&head, &other);

    assert_list(&head, "0123");
    assert_true(tf_list_is_empty(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_fresh_head_and_a_fresh_link_are_empty, set_up),
        cmocka_unit_test_setup(the_link_leads_back_to_its_item, set_up),
        cmocka_unit_test_setup(links_come_out_in_the_order_they_went_in, set_up),
        cmocka_unit_test_setup(a_link_can_be_removed_anywhere, set_up),
        cmocka_unit_test_setup(removing_twice_does_no_harm, set_up),
        cmocka_unit_test_setup(a_whole_list_moves_behind_another, set_up),
        cmocka_unit_test_setup(a_whole_list_moves_into_an_empty_one, set_up),
        cmocka_unit_test_setup(moving_an_empty_list_changes_nothing, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
