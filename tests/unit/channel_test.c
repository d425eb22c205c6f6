// SPDX-License-Identifier: MIT
// What a channel wants from the poller and from the clock, as pure functions of its state.
//
// The state is walked through as a whole: every phase, session and side with every set of flags. The
// expectations are those of PROTOCOL.md (sections 4 and 7) and REACTOR.md (section 2), not the code's.
#include "unit/expect.h"

#include <stdbool.h>

#include "engine/channel.h"
#include "os/clock.h"
#include "support/fault_allocator.h"

#define PHASE_COUNT (TF_PHASE_CLOSED + 1)

// One bit of a number for each flag of a channel.
enum flag {
    CAN_READ = 1,
    WRITE_BLOCKED = 2,
    HANGUP = 4,
    READ_END = 8,
    STARVED = 16,
    SEND_SHUT = 32,
    REST_TOLD = 64,
    BYE_WRITTEN = 128,
    HAS_QUEUE = 256,
    HAS_SOCKET = 512,
    GRACEFUL = 1024,
    WRITE_FAILED = 2048,
    FLAG_SETS = 4096,
};

struct state_of_channel {
    struct tf_channel channel;
    struct tf_attempt attempt;
    struct tofu_message queued;
};

static void make(struct state_of_channel *made, enum tf_phase phase, unsigned flags)
{
    *made = (struct state_of_channel){0};
    struct tf_channel *channel = &made->channel;
    tf_list_init(&channel->ready_link);
    channel->phase = (uint8_t)phase;
    channel->session = TF_SESSION_ANSWERED;
    channel->side = TF_CONNECTING;
    channel->watch.socket = (flags & HAS_SOCKET) != 0 ? 7 : TF_SOCKET_NONE;
    channel->can_read = (flags & CAN_READ) != 0;
    channel->is_write_blocked = (flags & WRITE_BLOCKED) != 0;
    channel->has_hangup = (flags & HANGUP) != 0;
    channel->has_read_end = (flags & READ_END) != 0;
    channel->is_starved = (flags & STARVED) != 0;
    channel->is_send_shut = (flags & SEND_SHUT) != 0;
    channel->is_rest_told = (flags & REST_TOLD) != 0;
    channel->is_bye_request_written = (flags & BYE_WRITTEN) != 0;
    channel->is_graceful = (flags & GRACEFUL) != 0;
    channel->write_error = (flags & WRITE_FAILED) != 0 ? 32 : 0;
    if ((flags & HAS_QUEUE) != 0) {
        tf_message_queue_append(&channel->writer.queue, &made->queued);
    }
    if (phase == TF_PHASE_RESOLVING || phase == TF_PHASE_CONNECTING || phase == TF_PHASE_QUEUEING) {
        channel->attempt = &made->attempt;
    }
}

static void assert_interest(enum tf_phase phase, unsigned flags, uint8_t wanted)
{
    struct state_of_channel made;
    make(&made, phase, flags);
    for (int side = 0; side < TF_SIDE_COUNT; side++) {
        for (int session = 0; session < TF_SESSION_COUNT; session++) {
            made.channel.side = (uint8_t)side;
            made.channel.session = (uint8_t)session;
            uint8_t interest = tf_channel_interest(&made.channel);
            assert_true_or(
                interest == wanted,
                "phase %d, flags %#x, side %d, session %d: interest %d, not %d",
                (int)phase,
                flags,
                side,
                session,
                interest,
                wanted);
        }
    }
}

static void nothing_is_watched_before_there_is_a_socket_or_after_it_is_gone(void **state)
{
    (void)state;
    const enum tf_phase phases[] = {
        TF_PHASE_OPENING, TF_PHASE_RESOLVING, TF_PHASE_QUEUEING, TF_PHASE_CLOSED};
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        for (unsigned flags = 0; flags < FLAG_SETS; flags++) {
            assert_interest(phases[i], flags, 0);
        }
    }
}

// Writable is how a connect says that it has ended; without a socket it waits for its timer.
static void a_connect_under_way_is_watched_for_writing(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < FLAG_SETS; flags++) {
        uint8_t wanted = (flags & HAS_SOCKET) != 0 ? TF_POLL_WRITE : 0;
        assert_interest(TF_PHASE_CONNECTING, flags, wanted);
    }
}

static void a_listener_is_watched_for_reading(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < FLAG_SETS; flags++) {
        assert_interest(TF_PHASE_LISTENING, flags, TF_POLL_READ);
    }
}

