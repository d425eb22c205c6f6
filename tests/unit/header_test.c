// SPDX-License-Identifier: MIT
#include "unit/expect.h"

#include <string.h>

#include "wire/header.h"

static const struct tf_part_limits no_limits = {
    .text_bytes_max = TOFU_PART_BYTES_MAX,
    .body_bytes_max = TOFU_PART_BYTES_MAX,
};

static struct tf_wire_header unpacked(const uint8_t bytes[TF_HEADER_BYTES])
{
    struct tf_wire_header header;
    memset(&header, 0xA5, sizeof header);
    tf_header_unpack(bytes, &header);
    return header;
}

// A header that breaks no rule: a Request with an id.
static struct tf_wire_header valid_header(void)
{
    return (struct tf_wire_header){.header = {.channel = 1, .id = 1}};
}

static void each_field_has_its_place_and_big_end_first(void **state)
{
    (void)state;
    const struct tofu_header header = {
        .channel = 0x0102,
        .opcode = TOFU_WELCOME_RESPONSE,
        .more = 1,
        .status = 31,
        .id = UINT64_C(0x1112131415161718),
    };
    const uint8_t wanted[TF_HEADER_BYTES] = {
        0x01,
        0x02,
        0x29,
        0x1F,
        0x11,
        0x12,
        0x13,
        0x14,
        0x15,
        0x16,
        0x17,
        0x18,
        0x21,
        0x22,
        0x31,
        0x32,
    };
    uint8_t bytes[TF_HEADER_BYTES];

    tf_header_pack(&header, 0x2122, 0x3132, bytes);

    assert_memory_equal(bytes, wanted, sizeof wanted);
}

static void unpacking_gives_back_what_was_packed(void **state)
{
    (void)state;
    const uint16_t numbers[] = {0, 1, 0xFF, 0x100, 0x8000, 0xFFFE, 0xFFFF};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const struct tofu_header header = {
            .channel = numbers[i],
            .opcode = (uint8_t)(i % TF_OPCODE_END),
            .more = i % 2,
            .status = (uint8_t)i,
            .id = UINT64_C(0x0001000100010001) * numbers[i],
        };
        uint8_t bytes[TF_HEADER_BYTES];

        tf_header_pack(&header, numbers[i], (uint16_t)~numbers[i], bytes);
        struct tf_wire_header back = unpacked(bytes);

        assert_int_equal(back.header.channel, header.channel);
        assert_int_equal(back.header.opcode, header.opcode);
        assert_int_equal(back.header.origin, TOFU_APPLICATION);
        assert_int_equal(back.header.more, header.more);
        assert_int_equal(back.header.status, header.status);
        assert_true(back.header.id == header.id);
        assert_int_equal(back.internal_bits, 0);
        assert_int_equal(back.text_bytes, numbers[i]);
        assert_int_equal(back.body_bytes, (uint16_t)~numbers[i]);
    }
}

// Notices never travel, so what a reused message says about its origin must not either.
static void packing_never_says_that_the_engine_made_it(void **state)
{
    (void)state;
    const struct tofu_header header = {.opcode = TOFU_SIGNAL, .origin = TOFU_ENGINE};
    uint8_t bytes[TF_HEADER_BYTES];

    tf_header_pack(&header, 0, 0, bytes);

    assert_int_equal(bytes[2], 0x02);
}

static void any_value_of_more_but_0_is_one_bit(void **state)
{
    (void)state;
    const struct tofu_header header = {.opcode = TOFU_REQUEST, .more = 0xFF};
    uint8_t bytes[TF_HEADER_BYTES];

    tf_header_pack(&header, 0, 0, bytes);

    assert_int_equal(bytes[2], 0x20);
}

static void a_status_above_31_is_shown_as_31(void **state)
{
    (void)state;
    for (unsigned status = 0; status < 256; status++) {
        uint8_t bytes[TF_HEADER_BYTES] = {0};
        bytes[3] = (uint8_t)status;

        struct tf_wire_header header = unpacked(bytes);

        assert_int_equal(header.header.status, status < 31 ? status : 31);
    }
}

// PROTOCOL.md, sections 1 and 6, bit by bit; `has_id` says that the message id is not 0.
static enum tofu_status wanted_check(unsigned proto, bool has_id)
{
    unsigned opcode = proto & 0x0F;
    bool is_response = opcode == 1 || opcode == 4 || opcode == 6 || opcode == 9;
    if (opcode >= 10) {
        return TOFU_INVALID_OP_CODE;
    }
    if ((proto & 0x10) != 0 || (proto & 0xC0) != 0) {
        return TOFU_INVALID_MESSAGE;
    }
    if ((proto & 0x20) != 0 && opcode > 2) {
        return TOFU_INVALID_MORE_USAGE;
    }
    return is_response && !has_id ? TOFU_INVALID_MESSAGE_ID : TOFU_OK;
}

