// SPDX-License-Identifier: MIT
// A slow drip: peers that send a large frame a byte at a time, to hold a message for ever. Every frame
// has an absolute deadline, and unfinished ones hold half of the budget at most.
#include <stdio.h>
#include <string.h>

#include "hostile/measure.h"
#include "hostile/siege.h"
#include "support/raw_peer.h"
#include "support/raw_socket.h"

#define DRIPS_MAX     16
#define DRIP_EVERY_NS (5 * MILLISECOND_NS)
#define BODY_BYTES    50000
#define NO_DRIP       SIZE_MAX

struct drip {
    int descriptor;
    size_t sent;
    uint64_t ended_ns; ///< 0: it is still there
};

struct drips {
    size_t count;
    uint8_t frame[RAW_FRAME_BYTES_MAX];
    size_t frame_bytes;
    uint64_t start_ns; ///< before the first connection, or the first byte, as the test needs it
    struct drip all[DRIPS_MAX];
};

static struct drips drips;

static void make_frame(uint8_t proto)
{
    static const char text[] = "~connect_to:tcp|127.0.0.1|7099\r\n";
    static const char body[BODY_BYTES];
    const struct raw_frame frame = {
        .channel = 1,
        .proto = proto,
        .id = 99,
        .text = text,
        .text_bytes = proto == RAW_HELLO_REQUEST ? sizeof text - 1 : 0,
        .body = body,
        .body_bytes = sizeof body};
    drips.frame_bytes = raw_pack(&frame, drips.frame);
}

static void open_drips(struct link_fixture *link, size_t count, uint8_t proto)
{
    make_frame(proto);
    drips.count = count;
    drips.start_ns = test_now();
    for (size_t i = 0; i < count; i++) {
        int raw = proto == RAW_HELLO_REQUEST ? raw_connect(link->address) : link_raw_client(link);
        drips.all[i] = (struct drip){.descriptor = raw};
    }
}

// One byte more of each, but of that which has run dry, and never the last one; nobody's byte keeps
// another waiting.
static void drip_once(size_t dry)
{
    for (size_t i = 0; i < drips.count; i++) {
        struct drip *drip = &drips.all[i];
        if (drip->ended_ns == 0 && i != dry && drip->sent + 1 < drips.frame_bytes) {
            drip->sent += raw_send_some(drip->descriptor, drips.frame + drip->sent, 1);
        }
    }
}

static void send_up_to(struct drip *drip, size_t size)
{
    raw_send(drip->descriptor, drips.frame + drip->sent, size - drip->sent);
    drip->sent = size;
}

// Notes which have ended meanwhile; returns how many are left.
static size_t await_next_drip(void)
{
    struct raw_watch watched[DRIPS_MAX];
    size_t left = 0;
    for (size_t i = 0; i < drips.count; i++) {
        int descriptor = drips.all[i].ended_ns == 0 ? drips.all[i].descriptor : RAW_NONE;
        watched[i] = (struct raw_watch){.descriptor = descriptor};
    }
    (void)raw_socket_await_any(watched, drips.count, DRIP_EVERY_NS);
    for (size_t i = 0; i < drips.count; i++) {
        if (watched[i].is_ready) {
            raw_await_end(drips.all[i].descriptor, NULL);
            drips.all[i].ended_ns = test_now();
        }
        left += drips.all[i].ended_ns == 0 ? 1 : 0;
    }
    return left;
}

// Prints when they ended, and how many bytes the one that got furthest had sent.
static void expect_all_ended(const char *what, uint64_t timeout_ns)
{
    uint64_t soonest_ns = UINT64_MAX;
    uint64_t latest_ns = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < drips.count; i++) {
        uint64_t time_ns = drips.all[i].ended_ns - drips.start_ns;
        soonest_ns = time_ns < soonest_ns ? time_ns : soonest_ns;
        latest_ns = time_ns > latest_ns ? time_ns : latest_ns;
        bytes = drips.all[i].sent > bytes ? drips.all[i].sent : bytes;
    }
    print_message(
        "%zu %s, %.0f ms allowed: ended after %.0f to %.0f ms, %zu bytes sent at most\n",
        drips.count,
        what,
        (double)timeout_ns / 1e6,
        (double)soonest_ns / 1e6,
        (double)latest_ns / 1e6,
        bytes);
    assert_true(soonest_ns >= timeout_ns - 20 * MILLISECOND_NS);
    assert_true(latest_ns <= timeout_ns + MACHINE_SLACK_NS);
    assert_true(bytes > 16);
}

static void drip_until_all_ended(void)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    do {
        drip_once(NO_DRIP);
        assert_true_or(test_now() < deadline_ns, "the drips do not end");
    } while (await_next_drip() > 0);
}