// It cannot accept for want of descriptors; watched, it would spin.
static void a_resting_listener_is_not_watched(void **state)
{
    (void)state;
    struct state_of_channel made;
    for (unsigned flags = 0; flags < FLAG_SETS; flags++) {
        make(&made, TF_PHASE_LISTENING, flags);
        made.channel.rests_until_ns = 1;
        assert_int_equal(tf_channel_interest(&made.channel), 0);
    }
}

// Reading: unless the end was read, or there is no message to receive into. Writing: only what the
// system refused last time, only while there is something to write, and no more once writing has failed.
static void a_connection_is_watched_for_what_it_can_use(void **state)
{
    (void)state;
    const enum tf_phase phases[] = {TF_PHASE_HALF_OPEN, TF_PHASE_OPEN, TF_PHASE_DRAINING};
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        for (unsigned flags = 0; flags < FLAG_SETS; flags++) {
            uint8_t wanted = 0;
            if ((flags & (READ_END | STARVED)) == 0) {
                wanted |= TF_POLL_READ;
            }
            if ((flags & (WRITE_BLOCKED | HAS_QUEUE | WRITE_FAILED)) ==
                (WRITE_BLOCKED | HAS_QUEUE)) {
                wanted |= TF_POLL_WRITE;
            }
            assert_interest(phases[i], flags | HAS_SOCKET, wanted);
        }
    }
}

static void a_half_open_connection_that_waits_for_its_turn_is_not_watched(void **state)
{
    (void)state;
    struct tf_list waiting;
    struct state_of_channel made;
    make(&made, TF_PHASE_HALF_OPEN, HAS_SOCKET | CAN_READ);
    tf_list_init(&waiting);

    tf_list_append(&waiting, &made.channel.ready_link);
    assert_int_equal(tf_channel_interest(&made.channel), 0);
    made.channel.phase = TF_PHASE_OPEN;
    assert_int_equal(tf_channel_interest(&made.channel), TF_POLL_READ);
    made.channel.phase = TF_PHASE_HALF_OPEN;
    tf_list_remove(&made.channel.ready_link);
    assert_int_equal(tf_channel_interest(&made.channel), TF_POLL_READ);
}

// Times of a channel, all different, so that a deadline tells from which it was made.
#define SINCE_NS    UINT64_C(1000)
#define FRAME_NS    UINT64_C(2000)
#define PROGRESS_NS UINT64_C(3000)
#define RETRY_NS    UINT64_C(10500)

static const struct tf_settings settings = {
    .connect_timeout_ns = 10000,
    .hello_timeout_ns = 20000,
    .frame_timeout_ns = 40000,
    .close_timeout_ns = 80000,
};

static void make_timed(struct state_of_channel *made, enum tf_phase phase, unsigned flags)
{
    make(made, phase, flags);
    made->channel.since_ns = SINCE_NS;
    made->channel.frame_since_ns = FRAME_NS;
    made->channel.progress_ns = PROGRESS_NS;
    made->channel.starved_since_ns = 1;
}

static void assert_deadline(const struct state_of_channel *made, uint64_t wanted_ns)
{
    uint64_t deadline_ns = tf_channel_deadline(&made->channel, &settings);
    assert_true_or(
        deadline_ns == wanted_ns,
        "phase %d, session %d: deadline %llu, not %llu",
        made->channel.phase,
        made->channel.session,
        (unsigned long long)deadline_ns,
        (unsigned long long)wanted_ns);
}

static void a_channel_without_work_of_its_own_has_no_deadline(void **state)
{
    (void)state;
    struct state_of_channel made;
    for (unsigned flags = 0; flags < FLAG_SETS; flags++) {
        make_timed(&made, TF_PHASE_OPENING, flags);
        assert_deadline(&made, UINT64_MAX);
        make_timed(&made, TF_PHASE_CLOSED, flags);
        assert_deadline(&made, UINT64_MAX);
    }
}

static void resolving_and_connecting_share_one_deadline(void **state)
{
    (void)state;
    struct state_of_channel made;
    for (unsigned flags = 0; flags < FLAG_SETS; flags++) {
        make_timed(&made, TF_PHASE_RESOLVING, flags);
        assert_deadline(&made, SINCE_NS + 10000);
        make_timed(&made, TF_PHASE_CONNECTING, flags);
        assert_deadline(&made, SINCE_NS + 10000);
    }
}

