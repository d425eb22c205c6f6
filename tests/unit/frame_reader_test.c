// SPDX-License-Identifier: MIT
// However a stream is cut, the same messages come out of it.
#include "unit/expect.h"

#include <stdlib.h>
#include <string.h>

#include "support/fault_allocator.h"
#include "unit/frames.h"
#include "wire/frame_reader.h"

static const struct frame short_frames[] = {
    {.header = {.channel = 5, .opcode = TOFU_SIGNAL, .id = 7}},
    {.header = {.channel = 0x1234, .opcode = TOFU_REQUEST, .more = 1, .id = 1},
     .body = "hi",
     .body_bytes = 2},
    {.header = {.channel = 1, .opcode = TOFU_HELLO_REQUEST, .id = 2},
     .text = "~connect_to:tcp|h|1\r\n",
     .text_bytes = 21},
    {.header = {.channel = 0xFFFE, .opcode = TOFU_RESPONSE, .status = 3, .id = UINT64_MAX},
     .text = "a:b\r\n",
     .text_bytes = 5,
     .body = "\0\1\2",
     .body_bytes = 3},
    {.header = {.channel = 5, .opcode = TOFU_BYE_REQUEST, .id = 8}},
};

#define SHORT_FRAME_COUNT (sizeof short_frames / sizeof short_frames[0])

// A reader and the frames that it must bring.
struct intake {
    struct tf_frame_reader reader;
    const struct frame *frames;
    size_t frame_count;
    size_t taken_count;
    struct fault_allocator fault;
    struct tofu_allocator allocator;
};

static void intake_open(struct intake *intake, const struct frame *frames, size_t frame_count)
{
    *intake = (struct intake){.frames = frames, .frame_count = frame_count};
    fault_allocator_open(&intake->fault);
    intake->allocator = fault_allocator_functions(&intake->fault);
}

// Everything came, nothing is left, and no memory is lost.
static void intake_close(struct intake *intake)
{
    assert_int_equal(intake->taken_count, intake->frame_count);
    assert_int_equal(tf_frame_reader_fill(&intake->reader), 0);
    assert_null(tf_frame_reader_reset(&intake->reader));
    assert_true(fault_allocator_is_clean(&intake->fault));
}

static const struct frame *intake_frame(const struct intake *intake)
{
    assert_true(intake->taken_count < intake->frame_count);
    return &intake->frames[intake->taken_count];
}

static void intake_begin(struct intake *intake)
{
    const struct frame *frame = intake_frame(intake);
    struct tf_wire_header header;
    tf_frame_reader_header(&intake->reader, &header);
    assert_int_equal(header.header.opcode, frame->header.opcode);
    assert_int_equal(header.text_bytes, frame->text_bytes);
    assert_int_equal(header.body_bytes, frame->body_bytes);

    struct tofu_message *message = tf_message_create(&intake->allocator);
    assert_non_null(message);
    assert_status(TOFU_OK, tf_frame_reader_begin(&intake->reader, message));
}

static void intake_take(struct intake *intake)
{
    struct tofu_message *message = tf_frame_reader_take(&intake->reader);
    assert_frame(message, intake_frame(intake));
    intake->taken_count++;
    tf_message_destroy(&message);
}

// Feeds all of `bytes`, doing at each border what is to be done there.
static void intake_feed(struct intake *intake, const uint8_t *bytes, size_t size)
{
    for (;;) {
        size_t used = SIZE_MAX;
        enum tf_frame frame = tf_frame_reader_feed(&intake->reader, bytes, size, &used);
        assert_true(used <= size);
        bytes += used;
        size -= used;
        switch (frame) {
        case TF_FRAME_PARTIAL:
            assert_int_equal(size, 0);
            return;
        case TF_FRAME_HEADER:
            intake_begin(intake);
            break;
        case TF_FRAME_MESSAGE:
            intake_take(intake);
            break;
        case TF_FRAME_SKIPPED:
            fail_msg("skipped for nothing");
        }
    }
}

// Feeds a piece of the stream from a block of its own, where a sanitizer sees a byte read too far.
static void intake_feed_piece(
    struct intake *intake, const struct stream *stream, size_t begin, size_t end)
{
    size_t size = end - begin;
    uint8_t *piece = malloc(size > 0 ? size : 1);
    assert_non_null(piece);
    memcpy(piece, stream->bytes + begin, size);
    intake_feed(intake, piece, size);
    free(piece);
}

