// SPDX-License-Identifier: MIT
// Numeric hosts and endpoints, there and back: what the contract of sockets leaves to the real systems.
#include "unit/expect.h"

#include <stdio.h>

#include "os/socket.h"

static bool make(const char *host, struct tf_endpoint *endpoint)
{
    struct tofu_address address = {.transport = TOFU_TCP, .port = 7099};
    (void)snprintf(address.host, sizeof address.host, "%s", host);
    return tf_endpoint_from_address(&address, endpoint);
}

static void assert_shown_as(const char *host, const char *shown)
{
    struct tf_endpoint endpoint;
    struct tofu_address address;
    assert_true(make(host, &endpoint));
    tf_endpoint_to_address(&endpoint, &address);
    assert_string_equal(address.host, shown);
    assert_int_equal(address.port, 7099);
}

// Without its scope an address of one link is an address of none.
static void the_scope_of_a_host_is_kept(void **state)
{
    (void)state;
    assert_shown_as("fe80::77%3", "fe80::77%3");
    assert_shown_as("fe80::77%4294967295", "fe80::77%4294967295");
    assert_shown_as("fe80::77", "fe80::77");
}

static void a_scope_that_is_no_number_is_the_resolvers_work(void **state)
{
    static const char *const hosts[] = {
        "fe80::77%lo", "fe80::77%", "fe80::77%4294967296", "fe80::77%99999999999999999999", "%3"};
    struct tf_endpoint endpoint;
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        assert_false(make(hosts[i], &endpoint));
    }
}

// A listener for both families sees IPv4 peers this way; they are shown as what they are.
static void an_ipv4_address_inside_ipv6_is_shown_as_ipv4(void **state)
{
    (void)state;
    assert_shown_as("::ffff:127.0.0.1", "127.0.0.1");
    assert_shown_as("::ffff:192.0.2.255", "192.0.2.255");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scope_of_a_host_is_kept),
        cmocka_unit_test(a_scope_that_is_no_number_is_the_resolvers_work),
        cmocka_unit_test(an_ipv4_address_inside_ipv6_is_shown_as_ipv4),
    };
    return cmocka_run_group_tests_name("endpoints", tests, NULL, NULL);
}