static void a_connect_that_is_to_be_tried_again_is_looked_at_then(void **state)
{
    (void)state;
    struct state_of_channel made;
    make_timed(&made, TF_PHASE_CONNECTING, 0);

    made.attempt.go_on_at_ns = RETRY_NS;
    assert_deadline(&made, RETRY_NS);

    made.attempt.go_on_at_ns = SINCE_NS + 10000 + 1;
    assert_deadline(&made, SINCE_NS + 10000);
}

static void a_listener_that_waits_for_its_path_is_looked_at_when_it_is_to_try_again(void **state)
{
    (void)state;
    struct state_of_channel made;
    for (unsigned flags = 0; flags < FLAG_SETS; flags++) {
        make_timed(&made, TF_PHASE_QUEUEING, flags);
        made.attempt.go_on_at_ns = RETRY_NS;
        assert_deadline(&made, RETRY_NS);
        made.attempt.go_on_at_ns = SINCE_NS + 10000 + 1; // Its time does not depend on an option.
        assert_deadline(&made, SINCE_NS + 10000 + 1);
    }
}

static void a_listener_has_a_deadline_only_while_it_rests(void **state)
{
    (void)state;
    struct state_of_channel made;
    for (unsigned flags = 0; flags < FLAG_SETS; flags++) {
        make_timed(&made, TF_PHASE_LISTENING, flags);
        made.channel.rests_until_ns = SINCE_NS;
        assert_deadline(&made, SINCE_NS);
        made.channel.rests_until_ns = 0;
        assert_deadline(&made, UINT64_MAX);
    }
}

// From the accept to a whole HelloRequest, whatever drips in meanwhile; the time in which we were not
// willing to read does not count.
static void a_half_open_connection_has_until_the_hello_deadline(void **state)
{
    (void)state;
    struct state_of_channel made;
    for (unsigned flags = 0; flags < FLAG_SETS; flags++) {
        make_timed(&made, TF_PHASE_HALF_OPEN, flags);
        assert_deadline(&made, (flags & STARVED) != 0 ? UINT64_MAX : SINCE_NS + 20000);
    }
}

static bool awaits_bye(enum tf_session session)
{
    static const bool awaits[TF_SESSION_COUNT] = {
        [TF_SESSION_HELLO_OURS_WAITS] = true,
        [TF_SESSION_HELLO_BOTH_WAIT] = true,
        [TF_SESSION_HELLO_OURS_WAITS_PEER_DONE] = true,
        [TF_SESSION_ANSWERED_OURS_WAITS] = true,
        [TF_SESSION_ANSWERED_BOTH_WAIT] = true,
        [TF_SESSION_ANSWERED_OURS_WAITS_PEER_DONE] = true,
    };
    return awaits[session];
}

static void a_bye_is_awaited_while_ours_has_no_answer(void **state)
{
    (void)state;
    struct state_of_channel made;
    make(&made, TF_PHASE_OPEN, 0);
    for (int session = 0; session < TF_SESSION_COUNT; session++) {
        made.channel.session = (uint8_t)session;
        assert_int_equal(
            tf_channel_awaits_bye(&made.channel), awaits_bye((enum tf_session)session));
    }
}

// An idle open channel costs nothing: it has no deadline but that of an unfinished frame, and that of a
// ByeResponse that we await.
static void an_open_channel_has_the_deadlines_of_its_frame_and_its_bye(void **state)
{
    (void)state;
    struct state_of_channel made;
    for (unsigned flags = 0; flags < FLAG_SETS; flags++) {
        for (int session = 0; session < TF_SESSION_COUNT; session++) {
            bool counts = (flags & STARVED) == 0;
            bool has_bye = counts && awaits_bye((enum tf_session)session);
            make_timed(&made, TF_PHASE_OPEN, flags);
            made.channel.session = (uint8_t)session;

            assert_deadline(&made, counts ? FRAME_NS + 40000 : UINT64_MAX);

            made.channel.frame_since_ns = 0;
            assert_deadline(&made, has_bye ? PROGRESS_NS + 80000 : UINT64_MAX);
        }
    }
}

static void of_frame_and_bye_the_earlier_counts(void **state)
{
    (void)state;
    struct state_of_channel made;
    make_timed(&made, TF_PHASE_OPEN, 0);
    made.channel.session = TF_SESSION_HELLO_OURS_WAITS;

    made.channel.frame_since_ns = PROGRESS_NS + 40001;
    assert_deadline(&made, PROGRESS_NS + 80000);

    made.channel.frame_since_ns = PROGRESS_NS + 39999;
    assert_deadline(&made, PROGRESS_NS + 79999);
}

