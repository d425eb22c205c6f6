// SPDX-License-Identifier: MIT
// A writer and a reader with a stream between them that is cut at random on both sides.
#include "unit/expect.h"

#include <stdlib.h>
#include <string.h>

#include "support/fault_allocator.h"
#include "unit/frames.h"
#include "unit/random.h"
#include "wire/frame_reader.h"
#include "wire/frame_writer.h"
#include "wire/header.h"

#define FRAME_COUNT_MAX   40
#define STAGING_BYTES_MIN (TF_HEADER_BYTES + 2 * TF_COPIED_PART_BYTES_MAX)
#define STAGING_BYTES_MAX (3 * STAGING_BYTES_MIN)

// One run: messages go in at the writer, bytes from there to the reader, and messages come out.
struct trip {
    struct random_source source;
    struct fault_allocator fault;
    struct tofu_allocator allocator;
    struct frame frames[FRAME_COUNT_MAX];
    size_t frame_count;
    size_t arrived_count;
    struct tf_frame_writer writer;
    struct tf_message_queue finished;
    struct tf_frame_reader reader;
};

// Mostly small, sometimes of a border size, rarely anything.
static size_t random_part_bytes(struct random_source *source)
{
    switch (random_below(source, 8)) {
    case 0:
        return border_sizes[random_below(source, BORDER_SIZE_COUNT)];
    case 1:
        return random_below(source, TOFU_PART_BYTES_MAX + 1);
    case 2:
        return random_below(source, 3000);
    case 3:
    case 4:
        return 0;
    default:
        return random_below(source, 100);
    }
}

static void trip_open(struct trip *trip, uint64_t seed)
{
    *trip = (struct trip){.source = {.state = seed}};
    fault_allocator_open(&trip->fault);
    trip->allocator = fault_allocator_functions(&trip->fault);
    trip->frame_count = 1 + random_below(&trip->source, FRAME_COUNT_MAX);
    for (size_t i = 0; i < trip->frame_count; i++) {
        size_t text_bytes = random_part_bytes(&trip->source);
        size_t body_bytes = random_part_bytes(&trip->source);
        trip->frames[i] = (struct frame){
            .header =
                {
                    .channel = (uint16_t)random_next(&trip->source),
                    .opcode = (uint8_t)random_below(&trip->source, TF_OPCODE_END),
                    .more = (uint8_t)random_below(&trip->source, 2),
                    .status = (uint8_t)random_below(&trip->source, 32),
                    .id = random_next(&trip->source),
                },
            .text = part_bytes(text_bytes),
            .text_bytes = text_bytes,
            .body = part_bytes(body_bytes),
            .body_bytes = body_bytes,
        };
        tf_message_queue_append(
            &trip->writer.queue, frame_message(&trip->frames[i], &trip->allocator));
    }
}

static void trip_arrive(struct trip *trip)
{
    struct tofu_message *message = tf_frame_reader_take(&trip->reader);
    assert_true(trip->arrived_count < trip->frame_count);
    assert_frame(message, &trip->frames[trip->arrived_count]);
    trip->arrived_count++;
    tf_message_destroy(&message);
}

// Reads what the other side wrote in one go: now fed, now straight into its place.
static void trip_read(struct trip *trip, const uint8_t *bytes, size_t size)
{
    for (;;) {
        struct tf_segment segments[2];
        enum tf_frame frame;
        size_t used = 0;
        if (size > 0 && random_below(&trip->source, 2) == 0 &&
            tf_frame_reader_space(&trip->reader, segments) > 0) {
            used = segments[0].size < size ? segments[0].size : size;
            memcpy(segments[0].data, bytes, used);
            frame = tf_frame_reader_commit(&trip->reader, used);
        } else {
            frame = tf_frame_reader_feed(&trip->reader, bytes, size, &used);
        }
        bytes += used;
        size -= used;
        if (frame == TF_FRAME_HEADER) {
            struct tofu_message *message = tf_message_create(&trip->allocator);
            assert_non_null(message);
            assert_status(TOFU_OK, tf_frame_reader_begin(&trip->reader, message));
        } else if (frame == TF_FRAME_MESSAGE) {
            trip_arrive(trip);
        } else if (size == 0) {
            return;
        }
    }
}

static void trip_run(struct trip *trip)
{
    size_t staging_bytes =
        STAGING_BYTES_MIN + random_below(&trip->source, STAGING_BYTES_MAX - STAGING_BYTES_MIN + 1);
    struct tf_segment staging = {.data = malloc(staging_bytes), .size = staging_bytes};
    assert_non_null(staging.data);
    size_t segments_max = 3 + random_below(&trip->source, TF_SEGMENTS_MAX - 2);
    size_t write_max = (size_t)16 << random_below(&trip->source, 16);

    while (trip->writer.queue.first != NULL) {
        struct tf_segment segments[TF_SEGMENTS_MAX];
        size_t count = tf_frame_writer_gather(&trip->writer, staging, segments, segments_max);
        assert_in_range(count, 1, segments_max);
        size_t left = 1 + random_below(&trip->source, write_max);
        size_t written = 0;
        for (size_t i = 0; i < count && left > 0; i++) {
            size_t size = segments[i].size < left ? segments[i].size : left;
            trip_read(trip, segments[i].data, size);
            left -= size;
            written += size;
        }
        tf_frame_writer_advance(&trip->writer, written, &trip->finished);
        assert_int_equal(trip->arrived_count, trip->finished.count);
    }
    free(staging.data);
}

static void trip_close(struct trip *trip)
{
    assert_int_equal(trip->arrived_count, trip->frame_count);
    assert_int_equal(trip->finished.count, trip->frame_count);
    assert_int_equal(tf_frame_reader_fill(&trip->reader), 0);
    for (size_t i = 0; i < trip->frame_count; i++) {
        struct tofu_message *message = tf_message_queue_take(&trip->finished);
        assert_frame(message, &trip->frames[i]);
        tf_message_destroy(&message);
    }
    assert_true(fault_allocator_is_clean(&trip->fault));
}

static void whatever_is_written_is_read_however_it_is_cut(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        static struct trip trip;
        trip_open(&trip, seed);

        trip_run(&trip);

        trip_close(&trip);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_written_is_read_however_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
