// SPDX-License-Identifier: MIT
// A receiver that leaves after any number of bytes: each message that was posted was handed whole to the
// kernel, or comes back whole, in posting order, with the reason; and the two sets have no gap.
#include <stdio.h>
#include <string.h>

#include "hostile/measure.h"
#include "support/machine.h"
#include "support/raw_peer.h"
#include "support/raw_socket.h"

#define BODY_BYTES_MAX 60000
#define POSTED_BYTES   ((uint64_t)6 << 20)

enum cut { CUT_FIN, CUT_RESET };

static const char *const cut_names[] = {"close", "reset"};

// Each body has its own size and content, so that a message that came back with another's bytes shows.
static size_t body_of(uint64_t id, uint8_t *bytes)
{
    size_t size = BODY_BYTES_MAX - (size_t)(id % 7) * 1000;
    memset(bytes, (int)(id % 251), size);
    bytes[0] = (uint8_t)id;
    return size;
}

static struct tofu_message *numbered(const struct side *side, uint64_t id)
{
    uint8_t body[BODY_BYTES_MAX];
    char number[24];
    struct tofu_message *message = side_message(side, TOFU_REQUEST, id, NULL);
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)id);
    assert_status(TOFU_OK, tofu_message_append_text(message, "number", number));
    assert_status(TOFU_OK, tofu_message_set_body(message, body, body_of(id, body)));
    return message;
}

static void expect_intact(const struct tofu_message *message, uint64_t id)
{
    uint8_t body[BODY_BYTES_MAX];
    char number[24];
    size_t size = 0;
    const void *bytes = tofu_message_body(message, &size);
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)id);
    assert_text(message, "number", number);
    assert_int_equal(size, body_of(id, body));
    assert_memory_equal(bytes, body, size);
}

// Connects the client to a raw peer with small buffers, so that the kernel takes little.
static int open_narrow_link(struct link_fixture *link)
{
    char address[TOFU_ADDRESS_BYTES_MAX];
    uint64_t sent_before = side_stats(&link->client).messages_sent;
    int listener = raw_listen(link->transport == TOFU_TCP, link->directory, "raw", 4, address);
    assert_true(raw_socket_limit_receiving(listener, 4096));
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, address));
    int raw = raw_accept(listener);
    raw_close(listener);
    if (link->transport == TOFU_UDS) {
        (void)machine_remove_file(address + strlen("uds|"));
    }
    assert_int_equal(raw_expect(raw, RAW_HELLO_REQUEST), hello.id);
    link->client.channel = hello.channel;
    link->hello_id = hello.id;
    // The hello is counted a moment after it was read.
    side_expect_stat(&link->client, messages_sent, sent_before + 1);
    return raw;
}

static uint64_t post_many(const struct side *side)
{
    uint64_t count = 0;
    for (uint64_t bytes = 0; bytes < POSTED_BYTES; bytes += BODY_BYTES_MAX) {
        count++;
        side_post(side, numbered(side, count));
    }
    return count;
}

struct fates {
    uint64_t posted;
    uint64_t sent;
    uint64_t returned;
};

// What comes back begins where what was handed over ends, and is all the rest. What the engine had not
// yet looked at when the peer left comes last and met a closed channel.
static void take_fates(const struct link_fixture *link, uint64_t sent_before, struct fates *fates)
{
    const struct side *side = &link->client;
    uint64_t next = 0;
    uint8_t status = TOFU_PEER_DISCONNECTED;
    struct tofu_message *message = side_await(side);
    for (; !message_is_closing(message); message = side_await(side)) {
        const struct tofu_header *header = tofu_message_header(message);
        assert_int_equal(header->origin, TOFU_ENGINE);
        assert_int_equal(header->opcode, TOFU_REQUEST);
        assert_true(header->status == status || header->status == TOFU_CHANNEL_CLOSED);
        status = header->status;
        assert_int_equal(header->channel, side->channel);
        assert_true(next == 0 || header->id == next);
        expect_intact(message, header->id);
        next = header->id + 1;
        fates->returned++;
        side_put(side, message);
    }
    assert_text(message, "~reason", "peer_disconnected");
    assert_int_equal(tofu_message_header(message)->id, link->hello_id);
    side_put(side, message);
    assert_true(next == 0 || next == fates->posted + 1);
    fates->sent = side_stats(side).messages_sent - sent_before;
    assert_int_equal(fates->sent + fates->returned, fates->posted);
}