static void every_cut_in_two_brings_the_same_messages(void **state)
{
    (void)state;
    struct stream stream = stream_open(short_frames, SHORT_FRAME_COUNT);
    for (size_t cut = 0; cut <= stream.size; cut++) {
        struct intake intake;
        intake_open(&intake, short_frames, SHORT_FRAME_COUNT);

        intake_feed_piece(&intake, &stream, 0, cut);
        intake_feed_piece(&intake, &stream, cut, stream.size);

        intake_close(&intake);
    }
    stream_close(&stream);
}

static void every_cut_in_three_brings_the_same_messages(void **state)
{
    (void)state;
    struct stream stream = stream_open(short_frames, SHORT_FRAME_COUNT);
    for (size_t first = 0; first <= stream.size; first++) {
        for (size_t second = first; second <= stream.size; second++) {
            struct intake intake;
            intake_open(&intake, short_frames, SHORT_FRAME_COUNT);

            intake_feed_piece(&intake, &stream, 0, first);
            intake_feed_piece(&intake, &stream, first, second);
            intake_feed_piece(&intake, &stream, second, stream.size);

            intake_close(&intake);
        }
    }
    stream_close(&stream);
}

static void pieces_of_every_size_bring_the_same_messages(void **state)
{
    (void)state;
    struct stream stream = stream_open(short_frames, SHORT_FRAME_COUNT);
    for (size_t piece = 1; piece <= stream.size; piece++) {
        struct intake intake;
        intake_open(&intake, short_frames, SHORT_FRAME_COUNT);

        for (size_t begin = 0; begin < stream.size; begin += piece) {
            size_t end = begin + piece < stream.size ? begin + piece : stream.size;
            intake_feed_piece(&intake, &stream, begin, end);
        }

        intake_close(&intake);
    }
    stream_close(&stream);
}

// Reads as the engine does with a large body: headers are fed, payload is read into its place.
static void intake_read_into_space(
    struct intake *intake, const struct stream *stream, size_t piece_max)
{
    size_t position = 0;
    while (position < stream->size) {
        struct tf_segment segments[2];
        size_t segment_count = tf_frame_reader_space(&intake->reader, segments);
        enum tf_frame frame;
        if (segment_count == 0) {
            size_t used;
            size_t size = stream->size - position;
            frame = tf_frame_reader_feed(
                &intake->reader, stream->bytes + position, size < 16 ? size : 16, &used);
            position += used;
        } else {
            size_t size = 0;
            for (size_t i = 0; i < segment_count && size < piece_max; i++) {
                size_t room = piece_max - size;
                size_t piece = segments[i].size < room ? segments[i].size : room;
                assert_true(segments[i].size > 0);
                memcpy(segments[i].data, stream->bytes + position + size, piece);
                size += piece;
            }
            position += size;
            frame = tf_frame_reader_commit(&intake->reader, size);
        }
        if (frame == TF_FRAME_HEADER) {
            intake_begin(intake);
            size_t used;
            frame = tf_frame_reader_feed(&intake->reader, NULL, 0, &used);
            assert_int_equal(used, 0);
        }
        if (frame == TF_FRAME_MESSAGE) {
            intake_take(intake);
        }
    }
}

static void payload_read_straight_into_its_place_brings_the_same_messages(void **state)
{
    (void)state;
    struct stream stream = stream_open(short_frames, SHORT_FRAME_COUNT);
    for (size_t piece_max = 1; piece_max <= 32; piece_max++) {
        struct intake intake;
        intake_open(&intake, short_frames, SHORT_FRAME_COUNT);

        intake_read_into_space(&intake, &stream, piece_max);

        intake_close(&intake);
    }
    stream_close(&stream);
}

