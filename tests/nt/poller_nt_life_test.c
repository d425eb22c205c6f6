// SPDX-License-Identifier: MIT
// The poller of Windows over a block's life: from one socket to the next, as the table of slabs grows, and how
// many requests and cancels that takes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nt/trouble.h"
#include "os/clock.h"
#include "os/windows/afd_blocks.h"
#include "os/windows/poller_afd.h"

// Slabs of the table at the start.
#define SLABS_MIN 16
#define MANY      (SLABS_MIN * TROUBLE_SLAB_BLOCKS + 100)

static_assert(MANY < SOCKETS_MAX, "the world has enough sockets to make the table grow");

static struct tf_watch watches[SOCKETS_MAX];

static void watch_sockets(uintptr_t first, uintptr_t last, uint8_t interest)
{
    for (uintptr_t i = first; i <= last; i++) {
        watches[i] = trouble_socket(i, true);
        assert_int_equal(trouble_watch(&watches[i], interest), TOFU_OK);
    }
}

static void forget_sockets(uintptr_t first, uintptr_t last)
{
    for (uintptr_t i = first; i <= last; i++) {
        trouble_forget(&watches[i]);
    }
}

static void look(void)
{
    struct tf_poll_event event;
    assert_int_equal(trouble_wait(0, &event, 1), 0);
}

static void expect_event(uint64_t token, uint8_t ready)
{
    struct tf_poll_event event;
    assert_int_equal(trouble_wait(TF_SECOND, &event, 1), 1);
    assert_int_equal(event.token, token);
    assert_int_equal(event.ready, ready);
}

static void change_socket(uintptr_t number, uint32_t ready)
{
    trouble_system.ready[number] = ready;
    nt_file_changed(trouble_system.files[number]);
}

// From one socket to the next.

// The block that a socket had last is another one's zombie by now. Whoever took that back would watch the other one,
// whose handle may be closed.
static void a_zombie_of_another_socket_is_not_taken_back(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    watch_sockets(1, 1, TF_POLL_READ);
    uint32_t slot = watches[1].slot;
    look();
    trouble_forget(&watches[1]);
    look();
    watch_sockets(2, TROUBLE_SLAB_BLOCKS + 1, TF_POLL_READ);
    struct tf_watch *heir = &watches[TROUBLE_SLAB_BLOCKS + 1];
    assert_int_equal(heir->slot, slot);
    look();
    trouble_system.puts_off = true;
    trouble_forget(heir);

    watches[1].token = 1000;
    assert_int_equal(trouble_watch(&watches[1], TF_POLL_READ), TOFU_OK);

    assert_int_not_equal(watches[1].slot, slot);
    trouble_system.puts_off = false;
    look();
    change_socket(1, TF_AFD_RECEIVE);
    expect_event(1000, TF_POLL_READ);
    forget_sockets(1, TROUBLE_SLAB_BLOCKS);
}

static void who_takes_over_a_block_hears_of_its_own_reset(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    watch_sockets(1, 1, 0);
    uint32_t slot = watches[1].slot;
    change_socket(1, TF_AFD_ABORT);
    expect_event(1, TF_POLL_ERROR | TF_POLL_HANGUP);
    trouble_forget(&watches[1]);
    watch_sockets(2, TROUBLE_SLAB_BLOCKS + 1, 0);
    assert_int_equal(watches[TROUBLE_SLAB_BLOCKS + 1].slot, slot);
    look();

    change_socket(TROUBLE_SLAB_BLOCKS + 1, TF_AFD_ABORT);

    expect_event(TROUBLE_SLAB_BLOCKS + 1, TF_POLL_ERROR | TF_POLL_HANGUP);
    look();
    forget_sockets(2, TROUBLE_SLAB_BLOCKS + 1);
}

// The reset was told to the one who watched before.
static void who_takes_back_a_request_hears_of_the_reset_anew(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    watch_sockets(1, 1, TF_POLL_READ);
    change_socket(1, TF_AFD_ABORT);
    expect_event(1, TF_POLL_READ | TF_POLL_ERROR | TF_POLL_HANGUP);
    trouble_system.puts_off = true;
    trouble_system.ready[1] = 0;
    look();
    trouble_forget(&watches[1]);
    watches[1].token = 2;
    assert_int_equal(trouble_watch(&watches[1], 0), TOFU_OK);
    assert_int_equal(nt_kernel_counts()->requests, 2);
    trouble_system.puts_off = false;

    change_socket(1, TF_AFD_ABORT);

    expect_event(2, TF_POLL_ERROR | TF_POLL_HANGUP);
    look();
    trouble_forget(&watches[1]);
}