static void a_drain_must_make_progress(void **state)
{
    (void)state;
    struct state_of_channel made;
    for (unsigned flags = 0; flags < FLAG_SETS; flags++) {
        for (int session = 0; session < TF_SESSION_COUNT; session++) {
            make_timed(&made, TF_PHASE_DRAINING, flags);
            made.channel.session = (uint8_t)session;
            assert_deadline(&made, PROGRESS_NS + 80000);
        }
    }
}

static void an_unlimited_timeout_is_no_deadline(void **state)
{
    (void)state;
    const struct tf_settings unlimited = {
        .connect_timeout_ns = UINT64_MAX,
        .hello_timeout_ns = UINT64_MAX,
        .frame_timeout_ns = UINT64_MAX,
        .close_timeout_ns = UINT64_MAX,
    };
    struct state_of_channel made;
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        make_timed(&made, (enum tf_phase)phase, 0);
        made.channel.session = TF_SESSION_ANSWERED_OURS_WAITS;
        assert_true(tf_channel_deadline(&made.channel, &unlimited) == UINT64_MAX);
    }
}

// 0 means "not set" to a timer.
static void no_deadline_is_ever_zero(void **state)
{
    (void)state;
    const struct tf_settings shortest = {
        .connect_timeout_ns = 1,
        .hello_timeout_ns = 1,
        .frame_timeout_ns = 1,
        .close_timeout_ns = 1,
    };
    struct state_of_channel made;
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        for (int session = 0; session < TF_SESSION_COUNT; session++) {
            make(&made, (enum tf_phase)phase, 0);
            made.channel.session = (uint8_t)session;
            assert_true(tf_channel_deadline(&made.channel, &shortest) != 0);
        }
    }
}

static void starving_stops_the_reading(void **state)
{
    (void)state;
    struct state_of_channel made;
    make_timed(&made, TF_PHASE_OPEN, HAS_SOCKET);

    tf_channel_starve(&made.channel, 5000);

    assert_int_equal(tf_channel_interest(&made.channel), 0);
    assert_deadline(&made, UINT64_MAX);
}

// The clocks stand still while we do not read: each deadline moves by exactly the pause.
static void a_pause_moves_the_deadline_of_a_frame(void **state)
{
    (void)state;
    struct state_of_channel made;
    make_timed(&made, TF_PHASE_OPEN, HAS_SOCKET);

    tf_channel_starve(&made.channel, 5000);
    tf_channel_feed(&made.channel, 5700);

    assert_int_equal(tf_channel_interest(&made.channel), TF_POLL_READ);
    assert_deadline(&made, FRAME_NS + 700 + 40000);
}

static void a_pause_moves_the_deadline_of_a_bye(void **state)
{
    (void)state;
    struct state_of_channel made;
    make_timed(&made, TF_PHASE_OPEN, 0);
    made.channel.session = TF_SESSION_ANSWERED_OURS_WAITS;
    made.channel.frame_since_ns = 0;

    tf_channel_starve(&made.channel, 5000);
    tf_channel_feed(&made.channel, 5700);

    assert_deadline(&made, PROGRESS_NS + 700 + 80000);
    assert_true(made.channel.frame_since_ns == 0);
}

static void a_pause_moves_the_deadline_of_a_hello(void **state)
{
    (void)state;
    struct state_of_channel made;
    make_timed(&made, TF_PHASE_HALF_OPEN, 0);

    tf_channel_starve(&made.channel, 5000);
    tf_channel_feed(&made.channel, 5700);

    assert_deadline(&made, SINCE_NS + 700 + 20000);
}

// What was sent or said meanwhile has its own time: a pause moves no clock beyond the present.
static void progress_during_a_pause_is_not_counted_twice(void **state)
{
    (void)state;
    struct state_of_channel made;
    make_timed(&made, TF_PHASE_OPEN, 0);
    made.channel.session = TF_SESSION_ANSWERED_OURS_WAITS;
    made.channel.frame_since_ns = 0;

    tf_channel_starve(&made.channel, 5000);
    made.channel.progress_ns = 5600;
    tf_channel_feed(&made.channel, 5700);

    assert_deadline(&made, 5700 + 80000);
}

static void pauses_add_up(void **state)
{
    (void)state;
    struct state_of_channel made;
    make_timed(&made, TF_PHASE_OPEN, 0);

    for (uint64_t i = 0; i < 10; i++) {
        tf_channel_starve(&made.channel, 5000 + 100 * i);
        tf_channel_feed(&made.channel, 5000 + 100 * i + 7);
    }

    assert_deadline(&made, FRAME_NS + 70 + 40000);
}

