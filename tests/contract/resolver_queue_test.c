// SPDX-License-Identifier: MIT
// What resolver.c makes of lookups that hang: this program's lookup ends only when it is told to.
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "os/clock.h"
#include "os/lookup.h"
#include "os/park.h"
#include "os/resolver.h"
#include "os/thread.h"

#define DEADLINE   (30 * TF_SECOND)
#define HELPER_MAX (2 * TF_RESOLVER_HELPERS_MAX)

struct helper {
    struct tf_thread thread;
    void (*run)(void *context);
    void *context;
};

static struct helper helpers[HELPER_MAX];
static uint32_t helper_count;
static bool threads_are_refused;
static _Atomic uint32_t lookup_count; ///< begun
static _Atomic uint32_t is_hanging;
static _Atomic uint32_t done_count;

void tf_lookup(const struct tofu_address *address, struct tf_resolution *resolution_out)
{
    atomic_fetch_add(&lookup_count, 1);
    tf_unpark_all(&lookup_count);
    while (atomic_load(&is_hanging) != 0) {
        tf_park(&is_hanging, 1, TF_NEVER);
    }
    memset(resolution_out, 0, sizeof *resolution_out);
    resolution_out->endpoint_count = 1;
    resolution_out->endpoints[0].size = (uint32_t)strlen(address->host);
}

static bool helper_step(void *context)
{
    const struct helper *helper = context;
    helper->run(helper->context);
    return false;
}

enum tofu_status tf_lookup_thread_start(void (*run)(void *context), void *context)
{
    if (threads_are_refused || helper_count == HELPER_MAX) {
        return TOFU_NOTIFICATION_FAILED;
    }
    struct helper *helper = &helpers[helper_count];
    *helper = (struct helper){.run = run, .context = context};
    enum tofu_status status = tf_thread_start(&helper->thread, NULL, helper_step, helper);
    helper_count += status == TOFU_OK ? 1 : 0;
    return status;
}

static int set_up(void **state)
{
    static struct tf_resolver *resolver;
    threads_are_refused = false;
    helper_count = 0;
    atomic_store(&lookup_count, 0);
    atomic_store(&done_count, 0);
    atomic_store(&is_hanging, 1);
    if (tf_resolver_open(&resolver) != TOFU_OK) {
        return -1;
    }
    *state = resolver;
    return 0;
}

static void let_lookups_end(void)
{
    atomic_store(&is_hanging, 0);
    tf_unpark_all(&is_hanging);
}

// The resolver goes while its helpers may still be in it, as an engine's does.
static int tear_down(void **state)
{
    struct tf_resolver *resolver = *state;
    tf_resolver_close(&resolver);
    let_lookups_end();
    for (uint32_t i = 0; i < helper_count; i++) {
        tf_thread_join(&helpers[i].thread);
    }
    return 0;
}

static void count_done(void *context)
{
    (void)context;
    atomic_fetch_add(&done_count, 1);
    tf_unpark_all(&done_count);
}

static void await_count(_Atomic uint32_t *count, uint32_t wanted)
{
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), DEADLINE);
    for (uint32_t seen = atomic_load(count); seen < wanted; seen = atomic_load(count)) {
        assert_true(tf_clock_now() < deadline_ns);
        tf_park(count, seen, deadline_ns);
    }
    assert_int_equal(atomic_load(count), wanted);
}

static struct tf_query *ask(void **state, uint32_t number)
{
    struct tofu_address address = {.transport = TOFU_TCP, .port = 1};
    struct tf_query *query = NULL;
    (void)snprintf(address.host, sizeof address.host, "host-%u", (unsigned)number);
    assert_int_equal(tf_query_open(*state, &query, &address, count_done, NULL), TOFU_OK);
    return query;
}

static void one_that_asks_again_and_again_has_one_helper_in_a_lookup_that_hangs(void **state)
{
    for (int i = 0; i < 1000; i++) {
        struct tf_query *query = ask(state, 1);
        await_count(&lookup_count, 1);
        tf_query_close(&query);
    }

    assert_int_equal(helper_count, 1);
    assert_int_equal(atomic_load(&done_count), 0);
}

static void many_that_ask_for_one_name_share_its_answer(void **state)
{
    enum { QUERY_COUNT = 10 };
    struct tf_query *queries[QUERY_COUNT];
    for (int i = 0; i < QUERY_COUNT; i++) {
        queries[i] = ask(state, 1);
        assert_null(tf_query_resolution(queries[i]));
    }

    let_lookups_end();
    await_count(&done_count, QUERY_COUNT);

    assert_int_equal(atomic_load(&lookup_count), 1);
    for (int i = 0; i < QUERY_COUNT; i++) {
        assert_int_equal(tf_query_resolution(queries[i])->endpoints[0].size, strlen("host-1"));
        tf_query_close(&queries[i]);
    }
}

static void names_beyond_the_helpers_wait_and_are_looked_up_in_the_end(void **state)
{
    enum { NAME_COUNT = 3 * TF_RESOLVER_HELPERS_MAX };
    struct tf_query *queries[NAME_COUNT];
    for (uint32_t i = 0; i < NAME_COUNT; i++) {
        queries[i] = ask(state, i);
    }
    await_count(&lookup_count, TF_RESOLVER_HELPERS_MAX);
    assert_int_equal(helper_count, TF_RESOLVER_HELPERS_MAX);
    // One that nobody wants any more is not looked up.
    tf_query_close(&queries[NAME_COUNT - 1]);

    let_lookups_end();
    await_count(&done_count, NAME_COUNT - 1);

    assert_int_equal(atomic_load(&lookup_count), NAME_COUNT - 1);
    for (uint32_t i = 0; i < NAME_COUNT - 1; i++) {
        assert_int_equal(tf_query_resolution(queries[i])->status, TOFU_OK);
        tf_query_close(&queries[i]);
    }
}

static void without_threads_a_query_fails_unless_a_helper_is_there(void **state)
{
    struct tofu_address address = {.transport = TOFU_TCP, .host = "host-0"};
    struct tf_query *query = NULL;
    threads_are_refused = true;
    assert_int_equal(
        tf_query_open(*state, &query, &address, count_done, NULL), TOFU_NOTIFICATION_FAILED);
    assert_null(query);
    threads_are_refused = false;
    struct tf_query *first = ask(state, 1);
    threads_are_refused = true;

    struct tf_query *second = ask(state, 2);
    let_lookups_end();
    await_count(&done_count, 2);

    assert_int_equal(helper_count, 1);
    tf_query_close(&first);
    tf_query_close(&second);
}

static void a_resolver_ends_while_its_lookups_hang(void **state)
{
    for (uint32_t i = 0; i < 2 * TF_RESOLVER_HELPERS_MAX; i++) {
        struct tf_query *query = ask(state, i);
        await_count(&lookup_count, i < TF_RESOLVER_HELPERS_MAX ? i + 1 : TF_RESOLVER_HELPERS_MAX);
        tf_query_close(&query);
    }

    assert_int_equal(helper_count, TF_RESOLVER_HELPERS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            one_that_asks_again_and_again_has_one_helper_in_a_lookup_that_hangs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            many_that_ask_for_one_name_share_its_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            names_beyond_the_helpers_wait_and_are_looked_up_in_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            without_threads_a_query_fails_unless_a_helper_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_resolver_ends_while_its_lookups_hang, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("resolver queue", tests, NULL, NULL);
}
