// SPDX-License-Identifier: MIT
// The frames of tests/golden, written by hand, against reader and writer: wire compatibility.
#include "unit/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tofu/address.h>

#include "base/alloc.h"
#include "unit/frames.h"
#include "wire/frame_reader.h"
#include "wire/frame_writer.h"
#include "wire/text_headers.h"

#define FRAME_BYTES_MAX 256

struct golden {
    const char *name;
    struct frame frame;
};

#define TEXT(text) text, sizeof(text) - 1
#define NO_PART    NULL, 0

// Those we say ourselves, too.
static const struct golden said[] = {
    {"hello_request",
     {{.channel = 1, .opcode = TOFU_HELLO_REQUEST, .id = 2},
      TEXT("~connect_to:tcp|127.0.0.1|7099\r\n"),
      NO_PART}},
    {"request_more",
     {{.channel = 0x1234, .opcode = TOFU_REQUEST, .more = 1, .id = 0x0102030405060708},
      NO_PART,
      TEXT("hi")}},
    {"signal", {{.channel = 5, .opcode = TOFU_SIGNAL, .id = 7}, NO_PART, NO_PART}},
    {"response",
     {{.channel = 65534, .opcode = TOFU_RESPONSE, .id = UINT64_MAX},
      TEXT("a:b\r\n"),
      TEXT("\x00\xFF\x80")}},
    {"response_more",
     {{.channel = 256, .opcode = TOFU_RESPONSE, .more = 1, .id = 256}, NO_PART, NO_PART}},
    {"signal_more",
     {{.channel = 1, .opcode = TOFU_SIGNAL, .more = 1, .id = UINT64_C(1) << 63}, NO_PART, NO_PART}},
    {"request_texts",
     {{.channel = 9, .opcode = TOFU_REQUEST, .id = 3},
      TEXT("topic:wind\r\ntopic:rain\r\n"),
      NO_PART}},
    {"hello_response", {{.channel = 2, .opcode = TOFU_HELLO_RESPONSE, .id = 2}, NO_PART, NO_PART}},
    {"bye_request",
     {{.channel = 3, .opcode = TOFU_BYE_REQUEST, .id = 0x0A0B0C0D}, NO_PART, NO_PART}},
    {"bye_response",
     {{.channel = 4, .opcode = TOFU_BYE_RESPONSE, .id = 0x0A0B0C0D}, NO_PART, TEXT("bye")}},
};

// Those we only understand.
static const struct golden received[] = {
    {"received_status",
     {{.channel = 1, .opcode = TOFU_SIGNAL, .status = TOFU_CONNECT_FAILED, .id = 1},
      NO_PART,
      NO_PART}},
    {"received_unknown_status",
     {{.channel = 1, .opcode = TOFU_SIGNAL, .status = TOFU_UNKNOWN_ERROR, .id = 1},
      NO_PART,
      NO_PART}},
    {"received_texts_loose",
     {{.channel = 1, .opcode = TOFU_REQUEST}, TEXT(" a\t: b \r\n\r\nc:\r\nd:e:"), NO_PART}},
    {"received_channel_zero", {{.opcode = TOFU_REQUEST}, NO_PART, TEXT("\0")}},
};

struct refusal {
    const char *name;
    enum tofu_status status;
};

static const struct refusal refused[] = {
    {"refused_opcode_10", TOFU_INVALID_OP_CODE},
    {"refused_opcode_15", TOFU_INVALID_OP_CODE},
    {"refused_origin_engine", TOFU_INVALID_MESSAGE},
    {"refused_internal_bit_6", TOFU_INVALID_MESSAGE},
    {"refused_internal_bit_7", TOFU_INVALID_MESSAGE},
    {"refused_more_on_hello", TOFU_INVALID_MORE_USAGE},
    {"refused_response_without_id", TOFU_INVALID_MESSAGE_ID},
    {"refused_text_without_colon", TOFU_INVALID_MESSAGE},
    {"refused_text_bare_lf", TOFU_INVALID_MESSAGE},
    {"refused_text_nul", TOFU_INVALID_MESSAGE},
    {"refused_text_reason", TOFU_INVALID_MESSAGE},
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

// Reads hexadecimal numbers up to the end of the file, without comments; returns how many. The files are in a
// folder beside the program, where it runs.
static size_t load(const char *name, uint8_t *bytes)
{
    char path[1024];
    snprintf(path, sizeof path, "golden/%s.hex", name);
    FILE *file = fopen(path, "r");
    assert_true_or(file != NULL, "cannot open %s", path);
    char line[256];
    size_t count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "#\n")] = '\0';
        char *rest = line;
        for (;;) {
            char *begin = rest;
            unsigned long byte = strtoul(begin, &rest, 16);
            if (rest == begin) {
                break;
            }
            assert_true(byte <= 0xFF && count < FRAME_BYTES_MAX);
            bytes[count] = (uint8_t)byte;
            count++;
        }
        assert_true_or(rest[strspn(rest, " ")] == '\0', "%s: '%s' is no number", path, rest);
    }
    fclose(file);
    assert_true(count >= TF_HEADER_BYTES);
    return count;
}

