// SPDX-License-Identifier: MIT
// Names to endpoints: what comes out, and that letting go is safe at any moment.
//
// Nothing here asks a name server: the names are local, numeric, or such that no server could be asked.
#include <stdatomic.h>

#include "contract/contract_link.h"
#include "os/park.h"
#include "os/resolver.h"

// A label has at most 63 bytes, so this name cannot exist and is refused before anybody is asked.
#define IMPOSSIBLE_NAME                                                                            \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid"

static struct tf_resolver *resolver;

static int open_resolver(void **state)
{
    if (contract_open_network(state) != 0) {
        return -1;
    }
    return tf_resolver_open(&resolver) == TOFU_OK ? 0 : -1;
}

static int close_resolver(void **state)
{
    tf_resolver_close(&resolver);
    return contract_close_network(state);
}

struct asker {
    struct tf_query *query;
    _Atomic uint32_t done_count;
};

static void count_done(void *context)
{
    struct asker *asker = context;
    (void)atomic_fetch_add(&asker->done_count, 1);
    tf_unpark_all(&asker->done_count);
}

static void ask(struct asker *asker, const char *host)
{
    struct tofu_address address = {.transport = TOFU_TCP, .port = 7099};
    assert_in_range(
        snprintf(address.host, sizeof address.host, "%s", host), 1, TOFU_HOST_BYTES_MAX);
    assert_int_equal(tf_query_open(resolver, &asker->query, &address, count_done, asker), TOFU_OK);
    assert_non_null(asker->query);
}

static const struct tf_resolution *await(struct asker *asker)
{
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    while (atomic_load(&asker->done_count) == 0) {
        assert_true(tf_clock_now() < deadline_ns);
        tf_park(&asker->done_count, 0, deadline_ns);
    }
    const struct tf_resolution *resolution = tf_query_resolution(asker->query);
    assert_non_null(resolution);
    return resolution;
}

static void a_name_is_resolved_to_endpoints_that_can_be_connected_to(void **state)
{
    struct contract_link link;
    struct asker asker = {0};
    struct tofu_address address = {.transport = TOFU_TCP};
    bool is_connected = false;
    int error = 0;
    (void)state;
    contract_open(&link, TOFU_TCP);
    tf_listener_close(&link.listener);
    assert_int_equal(tf_listener_open(&link.listener, &address, CONTRACT_MODE, &error), TOFU_OK);
    address.port = link.listener.address.port;
    (void)snprintf(address.host, sizeof address.host, "localhost");
    assert_int_equal(tf_query_open(resolver, &asker.query, &address, count_done, &asker), TOFU_OK);

    const struct tf_resolution *resolution = await(&asker);

    assert_int_equal(resolution->status, TOFU_OK);
    assert_string_equal(resolution->detail, "");
    assert_in_range(resolution->endpoint_count, 1, TF_ENDPOINTS_MAX);
    for (size_t i = 0; i < resolution->endpoint_count && !is_connected; i++) {
        tf_socket client = TF_SOCKET_NONE;
        enum tofu_status status = TOFU_OK;
        enum tf_connect result =
            tf_socket_connect(&resolution->endpoints[i], &client, &status, &error);
        if (result == TF_CONNECT_PENDING || result == TF_CONNECT_DONE) {
            contract_adopt(&link, client);
            contract_connect_end(&link, client, result);
            is_connected = true;
        }
    }
    assert_true(is_connected);
    tf_query_close(&asker.query);
    contract_shut(&link);
}

// A host that is a number already needs no resolver, but may come this way.
static void a_number_is_resolved_to_itself(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct asker asker = {0};
        struct tofu_address address = {.transport = TOFU_TCP, .port = 7099};
        struct tf_endpoint endpoint;
        (void)snprintf(address.host, sizeof address.host, "%s", hosts[i]);
        assert_true(tf_endpoint_from_address(&address, &endpoint));
        ask(&asker, hosts[i]);

        const struct tf_resolution *resolution = await(&asker);

        assert_int_equal(resolution->status, TOFU_OK);
        assert_int_equal(resolution->endpoint_count, 1);
        assert_int_equal(resolution->endpoints[0].size, endpoint.size);
        assert_memory_equal(resolution->endpoints[0].storage, endpoint.storage, endpoint.size);
        tf_query_close(&asker.query);
    }
}