static void every_proto_byte_is_judged_with_and_without_an_id(void **state)
{
    (void)state;
    for (unsigned proto = 0; proto < 256; proto++) {
        for (unsigned id = 0; id < 2; id++) {
            uint8_t bytes[TF_HEADER_BYTES] = {0};
            bytes[2] = (uint8_t)proto;
            bytes[11] = (uint8_t)id;
            struct tf_wire_header header = unpacked(bytes);

            enum tofu_status status = tf_header_check(&header, &no_limits);

            assert_true_or(
                status == wanted_check(proto, id != 0),
                "proto 0x%02x, id %u: %s",
                proto,
                id,
                tofu_status_name(status));
        }
    }
}

static void an_id_in_its_highest_byte_is_an_id(void **state)
{
    (void)state;
    for (size_t i = 4; i < 12; i++) {
        uint8_t bytes[TF_HEADER_BYTES] = {0};
        bytes[2] = TOFU_RESPONSE;
        bytes[i] = 0x01;
        struct tf_wire_header header = unpacked(bytes);

        assert_status(TOFU_OK, tf_header_check(&header, &no_limits));
    }
}

static void a_channel_number_and_a_status_are_no_violation(void **state)
{
    (void)state;
    struct tf_wire_header header = valid_header();
    header.header.channel = 0xFFFF;
    header.header.status = 31;

    assert_status(TOFU_OK, tf_header_check(&header, &no_limits));
}

static void lengths_are_allowed_up_to_their_limits(void **state)
{
    (void)state;
    const struct tf_part_limits limits = {.text_bytes_max = 100, .body_bytes_max = 200};
    struct tf_wire_header header = valid_header();

    header.text_bytes = 100;
    header.body_bytes = 200;
    assert_status(TOFU_OK, tf_header_check(&header, &limits));

    header.body_bytes = 201;
    assert_status(TOFU_INVALID_BODY_LEN, tf_header_check(&header, &limits));

    header.text_bytes = 101;
    assert_status(TOFU_INVALID_HEADERS_LEN, tf_header_check(&header, &limits));

    header.body_bytes = 200;
    assert_status(TOFU_INVALID_HEADERS_LEN, tf_header_check(&header, &limits));
}

static void the_greatest_lengths_are_allowed_without_limits(void **state)
{
    (void)state;
    struct tf_wire_header header = valid_header();
    header.text_bytes = UINT16_MAX;
    header.body_bytes = UINT16_MAX;

    assert_status(TOFU_OK, tf_header_check(&header, &no_limits));
}

// Of several violations the first in the documented order is named.
static void the_first_violation_is_the_one_that_is_named(void **state)
{
    (void)state;
    const struct tf_part_limits limits = {0};
    struct tf_wire_header header = {
        .header = {.opcode = 10, .origin = TOFU_ENGINE, .more = 1},
        .internal_bits = 3,
        .text_bytes = 1,
        .body_bytes = 1,
    };

    assert_status(TOFU_INVALID_OP_CODE, tf_header_check(&header, &limits));
    header.header.opcode = TOFU_HELLO_RESPONSE;
    assert_status(TOFU_INVALID_MESSAGE, tf_header_check(&header, &limits));
    header.header.origin = TOFU_APPLICATION;
    assert_status(TOFU_INVALID_MESSAGE, tf_header_check(&header, &limits));
    header.internal_bits = 0;
    assert_status(TOFU_INVALID_MORE_USAGE, tf_header_check(&header, &limits));
    header.header.more = 0;
    assert_status(TOFU_INVALID_MESSAGE_ID, tf_header_check(&header, &limits));
    header.header.id = 1;
    assert_status(TOFU_INVALID_HEADERS_LEN, tf_header_check(&header, &limits));
    header.text_bytes = 0;
    assert_status(TOFU_INVALID_BODY_LEN, tf_header_check(&header, &limits));
    header.body_bytes = 0;
    assert_status(TOFU_OK, tf_header_check(&header, &limits));
}

static void every_byte_has_its_type_and_role_as_an_opcode(void **state)
{
    (void)state;
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        bool is_response = opcode == 1 || opcode == 4 || opcode == 6 || opcode == 9;

        assert_int_equal(tf_opcode_is_regular((uint8_t)opcode), opcode <= 2);
        assert_int_equal(tf_opcode_is_response((uint8_t)opcode), is_response);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_has_its_place_and_big_end_first),
        cmocka_unit_test(unpacking_gives_back_what_was_packed),
        cmocka_unit_test(packing_never_says_that_the_engine_made_it),
        cmocka_unit_test(any_value_of_more_but_0_is_one_bit),
        cmocka_unit_test(a_status_above_31_is_shown_as_31),
        cmocka_unit_test(every_proto_byte_is_judged_with_and_without_an_id),
        cmocka_unit_test(an_id_in_its_highest_byte_is_an_id),
        cmocka_unit_test(a_channel_number_and_a_status_are_no_violation),
        cmocka_unit_test(lengths_are_allowed_up_to_their_limits),
        cmocka_unit_test(the_greatest_lengths_are_allowed_without_limits),
        cmocka_unit_test(the_first_violation_is_the_one_that_is_named),
        cmocka_unit_test(every_byte_has_its_type_and_role_as_an_opcode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
