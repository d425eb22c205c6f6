// SPDX-License-Identifier: MIT
// However much a gathering takes and however little of it is written, the stream is the same.
#include "unit/expect.h"

#include <stdlib.h>
#include <string.h>

#include "support/fault_allocator.h"
#include "unit/frames.h"
#include "wire/frame_writer.h"
#include "wire/header.h"

#define STAGING_BYTES_MIN (TF_HEADER_BYTES + 2 * TF_COPIED_PART_BYTES_MAX)
#define SEGMENTS_MIN      3

static const struct frame short_frames[] = {
    {.header = {.channel = 5, .opcode = TOFU_SIGNAL, .id = 7}},
    {.header = {.channel = 0x1234, .opcode = TOFU_REQUEST, .more = 1, .id = 1},
     .body = "hi",
     .body_bytes = 2},
    {.header = {.channel = 1, .opcode = TOFU_HELLO_REQUEST, .id = 2},
     .text = "~connect_to:tcp|h|1\r\n",
     .text_bytes = 21},
    {.header = {.channel = 0xFFFE, .opcode = TOFU_RESPONSE, .id = UINT64_MAX},
     .text = "a:b\r\n",
     .text_bytes = 5,
     .body = "\0\1\2",
     .body_bytes = 3},
    {.header = {.channel = 5, .opcode = TOFU_BYE_REQUEST, .id = 8}},
};

#define SHORT_FRAME_COUNT (sizeof short_frames / sizeof short_frames[0])

// A writer with some messages in its queue, the bytes they are, and how many of these were written.
struct outlet {
    struct tf_frame_writer writer;
    struct tf_message_queue finished;
    const struct frame *frames;
    size_t frame_count;
    struct stream stream;
    size_t position;
    struct tf_segment staging;
    struct fault_allocator fault;
    struct tofu_allocator allocator;
};

static void outlet_open(
    struct outlet *outlet, const struct frame *frames, size_t frame_count, size_t staging_bytes)
{
    *outlet = (struct outlet){.frames = frames, .frame_count = frame_count};
    fault_allocator_open(&outlet->fault);
    outlet->allocator = fault_allocator_functions(&outlet->fault);
    outlet->stream = stream_open(frames, frame_count);
    outlet->staging = (struct tf_segment){.data = malloc(staging_bytes), .size = staging_bytes};
    assert_non_null(outlet->staging.data);
    for (size_t i = 0; i < frame_count; i++) {
        tf_message_queue_append(
            &outlet->writer.queue, frame_message(&frames[i], &outlet->allocator));
    }
}

static size_t outlet_gather(struct outlet *outlet, struct tf_segment *segments, size_t segments_max)
{
    return tf_frame_writer_gather(&outlet->writer, outlet->staging, segments, segments_max);
}

// Compares segments with what is next in the stream; returns how many bytes they are.
static size_t outlet_compare(
    const struct outlet *outlet, const struct tf_segment *segments, size_t segment_count)
{
    size_t size = 0;
    for (size_t i = 0; i < segment_count; i++) {
        size_t begin = outlet->position + size;
        assert_true(segments[i].size > 0);
        assert_true(segments[i].size <= outlet->stream.size - begin);
        assert_memory_equal(segments[i].data, outlet->stream.bytes + begin, segments[i].size);
        size += segments[i].size;
    }
    return size;
}

static void outlet_advance(struct outlet *outlet, size_t size)
{
    tf_frame_writer_advance(&outlet->writer, size, &outlet->finished);
    outlet->position += size;
}

// Gathers, compares, writes at most `write_max` bytes, until all is written.
static void outlet_run(struct outlet *outlet, size_t segments_max, size_t write_max)
{
    struct tf_segment segments[TF_SEGMENTS_MAX];
    while (outlet->position < outlet->stream.size) {
        size_t segment_count = outlet_gather(outlet, segments, segments_max);
        assert_in_range(segment_count, 1, segments_max);
        size_t size = outlet_compare(outlet, segments, segment_count);
        outlet_advance(outlet, size < write_max ? size : write_max);
    }
    assert_int_equal(outlet_gather(outlet, segments, segments_max), 0);
}

