// SPDX-License-Identifier: MIT
// What the tests of sockets begin with: a link and one connection over it. Cases that hold for every
// transport run over each.
#ifndef TF_TESTS_CONTRACT_SOCKET_FIXTURE_H
#define TF_TESTS_CONTRACT_SOCKET_FIXTURE_H

#include "contract/contract_link.h"

#define SOCKET_CASES_MAX 80

struct fixture {
    struct contract_link link;
    tf_socket client;
    tf_socket server;
};

/// Opens the link over the transport that the case's initial state points to.
static inline int set_up(void **state)
{
    static struct fixture fixture;
    const enum tofu_transport *transport = *state;
    memset(&fixture, 0, sizeof fixture);
    contract_open(&fixture.link, *transport);
    contract_pair(&fixture.link, &fixture.client, &fixture.server);
    *state = &fixture;
    return 0;
}

static inline int set_up_tcp(void **state)
{
    enum tofu_transport transport = TOFU_TCP;
    *state = &transport;
    return set_up(state);
}

static inline int set_up_uds(void **state)
{
    enum tofu_transport transport = TOFU_UDS;
    *state = &transport;
    return set_up(state);
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    contract_shut(&fixture->link);
    return 0;
}

struct socket_cases {
    const struct CMUnitTest *cases;
    size_t count;
};

/// Runs `connected` over each transport, with the fixture, and `single` once, without. Returns the failures.
static inline int socket_cases_run(
    const char *group, struct socket_cases connected, struct socket_cases single)
{
    static enum tofu_transport transports[] = {TOFU_TCP, TOFU_UDS};
    static const char *const prefixes[] = {"tcp", "uds"};
    static char names[SOCKET_CASES_MAX][CONTRACT_NAME_BYTES_MAX];
    static struct CMUnitTest tests[SOCKET_CASES_MAX];
    size_t count = 0;
    assert_true(2 * connected.count + single.count <= SOCKET_CASES_MAX);
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < connected.count; j++) {
            contract_name(names[count], prefixes[i], ": ", connected.cases[j].name);
            tests[count] = (struct CMUnitTest){
                names[count], connected.cases[j].test_func, set_up, tear_down, &transports[i]};
            if (!contract_has(transports[i])) {
                tests[count] =
                    (struct CMUnitTest){names[count], contract_skip_unix, NULL, NULL, NULL};
            }
            count++;
        }
    }
    for (size_t j = 0; j < single.count; j++) {
        contract_name(names[count], "", "", single.cases[j].name);
        tests[count] =
            (struct CMUnitTest){names[count], single.cases[j].test_func, NULL, NULL, NULL};
        count++;
    }
    return _cmocka_run_group_tests(
        group, tests, count, contract_open_network, contract_close_network);
}

#endif