static void parts_of_border_sizes_arrive_whole(void **state)
{
    (void)state;
    const size_t pieces[] = {1000, 4096, 65536, SIZE_MAX};
    for (size_t i = 0; i < BORDER_SIZE_COUNT * BORDER_SIZE_COUNT; i++) {
        size_t text_bytes = border_sizes[i % BORDER_SIZE_COUNT];
        size_t body_bytes = border_sizes[i / BORDER_SIZE_COUNT];
        const struct frame frames[] = {
            {.header = {.channel = 1, .id = 1},
             .text = part_bytes(text_bytes),
             .text_bytes = text_bytes,
             .body = part_bytes(body_bytes),
             .body_bytes = body_bytes},
            {.header = {.channel = 1, .id = 2}, .body = "x", .body_bytes = 1},
        };
        struct stream stream = stream_open(frames, 2);
        for (size_t j = 0; j < sizeof pieces / sizeof pieces[0]; j++) {
            struct intake intake;

            intake_open(&intake, frames, 2);
            for (size_t begin = 0, end; begin < stream.size; begin = end) {
                end = stream.size - begin > pieces[j] ? begin + pieces[j] : stream.size;
                intake_feed(&intake, stream.bytes + begin, end - begin);
            }
            intake_close(&intake);

            intake_open(&intake, frames, 2);
            intake_read_into_space(&intake, &stream, pieces[j]);
            intake_close(&intake);
        }
        stream_close(&stream);
    }
}

// For want of messages a reader may rest behind the header for long, and owns none meanwhile.
static void behind_a_header_nothing_is_used_until_there_is_a_message(void **state)
{
    (void)state;
    struct stream stream = stream_open(&short_frames[1], 1);
    struct intake intake;
    intake_open(&intake, &short_frames[1], 1);
    size_t used;

    assert_int_equal(
        tf_frame_reader_feed(&intake.reader, stream.bytes, stream.size, &used), TF_FRAME_HEADER);
    assert_int_equal(used, 16);

    for (size_t size = 0; size < 3; size++) {
        assert_int_equal(
            tf_frame_reader_feed(&intake.reader, stream.bytes + 16, size, &used), TF_FRAME_HEADER);
        assert_int_equal(used, 0);
    }
    assert_int_equal(intake.fault.allocation_count, 0);
    intake_begin(&intake);
    intake_feed(&intake, stream.bytes + 16, 2);
    intake_close(&intake);
    stream_close(&stream);
}

static void a_message_is_announced_until_it_is_taken(void **state)
{
    (void)state;
    struct stream stream = stream_open(short_frames, 2);
    struct intake intake;
    intake_open(&intake, short_frames, 2);
    size_t used;
    tf_frame_reader_feed(&intake.reader, stream.bytes, stream.size, &used);
    intake_begin(&intake);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            tf_frame_reader_feed(&intake.reader, stream.bytes + 16, 18, &used), TF_FRAME_MESSAGE);
        assert_int_equal(used, 0);
    }

    intake_take(&intake);
    intake_feed(&intake, stream.bytes + 16, 18);
    intake_close(&intake);
    stream_close(&stream);
}

// Feeds pieces of `piece` bytes, skipping the frame with this id; returns how many frames went by so.
static int feed_and_skip(
    struct intake *intake, const struct stream *stream, size_t piece, uint64_t skipped_id)
{
    int skipped_count = 0;
    size_t begin = 0;
    enum tf_frame frame = TF_FRAME_PARTIAL;
    while (begin < stream->size || frame != TF_FRAME_PARTIAL) {
        size_t size = stream->size - begin < piece ? stream->size - begin : piece;
        size_t used = 0;
        frame = tf_frame_reader_feed(&intake->reader, stream->bytes + begin, size, &used);
        begin += used;
        struct tf_wire_header header = {0};
        if (frame != TF_FRAME_PARTIAL) {
            tf_frame_reader_header(&intake->reader, &header);
        }
        if (frame == TF_FRAME_HEADER && header.header.id == skipped_id) {
            tf_frame_reader_skip(&intake->reader);
        } else if (frame == TF_FRAME_HEADER) {
            intake_begin(intake);
        } else if (frame == TF_FRAME_MESSAGE) {
            intake_take(intake);
        } else if (frame == TF_FRAME_SKIPPED) {
            assert_int_equal(header.header.id, skipped_id);
            assert_int_equal(tf_frame_reader_missing(&intake->reader), 0);
            assert_null(tf_frame_reader_reset(&intake->reader));
            skipped_count++;
        }
    }
    return skipped_count;
}

// What nobody can take goes by without memory, and the frames behind it are the same.
static void a_frame_that_is_skipped_goes_by_at_every_cut(void **state)
{
    (void)state;
    struct frame left[SHORT_FRAME_COUNT - 1];
    struct stream stream = stream_open(short_frames, SHORT_FRAME_COUNT);
    for (size_t skipped = 0; skipped < SHORT_FRAME_COUNT; skipped++) {
        for (size_t i = 0; i < SHORT_FRAME_COUNT - 1; i++) {
            left[i] = short_frames[i < skipped ? i : i + 1];
        }
        for (size_t piece = 1; piece <= stream.size; piece++) {
            struct intake intake;
            intake_open(&intake, left, SHORT_FRAME_COUNT - 1);

            int count = feed_and_skip(&intake, &stream, piece, short_frames[skipped].header.id);

            assert_int_equal(count, 1);
            intake_close(&intake);
        }
    }
    stream_close(&stream);
}

