// SPDX-License-Identifier: MIT
// Numbers, lives and loads of channels, by one thread; channel_table_race_test.c has many.
#include "unit/expect.h"

#include <string.h>

#include "engine/channel_table.h"
#include "engine/settings.h"
#include "support/fault_allocator.h"

#include <tofu/message.h>

struct fixture {
    struct fault_allocator fault;
    struct tofu_allocator allocator;
    struct tf_channel_table table;
    uint16_t number; ///< of the channel added last
    uint32_t ticket;
    struct tf_slot *slot;
};

static struct fixture fixture;

static int open_table(void **state, uint64_t channels_max)
{
    memset(&fixture, 0, sizeof fixture);
    fault_allocator_open(&fixture.fault);
    fixture.allocator = fault_allocator_functions(&fixture.fault);
    *state = &fixture;
    return tf_table_open(&fixture.table, &fixture.allocator, channels_max) == TOFU_OK ? 0 : -1;
}

static int set_up(void **state)
{
    return open_table(state, TF_CHANNELS_MAX);
}

static int set_up_three(void **state)
{
    return open_table(state, 3);
}

static int tear_down(void **state)
{
    struct fixture *own = *state;
    tf_table_close(&own->table);
    return fault_allocator_is_clean(&own->fault) ? 0 : -1;
}

static enum tofu_status try_add(struct fixture *own, uint32_t group_index, enum tf_side side)
{
    return tf_table_add(&own->table, NULL, group_index, side, &own->number, &own->ticket);
}

static void add(struct fixture *own)
{
    assert_status(TOFU_OK, try_add(own, 0, TF_CONNECTING));
    own->slot = tf_table_slot(&own->table, own->number);
    assert_non_null(own->slot);
}

static void drop(struct fixture *own, uint16_t number)
{
    tf_slot_close(tf_table_slot(&own->table, number));
    tf_table_remove(&own->table, number);
    tf_table_release(&own->table, number);
}

static void a_new_channel_is_open_in_its_first_life(void **state)
{
    struct fixture *own = *state;
    struct tf_channel *channel = (struct tf_channel *)(void *)own;

    assert_status(
        TOFU_OK,
        tf_table_add(
            &own->table, channel, TF_GROUPS_MAX - 1, TF_ACCEPTING, &own->number, &own->ticket));

    struct tf_slot *slot = tf_table_slot(&own->table, own->number);
    struct tf_slot_state slot_state = tf_slot_state(slot);
    assert_ptr_equal(slot->channel, channel);
    assert_true(slot_state.is_open);
    assert_int_equal(slot_state.ticket, own->ticket);
    assert_int_equal(slot_state.group_index, TF_GROUPS_MAX - 1);
    assert_int_equal(slot_state.side, TF_ACCEPTING);
    assert_int_equal(slot_state.session, TF_SESSION_HELLO);
    assert_false(tf_slot_is_loaded(slot));
}

// A number that was not given to anybody yet can only be guessed.
static void a_new_channel_takes_posts_once_it_is_public(void **state)
{
    struct fixture *own = *state;
    add(own);
    assert_false(tf_slot_state(own->slot).is_public);

    tf_slot_publish(own->slot, own->ticket);
    tf_slot_publish(own->slot, own->ticket);

    assert_true(tf_slot_state(own->slot).is_public);
    assert_true(tf_slot_state(own->slot).is_open);
    assert_int_equal(tf_slot_state(own->slot).session, TF_SESSION_HELLO);
    drop(own, own->number);
}

// The I/O thread may have ended the channel, or a whole life be over, before its poster gets there.
static void a_life_that_is_over_does_not_become_public(void **state)
{
    struct fixture *own = *state;
    add(own);
    tf_slot_close(own->slot);
    tf_slot_publish(own->slot, own->ticket);
    assert_false(tf_slot_state(own->slot).is_public);
    assert_false(tf_slot_state(own->slot).is_open);
    tf_table_remove(&own->table, own->number);
    tf_table_release(&own->table, own->number);

    add(own);
    tf_slot_publish(own->slot, own->ticket + 1);
    tf_slot_publish(own->slot, own->ticket - 1);
    assert_false(tf_slot_state(own->slot).is_public);

    tf_slot_publish(own->slot, own->ticket);
    tf_slot_close(own->slot);
    assert_false(tf_slot_state(own->slot).is_public);
    tf_table_remove(&own->table, own->number);
    tf_table_release(&own->table, own->number);
}