static void a_frame_that_drips_ends_at_its_deadline_though_bytes_keep_coming(void **state)
{
    struct link_fixture *link = *state;
    uint64_t timeout_ns = SECOND_NS;
    const struct tofu_options options = {.frame_timeout_ns = timeout_ns};
    link_open_server(link, &options);
    open_drips(link, DRIPS_MAX, RAW_REQUEST);

    drip_until_all_ended();

    expect_all_ended("frames", timeout_ns);
    for (size_t i = 0; i < drips.count; i++) {
        struct tofu_message *notice =
            side_expect_notice(&link->server, TOFU_SIGNAL, TOFU_CHANNEL_CLOSED);
        assert_text(notice, "~reason", "timed_out");
        side_put(&link->server, notice);
    }
    side_expect_stat(&link->server, deadlines_missed, drips.count);
    side_expect_stat(&link->server, messages_incoming, 0);
}

static void a_hello_that_drips_ends_at_the_hello_deadline_and_nobody_is_told(void **state)
{
    struct link_fixture *link = *state;
    uint64_t timeout_ns = SECOND_NS;
    const struct tofu_options options = {.hello_timeout_ns = timeout_ns};
    link_open_server(link, &options);
    open_drips(link, DRIPS_MAX, RAW_HELLO_REQUEST);

    drip_until_all_ended();

    expect_all_ended("hellos", timeout_ns);
    side_expect_stat(&link->server, connections_refused, drips.count);
    side_expect_stat(&link->server, messages_incoming, 0);
    side_expect_silence(&link->server);
}

// Until its header is whole, a drip has no message: fifteen bytes are cheap to send.
static void a_drip_short_of_a_header_holds_no_message(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    open_drips(link, DRIPS_MAX, RAW_REQUEST);
    for (size_t i = 0; i < drips.count; i++) {
        send_up_to(&drips.all[i], RAW_HEADER_BYTES - 1);
    }
    await_quiet(&link->server);

    assert_int_equal(side_stats(&link->server).messages_incoming, 0);

    for (size_t i = 0; i < drips.count; i++) {
        send_up_to(&drips.all[i], RAW_HEADER_BYTES);
    }
    side_expect_stat(&link->server, messages_incoming, drips.count);
}

// Opens drips that have sent their headers and one byte, one after the other, and waits until those that
// can get a place have it.
static void open_drips_in_order(struct link_fixture *link, size_t count, size_t place_count)
{
    uint16_t honest = link->server.channel;
    open_drips(link, count, RAW_REQUEST);
    link->server.channel = honest;
    uint64_t bytes = side_stats(&link->server).bytes_received;
    drips.start_ns = test_now();
    for (size_t i = 0; i < count; i++) {
        send_up_to(&drips.all[i], RAW_HEADER_BYTES + 1);
        // The first that waits has the receive buffer; of the others only the headers are read.
        bytes += i <= place_count ? RAW_HEADER_BYTES + 1 : RAW_HEADER_BYTES;
        side_expect_stat(&link->server, bytes_received, bytes);
    }
    side_expect_stat(&link->server, messages_incoming, place_count);
}

static void open_crowded_server(struct link_fixture *link, uint64_t budget)
{
    const struct tofu_options options = {
        .pool_messages_max = budget, .frame_timeout_ns = 600 * SECOND_NS};
    link_open_server(link, &options);
    link_open_client(link, NULL);
    link_connect(link);
}

// Sends a request and takes it; drips may be closed meanwhile.
static void request_past_notices(struct link_fixture *link, uint64_t id)
{
    side_send(&link->client, TOFU_REQUEST, id, "honest");
    for (bool has_come = false; !has_come;) {
        struct tofu_message *message = side_await(&link->server);
        const struct tofu_header *header = tofu_message_header(message);
        if (message_is_closing(message)) {
            assert_text(message, "~reason", "timed_out");
        } else if (header->status != TOFU_POOL_EMPTY) {
            assert_int_equal(header->id, id);
            has_come = true;
        }
        side_put(&link->server, message);
    }
}

// Half of the budget is all that drips get; what is whole goes past them, and past those that wait for a
// place. Of the former, the one without bytes gives way in the end.
static void drips_on_half_of_the_budget_slow_nobody_down(void **state)
{
    struct link_fixture *link = *state;
    open_crowded_server(link, 8);
    size_t dry = 2;
    open_drips_in_order(link, 8, 4);

    uint64_t count = 0;
    do {
        request_past_notices(link, ++count);
        drip_once(dry);
        assert_true_or(test_now() - drips.start_ns < TEST_DEADLINE_NS, "no drip gives way");
    } while (await_next_drip() == drips.count);

    uint64_t time_ns = test_now() - drips.start_ns;
    print_message(
        "8 drips of 8: one gave way after %.0f ms and %llu requests\n",
        (double)time_ns / 1e6,
        (unsigned long long)count);
    assert_in_range(time_ns, SECOND_NS, SECOND_NS + MACHINE_SLACK_NS);
    assert_true(count >= 10);
    // The one that had waited longest for a byte, and no other.
    for (size_t i = 0; i < drips.count; i++) {
        assert_int_equal(drips.all[i].ended_ns != 0, i == dry);
    }
    // Its place is taken by the first in line.
    side_expect_stat(&link->server, messages_incoming, 4);
}