static void a_skipped_payload_can_be_counted_by_without_its_bytes(void **state)
{
    (void)state;
    struct stream stream = stream_open(&short_frames[3], 1);
    struct tf_frame_reader reader = {0};
    struct tf_segment segments[2];
    size_t used = 0;
    assert_int_equal(
        tf_frame_reader_feed(&reader, stream.bytes, stream.size, &used), TF_FRAME_HEADER);
    assert_int_equal(tf_frame_reader_missing(&reader), 0);

    tf_frame_reader_skip(&reader);

    assert_int_equal(tf_frame_reader_space(&reader, segments), 0);
    assert_int_equal(tf_frame_reader_missing(&reader), 8);
    assert_int_equal(tf_frame_reader_commit(&reader, 7), TF_FRAME_PARTIAL);
    assert_int_equal(tf_frame_reader_missing(&reader), 1);
    assert_int_equal(tf_frame_reader_fill(&reader), 16 + 7);
    assert_int_equal(tf_frame_reader_commit(&reader, 1), TF_FRAME_SKIPPED);
    assert_null(tf_frame_reader_reset(&reader));
    assert_int_equal(tf_frame_reader_fill(&reader), 0);
    stream_close(&stream);
}

static void a_frame_without_payload_is_whole_without_another_byte(void **state)
{
    (void)state;
    struct stream stream = stream_open(short_frames, 1);
    struct intake intake;
    intake_open(&intake, short_frames, 1);
    size_t used;
    struct tf_segment segments[2];
    assert_int_equal(
        tf_frame_reader_feed(&intake.reader, stream.bytes, 16, &used), TF_FRAME_HEADER);
    intake_begin(&intake);

    assert_int_equal(tf_frame_reader_space(&intake.reader, segments), 0);
    assert_int_equal(tf_frame_reader_feed(&intake.reader, NULL, 0, &used), TF_FRAME_MESSAGE);

    assert_int_equal(used, 0);
    intake_take(&intake);
    intake_close(&intake);
    stream_close(&stream);
}

// A commit of nothing is how a reader of space learns that there is no payload.
static void committing_nothing_says_whether_the_message_is_whole(void **state)
{
    (void)state;
    struct stream stream = stream_open(short_frames, 2);
    struct intake intake;
    intake_open(&intake, short_frames, 2);
    size_t used;

    tf_frame_reader_feed(&intake.reader, stream.bytes, 16, &used);
    intake_begin(&intake);
    assert_int_equal(tf_frame_reader_commit(&intake.reader, 0), TF_FRAME_MESSAGE);
    intake_take(&intake);

    tf_frame_reader_feed(&intake.reader, stream.bytes + 16, 16, &used);
    intake_begin(&intake);
    assert_int_equal(tf_frame_reader_commit(&intake.reader, 0), TF_FRAME_PARTIAL);
    intake_feed(&intake, stream.bytes + 32, 2);
    intake_close(&intake);
    stream_close(&stream);
}

static void space_is_what_the_payload_still_needs(void **state)
{
    (void)state;
    const struct frame frame = {
        .header = {.channel = 1},
        .text = "a:bcd\r\n",
        .text_bytes = 7,
        .body = "body",
        .body_bytes = 4,
    };
    struct stream stream = stream_open(&frame, 1);
    struct intake intake;
    intake_open(&intake, &frame, 1);
    struct tf_segment segments[2];
    size_t used;

    assert_int_equal(tf_frame_reader_space(&intake.reader, segments), 0);
    tf_frame_reader_feed(&intake.reader, stream.bytes, 10, &used);
    assert_int_equal(tf_frame_reader_space(&intake.reader, segments), 0);
    tf_frame_reader_feed(&intake.reader, stream.bytes + 10, 6, &used);
    assert_int_equal(tf_frame_reader_space(&intake.reader, segments), 0);

    intake_begin(&intake);
    const struct tofu_message *message = intake.reader.message;
    for (size_t fill = 0; fill < 11; fill++) {
        size_t text_left = fill < 7 ? 7 - fill : 0;
        size_t body_left = fill < 7 ? 4 : 11 - fill;
        size_t count = tf_frame_reader_space(&intake.reader, segments);
        assert_int_equal(count, text_left > 0 ? 2 : 1);
        if (text_left > 0) {
            assert_ptr_equal(segments[0].data, message->text.data + fill);
            assert_int_equal(segments[0].size, text_left);
        }
        assert_ptr_equal(segments[count - 1].data, message->body.data + (4 - body_left));
        assert_int_equal(segments[count - 1].size, body_left);
        tf_frame_reader_feed(&intake.reader, stream.bytes + 16 + fill, 1, &used);
        assert_int_equal(used, 1);
    }
    assert_int_equal(tf_frame_reader_space(&intake.reader, segments), 0);
    intake_take(&intake);
    intake_close(&intake);
    stream_close(&stream);
}