// Somebody in the process has closed a handle that was not theirs. Reading says the rest.
static void a_socket_that_somebody_else_closed_is_told(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    watch_sockets(1, 1, TF_POLL_READ);
    look();

    nt_handle_close(trouble_system.files[1]);
    trouble_system.files[1] = NULL;

    expect_event(1, TF_POLL_READ | TF_POLL_ERROR | TF_POLL_HANGUP);
    trouble_forget(&watches[1]);
}

// As many lives as 16 bits count, and after the first 1, 2, 4 ... of them comes a packet of the very first.
static void no_packet_of_an_earlier_life_is_a_later_one_s(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    watch_sockets(1, TROUBLE_SLAB_BLOCKS, TF_POLL_READ);
    look();
    uint32_t slot = watches[1].slot;
    trouble_forget(&watches[1]);
    nt_handle_close(trouble_system.files[1]);
    trouble_system.files[1] = NULL;
    look();
    uintptr_t heir = TROUBLE_SLAB_BLOCKS + 1;
    watch_sockets(heir, heir, TF_POLL_READ);

    for (uint32_t lives = 1; lives <= 0x10000; lives++) {
        assert_int_equal(watches[heir].slot, slot);
        if ((lives & (lives - 1)) == 0) {
            look();
            assert_true(nt_port_stray(0));
            look();
            change_socket(heir, TF_AFD_RECEIVE);
            expect_event(heir, TF_POLL_READ);
            trouble_system.ready[heir] = 0;
        }
        trouble_forget(&watches[heir]);
        assert_int_equal(trouble_watch(&watches[heir], TF_POLL_READ), TOFU_OK);
    }
    forget_sockets(2, heir);
}

// To who wants to write: the call on the socket tells the rest.
static void a_refused_connection_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    watch_sockets(1, 1, TF_POLL_WRITE);
    look();

    change_socket(1, TF_AFD_CONNECT_FAIL);

    expect_event(1, TF_POLL_WRITE | TF_POLL_ERROR);
    trouble_forget(&watches[1]);
}

// What it costs.

static void declare(uint8_t interest)
{
    assert_int_equal(trouble_watch(&watches[1], interest), TOFU_OK);
}

// A request for more than is wanted may fire for nothing, once; a cancel costs two calls and a packet at least.
static void only_a_wider_interest_cancels_and_only_once(void **state)
{
    static const struct {
        uint8_t interest;
        uint32_t cancels; ///< so far
    } steps[] = {
        {TF_POLL_READ, 0}, // It was both.
        {0, 0},
        {TF_POLL_READ, 0},
        {TF_POLL_WRITE, 0},
        {TF_POLL_READ | TF_POLL_WRITE, 0},
        {0, 0},
    };
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    watch_sockets(1, 1, TF_POLL_READ | TF_POLL_WRITE);
    look();
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        declare(steps[i].interest);
        look();
        assert_int_equal(nt_kernel_counts()->cancels, steps[i].cancels);
    }
    assert_int_equal(nt_kernel_counts()->requests, 1);

    // What fires for nothing asks for what is wanted by now; from here on more is more.
    change_socket(1, TF_AFD_SEND);
    look();
    trouble_system.ready[1] = 0;
    declare(TF_POLL_READ);
    trouble_system.puts_off = true;
    look();
    declare(TF_POLL_READ | TF_POLL_WRITE);
    look();
    look();
    declare(TF_POLL_WRITE);
    look();
    trouble_system.puts_off = false;
    assert_int_equal(nt_kernel_counts()->cancels, 1);
    change_socket(1, TF_AFD_SEND);
    expect_event(1, TF_POLL_WRITE);
    trouble_forget(&watches[1]);
}

// Before the wait nothing has been asked for, and nobody has to take anything back.
static void what_is_changed_back_within_a_turn_costs_nothing(void **state)
{
    (void)state;
    assert_int_equal(trouble_open(false), TOFU_OK);
    watch_sockets(1, 1, TF_POLL_READ);
    look();
    for (int i = 0; i < 100; i++) {
        declare(TF_POLL_READ | TF_POLL_WRITE);
        declare(0);
        declare(TF_POLL_READ);
    }

    look();

    assert_int_equal(nt_kernel_counts()->cancels, 0);
    assert_int_equal(nt_kernel_counts()->requests, 1);
    trouble_forget(&watches[1]);
}

// The table of slabs.