// The fields of a state share one word: none may spill into another.
static void every_side_and_session_and_group_keeps_to_its_bits(void **state)
{
    struct fixture *own = *state;
    const uint32_t groups[] = {0, 1, TF_GROUPS_MAX / 2, TF_GROUPS_MAX - 1};
    for (int side = 0; side < TF_SIDE_COUNT; side++) {
        for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
            assert_status(TOFU_OK, try_add(own, groups[i], (enum tf_side)side));
            struct tf_slot *slot = tf_table_slot(&own->table, own->number);
            assert_true(tf_slot_posted(slot, own->ticket, TOFU_BYE_REQUEST));

            struct tf_slot_state slot_state = tf_slot_state(slot);

            assert_int_equal(slot_state.side, side);
            assert_int_equal(slot_state.group_index, groups[i]);
            assert_int_equal(slot_state.ticket, own->ticket);
            assert_int_equal(slot_state.session, TF_SESSION_HELLO_OURS_WAITS);
            assert_true(slot_state.is_open);
        }
    }
}

static void numbers_that_were_never_given_have_no_open_slot(void **state)
{
    struct fixture *own = *state;
    assert_null(tf_table_slot(&own->table, 1));
    add(own);
    const uint16_t others[] = {0, (uint16_t)(own->number + 1)};

    for (size_t i = 0; i < 2; i++) {
        struct tf_slot *slot = tf_table_slot(&own->table, others[i]);
        assert_true(slot == NULL || !tf_slot_state(slot).is_open);
    }
    assert_null(tf_table_slot(&own->table, 65535));
}

// 0 is no channel and 65535 is reserved.
static void there_are_65534_numbers_and_no_more(void **state)
{
    struct fixture *own = *state;
    static bool is_given[65536];
    memset(is_given, 0, sizeof is_given);
    for (int i = 0; i < 65534; i++) {
        add(own);
        assert_true(own->number >= 1 && own->number <= 65534);
        assert_false(is_given[own->number]);
        is_given[own->number] = true;
    }

    assert_status(TOFU_NOT_ALLOWED, try_add(own, 0, TF_CONNECTING));

    assert_int_equal(own->table.channel_count, 65534);
    assert_false(tf_slot_state(tf_table_slot(&own->table, 65535)).is_open);
    assert_false(tf_slot_state(tf_table_slot(&own->table, 0)).is_open);
}

// Its last message may still be in a receive queue, where a second channel of that number would mix with it.
static void a_number_whose_channel_has_ended_waits_for_its_release(void **state)
{
    struct fixture *own = *state;
    for (int i = 0; i < 65534; i++) {
        add(own);
    }
    tf_slot_close(tf_table_slot(&own->table, 7));
    tf_table_remove(&own->table, 7);
    assert_int_equal(own->table.channel_count, 65533);
    assert_status(TOFU_NOT_ALLOWED, try_add(own, 0, TF_CONNECTING));

    tf_table_release(&own->table, 7);

    add(own);
    assert_int_equal(own->number, 7);
    assert_status(TOFU_NOT_ALLOWED, try_add(own, 0, TF_CONNECTING));
}

static void a_full_table_has_room_again_when_a_channel_ends(void **state)
{
    struct fixture *own = *state;
    add(own);
    uint16_t first = own->number;
    add(own);
    add(own);
    assert_status(TOFU_NOT_ALLOWED, try_add(own, 0, TF_CONNECTING));
    assert_status(TOFU_NOT_ALLOWED, try_add(own, 0, TF_CONNECTING));

    drop(own, first);

    assert_int_equal(own->table.channel_count, 2);
    add(own);
    assert_int_not_equal(own->number, first);
    assert_status(TOFU_NOT_ALLOWED, try_add(own, 0, TF_CONNECTING));
}

static void a_number_comes_again_only_after_all_others(void **state)
{
    struct fixture *own = *state;
    static uint16_t given[65534];
    for (int i = 0; i < 65534; i++) {
        add(own);
        given[i] = own->number;
        drop(own, own->number);
    }

    // Every number was used once; from here on they come in the order in which they were freed.
    for (int i = 0; i < 65534; i++) {
        for (int j = i - 1; j >= 0 && j > i - 4; j--) {
            assert_int_not_equal(given[i], given[j]);
        }
        add(own);
        assert_int_equal(own->number, given[i]);
        drop(own, own->number);
    }
}

