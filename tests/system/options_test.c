// SPDX-License-Identifier: MIT
// Options: zero is the default, what is out of range is refused, and nothing is silently ignored.
#include <stdlib.h>
#include <string.h>

#include "support/link_fixture.h"
#include "support/machine.h"

static enum tofu_status create(const struct tofu_options *options)
{
    struct fault_allocator memory;
    struct tofu_options own = *options;
    struct tofu_engine *engine = NULL;
    fault_allocator_open(&memory);
    if (own.allocator.allocate == NULL && own.allocator.release == NULL) {
        own.allocator = fault_allocator_functions(&memory);
    }
    enum tofu_status status = tofu_engine_create(&own, &engine);
    assert_int_equal(engine != NULL, status == TOFU_OK);
    tofu_engine_destroy(&engine);
    assert_true(fault_allocator_is_clean(&memory));
    return status;
}

static void no_options_are_all_defaults(void **state)
{
    struct tofu_engine *engine = NULL;
    (void)state;
    assert_status(TOFU_OK, tofu_engine_create(NULL, &engine));
    assert_non_null(engine);
    tofu_engine_destroy(&engine);
    assert_null(engine);
    assert_status(TOFU_OK, create(&(struct tofu_options){0}));
    assert_status(
        TOFU_OK, create(&(struct tofu_options){.struct_size = sizeof(struct tofu_options)}));
}

static void an_unknown_size_is_refused(void **state)
{
    (void)state;
    assert_int_not_equal(create(&(struct tofu_options){.struct_size = 8}), TOFU_OK);
    assert_int_not_equal(
        create(&(struct tofu_options){.struct_size = sizeof(struct tofu_options) + 8}), TOFU_OK);
}

static void an_unknown_poller_is_refused(void **state)
{
    const char *poller = getenv("TOFU_POLLER");
    char name[32] = "";
    (void)state;
    if (poller != NULL) {
        assert_true(strlen(poller) < sizeof name);
        strcpy(name, poller);
    }
    assert_true(machine_set_variable("TOFU_POLLER", NULL));
    enum tofu_status unknown = create(&(struct tofu_options){.poller = "telepathy"});
    enum tofu_status empty = create(&(struct tofu_options){.poller = ""});
    enum tofu_status known = create(&(struct tofu_options){.poller = TEST_POLLER});
    assert_true(machine_set_variable("TOFU_POLLER", "telepathy"));
    enum tofu_status unknown_outside = create(&(struct tofu_options){.poller = TEST_POLLER});
    assert_true(machine_set_variable("TOFU_POLLER", TEST_POLLER));
    enum tofu_status overridden = create(&(struct tofu_options){.poller = "telepathy"});
    assert_true(machine_set_variable("TOFU_POLLER", name[0] == '\0' ? NULL : name));

    assert_status(TOFU_NOT_ALLOWED, unknown);
    assert_status(TOFU_NOT_ALLOWED, empty);
    assert_status(TOFU_OK, known);
    assert_status(TOFU_NOT_ALLOWED, unknown_outside);
    assert_status(TOFU_OK, overridden);
}

static void numbers_out_of_range_are_refused(void **state)
{
    static const struct tofu_options cases[] = {
        {.uds_mode = 01000},
        {.uds_mode = TOFU_UNLIMITED},
        {.log_level = (enum tofu_log_level)4},
        {.pool_messages_initial = TOFU_UNLIMITED, .pool_messages_max = TOFU_UNLIMITED}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (create(&cases[i]) != TOFU_NOT_ALLOWED) {
            fail_msg("case %zu is not refused", i);
        }
    }
}

// Only Windows has providers that stand before its sockets.
static void what_this_platform_has_not_got_is_refused(void **state)
{
    bool has_providers = strcmp(TEST_POLLER, "afd") == 0;
    (void)state;
    assert_status(
        has_providers ? TOFU_OK : TOFU_NOT_IMPLEMENTED_YET,
        create(&(struct tofu_options){.lsp_fallback = 1}));
}

static void half_an_allocator_is_refused(void **state)
{
    struct fault_allocator memory;
    (void)state;
    fault_allocator_open(&memory);
    struct tofu_options options = {.allocator = fault_allocator_functions(&memory)};
    options.allocator.release = NULL;

    assert_status(TOFU_NOT_ALLOWED, create(&options));

    options.allocator = fault_allocator_functions(&memory);
    options.allocator.allocate = NULL;
    assert_status(TOFU_NOT_ALLOWED, create(&options));
    assert_int_equal(atomic_load(&memory.allocation_count), 0);
}