static void a_frame_with_text_only_needs_one_segment(void **state)
{
    (void)state;
    struct stream stream = stream_open(&short_frames[2], 1);
    struct intake intake;
    intake_open(&intake, &short_frames[2], 1);
    struct tf_segment segments[2];
    size_t used;
    tf_frame_reader_feed(&intake.reader, stream.bytes, 16, &used);
    intake_begin(&intake);

    assert_int_equal(tf_frame_reader_space(&intake.reader, segments), 1);

    assert_int_equal(segments[0].size, 21);
    intake_feed(&intake, stream.bytes + 16, 21);
    intake_close(&intake);
    stream_close(&stream);
}

static void a_message_without_memory_stays_with_the_caller(void **state)
{
    (void)state;
    struct stream stream = stream_open(&short_frames[3], 1);
    struct intake intake;
    intake_open(&intake, &short_frames[3], 1);
    size_t used;
    tf_frame_reader_feed(&intake.reader, stream.bytes, stream.size, &used);
    struct tofu_message *message = tf_message_create(&intake.allocator);
    assert_non_null(message);

    // The text headers ask first, then the body.
    for (size_t nth = 1; nth <= 2; nth++) {
        fault_allocator_fail(&intake.fault, nth, 1);
        assert_status(TOFU_ALLOCATION_FAILED, tf_frame_reader_begin(&intake.reader, message));
        assert_int_equal(message->text.size, 0);
        assert_int_equal(message->body.size, 0);
        assert_null(intake.reader.message);
        assert_int_equal(
            tf_frame_reader_feed(&intake.reader, stream.bytes + 16, 8, &used), TF_FRAME_HEADER);
        assert_int_equal(used, 0);
        tf_message_destroy(&message);
        message = tf_message_create(&intake.allocator);
        assert_non_null(message);
    }

    fault_allocator_mend(&intake.fault);
    assert_status(TOFU_OK, tf_frame_reader_begin(&intake.reader, message));
    intake_feed(&intake, stream.bytes + 16, 8);
    intake_close(&intake);
    stream_close(&stream);
}

// A peer decides how long its parts are, so memory is taken for them to the byte, once.
static void the_parts_take_exactly_their_memory(void **state)
{
    (void)state;
    struct stream stream = stream_open(&short_frames[3], 1);
    struct intake intake;
    intake_open(&intake, &short_frames[3], 1);
    size_t used;
    tf_frame_reader_feed(&intake.reader, stream.bytes, stream.size, &used);

    intake_begin(&intake);

    assert_int_equal(intake.reader.message->text.capacity, 5);
    assert_int_equal(intake.reader.message->body.capacity, 3);
    assert_int_equal(intake.fault.allocation_count, 3);
    intake_feed(&intake, stream.bytes + 16, 8);
    intake_close(&intake);
    stream_close(&stream);
}

static void a_used_message_needs_no_new_memory(void **state)
{
    (void)state;
    struct stream stream = stream_open(&short_frames[3], 1);
    struct intake intake;
    intake_open(&intake, &short_frames[3], 1);
    const struct frame used_before = {
        .text = "x:much longer\r\n", .text_bytes = 15, .body = "much longer", .body_bytes = 11};
    struct tofu_message *message = frame_message(&used_before, &intake.allocator);
    tofu_message_reset(message);
    size_t allocation_count = intake.fault.allocation_count;
    size_t used;
    tf_frame_reader_feed(&intake.reader, stream.bytes, stream.size, &used);

    assert_status(TOFU_OK, tf_frame_reader_begin(&intake.reader, message));

    assert_int_equal(intake.fault.allocation_count, allocation_count);
    intake_feed(&intake, stream.bytes + 16, 8);
    intake_close(&intake);
    stream_close(&stream);
}