static void freed_numbers_come_again_in_the_order_they_were_freed(void **state)
{
    struct fixture *own = *state;
    const uint16_t freed[] = {40000, 3, 65534, 1, 777};
    for (int i = 0; i < 65534; i++) {
        add(own);
    }
    for (size_t i = 0; i < 5; i++) {
        drop(own, freed[i]);
    }

    for (size_t i = 0; i < 5; i++) {
        add(own);
        assert_int_equal(own->number, freed[i]);
    }
    assert_status(TOFU_NOT_ALLOWED, try_add(own, 0, TF_CONNECTING));
}

// Fills the table but for one number, which is then given again and again.
static void fill_but_one(struct fixture *own)
{
    for (int i = 0; i < 65534; i++) {
        add(own);
    }
    drop(own, own->number);
}

static void each_life_of_a_number_has_a_ticket_of_its_own(void **state)
{
    struct fixture *own = *state;
    fill_but_one(own);
    uint16_t number = own->number;
    uint32_t stale = own->ticket;

    for (int i = 0; i < 100; i++) {
        add(own);
        assert_int_equal(own->number, number);
        assert_true(own->ticket > stale);
        assert_false(tf_slot_posted(own->slot, stale, TOFU_BYE_REQUEST));
        assert_false(tf_slot_received(own->slot, stale, TOFU_BYE_REQUEST));
        assert_int_equal(tf_slot_state(own->slot).session, TF_SESSION_HELLO);
        stale = own->ticket;
        drop(own, number);
    }
}

static void a_new_life_begins_with_new_counters(void **state)
{
    struct fixture *own = *state;
    fill_but_one(own);
    add(own);
    tf_count(&own->slot->counters.messages_sent, 1);
    tf_count(&own->slot->counters.messages_received, 2);
    tf_count(&own->slot->counters.bytes_sent, 3);
    tf_count(&own->slot->counters.bytes_received, 4);
    drop(own, own->number);

    add(own);

    assert_true(own->slot->counters.messages_sent == 0);
    assert_true(own->slot->counters.messages_received == 0);
    assert_true(own->slot->counters.bytes_sent == 0);
    assert_true(own->slot->counters.bytes_received == 0);
}

static void without_memory_for_a_page_no_number_is_lost(void **state)
{
    struct fixture *own = *state;
    fault_allocator_fail(&own->fault, 1, 2);

    assert_status(TOFU_ALLOCATION_FAILED, try_add(own, 0, TF_CONNECTING));
    assert_status(TOFU_ALLOCATION_FAILED, try_add(own, 0, TF_CONNECTING));

    assert_int_equal(own->table.channel_count, 0);
    assert_null(tf_table_slot(&own->table, 1));
    add(own);
    assert_int_equal(own->number, 1);
}

static void without_memory_for_the_next_page_the_others_live_on(void **state)
{
    struct fixture *own = *state;
    for (int i = 0; i < TF_SLOTS_PER_PAGE - 1; i++) {
        add(own);
    }
    fault_allocator_fail(&own->fault, 1, SIZE_MAX);

    assert_status(TOFU_ALLOCATION_FAILED, try_add(own, 0, TF_CONNECTING));

    assert_int_equal(own->table.channel_count, TF_SLOTS_PER_PAGE - 1);
    for (uint16_t number = 1; number < TF_SLOTS_PER_PAGE; number++) {
        assert_true(tf_slot_state(tf_table_slot(&own->table, number)).is_open);
    }
    fault_allocator_mend(&own->fault);
    add(own);
    assert_int_equal(own->number, TF_SLOTS_PER_PAGE);
}

static void a_closed_slot_keeps_its_life_until_its_load_is_gone(void **state)
{
    struct fixture *own = *state;
    add(own);
    assert_true(tf_slot_load(own->slot, 100, UINT64_MAX, UINT64_MAX));

    tf_slot_close(own->slot);

    struct tf_slot_state slot_state = tf_slot_state(own->slot);
    assert_false(slot_state.is_open);
    assert_int_equal(slot_state.ticket, own->ticket);
    assert_true(tf_slot_is_loaded(own->slot));
    tf_slot_unload(own->slot, 1, 100);
    assert_false(tf_slot_is_loaded(own->slot));
    tf_table_remove(&own->table, own->number);
    tf_table_release(&own->table, own->number);
}

static void a_closed_slot_moves_no_more(void **state)
{
    struct fixture *own = *state;
    add(own);

    tf_slot_close(own->slot);

    assert_false(tf_slot_posted(own->slot, own->ticket, TOFU_BYE_REQUEST));
    assert_false(tf_slot_received(own->slot, own->ticket, TOFU_HELLO_RESPONSE));
    assert_int_equal(tf_slot_state(own->slot).session, TF_SESSION_HELLO);
}