static struct fates leave_after(struct link_fixture *link, enum cut cut, size_t byte_count)
{
    uint8_t bytes[256];
    assert_true(byte_count <= sizeof bytes);
    int raw = open_narrow_link(link);
    uint64_t sent_before = side_stats(&link->client).messages_sent;
    struct fates fates = {.posted = post_many(&link->client)};
    raw_receive_bytes(raw, bytes, byte_count);

    if (cut == CUT_RESET) {
        raw_reset(raw);
    } else {
        raw_close(raw);
    }

    take_fates(link, sent_before, &fates);
    return fates;
}

static void sweep(struct link_fixture *link, enum cut cut)
{
    // Through the header, the text and the first bytes of the body.
    size_t offset_max = 64;
    size_t step = offset_max / (size_t)scaled("offsets", offset_max);
    const struct tofu_options options = {.pool_messages_max = 16};
    link_open_client(link, &options);
    (void)leave_after(link, cut, 0);
    struct tofu_stats before = side_stats(&link->client);
    struct fates all = {0};
    size_t count = 0;

    for (size_t offset = 0; offset <= offset_max; offset += step) {
        struct fates fates = leave_after(link, cut, offset);
        all.posted += fates.posted;
        all.sent += fates.sent;
        all.returned += fates.returned;
        count++;
    }

    struct tofu_stats stats = side_stats(&link->client);
    print_message(
        "%zu offsets, %s: %llu posted, %llu handed whole to the kernel, %llu returned\n",
        count,
        cut_names[cut],
        (unsigned long long)all.posted,
        (unsigned long long)all.sent,
        (unsigned long long)all.returned);
    assert_true(all.returned > 0);
    assert_int_equal(stats.messages_returned - before.messages_returned, all.returned);
    assert_int_equal(stats.channels_closed - before.channels_closed, count);
    assert_int_equal(stats.channels, 0);
    side_expect_silence(&link->client);
}

static void a_receiver_that_closes_at_any_offset_leaves_no_message_without_a_fate(void **state)
{
    sweep(*state, CUT_FIN);
}

static void a_receiver_that_resets_at_any_offset_leaves_no_message_without_a_fate(void **state)
{
    sweep(*state, CUT_RESET);
}

// A small message is the kernel's at once; that its receiver then left within it changes no fate.
static void what_the_kernel_has_does_not_come_back(void **state)
{
    struct link_fixture *link = *state;
    link_open_client(link, NULL);
    for (size_t offset = 0; offset <= 20; offset++) {
        uint8_t bytes[32];
        uint64_t sent_before = side_stats(&link->client).messages_sent + 1;
        int raw = link_raw_server(link);
        side_send(&link->client, TOFU_REQUEST, 5, "four");
        await_at_least(&link->client, messages_sent, sent_before + 1);
        raw_receive_bytes(raw, bytes, offset);

        raw_reset(raw);

        side_expect_closed(
            &link->client, link->client.channel, link->hello_id, "peer_disconnected");
        assert_int_equal(side_stats(&link->client).messages_sent, sent_before + 1);
    }
    assert_int_equal(side_stats(&link->client).messages_returned, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(a_receiver_that_closes_at_any_offset_leaves_no_message_without_a_fate),
        LINK_TEST(a_receiver_that_resets_at_any_offset_leaves_no_message_without_a_fate),
        LINK_TEST(what_the_kernel_has_does_not_come_back),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
