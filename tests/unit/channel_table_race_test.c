// SPDX-License-Identifier: MIT
// The promises of the channel table to racing threads: once a closed slot has no load, nothing more
// arrives; no number has two owners; a poster that waits for room is woken.
//
// The table is nearly full in these tests, so that the few numbers that are left are given again at
// once: late posters then meet not an unused number but the next life of their own.
#include "unit/expect.h"

#include <stdlib.h>

#include <tofu/message.h>

#include "engine/channel_table.h"
#include "engine/settings.h"
#include "unit/random.h"
#include "unit/workers.h"

static struct tf_channel_table table;

static void *allocate(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

// What is added here stays open; `left_count` numbers are left.
static void open_nearly_full(int left_count)
{
    static const struct tofu_allocator allocator = {.allocate = allocate, .release = release};
    assert_status(TOFU_OK, tf_table_open(&table, &allocator, TF_CHANNELS_MAX));
    for (int i = 0; i < TF_CHANNELS_MAX - left_count; i++) {
        uint16_t number = 0;
        uint32_t ticket = 0;
        assert_status(TOFU_OK, tf_table_add(&table, NULL, 0, TF_CONNECTING, &number, &ticket));
    }
}

#define POSTER_COUNT  3
#define LIFE_COUNT    30000
#define MESSAGE_BYTES 20

// One life of a channel, as its posters and its I/O thread see it.
struct life {
    uint16_t number;
    uint32_t ticket;
    _Atomic uint32_t accepted_count; ///< what posters handed over
    uint32_t final_count;            ///< of these, when the life was declared over
};

static struct life lives[LIFE_COUNT];
static _Atomic uint32_t present_life;

static bool is_same_life(struct tf_slot *slot, uint32_t ticket)
{
    struct tf_slot_state state = tf_slot_state(slot);
    return state.is_open && state.ticket == ticket;
}

// As a post does it: look, add to the load, look again, and only then hand over.
static bool post_once(void *context)
{
    (void)context;
    uint32_t index = atomic_load(&present_life);
    if (index == LIFE_COUNT) {
        return false;
    }
    struct life *life = &lives[index];
    struct tf_slot *slot = tf_table_slot(&table, life->number);
    if (!is_same_life(slot, life->ticket) || !tf_slot_load(slot, MESSAGE_BYTES, 8, UINT64_MAX)) {
        machine_yield();
        return true;
    }
    if (is_same_life(slot, life->ticket)) {
        atomic_fetch_add(&life->accepted_count, 1);
    } else {
        tf_slot_unload(slot, 1, MESSAGE_BYTES);
    }
    return true;
}

static void begin_life(struct life *life)
{
    assert_status(
        TOFU_OK, tf_table_add(&table, NULL, 7, TF_CONNECTING, &life->number, &life->ticket));
}

// As the I/O thread does it: give every message that came its fate.
static void take_accepted(struct life *life, uint32_t *taken)
{
    struct tf_slot *slot = tf_table_slot(&table, life->number);
    while (*taken < atomic_load(&life->accepted_count)) {
        tf_slot_unload(slot, 1, MESSAGE_BYTES);
        (*taken)++;
    }
}

static bool end_life(struct life *life, uint32_t taken)
{
    struct tf_slot *slot = tf_table_slot(&table, life->number);
    uint64_t deadline_ns = patience_end();
    tf_slot_close(slot);
    take_accepted(life, &taken);
    while (tf_slot_is_loaded(slot)) {
        if (!go_on_until(deadline_ns)) {
            return false;
        }
        take_accepted(life, &taken);
    }
    life->final_count = taken;
    tf_table_remove(&table, life->number);
    tf_table_release(&table, life->number);
    return true;
}

static void nothing_arrives_once_a_closed_slot_has_no_load(void **state)
{
    (void)state;
    open_nearly_full(2);
    struct tf_thread posters[POSTER_COUNT] = {0};
    begin_life(&lives[0]);
    for (int i = 0; i < POSTER_COUNT; i++) {
        worker_start(&posters[i], post_once, NULL);
    }
    bool all_ended = true;

    for (uint32_t i = 0; i < LIFE_COUNT; i++) {
        uint32_t taken = 0;
        for (uint32_t turn = 0; turn < i % 4; turn++) {
            machine_yield();
            take_accepted(&lives[i], &taken);
        }
        all_ended = all_ended && end_life(&lives[i], taken);
        if (i + 1 < LIFE_COUNT) {
            begin_life(&lives[i + 1]);
        }
        atomic_store(&present_life, i + 1);
    }

    uint64_t accepted_count = 0;
    for (int i = 0; i < POSTER_COUNT; i++) {
        tf_thread_join(&posters[i]);
    }
    for (uint32_t i = 0; i < LIFE_COUNT; i++) {
        assert_int_equal(lives[i].accepted_count, lives[i].final_count);
        accepted_count += lives[i].final_count;
    }
    assert_true(all_ended);
    assert_true(accepted_count > 0);
    tf_table_close(&table);
}

#define OWNER_COUNT    4
#define HELD_COUNT_MAX 8
#define STEP_COUNT     50000

struct owner {
    struct tf_thread thread;
    struct random_source random;
    uint16_t held[HELD_COUNT_MAX];
    size_t held_count;
    int steps;
    bool found_wrong; ///< an owner beside it, or a ticket out of order
};

static _Atomic bool is_owned[65536];
static _Atomic uint32_t last_ticket[65536];

static void acquire(struct owner *own)
{
    uint16_t number = 0;
    uint32_t ticket = 0;
    if (tf_table_add(&table, NULL, 1, TF_ACCEPTING, &number, &ticket) != TOFU_OK) {
        own->found_wrong = true;
        return;
    }
    bool was_owned = atomic_exchange(&is_owned[number], true);
    uint32_t before = atomic_exchange(&last_ticket[number], ticket);
    own->found_wrong = own->found_wrong || was_owned || ticket <= before;
    own->held[own->held_count++] = number;
}

static void let_go(struct owner *own, size_t index)
{
    uint16_t number = own->held[index];
    own->held[index] = own->held[--own->held_count];
    tf_slot_close(tf_table_slot(&table, number));
    atomic_store(&is_owned[number], false);
    tf_table_remove(&table, number);
    tf_table_release(&table, number);
}

static bool own_and_let_go(void *context)
{
    struct owner *own = context;
    bool may_acquire = own->held_count < HELD_COUNT_MAX;
    bool must_acquire = own->held_count == 0;
    if (must_acquire || (may_acquire && random_below(&own->random, 2) == 0)) {
        acquire(own);
    } else {
        let_go(own, random_below(&own->random, own->held_count));
    }
    own->steps++;
    return own->steps < STEP_COUNT && !own->found_wrong;
}

static void no_number_ever_has_two_owners(void **state)
{
    (void)state;
    open_nearly_full(OWNER_COUNT * HELD_COUNT_MAX + 1);
    static struct owner owners[OWNER_COUNT];
    for (uint64_t i = 0; i < OWNER_COUNT; i++) {
        owners[i].random.state = i;
        worker_start(&owners[i].thread, own_and_let_go, &owners[i]);
    }

    for (int i = 0; i < OWNER_COUNT; i++) {
        tf_thread_join(&owners[i].thread);
        assert_false(owners[i].found_wrong);
        while (owners[i].held_count > 0) {
            let_go(&owners[i], 0);
        }
    }
    assert_int_equal(table.channel_count, TF_CHANNELS_MAX - OWNER_COUNT * HELD_COUNT_MAX - 1);
    tf_table_close(&table);
}

#define RIVAL_COUNT_MAX 2
#define BYE_COUNT       5000

// Each life has one ByeRequest, which all rivals try to post as soon as the round of that life begins.
struct rivals {
    struct tf_thread threads[RIVAL_COUNT_MAX];
    uint32_t count;
    _Atomic uint32_t round; ///< index of the present life + 1
    _Atomic uint32_t done_count;
    _Atomic uint32_t success_count;
};

static struct rivals rivals;

static bool post_bye(void *context)
{
    uint32_t *own_round = context;
    (*own_round)++;
    if (!word_becomes_hot(&rivals.round, *own_round)) {
        return false;
    }
    const struct life *life = &lives[*own_round - 1];
    struct tf_slot *slot = tf_table_slot(&table, life->number);
    bool got_through = tf_slot_posted(slot, life->ticket, TOFU_BYE_REQUEST);
    atomic_fetch_add(&rivals.success_count, got_through ? 1 : 0);
    atomic_fetch_add(&rivals.done_count, 1);
    return *own_round < BYE_COUNT;
}

// Begins the round of a life, and gives the others a moment to see it: another one each time.
static struct tf_slot *begin_round(uint32_t index)
{
    begin_life(&lives[index]);
    struct tf_slot *slot = tf_table_slot(&table, lives[index].number);
    atomic_store(&rivals.round, index + 1);
    for (uint32_t pause = index % 64; pause > 0; pause--) {
        (void)tf_slot_state(slot);
    }
    return slot;
}

static bool end_round(uint32_t index)
{
    return word_becomes_hot(&rivals.done_count, rivals.count * (index + 1));
}

// Runs all rounds; `act` is what the I/O thread does meanwhile, and says whether all was as it should be.
static void race(uint32_t rival_count, bool (*act)(uint32_t index, struct tf_slot *slot))
{
    uint32_t rounds[RIVAL_COUNT_MAX] = {0};
    open_nearly_full(2);
    rivals = (struct rivals){.count = rival_count};
    for (uint32_t i = 0; i < rival_count; i++) {
        worker_start(&rivals.threads[i], post_bye, &rounds[i]);
    }
    bool is_good = true;

    for (uint32_t i = 0; is_good && i < BYE_COUNT; i++) {
        struct tf_slot *slot = begin_round(i);
        is_good = act(i, slot);
        tf_slot_close(slot);
        tf_table_remove(&table, lives[i].number);
        tf_table_release(&table, lives[i].number);
    }

    for (uint32_t i = 0; i < rival_count; i++) {
        tf_thread_join(&rivals.threads[i]);
    }
    assert_true(is_good);
    tf_table_close(&table);
}

static bool receive_meanwhile(uint32_t index, struct tf_slot *slot)
{
    bool is_received = tf_slot_received(slot, lives[index].ticket, TOFU_HELLO_RESPONSE);
    return end_round(index) && is_received && atomic_load(&rivals.success_count) == index + 1 &&
           tf_slot_state(slot).session == TF_SESSION_ANSWERED_OURS_WAITS;
}

static void what_is_received_and_what_is_posted_move_a_session_together(void **state)
{
    (void)state;

    race(1, receive_meanwhile);
}

static void of_racing_byes_one_gets_through(void **state)
{
    (void)state;

    race(2, receive_meanwhile);
}

static bool close_meanwhile(uint32_t index, struct tf_slot *slot)
{
    tf_slot_close(slot);
    return end_round(index) && !tf_slot_state(slot).is_open &&
           tf_slot_state(slot).ticket == lives[index].ticket;
}

static void a_racing_post_does_not_open_again_what_was_closed(void **state)
{
    (void)state;

    race(1, close_meanwhile);
}

#define HAND_OVER_COUNT 30000

struct poster {
    struct tf_thread thread;
    struct tf_slot *slot;
    uint64_t deadline_ns;
    int loaded;
    bool was_woken;
};

static bool load_when_room(void *context)
{
    struct poster *own = context;
    uint64_t begin_ns = tf_clock_now();
    uint32_t count = tf_event_count_enter(&own->slot->room);
    bool is_loaded = tf_slot_load(own->slot, MESSAGE_BYTES, 1, UINT64_MAX);
    while (!is_loaded && tf_clock_now() < own->deadline_ns) {
        count = tf_event_count_park(&own->slot->room, count, own->deadline_ns);
        is_loaded = tf_slot_load(own->slot, MESSAGE_BYTES, 1, UINT64_MAX);
    }
    tf_event_count_leave(&own->slot->room);
    own->loaded += is_loaded ? 1 : 0;
    own->was_woken = own->was_woken && was_woken(begin_ns);
    return is_loaded && own->was_woken && own->loaded < HAND_OVER_COUNT;
}

static void a_poster_that_waits_for_room_is_woken(void **state)
{
    (void)state;
    open_nearly_full(1);
    begin_life(&lives[0]);
    struct tf_slot *slot = tf_table_slot(&table, lives[0].number);
    struct poster poster = {.slot = slot, .deadline_ns = patience_end(), .was_woken = true};
    worker_start(&poster.thread, load_when_room, &poster);
    int unloaded = 0;

    while (unloaded < HAND_OVER_COUNT && go_on_until(poster.deadline_ns)) {
        if (tf_slot_is_loaded(slot)) {
            tf_slot_unload(slot, 1, MESSAGE_BYTES);
            unloaded++;
        }
    }

    tf_thread_join(&poster.thread);
    assert_true(poster.was_woken);
    assert_int_equal(poster.loaded, HAND_OVER_COUNT);
    assert_int_equal(unloaded, HAND_OVER_COUNT);
    assert_false(tf_slot_is_loaded(slot));
    tf_table_close(&table);
}

#define LOADER_COUNT 2
#define LOAD_COUNT   100000

struct loader {
    struct tf_thread thread;
    struct tf_slot *slot;
    int loads;
    bool was_refused;
};

static bool load_and_unload(void *context)
{
    struct loader *own = context;
    if (tf_slot_load(own->slot, MESSAGE_BYTES, LOADER_COUNT, UINT64_MAX)) {
        tf_slot_unload(own->slot, 1, MESSAGE_BYTES);
    } else {
        own->was_refused = true;
    }
    own->loads++;
    return own->loads < LOAD_COUNT;
}

// One lost would be a channel that never closes.
static void racing_loads_are_all_counted_in_and_out(void **state)
{
    (void)state;
    open_nearly_full(1);
    begin_life(&lives[0]);
    struct tf_slot *slot = tf_table_slot(&table, lives[0].number);
    struct loader loaders[LOADER_COUNT] = {{.slot = slot}, {.slot = slot}};
    for (int i = 0; i < LOADER_COUNT; i++) {
        worker_start(&loaders[i].thread, load_and_unload, &loaders[i]);
    }

    for (int i = 0; i < LOADER_COUNT; i++) {
        tf_thread_join(&loaders[i].thread);
        assert_false(loaders[i].was_refused);
    }

    assert_false(tf_slot_is_loaded(slot));
    tf_table_close(&table);
}

struct refused {
    struct tf_thread thread;
    struct tf_slot *slot;
    _Atomic uint32_t must_end;
    bool was_taken;
};

static bool try_in_vain(void *context)
{
    struct refused *own = context;
    own->was_taken = own->was_taken || tf_slot_load(own->slot, 1000, 10, 100);
    return atomic_load(&own->must_end) == 0;
}

// If it were added for a moment only, others would be refused because of it, or a closing notice would
// wait for it that nobody delivers afterwards.
static void a_load_that_is_refused_never_shows(void **state)
{
    (void)state;
    open_nearly_full(1);
    begin_life(&lives[0]);
    struct tf_slot *slot = tf_table_slot(&table, lives[0].number);
    struct refused refused = {.slot = slot};
    assert_true(tf_slot_load(slot, 1, 10, 100));
    worker_start(&refused.thread, try_in_vain, &refused);
    bool all_fit = true;
    bool all_seen_right = true;

    for (int i = 0; i < 50000; i++) {
        uint64_t messages = 0;
        uint64_t bytes = 0;
        all_fit = tf_slot_load(slot, 1, 2, 100) && all_fit;
        tf_slot_read_load(slot, &messages, &bytes);
        all_seen_right = all_seen_right && messages == 2 && bytes == 2;
        tf_slot_unload(slot, 1, 1);
    }

    atomic_store(&refused.must_end, 1);
    tf_thread_join(&refused.thread);
    assert_true(all_fit);
    assert_true(all_seen_right);
    assert_false(refused.was_taken);
    tf_table_close(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_arrives_once_a_closed_slot_has_no_load),
        cmocka_unit_test(no_number_ever_has_two_owners),
        cmocka_unit_test(what_is_received_and_what_is_posted_move_a_session_together),
        cmocka_unit_test(of_racing_byes_one_gets_through),
        cmocka_unit_test(a_racing_post_does_not_open_again_what_was_closed),
        cmocka_unit_test(a_poster_that_waits_for_room_is_woken),
        cmocka_unit_test(racing_loads_are_all_counted_in_and_out),
        cmocka_unit_test(a_load_that_is_refused_never_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