static struct tofu_allocator allocator;

// Reads a frame as the engine does: the message, or the violation and NULL.
static struct tofu_message *read_frame(
    const uint8_t *bytes, size_t size, enum tofu_status *status_out)
{
    const struct tf_part_limits limits = {TOFU_PART_BYTES_MAX, TOFU_PART_BYTES_MAX};
    struct tf_frame_reader reader = {0};
    struct tf_wire_header header;
    size_t used;
    assert_int_equal(tf_frame_reader_feed(&reader, bytes, size, &used), TF_FRAME_HEADER);
    tf_frame_reader_header(&reader, &header);
    *status_out = tf_header_check(&header, &limits);
    if (*status_out != TOFU_OK) {
        return NULL;
    }
    struct tofu_message *message = tf_message_create(&allocator);
    assert_non_null(message);
    assert_status(TOFU_OK, tf_frame_reader_begin(&reader, message));
    size_t header_bytes = used;
    assert_int_equal(
        tf_frame_reader_feed(&reader, bytes + header_bytes, size - header_bytes, &used),
        TF_FRAME_MESSAGE);
    assert_int_equal(header_bytes + used, size);
    message = tf_frame_reader_take(&reader);
    if (!tf_text_is_valid(&message->text)) {
        *status_out = TOFU_INVALID_MESSAGE;
        tf_message_destroy(&message);
    }
    return message;
}

static void assert_is_read(const struct golden *golden)
{
    uint8_t bytes[FRAME_BYTES_MAX];
    size_t size = load(golden->name, bytes);
    enum tofu_status status;

    struct tofu_message *message = read_frame(bytes, size, &status);

    assert_true_or(status == TOFU_OK, "%s was refused: %s", golden->name, tofu_status_name(status));
    assert_frame(message, &golden->frame);
    tf_message_destroy(&message);
}

static void the_golden_frames_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(said); i++) {
        assert_is_read(&said[i]);
    }
    for (size_t i = 0; i < COUNT_OF(received); i++) {
        assert_is_read(&received[i]);
    }
}

static void the_golden_frames_are_written_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(said); i++) {
        uint8_t bytes[FRAME_BYTES_MAX];
        size_t size = load(said[i].name, bytes);
        uint8_t staging[TF_HEADER_BYTES + 2 * TF_COPIED_PART_BYTES_MAX];
        struct tf_segment segments[3];
        struct tf_frame_writer writer = {0};
        struct tofu_message *message = frame_message(&said[i].frame, &allocator);
        tf_message_queue_append(&writer.queue, message);

        size_t count = tf_frame_writer_gather(
            &writer, (struct tf_segment){staging, sizeof staging}, segments, 3);

        assert_int_equal(count, 1);
        assert_int_equal(segments[0].size, size);
        assert_memory_equal(segments[0].data, bytes, size);
        tf_message_destroy(&message);
    }
}

// What the public functions make is what the golden frames say, not only what a test filled in.
static void an_application_says_the_golden_hello(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_BYTES_MAX];
    size_t size = load("hello_request", bytes);
    struct tofu_message *message = tf_message_create(&allocator);
    assert_non_null(message);

    assert_status(TOFU_OK, tofu_message_connect_to(message, "tcp://127.0.0.1:7099"));

    assert_int_equal(message->text.size, size - TF_HEADER_BYTES);
    assert_memory_equal(message->text.data, bytes + TF_HEADER_BYTES, message->text.size);
    tf_message_destroy(&message);
}

static void the_violations_among_them_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        uint8_t bytes[FRAME_BYTES_MAX];
        size_t size = load(refused[i].name, bytes);
        enum tofu_status status;

        struct tofu_message *message = read_frame(bytes, size, &status);

        assert_null(message);
        assert_true_or(
            status == refused[i].status, "%s: %s", refused[i].name, tofu_status_name(status));
    }
}

static int set_up(void **state)
{
    (void)state;
    allocator = tf_allocator_or_default((struct tofu_allocator){0});
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_frames_are_understood),
        cmocka_unit_test(the_golden_frames_are_written_byte_by_byte),
        cmocka_unit_test(an_application_says_the_golden_hello),
        cmocka_unit_test(the_violations_among_them_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