static void what_the_rules_forbid_moves_nothing(void **state)
{
    struct fixture *own = *state;
    add(own);
    assert_false(tf_slot_posted(own->slot, own->ticket, TOFU_BYE_RESPONSE));
    assert_false(tf_slot_posted(own->slot, own->ticket, TOFU_HELLO_RESPONSE));
    assert_int_equal(tf_slot_state(own->slot).session, TF_SESSION_HELLO);

    assert_true(tf_slot_posted(own->slot, own->ticket, TOFU_BYE_REQUEST));

    assert_false(tf_slot_posted(own->slot, own->ticket, TOFU_BYE_REQUEST));
    assert_int_equal(tf_slot_state(own->slot).session, TF_SESSION_HELLO_OURS_WAITS);
}

static void crossing_byes_end_a_session_in_either_order(void **state)
{
    struct fixture *own = *state;
    for (int order = 0; order < 2; order++) {
        add(own);
        if (order == 0) {
            assert_true(tf_slot_posted(own->slot, own->ticket, TOFU_BYE_REQUEST));
            assert_true(tf_slot_received(own->slot, own->ticket, TOFU_BYE_REQUEST));
        } else {
            assert_true(tf_slot_received(own->slot, own->ticket, TOFU_BYE_REQUEST));
            assert_true(tf_slot_posted(own->slot, own->ticket, TOFU_BYE_REQUEST));
        }
        assert_int_equal(tf_slot_state(own->slot).session, TF_SESSION_HELLO_BOTH_WAIT);

        assert_true(tf_slot_posted(own->slot, own->ticket, TOFU_BYE_RESPONSE));
        assert_true(tf_slot_received(own->slot, own->ticket, TOFU_BYE_RESPONSE));

        assert_int_equal(tf_slot_state(own->slot).session, TF_SESSION_ENDED);
    }
}

static void assert_load(struct fixture *own, uint64_t messages_wanted, uint64_t bytes_wanted)
{
    uint64_t messages = UINT64_MAX;
    uint64_t bytes = UINT64_MAX;
    tf_slot_read_load(own->slot, &messages, &bytes);
    assert_true(messages == messages_wanted);
    assert_true(bytes == bytes_wanted);
    assert_int_equal(tf_slot_is_loaded(own->slot), messages_wanted != 0);
}

static void loads_add_up_and_go_again(void **state)
{
    struct fixture *own = *state;
    add(own);

    assert_true(tf_slot_load(own->slot, 16, UINT64_MAX, UINT64_MAX));
    assert_true(tf_slot_load(own->slot, 131086, UINT64_MAX, UINT64_MAX));
    assert_true(tf_slot_load(own->slot, 20, UINT64_MAX, UINT64_MAX));
    assert_load(own, 3, 131122);

    tf_slot_unload(own->slot, 2, 131102);
    assert_load(own, 1, 20);
    tf_slot_unload(own->slot, 1, 20);
    assert_load(own, 0, 0);
}

// Many may wait for a peer that takes nothing; the messages of others must not wake them each time.
static void only_those_who_wait_for_this_slot_are_woken(void **state)
{
    struct fixture *own = *state;
    add(own);
    struct tf_slot *other = own->slot;
    add(own);
    assert_true(tf_slot_load(own->slot, 16, UINT64_MAX, UINT64_MAX));
    assert_true(tf_slot_load(other, 16, UINT64_MAX, UINT64_MAX));
    uint32_t count = tf_event_count_enter(&own->slot->room);

    tf_slot_unload(other, 1, 16);
    assert_int_equal(atomic_load(&own->slot->room.count), count);
    tf_slot_unload(own->slot, 1, 16);
    assert_int_not_equal(atomic_load(&own->slot->room.count), count);

    tf_event_count_leave(&own->slot->room);
}

static void who_waits_is_woken_in_every_page_of_slots(void **state)
{
    struct fixture *own = *state;
    struct tf_slot *slots[2];
    uint32_t counts[2];
    add(own);
    slots[0] = own->slot;
    for (int i = 0; i < TF_SLOTS_PER_PAGE; i++) {
        add(own);
    }
    slots[1] = own->slot;
    for (int i = 0; i < 2; i++) {
        atomic_fetch_add(&own->table.waiting_posters, 1);
        counts[i] = tf_event_count_enter(&slots[i]->room);
    }

    tf_table_wake_posters(&own->table);

    for (int i = 0; i < 2; i++) {
        assert_int_not_equal(atomic_load(&slots[i]->room.count), counts[i]);
        tf_event_count_leave(&slots[i]->room);
    }
}

