// SPDX-License-Identifier: MIT
// The grammar of addresses.
#include "unit/expect.h"

#include <stdio.h>
#include <string.h>

#include <tofu/address.h>

#include "unit/addresses.h"
#include "unit/random.h"

static void addresses_are_read_field_by_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < accepted_address_count; i++) {
        bool is_tcp = accepted_addresses[i].host != NULL;
        struct tofu_address address;
        memset(&address, 0xA5, sizeof address);

        assert_status(TOFU_OK, tofu_address_parse(accepted_addresses[i].text, &address));

        assert_int_equal(address.transport, is_tcp ? TOFU_TCP : TOFU_UDS);
        assert_string_equal(address.host, is_tcp ? accepted_addresses[i].host : "");
        assert_int_equal(address.port, accepted_addresses[i].port);
        assert_string_equal(address.path, is_tcp ? "" : accepted_addresses[i].path);
    }
}

static void addresses_are_written_in_their_bar_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < accepted_address_count; i++) {
        struct tofu_address address;
        char text[TOFU_ADDRESS_BYTES_MAX];
        assert_status(TOFU_OK, tofu_address_parse(accepted_addresses[i].text, &address));

        assert_status(TOFU_OK, tofu_address_format(&address, text, sizeof text));

        assert_string_equal(text, bar_form_of(&accepted_addresses[i]));
    }
}

static void what_is_no_address_is_refused_and_touches_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < refused_address_count; i++) {
        struct tofu_address address;
        struct tofu_address untouched;
        memset(&address, 0xA5, sizeof address);
        memset(&untouched, 0xA5, sizeof untouched);

        enum tofu_status status = tofu_address_parse(refused_addresses[i], &address);

        assert_true_or(status == TOFU_WRONG_ADDRESS, "'%s' was taken", refused_addresses[i]);
        assert_memory_equal(&address, &untouched, sizeof address);
    }
}

static void every_port_is_read_and_written(void **state)
{
    (void)state;
    for (unsigned port = 0; port <= 65535; port++) {
        char text[32];
        char back[32];
        struct tofu_address address;
        snprintf(text, sizeof text, "tcp|h|%u", port);

        assert_status(TOFU_OK, tofu_address_parse(text, &address));
        assert_status(TOFU_OK, tofu_address_format(&address, back, sizeof back));

        assert_int_equal(address.port, port);
        assert_string_equal(back, text);
    }
}

static void an_address_fits_its_room_exactly_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < accepted_address_count; i++) {
        struct tofu_address address;
        char text[TOFU_ADDRESS_BYTES_MAX + 1];
        size_t needed = strlen(bar_form_of(&accepted_addresses[i])) + 1;
        assert_status(TOFU_OK, tofu_address_parse(accepted_addresses[i].text, &address));
        memset(text, '#', sizeof text);

        assert_status(TOFU_WRONG_ADDRESS, tofu_address_format(&address, NULL, 0));
        assert_status(TOFU_WRONG_ADDRESS, tofu_address_format(&address, text, needed - 1));
        assert_int_equal(text[0], '#');

        assert_status(TOFU_OK, tofu_address_format(&address, text, needed));
        assert_int_equal(text[needed - 1], '\0');
        assert_int_equal(text[needed], '#');
    }
}

static void what_parse_would_not_give_is_not_written(void **state)
{
    (void)state;
    struct tofu_address addresses[] = {
        {.transport = (enum tofu_transport)2, .host = "h", .port = 1, .path = "p"},
        {.transport = TOFU_TCP, .host = "a|b", .port = 1},
        {.transport = TOFU_TCP, .host = "a b", .port = 1},
        {.transport = TOFU_TCP, .host = "[::1]", .port = 1},
        {.transport = TOFU_TCP, .host = "a\r\nb", .port = 1},
        {.transport = TOFU_UDS, .path = ""},
        {.transport = TOFU_UDS, .path = "a|b"},
        {.transport = TOFU_UDS, .path = "a\nb"},
        {.transport = TOFU_UDS, .path = "a "},
        {.transport = TOFU_TCP, .port = 1},
        {.transport = TOFU_UDS},
    };
    const size_t count = sizeof addresses / sizeof addresses[0];
    // The last two have no NUL.
    memset(addresses[count - 2].host, 'h', sizeof addresses[0].host);
    memset(addresses[count - 1].path, 'p', sizeof addresses[0].path);
    for (size_t i = 0; i < count; i++) {
        char text[512] = "untouched";

        assert_status(TOFU_WRONG_ADDRESS, tofu_address_format(&addresses[i], text, sizeof text));

        assert_string_equal(text, "untouched");
    }
}

static void the_fields_of_the_other_transport_do_not_matter(void **state)
{
    (void)state;
    struct tofu_address tcp = {.transport = TOFU_TCP, .host = "h", .port = 1, .path = "a|b"};
    struct tofu_address uds = {.transport = TOFU_UDS, .host = "a|b", .port = 1, .path = "p"};
    char text[TOFU_ADDRESS_BYTES_MAX];

    assert_status(TOFU_OK, tofu_address_format(&tcp, text, sizeof text));
    assert_string_equal(text, "tcp|h|1");
    assert_status(TOFU_OK, tofu_address_format(&uds, text, sizeof text));
    assert_string_equal(text, "uds|p");
}

// Whatever is accepted has one bar form, which is accepted again and stays what it is.
static void random_texts_are_refused_or_have_a_stable_bar_form(void **state)
{
    (void)state;
    static const char *const words[] = {
        "tcp|", "tcp://", "uds|",  "uds://", "|",      ":", "//", "[",  "]",  "::1", "host",
        "7099", "0",      "65536", "@",      "/tmp/x", " ", "\r", "\n", "\t", ".",   "\x80"};
    struct random_source source = {0};
    size_t accepted_count = 0;
    for (unsigned round = 0; round < 200000; round++) {
        char text[128] = "";
        // Half of them begin like an address.
        size_t first = random_below(&source, round % 2 == 0 ? 4 : sizeof words / sizeof words[0]);
        size_t word_count = random_below(&source, 6);
        strcat(text, words[first]);
        for (size_t i = 0; i < word_count; i++) {
            strcat(text, words[random_below(&source, sizeof words / sizeof words[0])]);
        }
        struct tofu_address address;
        struct tofu_address again;
        char bar_form[TOFU_ADDRESS_BYTES_MAX];
        if (tofu_address_parse(text, &address) != TOFU_OK) {
            continue;
        }
        accepted_count++;
        assert_status(TOFU_OK, tofu_address_format(&address, bar_form, sizeof bar_form));
        bool is_bar_form = text[3] == '|';
        assert_true_or(!is_bar_form || strcmp(text, bar_form) == 0, "'%s' is not kept", text);
        assert_status(TOFU_OK, tofu_address_parse(bar_form, &again));
        assert_memory_equal(&address, &again, sizeof address);
    }
    assert_in_range(accepted_count, 1000, 199000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_field_by_field),
        cmocka_unit_test(addresses_are_written_in_their_bar_form),
        cmocka_unit_test(what_is_no_address_is_refused_and_touches_nothing),
        cmocka_unit_test(every_port_is_read_and_written),
        cmocka_unit_test(an_address_fits_its_room_exactly_or_not_at_all),
        cmocka_unit_test(what_parse_would_not_give_is_not_written),
        cmocka_unit_test(the_fields_of_the_other_transport_do_not_matter),
        cmocka_unit_test(random_texts_are_refused_or_have_a_stable_bar_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
