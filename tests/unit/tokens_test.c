// SPDX-License-Identifier: MIT
// A token finds its channel for as long as it lasts, and nothing afterwards.
#include "unit/expect.h"

#include <string.h>

#include "engine/channel.h"
#include "engine/tokens.h"
#include "support/fault_allocator.h"
#include "unit/random.h"

#define CHANNEL_COUNT 1000

// Only the addresses of the channels matter here.
static struct tf_channel channels[CHANNEL_COUNT];

struct fixture {
    struct fault_allocator fault;
    struct tofu_allocator allocator;
    struct tf_tokens tokens;
    uint64_t token[CHANNEL_COUNT]; ///< of each channel; 0: it has none
};

static struct fixture fixture;

static int set_up(void **state)
{
    memset(&fixture, 0, sizeof fixture);
    fault_allocator_open(&fixture.fault);
    fixture.allocator = fault_allocator_functions(&fixture.fault);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *own = *state;
    tf_tokens_close(&own->tokens, &own->allocator);
    return fault_allocator_is_clean(&own->fault) ? 0 : -1;
}

static enum tofu_status try_add(struct fixture *own, size_t index)
{
    return tf_tokens_add(&own->tokens, &own->allocator, &channels[index], &own->token[index]);
}

static void add(struct fixture *own, size_t index)
{
    assert_status(TOFU_OK, try_add(own, index));
    assert_true(own->token[index] != 0);
}

static void drop(struct fixture *own, size_t index)
{
    tf_tokens_remove(&own->tokens, own->token[index]);
    own->token[index] = 0;
}

static void assert_finds(struct fixture *own, size_t index)
{
    assert_ptr_equal(tf_tokens_find(&own->tokens, own->token[index]), &channels[index]);
}

static void an_empty_table_finds_nothing(void **state)
{
    struct fixture *own = *state;

    assert_null(tf_tokens_find(&own->tokens, 0));
    assert_null(tf_tokens_find(&own->tokens, 1));
    assert_null(tf_tokens_find(&own->tokens, UINT64_C(1) << 32 | 1));
    assert_null(tf_tokens_find(&own->tokens, UINT64_MAX));
}

static void a_token_finds_its_channel(void **state)
{
    struct fixture *own = *state;

    add(own, 0);
    add(own, 1);

    assert_true(own->token[0] != own->token[1]);
    assert_finds(own, 0);
    assert_finds(own, 1);
}

static void zero_and_made_up_tokens_find_nothing(void **state)
{
    struct fixture *own = *state;
    add(own, 0);
    uint64_t token = own->token[0];

    assert_null(tf_tokens_find(&own->tokens, 0));
    assert_null(tf_tokens_find(&own->tokens, token + 1));
    assert_null(tf_tokens_find(&own->tokens, token & UINT32_MAX));
    assert_null(tf_tokens_find(&own->tokens, token + (UINT64_C(1) << 32)));
    assert_null(tf_tokens_find(&own->tokens, token | UINT32_MAX));
}

static void a_removed_token_finds_nothing(void **state)
{
    struct fixture *own = *state;
    add(own, 0);
    add(own, 1);
    uint64_t stale = own->token[0];

    drop(own, 0);

    assert_null(tf_tokens_find(&own->tokens, stale));
    assert_finds(own, 1);
}

// A late event of a closed socket must not reach the channel that took its place.
static void a_stale_token_never_finds_who_took_its_place(void **state)
{
    struct fixture *own = *state;
    static uint64_t stale[1000];
    for (size_t i = 0; i < 1000; i++) {
        add(own, 0);
        stale[i] = own->token[0];
        drop(own, 0);
    }

    add(own, 1);

    assert_int_equal(own->tokens.used, 1);
    for (size_t i = 0; i < 1000; i++) {
        assert_null(tf_tokens_find(&own->tokens, stale[i]));
    }
    assert_finds(own, 1);
}

static void growing_keeps_every_token(void **state)
{
    struct fixture *own = *state;

    for (size_t i = 0; i < CHANNEL_COUNT; i++) {
        add(own, i);
    }

    for (size_t i = 0; i < CHANNEL_COUNT; i++) {
        assert_finds(own, i);
    }
}

static void freed_places_are_used_before_the_table_grows(void **state)
{
    struct fixture *own = *state;
    for (size_t i = 0; i < 64; i++) {
        add(own, i);
    }
    uint32_t capacity = own->tokens.capacity;
    for (size_t i = 0; i < 64; i += 2) {
        drop(own, i);
    }

    for (size_t i = 0; i < 64; i += 2) {
        add(own, i);
    }

    assert_int_equal(own->tokens.capacity, capacity);
    for (size_t i = 0; i < 64; i++) {
        assert_finds(own, i);
    }
}

static void without_memory_the_first_token_is_refused(void **state)
{
    struct fixture *own = *state;
    fault_allocator_fail(&own->fault, 1, 1);

    assert_status(TOFU_ALLOCATION_FAILED, try_add(own, 0));

    assert_true(own->token[0] == 0);
    add(own, 0);
    assert_finds(own, 0);
}

static void without_memory_to_grow_the_others_stay_as_they_are(void **state)
{
    struct fixture *own = *state;
    add(own, 0);
    size_t full = own->tokens.capacity;
    for (size_t i = 1; i < full; i++) {
        add(own, i);
    }
    fault_allocator_fail(&own->fault, 1, SIZE_MAX);

    assert_status(TOFU_ALLOCATION_FAILED, try_add(own, full));
    assert_status(TOFU_ALLOCATION_FAILED, try_add(own, full));

    for (size_t i = 0; i < full; i++) {
        assert_finds(own, i);
    }
    fault_allocator_mend(&own->fault);
    add(own, full);
    assert_finds(own, full);
}

// Every token that was ever given out either finds its own channel or nothing.
static void tokens_agree_with_a_model(void **state)
{
    struct fixture *own = *state;
    static uint64_t stale[512];
    struct random_source random = {0};

    for (size_t i = 0; i < 100000; i++) {
        size_t index = random_below(&random, CHANNEL_COUNT);
        if (own->token[index] == 0) {
            add(own, index);
        } else {
            stale[random_below(&random, 512)] = own->token[index];
            drop(own, index);
        }
        size_t other = random_below(&random, CHANNEL_COUNT);
        if (own->token[other] != 0) {
            assert_finds(own, other);
        }
        assert_null(tf_tokens_find(&own->tokens, stale[random_below(&random, 512)]));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_table_finds_nothing),
        TEST(a_token_finds_its_channel),
        TEST(zero_and_made_up_tokens_find_nothing),
        TEST(a_removed_token_finds_nothing),
        TEST(a_stale_token_never_finds_who_took_its_place),
        TEST(growing_keeps_every_token),
        TEST(freed_places_are_used_before_the_table_grows),
        TEST(without_memory_the_first_token_is_refused),
        TEST(without_memory_to_grow_the_others_stay_as_they_are),
        TEST(tokens_agree_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