static void drips_that_are_silent_give_way_together(void **state)
{
    struct link_fixture *link = *state;
    open_crowded_server(link, 8);
    open_drips_in_order(link, 8, 4);

    while (await_next_drip() > 4) {
        assert_true_or(test_now() - drips.start_ns < TEST_DEADLINE_NS, "they do not give way");
    }

    uint64_t latest_ns = 0;
    for (size_t i = 0; i < drips.count; i++) {
        assert_int_equal(drips.all[i].ended_ns != 0, i < 4);
        uint64_t time_ns = drips.all[i].ended_ns - drips.start_ns;
        latest_ns = i < 4 && time_ns > latest_ns ? time_ns : latest_ns;
    }
    print_message("4 of 8 silent drips gave way after %.0f ms\n", (double)latest_ns / 1e6);
    assert_in_range(latest_ns, SECOND_NS, SECOND_NS + MACHINE_SLACK_NS);
    side_expect_stat(&link->server, messages_incoming, 4);
}

// Header and payload come apart: there is no place for the frame, but it is whole soon.
static void a_frame_in_pieces_passes_drips_once_it_is_whole(void **state)
{
    struct link_fixture *link = *state;
    uint8_t bytes[RAW_HEADER_BYTES + 100] = {0};
    const struct raw_frame frame = {
        .channel = 1, .proto = RAW_REQUEST, .id = 77, .body = bytes, .body_bytes = 100};
    uint8_t packed[sizeof bytes];
    raw_pack(&frame, packed);
    open_crowded_server(link, 8);
    int raw = link_raw_client(link);
    open_drips_in_order(link, 6, 4);

    uint64_t received = side_stats(&link->server).bytes_received;
    raw_send(raw, packed, RAW_HEADER_BYTES);
    side_expect_stat(&link->server, bytes_received, received + RAW_HEADER_BYTES);
    raw_send(raw, packed + RAW_HEADER_BYTES, 50);
    assert_int_equal(side_stats(&link->server).messages_incoming, 4);
    raw_send(raw, packed + RAW_HEADER_BYTES + 50, 50);

    assert_int_equal(side_take(&link->server, TOFU_REQUEST).id, 77);
    assert_int_equal(side_stats(&link->server).deadlines_missed, 0);
}

// The smallest budget has one place, so there who starves blames the drip.
static void a_drip_on_a_budget_of_one_gives_way(void **state)
{
    struct link_fixture *link = *state;
    open_crowded_server(link, 1);
    open_drips_in_order(link, 1, 1);

    request_past_notices(link, 1);

    uint64_t time_ns = test_now() - drips.start_ns;
    assert_in_range(time_ns, SECOND_NS, SECOND_NS + MACHINE_SLACK_NS);
    assert_int_equal(await_next_drip(), 0);
}

// Takes what has come; returns how many requests that were, and adds the closing notices.
static size_t take_requests(const struct side *side, size_t *closed_count)
{
    size_t count = 0;
    struct tofu_message *message = NULL;
    for (;;) {
        assert_status(TOFU_OK, tofu_group_wait(side->group, 0, &message));
        if (message == NULL) {
            return count;
        }
        *closed_count += message_is_closing(message) ? 1 : 0;
        count += tofu_message_header(message)->status == TOFU_OK;
        side_put(side, message);
    }
}

// Small enough that every message comes in some, and large enough that all have come before somebody has
// waited for a place for a second: after that one of them may be blamed, and a machine so slow shows nothing.
#define PIECE_BYTES ((size_t)16000)

static void expect_none_blamed(size_t closed_count)
{
    uint64_t took_ns = test_now() - drips.start_ns;
    if (closed_count > 0 && took_ns >= SECOND_NS) {
        skip_because("the machine sent for more than a second: %.0f ms", (double)took_ns / 1e6);
    }
    assert_int_equal(closed_count, 0);
}