static void the_message_limit_is_the_number_that_fits(void **state)
{
    struct fixture *own = *state;
    add(own);
    for (int i = 0; i < 3; i++) {
        assert_true(tf_slot_load(own->slot, 16, 3, UINT64_MAX));
    }

    assert_false(tf_slot_load(own->slot, 16, 3, UINT64_MAX));

    assert_load(own, 3, 48);
    tf_slot_unload(own->slot, 1, 16);
    assert_true(tf_slot_load(own->slot, 16, 3, UINT64_MAX));
}

static void the_byte_limit_is_the_number_that_fits(void **state)
{
    struct fixture *own = *state;
    add(own);
    assert_true(tf_slot_load(own->slot, 60, UINT64_MAX, 100));

    assert_false(tf_slot_load(own->slot, 41, UINT64_MAX, 100));
    assert_load(own, 1, 60);
    assert_true(tf_slot_load(own->slot, 40, UINT64_MAX, 100));
    assert_false(tf_slot_load(own->slot, 16, UINT64_MAX, 100));
    assert_false(tf_slot_load(own->slot, 101, UINT64_MAX, 100));

    assert_load(own, 2, 100);
}

// Or a message that is larger than the limit could never be sent.
static void an_empty_queue_takes_any_message(void **state)
{
    struct fixture *own = *state;
    add(own);

    assert_true(tf_slot_load(own->slot, TF_MESSAGE_BYTES_MAX, 1, 1));

    assert_false(tf_slot_load(own->slot, 16, 1, 1));
    assert_load(own, 1, TF_MESSAGE_BYTES_MAX);
}

// As many as options can allow, each as long as a message can be.
static void the_longest_queue_is_counted_right(void **state)
{
    struct fixture *own = *state;
    add(own);
    for (uint64_t i = 0; i < TF_QUEUED_MESSAGES_LIMIT; i++) {
        assert_true(
            tf_slot_load(own->slot, TF_MESSAGE_BYTES_MAX, TF_QUEUED_MESSAGES_LIMIT, UINT64_MAX));
    }

    assert_false(
        tf_slot_load(own->slot, TF_MESSAGE_BYTES_MAX, TF_QUEUED_MESSAGES_LIMIT, UINT64_MAX));

    assert_load(
        own, TF_QUEUED_MESSAGES_LIMIT, TF_QUEUED_MESSAGES_LIMIT * (uint64_t)TF_MESSAGE_BYTES_MAX);
    tf_slot_unload(
        own->slot,
        TF_QUEUED_MESSAGES_LIMIT,
        TF_QUEUED_MESSAGES_LIMIT * (uint64_t)TF_MESSAGE_BYTES_MAX);
    assert_load(own, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_channel_is_open_in_its_first_life),
        TEST(a_new_channel_takes_posts_once_it_is_public),
        TEST(a_life_that_is_over_does_not_become_public),
        TEST(every_side_and_session_and_group_keeps_to_its_bits),
        TEST(numbers_that_were_never_given_have_no_open_slot),
        TEST(there_are_65534_numbers_and_no_more),
        TEST(a_number_whose_channel_has_ended_waits_for_its_release),
        cmocka_unit_test_setup_teardown(
            a_full_table_has_room_again_when_a_channel_ends, set_up_three, tear_down),
        TEST(a_number_comes_again_only_after_all_others),
        TEST(freed_numbers_come_again_in_the_order_they_were_freed),
        TEST(each_life_of_a_number_has_a_ticket_of_its_own),
        TEST(a_new_life_begins_with_new_counters),
        TEST(without_memory_for_a_page_no_number_is_lost),
        TEST(without_memory_for_the_next_page_the_others_live_on),
        TEST(a_closed_slot_keeps_its_life_until_its_load_is_gone),
        TEST(a_closed_slot_moves_no_more),
        TEST(what_the_rules_forbid_moves_nothing),
        TEST(crossing_byes_end_a_session_in_either_order),
        TEST(loads_add_up_and_go_again),
        TEST(only_those_who_wait_for_this_slot_are_woken),
        TEST(who_waits_is_woken_in_every_page_of_slots),
        TEST(the_message_limit_is_the_number_that_fits),
        TEST(the_byte_limit_is_the_number_that_fits),
        TEST(an_empty_queue_takes_any_message),
        TEST(the_longest_queue_is_counted_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