static void no_limit_is_a_choice(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {
        .pool_messages_max = TOFU_UNLIMITED,
        .channels_max = TOFU_UNLIMITED,
        .text_bytes_max = TOFU_UNLIMITED,
        .body_bytes_max = TOFU_UNLIMITED,
        .half_open_max = TOFU_UNLIMITED,
        .send_queue_messages_max = TOFU_UNLIMITED,
        .send_queue_bytes_max = TOFU_UNLIMITED,
        .update_messages_max = TOFU_UNLIMITED,
        .connect_timeout_ns = TOFU_UNLIMITED,
        .hello_timeout_ns = TOFU_UNLIMITED,
        .frame_timeout_ns = TOFU_UNLIMITED,
        .close_timeout_ns = TOFU_UNLIMITED,
        .turn_bytes_max = TOFU_UNLIMITED,
        .keepalive = 1,
        .thread_name = "a name that is longer than a thread's can be"};
    link_open_server(link, &options);
    link_open_client(link, &options);
    link_connect(link);
    for (uint64_t id = 1; id <= 2000; id++) {
        side_send(&link->client, TOFU_REQUEST, id, NULL);
    }
    for (uint64_t id = 1; id <= 2000; id++) {
        assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, id);
    }
    link_bye(link, &link->client, &link->server);
}

static void the_initial_pool_is_lowered_to_its_maximum(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.pool_messages_initial = 100, .pool_messages_max = 5};
    link->client.engine = link_open_engine(link, &options);
    assert_in_range(side_stats(&link->client).messages_idle, 1, 5);
}

static void the_stats_want_to_know_their_size(void **state)
{
    struct link_fixture *link = *state;
    struct tofu_stats stats = {.struct_size = 8, .turns = 77};
    struct tofu_shutdown_report report = {.struct_size = 8, .channels_forced = 77};
    link_open_client(link, NULL);

    assert_status(TOFU_NOT_ALLOWED, tofu_engine_stats(link->client.engine, &stats));
    assert_status(TOFU_NOT_ALLOWED, tofu_engine_shutdown(link->client.engine, 0, &report));

    assert_int_equal(stats.turns, 77);
    assert_int_equal(report.channels_forced, 77);
    // The shutdown was not begun.
    assert_status(TOFU_OK, tofu_group_update(link->client.group, NULL));
    stats.struct_size = 0;
    assert_status(TOFU_OK, tofu_engine_stats(link->client.engine, &stats));
    assert_int_equal(stats.channels, 0);
}

// Without memory an engine is refused, and every byte it had taken by then is given back.
static void an_engine_is_not_created_without_memory(void **state)
{
    struct fault_allocator memory;
    struct tofu_engine *engine = NULL;
    size_t refused = 0;
    (void)state;
    for (size_t nth = 1; engine == NULL; nth++) {
        fault_allocator_open(&memory);
        const struct tofu_options options = {.allocator = fault_allocator_functions(&memory)};
        fault_allocator_fail(&memory, nth, 1);
        enum tofu_status status = tofu_engine_create(&options, &engine);
        if (status != TOFU_OK) {
            assert_status(TOFU_ALLOCATION_FAILED, status);
            assert_null(engine);
            assert_true(fault_allocator_is_clean(&memory));
            refused++;
        }
        assert_true(nth < 1000);
    }
    tofu_engine_destroy(&engine);
    assert_true(fault_allocator_is_clean(&memory));
    assert_int_not_equal(refused, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(no_options_are_all_defaults),
        LINK_TEST(an_unknown_size_is_refused),
        LINK_TEST(an_unknown_poller_is_refused),
        LINK_TEST(numbers_out_of_range_are_refused),
        LINK_TEST(what_this_platform_has_not_got_is_refused),
        LINK_TEST(half_an_allocator_is_refused),
        LINK_TEST(the_initial_pool_is_lowered_to_its_maximum),
        LINK_TEST(the_stats_want_to_know_their_size),
        LINK_TEST(an_engine_is_not_created_without_memory),
    };
    static const struct CMUnitTest link_tests[] = {
        LINK_TEST(no_limit_is_a_choice),
    };
    int failed = LINK_RUN(tests, LINK_TCP);
    failed += LINK_RUN(link_tests, LINK_BOTH);
    return failed;
}