static void giving_up_returns_the_unfinished_message_and_starts_over(void **state)
{
    (void)state;
    struct stream stream = stream_open(&short_frames[3], 1);
    for (size_t size = 0; size < stream.size; size++) {
        struct intake intake;
        intake_open(&intake, &short_frames[3], 1);
        size_t used;
        enum tf_frame frame = tf_frame_reader_feed(&intake.reader, stream.bytes, size, &used);
        if (frame == TF_FRAME_HEADER) {
            intake_begin(&intake);
            tf_frame_reader_feed(&intake.reader, stream.bytes + used, size - used, &used);
        }

        struct tofu_message *message = tf_frame_reader_reset(&intake.reader);

        assert_int_equal(message != NULL, size >= 16);
        tf_message_destroy(&message);
        assert_int_equal(tf_frame_reader_fill(&intake.reader), 0);
        assert_int_equal(tf_frame_reader_total(&intake.reader), 0);
        intake_feed(&intake, stream.bytes, stream.size);
        intake_close(&intake);
    }
    stream_close(&stream);
}

static void a_header_that_is_refused_leaves_no_message_behind(void **state)
{
    (void)state;
    struct stream stream = stream_open(&short_frames[3], 1);
    struct tf_frame_reader reader = {0};
    size_t used;
    assert_int_equal(
        tf_frame_reader_feed(&reader, stream.bytes, stream.size, &used), TF_FRAME_HEADER);

    assert_null(tf_frame_reader_reset(&reader));

    assert_int_equal(tf_frame_reader_fill(&reader), 0);
    stream_close(&stream);
}

static void fill_and_total_follow_every_byte(void **state)
{
    (void)state;
    struct stream stream = stream_open(&short_frames[3], 1);
    struct intake intake;
    intake_open(&intake, &short_frames[3], 1);
    for (size_t i = 0; i < stream.size; i++) {
        assert_int_equal(tf_frame_reader_fill(&intake.reader), i);
        uint32_t total = i == 0 ? 0 : i < 16 ? 16 : 24;
        assert_int_equal(tf_frame_reader_total(&intake.reader), total);
        size_t used;
        enum tf_frame frame = tf_frame_reader_feed(&intake.reader, stream.bytes + i, 1, &used);
        assert_int_equal(used, 1);
        if (frame == TF_FRAME_HEADER) {
            assert_int_equal(tf_frame_reader_total(&intake.reader), 24);
            intake_begin(&intake);
        }
    }
    assert_int_equal(tf_frame_reader_fill(&intake.reader), 24);
    assert_int_equal(tf_frame_reader_total(&intake.reader), 24);
    intake_take(&intake);
    assert_int_equal(tf_frame_reader_total(&intake.reader), 0);
    intake_close(&intake);
    stream_close(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_in_two_brings_the_same_messages),
        cmocka_unit_test(every_cut_in_three_brings_the_same_messages),
        cmocka_unit_test(pieces_of_every_size_bring_the_same_messages),
        cmocka_unit_test(payload_read_straight_into_its_place_brings_the_same_messages),
        cmocka_unit_test(parts_of_border_sizes_arrive_whole),
        cmocka_unit_test(behind_a_header_nothing_is_used_until_there_is_a_message),
        cmocka_unit_test(a_message_is_announced_until_it_is_taken),
        cmocka_unit_test(a_frame_that_is_skipped_goes_by_at_every_cut),
        cmocka_unit_test(a_skipped_payload_can_be_counted_by_without_its_bytes),
        cmocka_unit_test(a_frame_without_payload_is_whole_without_another_byte),
        cmocka_unit_test(committing_nothing_says_whether_the_message_is_whole),
        cmocka_unit_test(space_is_what_the_payload_still_needs),
        cmocka_unit_test(a_frame_with_text_only_needs_one_segment),
        cmocka_unit_test(a_message_without_memory_stays_with_the_caller),
        cmocka_unit_test(the_parts_take_exactly_their_memory),
        cmocka_unit_test(a_used_message_needs_no_new_memory),
        cmocka_unit_test(giving_up_returns_the_unfinished_message_and_starts_over),
        cmocka_unit_test(a_header_that_is_refused_leaves_no_message_behind),
        cmocka_unit_test(fill_and_total_follow_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