// All messages are finished, in order, and nothing is half written.
static void outlet_close(struct outlet *outlet)
{
    assert_null(outlet->writer.queue.first);
    assert_int_equal(outlet->writer.queue.count, 0);
    assert_int_equal(outlet->writer.written, 0);
    assert_int_equal(outlet->finished.count, outlet->frame_count);
    for (size_t i = 0; i < outlet->frame_count; i++) {
        struct tofu_message *message = tf_message_queue_take(&outlet->finished);
        assert_frame(message, &outlet->frames[i]);
        tf_message_destroy(&message);
    }
    assert_true(fault_allocator_is_clean(&outlet->fault));
    free(outlet->staging.data);
    stream_close(&outlet->stream);
}

// Frames with large parts between small ones, in each combination.
#define MIXED_FRAME_COUNT 11

static void make_mixed_frames(struct frame *frames)
{
    static const size_t sizes[MIXED_FRAME_COUNT][2] = {
        {0, 0},
        {10, 2049},
        {2048, 2048},
        {2049, 2049},
        {0, 0},
        {2049, 5},
        {2049, 0},
        {1, 1},
        {2048, 3000},
        {2047, 2048},
        {0, 2048},
    };
    for (size_t i = 0; i < MIXED_FRAME_COUNT; i++) {
        frames[i] = (struct frame){
            .header = {.channel = (uint16_t)i, .id = i},
            .text = part_bytes(sizes[i][0]),
            .text_bytes = sizes[i][0],
            .body = part_bytes(sizes[i][1] + 7) + 7,
            .body_bytes = sizes[i][1],
        };
    }
}

static void an_empty_queue_gives_no_segment(void **state)
{
    (void)state;
    struct outlet outlet;
    struct tf_segment segments[SEGMENTS_MIN];
    outlet_open(&outlet, short_frames, 0, STAGING_BYTES_MIN);

    assert_int_equal(outlet_gather(&outlet, segments, SEGMENTS_MIN), 0);
    outlet_advance(&outlet, 0);

    outlet_close(&outlet);
}

static void small_messages_become_one_segment(void **state)
{
    (void)state;
    struct outlet outlet;
    struct tf_segment segments[SEGMENTS_MIN];
    outlet_open(&outlet, short_frames, SHORT_FRAME_COUNT, STAGING_BYTES_MIN);

    assert_int_equal(outlet_gather(&outlet, segments, SEGMENTS_MIN), 1);

    assert_ptr_equal(segments[0].data, outlet.staging.data);
    assert_int_equal(outlet_compare(&outlet, segments, 1), outlet.stream.size);
    outlet_advance(&outlet, outlet.stream.size);
    outlet_close(&outlet);
}

static void gathering_again_without_writing_gives_the_same(void **state)
{
    (void)state;
    struct outlet outlet;
    struct tf_segment segments[SEGMENTS_MIN];
    outlet_open(&outlet, short_frames, SHORT_FRAME_COUNT, STAGING_BYTES_MIN);
    outlet_gather(&outlet, segments, SEGMENTS_MIN);
    outlet_advance(&outlet, 5);

    for (int i = 0; i < 3; i++) {
        size_t segment_count = outlet_gather(&outlet, segments, SEGMENTS_MIN);
        assert_int_equal(outlet_compare(&outlet, segments, segment_count), outlet.stream.size - 5);
    }

    outlet_advance(&outlet, outlet.stream.size - 5);
    outlet_close(&outlet);
}

static void a_message_is_finished_with_its_last_byte(void **state)
{
    (void)state;
    struct outlet outlet;
    outlet_open(&outlet, short_frames, SHORT_FRAME_COUNT, STAGING_BYTES_MIN);
    const size_t ends[SHORT_FRAME_COUNT] = {16, 34, 71, 95, 111};
    size_t finished_count = 0;
    for (size_t written = 1; written <= 111; written++) {
        outlet_advance(&outlet, 1);

        finished_count += written == ends[finished_count];
        assert_int_equal(outlet.finished.count, finished_count);
        assert_int_equal(outlet.writer.queue.count, SHORT_FRAME_COUNT - finished_count);
    }
    outlet_close(&outlet);
}

static void every_write_size_gives_the_same_stream(void **state)
{
    (void)state;
    for (size_t write_max = 1; write_max <= 111; write_max++) {
        struct outlet outlet;
        outlet_open(&outlet, short_frames, SHORT_FRAME_COUNT, STAGING_BYTES_MIN);

        outlet_run(&outlet, SEGMENTS_MIN, write_max);

        outlet_close(&outlet);
    }
}