static void blocks_stay_where_they_are_when_the_table_grows(void **state)
{
    (void)state;
    static struct tf_afd_op *blocks_taken[MANY];
    static struct tf_watch watch;
    struct tf_afd_blocks blocks;
    tf_afd_blocks_open(&blocks, &trouble_fixture.allocator);
    for (uint32_t i = 0; i < MANY; i++) {
        blocks_taken[i] = tf_afd_blocks_get(&blocks);
        assert_non_null(blocks_taken[i]);
        assert_int_equal(blocks_taken[i]->index, i);
        for (uint32_t life = 0; life < i % 3; life++) {
            tf_afd_op_begin(blocks_taken[i], &watch, NULL);
            blocks_taken[i]->watch = NULL;
        }
    }
    assert_in_range(blocks.slab_count, SLABS_MIN + 1, blocks.slab_capacity);

    for (uint32_t i = 0; i < MANY; i++) {
        uint64_t context = (uint64_t)(i % 3) << 32 | (i + 1);
        assert_ptr_equal(tf_afd_blocks_at(&blocks, i), blocks_taken[i]);
        assert_int_equal(tf_afd_op_context(blocks_taken[i]), context);
        assert_ptr_equal(tf_afd_blocks_find(&blocks, context), blocks_taken[i]);
        assert_null(tf_afd_blocks_find(&blocks, context + (UINT64_C(1) << 32)));
        tf_afd_blocks_put(&blocks, blocks_taken[i]);
    }
    assert_null(tf_afd_blocks_find(&blocks, (uint64_t)blocks.slab_count * TROUBLE_SLAB_BLOCKS + 1));
    assert_null(tf_afd_blocks_find(&blocks, 0));
    tf_afd_blocks_close(&blocks, true);
    assert_int_equal(trouble_system.allocated_bytes, 0);
}

// The kernel has a request in every block that there is, and writes to all of them afterwards.
static void the_table_grows_under_requests_that_are_armed(void **state)
{
    (void)state;
    static uint32_t told[SOCKETS_MAX];
    static struct tf_poll_event events[SOCKETS_MAX];
    assert_int_equal(trouble_open(false), TOFU_OK);
    uintptr_t before_growing = SLABS_MIN * TROUBLE_SLAB_BLOCKS;
    watch_sockets(1, before_growing, TF_POLL_READ);
    look();
    assert_int_equal(nt_kernel_counts()->requests, before_growing);
    watches[MANY] = trouble_socket(MANY, true);
    // First there is no memory for the table, then none for the slab.
    for (uint32_t fails_in = 1; fails_in <= 2; fails_in++) {
        trouble_system.fails_in = fails_in;
        assert_int_equal(trouble_watch(&watches[MANY], TF_POLL_READ), TOFU_ALLOCATION_FAILED);
        assert_int_equal(trouble_system.fails_in, 0);
        assert_false(watches[MANY].is_registered);
    }

    watch_sockets(before_growing + 1, MANY - 1, TF_POLL_READ);

    assert_int_equal(trouble_watch(&watches[MANY], TF_POLL_READ), TOFU_OK);
    look();
    for (uintptr_t i = 1; i <= MANY; i++) {
        change_socket(i, TF_AFD_RECEIVE);
    }
    for (uint32_t count = 0; count < MANY;) {
        uint32_t more = trouble_wait(TF_SECOND, events, SOCKETS_MAX);
        assert_in_range(more, 1, 256);
        for (uint32_t j = 0; j < more && count < MANY; j++, count++) {
            assert_int_equal(events[j].ready, TF_POLL_READ);
            told[events[j].token]++;
        }
    }
    for (uintptr_t i = 1; i <= MANY; i++) {
        assert_int_equal(told[i], 1);
        told[i] = 0;
    }
    forget_sockets(1, MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TROUBLE_CASE(a_zombie_of_another_socket_is_not_taken_back),
        TROUBLE_CASE(who_takes_over_a_block_hears_of_its_own_reset),
        TROUBLE_CASE(who_takes_back_a_request_hears_of_the_reset_anew),
        TROUBLE_CASE(a_socket_that_somebody_else_closed_is_told),
        TROUBLE_CASE(no_packet_of_an_earlier_life_is_a_later_one_s),
        TROUBLE_CASE(a_refused_connection_is_an_error),
        TROUBLE_CASE(only_a_wider_interest_cancels_and_only_once),
        TROUBLE_CASE(what_is_changed_back_within_a_turn_costs_nothing),
        TROUBLE_CASE(blocks_stay_where_they_are_when_the_table_grows),
        TROUBLE_CASE(the_table_grows_under_requests_that_are_armed),
    };
    return cmocka_run_group_tests_name("the life of a block", tests, NULL, NULL);
}