static void a_name_that_cannot_exist_fails_with_words(void **state)
{
    struct asker asker = {0};
    (void)state;
    ask(&asker, IMPOSSIBLE_NAME);

    const struct tf_resolution *resolution = await(&asker);

    assert_int_equal(resolution->status, TOFU_INVALID_ADDRESS);
    assert_int_equal(resolution->endpoint_count, 0);
    assert_string_not_equal(resolution->detail, "");
    assert_true(strnlen(resolution->detail, sizeof resolution->detail) < sizeof resolution->detail);
    assert_null(strpbrk(resolution->detail, "\r\n"));
    tf_query_close(&asker.query);
}

static void the_asker_is_told_once_and_the_answer_stays(void **state)
{
    struct asker asker = {0};
    (void)state;
    ask(&asker, "localhost");

    const struct tf_resolution *first = await(&asker);

    assert_ptr_equal(tf_query_resolution(asker.query), first);
    assert_int_equal(atomic_load(&asker.done_count), 1);
    tf_query_close(&asker.query);
    assert_null(asker.query);
    assert_int_equal(atomic_load(&asker.done_count), 1);
}

static void closing_nothing_does_nothing(void **state)
{
    struct tf_query *query = NULL;
    (void)state;

    tf_query_close(&query);

    assert_null(query);
}

// The asker's memory is gone right after the close: a sanitizer would see a late call.
static void after_the_close_nobody_is_told(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct asker *asker = test_calloc(1, sizeof *asker);
        ask(asker, i % 2 == 0 ? "localhost" : IMPOSSIBLE_NAME);
        tf_query_close(&asker->query);
        uint32_t done_count = atomic_load(&asker->done_count);
        assert_in_range(done_count, 0, 1);
        memset(asker, 0xEE, sizeof *asker);
        test_free(asker);
    }
}

static void a_hundred_names_at_once_are_all_resolved(void **state)
{
    enum { ASKER_COUNT = 100 };
    static struct asker askers[ASKER_COUNT];
    (void)state;
    memset(askers, 0, sizeof askers);
    for (int i = 0; i < ASKER_COUNT; i++) {
        ask(&askers[i], "localhost");
    }
    for (int i = 0; i < ASKER_COUNT; i++) {
        assert_int_equal(await(&askers[i])->status, TOFU_OK);
        tf_query_close(&askers[i].query);
    }
}

static void a_hundred_that_are_let_go_of_at_once_harm_nobody(void **state)
{
    enum { ASKER_COUNT = 100 };
    static struct asker askers[ASKER_COUNT];
    (void)state;
    memset(askers, 0, sizeof askers);
    for (int i = 0; i < ASKER_COUNT; i++) {
        ask(&askers[i], "localhost");
    }
    for (int i = 0; i < ASKER_COUNT; i++) {
        tf_query_close(&askers[i].query);
        assert_null(askers[i].query);
    }

    struct asker last = {0};
    ask(&last, "localhost");
    assert_int_equal(await(&last)->status, TOFU_OK);
    tf_query_close(&last.query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_resolved_to_endpoints_that_can_be_connected_to),
        cmocka_unit_test(a_number_is_resolved_to_itself),
        cmocka_unit_test(a_name_that_cannot_exist_fails_with_words),
        cmocka_unit_test(the_asker_is_told_once_and_the_answer_stays),
        cmocka_unit_test(closing_nothing_does_nothing),
        cmocka_unit_test(after_the_close_nobody_is_told),
        cmocka_unit_test(a_hundred_names_at_once_are_all_resolved),
        cmocka_unit_test(a_hundred_that_are_let_go_of_at_once_harm_nobody),
    };
    return cmocka_run_group_tests_name("resolver", tests, open_resolver, close_resolver);
}