// Stops at every byte of large and small parts, headers and the joints between them.
static void a_write_that_stops_at_any_byte_is_resumed_there(void **state)
{
    (void)state;
    struct frame frames[MIXED_FRAME_COUNT];
    make_mixed_frames(frames);
    struct outlet outlet;
    struct tf_segment segments[TF_SEGMENTS_MAX];
    outlet_open(&outlet, frames, MIXED_FRAME_COUNT, STAGING_BYTES_MIN);
    while (outlet.position < outlet.stream.size) {
        size_t segment_count = outlet_gather(&outlet, segments, SEGMENTS_MIN);
        assert_in_range(segment_count, 1, SEGMENTS_MIN);
        outlet_compare(&outlet, segments, segment_count);

        outlet_advance(&outlet, 1);
    }
    outlet_close(&outlet);
}

static void every_staging_size_and_segment_count_gives_the_same_stream(void **state)
{
    (void)state;
    struct frame frames[MIXED_FRAME_COUNT];
    make_mixed_frames(frames);
    const size_t writes[] = {1000, 2049, 4112, SIZE_MAX};
    // Beyond this both staging and segments hold the whole queue.
    const size_t staging_bytes_max = STAGING_BYTES_MIN + 14000;
    for (size_t bytes = STAGING_BYTES_MIN; bytes < staging_bytes_max; bytes += 29) {
        for (size_t segments_max = SEGMENTS_MIN; segments_max < 18; segments_max += 3) {
            struct outlet outlet;
            outlet_open(&outlet, frames, MIXED_FRAME_COUNT, bytes);

            outlet_run(&outlet, segments_max, writes[bytes % 4]);

            outlet_close(&outlet);
        }
    }
}

// Many small frames, so that the end of staging falls on every byte of one.
static void staging_may_end_at_any_byte_of_a_frame(void **state)
{
    (void)state;
    enum { FRAME_COUNT = 300 };
    static struct frame frames[FRAME_COUNT];
    for (size_t i = 0; i < FRAME_COUNT; i++) {
        frames[i] = short_frames[i % SHORT_FRAME_COUNT];
        frames[i].header.id = i;
    }
    for (size_t bytes = STAGING_BYTES_MIN; bytes < STAGING_BYTES_MIN + 112; bytes++) {
        struct outlet outlet;
        struct tf_segment segments[SEGMENTS_MIN];
        outlet_open(&outlet, frames, FRAME_COUNT, bytes);

        assert_int_equal(outlet_gather(&outlet, segments, SEGMENTS_MIN), 1);
        assert_in_range(segments[0].size, bytes - 21, bytes);
        outlet_run(&outlet, SEGMENTS_MIN, SIZE_MAX);

        outlet_close(&outlet);
    }
}

static void parts_are_copied_up_to_their_limit_and_pointed_at_above(void **state)
{
    (void)state;
    for (size_t i = 0; i < BORDER_SIZE_COUNT * BORDER_SIZE_COUNT; i++) {
        size_t text_bytes = border_sizes[i % BORDER_SIZE_COUNT];
        size_t body_bytes = border_sizes[i / BORDER_SIZE_COUNT];
        const struct frame frame = {
            .header = {.channel = 1, .id = 1},
            .text = part_bytes(text_bytes),
            .text_bytes = text_bytes,
            .body = part_bytes(body_bytes),
            .body_bytes = body_bytes,
        };
        bool is_text_large = text_bytes > 2048;
        bool is_body_large = body_bytes > 2048;
        bool is_body_behind_text = is_text_large && body_bytes > 0;
        struct outlet outlet;
        struct tf_segment segments[SEGMENTS_MIN];
        outlet_open(&outlet, &frame, 1, STAGING_BYTES_MIN);
        const struct tofu_message *message = outlet.writer.queue.first;

        size_t segment_count = outlet_gather(&outlet, segments, SEGMENTS_MIN);

        assert_int_equal(segment_count, 1 + is_text_large + (is_body_large || is_body_behind_text));
        assert_ptr_equal(segments[0].data, outlet.staging.data);
        if (is_text_large) {
            assert_ptr_equal(segments[1].data, message->text.data);
        }
        if (is_body_large) {
            assert_ptr_equal(segments[segment_count - 1].data, message->body.data);
        }
        size_t size = outlet_compare(&outlet, segments, segment_count);
        assert_int_equal(size, outlet.stream.size);
        assert_int_equal(size, tf_message_wire_bytes(message));
        outlet_advance(&outlet, size);
        outlet_close(&outlet);
    }
}

