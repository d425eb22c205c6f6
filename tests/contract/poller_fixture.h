// SPDX-License-Identifier: MIT
// What the programs of the poller's contract share: a poller under test, a connection, watches, and a
// runner that repeats every case for every backend, over TCP and over Unix sockets.
//
// Only src/os/*.h is used, so a simulated system is held to the same contract.
#ifndef TF_TESTS_CONTRACT_POLLER_FIXTURE_H
#define TF_TESTS_CONTRACT_POLLER_FIXTURE_H

#include "contract/contract_link.h"

// How long a poller must stay silent before we believe it.
#define QUIET (30 * TF_MILLISECOND)

// How late a wait may be on a machine that is busy with other tests.
#define LATENESS_MAX (5 * TF_SECOND)

#define WATCHES_MAX  CONTRACT_SOCKETS_MAX
#define CAPACITY_MAX 64
#define VARIANTS_MAX 16
#define CASES_MAX    40

struct variant {
    const struct tf_poller_ops *ops;
    enum tofu_transport transport;
};

struct fixture {
    struct contract_link link;
    struct tf_poller poller;
    tf_socket client;
    tf_socket server;
    uint64_t last_token;
    uint32_t watch_count;
    struct tf_watch watches[WATCHES_MAX];
    tf_socket peers[WATCHES_MAX];           ///< the other ends, where watch_many() made them
    uint32_t event_counts[WATCHES_MAX + 1]; ///< per token: tokens count up from 1
};

static inline int set_up(void **state)
{
    static struct fixture fixture;
    const struct variant *variant = *state;
    memset(&fixture, 0, sizeof fixture);
    contract_open(&fixture.link, variant->transport);
    contract_pair(&fixture.link, &fixture.client, &fixture.server);
    fixture.poller.ops = variant->ops;
    if (contract_poller_open(&fixture.poller, &fixture.link.allocator) != TOFU_OK) {
        return -1;
    }
    *state = &fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < fixture->watch_count; i++) {
        fixture->poller.ops->forget(&fixture->poller, &fixture->watches[i]);
    }
    fixture->poller.ops->close(&fixture->poller);
    contract_shut(&fixture->link);
    return 0;
}

static inline struct tf_watch *watch_add(struct fixture *fixture, tf_socket socket)
{
    assert_true(fixture->watch_count < WATCHES_MAX);
    struct tf_watch *watch = &fixture->watches[fixture->watch_count];
    fixture->watch_count++;
    *watch = (struct tf_watch){.socket = socket, .token = ++fixture->last_token};
    return watch;
}

static inline void arm(struct fixture *fixture, struct tf_watch *watch, uint8_t interest)
{
    assert_int_equal(fixture->poller.ops->watch(&fixture->poller, watch, interest), TOFU_OK);
    assert_true(watch->is_registered);
    assert_int_equal(watch->interest, interest);
}

static inline void forget(struct fixture *fixture, struct tf_watch *watch)
{
    fixture->poller.ops->forget(&fixture->poller, watch);
    assert_false(watch->is_registered);
}

static inline uint32_t wait_once(
    struct fixture *fixture, uint64_t timeout_ns, struct tf_poll_event *events, uint32_t capacity)
{
    uint32_t event_count = UINT32_MAX;
    enum tofu_status status =
        fixture->poller.ops->wait(&fixture->poller, timeout_ns, events, capacity, &event_count);
    assert_int_equal(status, TOFU_OK);
    assert_true(event_count <= capacity);
    for (uint32_t i = 0; i < event_count; i++) {
        assert_int_not_equal(events[i].ready, 0);
        assert_in_range(events[i].token, 1, fixture->last_token);
    }
    return event_count;
}

// Waits until the watch has an event, and gives what is ready; other sockets' events do not matter.
static inline uint8_t expect(struct fixture *fixture, const struct tf_watch *watch)
{
    struct tf_poll_event events[CAPACITY_MAX];
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    while (tf_clock_now() < deadline_ns) {
        uint32_t event_count = wait_once(fixture, CONTRACT_DEADLINE, events, CAPACITY_MAX);
        for (uint32_t i = 0; i < event_count; i++) {
            if (events[i].token == watch->token) {
                return events[i].ready;
            }
        }
    }
    fail_msg("an event was lost");
    return 0;
}

// Counts the events of all sockets for a while.
static inline uint32_t count_events(struct fixture *fixture, uint64_t timeout_ns)
{
    struct tf_poll_event events[CAPACITY_MAX];
    uint32_t total = 0;
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), timeout_ns);
    for (;;) {
        uint64_t now_ns = tf_clock_now();
        if (now_ns >= deadline_ns) {
            return total;
        }
        total += wait_once(fixture, deadline_ns - now_ns, events, CAPACITY_MAX);
    }
}

// Opens pairs until `count` servers are watched, each with the interest.
static inline void watch_many(struct fixture *fixture, uint32_t count, uint8_t interest)
{
    while (fixture->watch_count < count) {
        tf_socket client = TF_SOCKET_NONE;
        tf_socket server = TF_SOCKET_NONE;
        contract_pair(&fixture->link, &client, &server);
        fixture->peers[fixture->watch_count] = client;
        arm(fixture, watch_add(fixture, server), interest);
    }
}

/// Runs the cases for every backend and both transports.
static inline int poller_contract_run(
    const char *group, const struct CMUnitTest *cases, size_t case_count)
{
    static struct variant variants[VARIANTS_MAX];
    static char names[VARIANTS_MAX * CASES_MAX][CONTRACT_NAME_BYTES_MAX];
    static struct CMUnitTest tests[VARIANTS_MAX * CASES_MAX];
    size_t test_count = 0;
    for (size_t i = 0; tf_pollers[i / 2] != NULL; i++) {
        if (i == VARIANTS_MAX || case_count > CASES_MAX) {
            (void)fprintf(stderr, "the runner has no room for all cases\n");
            return 1;
        }
        enum tofu_transport transport = i % 2 == 0 ? TOFU_TCP : TOFU_UDS;
        variants[i] = (struct variant){tf_pollers[i / 2], transport};
        for (size_t j = 0; j < case_count; j++) {
            contract_name(
                names[test_count],
                variants[i].ops->name,
                transport == TOFU_TCP ? " over tcp: " : " over uds: ",
                cases[j].name);
            tests[test_count] = (struct CMUnitTest){
                names[test_count], cases[j].test_func, set_up, tear_down, &variants[i]};
            if (!contract_has(transport)) {
                tests[test_count] =
                    (struct CMUnitTest){names[test_count], contract_skip_unix, NULL, NULL, NULL};
            }
            test_count++;
        }
    }
    return _cmocka_run_group_tests(group, tests, test_count, NULL, NULL);
}

#endif