// Four times as many as there are places, a piece of each at a time: honest, and none is closed.
static void many_large_messages_at_once_are_no_drips(void **state)
{
    struct link_fixture *link = *state;
    open_crowded_server(link, 8);
    open_drips(link, DRIPS_MAX, RAW_REQUEST);
    size_t taken = 0;
    size_t closed_count = 0;
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;

    while (taken < DRIPS_MAX) {
        for (size_t i = 0; i < drips.count; i++) {
            struct drip *drip = &drips.all[i];
            size_t left = drips.frame_bytes - drip->sent;
            drip->sent += raw_send_some(
                drip->descriptor,
                drips.frame + drip->sent,
                left < PIECE_BYTES ? left : PIECE_BYTES);
        }
        taken += take_requests(&link->server, &closed_count);
        expect_none_blamed(closed_count);
        assert_true_or(test_now() < deadline_ns, "%zu messages came", taken);
    }

    assert_int_equal(side_stats(&link->server).deadlines_missed, 0);
}

static void honest_clients_work_beside_drips(void **state)
{
    struct link_fixture *link = *state;
    open_crowded_server(link, 8);
    open_drips_in_order(link, 8, 4);

    for (uint64_t id = 1; id <= 1000; id++) {
        request_past_notices(link, id);
        drip_once(NO_DRIP);
    }

    // They dripped on: some may have given way, one a second at most.
    assert_true(await_next_drip() > 0);
}

static void press(struct link_fixture *link, uint64_t *next_id)
{
    enum { BURST = 8 };
    uint64_t first = *next_id;
    for (int i = 0; i < BURST; i++) {
        side_send(&link->client, TOFU_REQUEST, *next_id, "press");
        (*next_id)++;
    }
    for (uint64_t id = first; id < *next_id;) {
        struct tofu_message *message = side_await(&link->server);
        const struct tofu_header *header = tofu_message_header(message);
        if (header->status != TOFU_POOL_EMPTY) {
            assert_int_equal(header->opcode, TOFU_REQUEST);
            assert_int_equal(header->id, id);
            id++;
        }
        side_put(&link->server, message);
    }
}

// Slow is not guilty: what holds no more than half is left alone, however hard others press, and its
// messages arrive whole in the end.
static void drips_on_half_of_the_budget_are_left_alone(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {
        .pool_messages_max = 8, .frame_timeout_ns = 600 * SECOND_NS};
    link_open_server(link, &options);
    link_open_client(link, NULL);
    link_connect(link);
    open_drips(link, 4, RAW_REQUEST);
    uint64_t id = 1;

    uint64_t end_ns = test_now() + 3 * SECOND_NS / 2;
    while (test_now() < end_ns) {
        press(link, &id);
        drip_once(NO_DRIP);
    }

    assert_int_equal(await_next_drip(), drips.count);
    assert_true(side_stats(&link->server).pool_empty_episodes > 0);
    print_message("4 drips of 8: %llu requests went past\n", (unsigned long long)(id - 1));
    for (size_t i = 0; i < drips.count; i++) {
        send_up_to(&drips.all[i], drips.frame_bytes);
        struct tofu_message *message = side_expect(&link->server, TOFU_REQUEST);
        size_t size = 0;
        (void)tofu_message_body(message, &size);
        assert_int_equal(size, BODY_BYTES);
        side_put(&link->server, message);
    }
}

static void drip_and_serve(struct link_fixture *link)
{
    for (int i = 0; i < 20; i++) {
        drip_once(NO_DRIP);
        round_trip(link, NULL);
    }
}

static void drips_on_half_of_the_budget_lay_siege(void **state)
{
    struct link_fixture *link = *state;
    struct siege siege = {
        .scene = "drips on half of the budget",
        .options =
            {.pool_messages_max = 8,
             .text_bytes_max = 1024,
             .body_bytes_max = BODY_BYTES,
             .send_queue_messages_max = 16,
             .send_queue_bytes_max = 16 << 10,
             .frame_timeout_ns = 600 * SECOND_NS},
        .channel_count = 4,
        .serve = drip_and_serve};
    siege_open(&siege, link);
    open_drips_in_order(link, 4, 4);

    siege_judge(&siege, link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(a_frame_that_drips_ends_at_its_deadline_though_bytes_keep_coming),
        LINK_TEST(a_hello_that_drips_ends_at_the_hello_deadline_and_nobody_is_told),
        LINK_TEST(a_drip_short_of_a_header_holds_no_message),
        LINK_TEST(drips_on_half_of_the_budget_slow_nobody_down),
        LINK_TEST(drips_that_are_silent_give_way_together),
        LINK_TEST(a_frame_in_pieces_passes_drips_once_it_is_whole),
        LINK_TEST(a_drip_on_a_budget_of_one_gives_way),
        LINK_TEST(many_large_messages_at_once_are_no_drips),
        LINK_TEST(honest_clients_work_beside_drips),
        LINK_TEST(drips_on_half_of_the_budget_are_left_alone),
        LINK_TEST(drips_on_half_of_the_budget_lay_siege),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