// The rest of a large part is small in the end, but is still where it was.
static void the_rest_of_a_large_part_is_not_copied(void **state)
{
    (void)state;
    const struct frame frame = {
        .header = {.channel = 1}, .body = part_bytes(5000), .body_bytes = 5000};
    struct outlet outlet;
    struct tf_segment segments[SEGMENTS_MIN];
    outlet_open(&outlet, &frame, 1, STAGING_BYTES_MIN);
    outlet_advance(&outlet, 16 + 4990);

    assert_int_equal(outlet_gather(&outlet, segments, SEGMENTS_MIN), 1);

    assert_ptr_equal(segments[0].data, outlet.writer.queue.first->body.data + 4990);
    assert_int_equal(segments[0].size, 10);
    outlet_advance(&outlet, 10);
    outlet_close(&outlet);
}

static void gathering_uses_all_segments_it_is_given(void **state)
{
    (void)state;
    enum { FRAME_COUNT = 100 };
    static struct frame frames[FRAME_COUNT];
    for (size_t i = 0; i < FRAME_COUNT; i++) {
        frames[i] =
            (struct frame){.header = {.id = i}, .body = part_bytes(3000), .body_bytes = 3000};
    }
    for (size_t segments_max = SEGMENTS_MIN; segments_max <= TF_SEGMENTS_MAX; segments_max++) {
        struct outlet outlet;
        struct tf_segment segments[TF_SEGMENTS_MAX];
        outlet_open(&outlet, frames, FRAME_COUNT, STAGING_BYTES_MIN);

        // A header from staging and a body each.
        assert_int_equal(outlet_gather(&outlet, segments, segments_max), segments_max);
        size_t size = outlet_compare(&outlet, segments, segments_max);

        assert_int_equal(size, segments_max / 2 * 3016 + segments_max % 2 * 16);
        outlet_run(&outlet, segments_max, SIZE_MAX);
        outlet_close(&outlet);
    }
}

static void one_write_may_finish_many_messages_and_begin_another(void **state)
{
    (void)state;
    struct outlet outlet;
    outlet_open(&outlet, short_frames, SHORT_FRAME_COUNT, STAGING_BYTES_MIN);

    outlet_advance(&outlet, 16 + 18 + 37 + 1);

    assert_int_equal(outlet.finished.count, 3);
    assert_int_equal(outlet.writer.written, 1);
    outlet_run(&outlet, SEGMENTS_MIN, SIZE_MAX);
    outlet_close(&outlet);
}

static void messages_that_come_later_follow(void **state)
{
    (void)state;
    struct outlet outlet;
    outlet_open(&outlet, short_frames, 0, STAGING_BYTES_MIN);
    stream_close(&outlet.stream);
    outlet.stream = stream_open(short_frames, SHORT_FRAME_COUNT);
    outlet.frame_count = SHORT_FRAME_COUNT;
    for (size_t i = 0; i < SHORT_FRAME_COUNT; i++) {
        struct tf_segment segments[SEGMENTS_MIN];
        tf_message_queue_append(
            &outlet.writer.queue, frame_message(&short_frames[i], &outlet.allocator));

        // All but one byte each time, so that there is always something left of the one before.
        size_t segment_count = outlet_gather(&outlet, segments, SEGMENTS_MIN);
        size_t size = outlet_compare(&outlet, segments, segment_count);
        outlet_advance(&outlet, size - 1);
        assert_int_equal(outlet.finished.count, i);
    }
    outlet_run(&outlet, SEGMENTS_MIN, SIZE_MAX);
    outlet_close(&outlet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_queue_gives_no_segment),
        cmocka_unit_test(small_messages_become_one_segment),
        cmocka_unit_test(gathering_again_without_writing_gives_the_same),
        cmocka_unit_test(a_message_is_finished_with_its_last_byte),
        cmocka_unit_test(every_write_size_gives_the_same_stream),
        cmocka_unit_test(a_write_that_stops_at_any_byte_is_resumed_there),
        cmocka_unit_test(every_staging_size_and_segment_count_gives_the_same_stream),
        cmocka_unit_test(staging_may_end_at_any_byte_of_a_frame),
        cmocka_unit_test(parts_are_copied_up_to_their_limit_and_pointed_at_above),
        cmocka_unit_test(the_rest_of_a_large_part_is_not_copied),
        cmocka_unit_test(gathering_uses_all_segments_it_is_given),
        cmocka_unit_test(one_write_may_finish_many_messages_and_begin_another),
        cmocka_unit_test(messages_that_come_later_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