static void a_fresh_channel_is_opening_and_in_no_list(void **state)
{
    (void)state;
    const enum tf_session sessions[TF_SIDE_COUNT] = {
        [TF_CONNECTING] = TF_SESSION_HELLO,
        [TF_ACCEPTING] = TF_SESSION_NEW,
        [TF_LISTENING] = TF_SESSION_HELLO,
    };
    struct fault_allocator fault;
    fault_allocator_open(&fault);
    struct tofu_allocator allocator = fault_allocator_functions(&fault);
    for (int side = 0; side < TF_SIDE_COUNT; side++) {
        struct tf_channel *channel = tf_channel_create(&allocator, NULL, (enum tf_side)side);

        assert_non_null(channel);
        assert_int_equal(channel->phase, TF_PHASE_OPENING);
        assert_int_equal(channel->side, side);
        assert_int_equal(channel->session, sessions[side]);
        assert_int_equal(channel->number, 0);
        assert_true(channel->watch.socket == TF_SOCKET_NONE);
        assert_false(tf_timer_is_set(&channel->timer));
        assert_int_equal(tf_channel_interest(channel), 0);
        tf_channel_destroy(&allocator, channel);
    }
    assert_true(fault_allocator_is_clean(&fault));
}

static void without_memory_there_is_no_channel(void **state)
{
    (void)state;
    struct fault_allocator fault;
    fault_allocator_open(&fault);
    struct tofu_allocator allocator = fault_allocator_functions(&fault);
    fault_allocator_fail(&fault, 1, 1);

    assert_null(tf_channel_create(&allocator, NULL, TF_ACCEPTING));

    assert_true(fault_allocator_is_clean(&fault));
}

// Ten thousand connections that say nothing must not cost more than a few megabytes.
static void a_silent_connection_costs_at_most_a_kibibyte(void **state)
{
    (void)state;
    struct fault_allocator fault;
    fault_allocator_open(&fault);
    struct tofu_allocator allocator = fault_allocator_functions(&fault);

    struct tf_channel *channel = tf_channel_create(&allocator, NULL, TF_ACCEPTING);

    assert_non_null(channel);
    assert_true(fault.live_bytes <= 1024);
    tf_channel_destroy(&allocator, channel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_watched_before_there_is_a_socket_or_after_it_is_gone),
        cmocka_unit_test(a_connect_under_way_is_watched_for_writing),
        cmocka_unit_test(a_listener_is_watched_for_reading),
        cmocka_unit_test(a_resting_listener_is_not_watched),
        cmocka_unit_test(a_connection_is_watched_for_what_it_can_use),
        cmocka_unit_test(a_half_open_connection_that_waits_for_its_turn_is_not_watched),
        cmocka_unit_test(a_channel_without_work_of_its_own_has_no_deadline),
        cmocka_unit_test(resolving_and_connecting_share_one_deadline),
        cmocka_unit_test(a_connect_that_is_to_be_tried_again_is_looked_at_then),
        cmocka_unit_test(a_listener_that_waits_for_its_path_is_looked_at_when_it_is_to_try_again),
        cmocka_unit_test(a_listener_has_a_deadline_only_while_it_rests),
        cmocka_unit_test(a_half_open_connection_has_until_the_hello_deadline),
        cmocka_unit_test(a_bye_is_awaited_while_ours_has_no_answer),
        cmocka_unit_test(an_open_channel_has_the_deadlines_of_its_frame_and_its_bye),
        cmocka_unit_test(of_frame_and_bye_the_earlier_counts),
        cmocka_unit_test(a_drain_must_make_progress),
        cmocka_unit_test(an_unlimited_timeout_is_no_deadline),
        cmocka_unit_test(no_deadline_is_ever_zero),
        cmocka_unit_test(starving_stops_the_reading),
        cmocka_unit_test(a_pause_moves_the_deadline_of_a_frame),
        cmocka_unit_test(a_pause_moves_the_deadline_of_a_bye),
        cmocka_unit_test(a_pause_moves_the_deadline_of_a_hello),
        cmocka_unit_test(progress_during_a_pause_is_not_counted_twice),
        cmocka_unit_test(pauses_add_up),
        cmocka_unit_test(a_fresh_channel_is_opening_and_in_no_list),
        cmocka_unit_test(without_memory_there_is_no_channel),
        cmocka_unit_test(a_silent_connection_costs_at_most_a_kibibyte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
