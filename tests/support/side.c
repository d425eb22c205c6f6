// SPDX-License-Identifier: MIT
#include "support/side.h"

#include <stdio.h>
#include <string.h>

#include "support/machine.h"

uint64_t test_now(void)
{
    return machine_now();
}

static struct tofu_message *message_get(struct tofu_engine *engine)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tofu_engine_get(engine, TOFU_ALWAYS, &message));
    assert_non_null(message);
    return message;
}

struct tofu_message *side_message(
    const struct side *side, enum tofu_opcode opcode, uint64_t id, const char *body)
{
    struct tofu_message *message = message_get(side->engine);
    struct tofu_header *header = tofu_message_header(message);
    header->opcode = (uint8_t)opcode;
    header->channel = side->channel;
    header->id = id;
    if (body != NULL) {
        assert_status(TOFU_OK, tofu_message_set_body(message, body, strlen(body)));
    }
    return message;
}

struct tofu_message *side_hello(const struct side *side, const char *address)
{
    struct tofu_message *message = message_get(side->engine);
    assert_status(TOFU_OK, tofu_message_connect_to(message, address));
    return message;
}

struct tofu_message *side_welcome(const struct side *side, const char *address)
{
    struct tofu_message *message = message_get(side->engine);
    assert_status(TOFU_OK, tofu_message_listen_on(message, address));
    return message;
}

struct tofu_header side_post(const struct side *side, struct tofu_message *message)
{
    struct tofu_header accepted = {0};
    assert_status(TOFU_OK, tofu_group_post(side->group, &message, &accepted));
    assert_null(message);
    return accepted;
}

struct tofu_header side_send(
    const struct side *side, enum tofu_opcode opcode, uint64_t id, const char *body)
{
    return side_post(side, side_message(side, opcode, id, body));
}

void side_expect_refusal(
    const struct side *side, struct tofu_message *message, enum tofu_status status)
{
    struct tofu_message *const same = message;
    struct tofu_header accepted = {.id = 77};

    assert_status(status, tofu_group_post(side->group, &message, &accepted));

    assert_ptr_equal(message, same);
    assert_int_equal(accepted.id, 77);
    tofu_engine_put(side->engine, &message);
}

struct tofu_message *side_await(const struct side *side)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tofu_group_wait(side->group, TEST_DEADLINE_NS, &message));
    if (message == NULL) {
        fail_msg("no message came");
    }
    return message;
}

static void text_copy(
    const struct tofu_message *message, const char *name, char *text, size_t text_size)
{
    const char *value = "";
    size_t size = 0;
    (void)tofu_message_find_text(message, name, &value, &size);
    (void)snprintf(text, text_size, "%.*s", (int)size, value);
}

// Fails with all that is known about a message that the test did not expect.
static void unexpected(const struct side *side, struct tofu_message *message, const char *wanted)
{
    char reason[64];
    char detail[128];
    struct tofu_header header = *tofu_message_header(message);
    text_copy(message, "~reason", reason, sizeof reason);
    text_copy(message, "~detail", detail, sizeof detail);
    tofu_engine_put(side->engine, &message);
    fail_msg(
        "wanted %s, got opcode %u, origin %u, status %s, channel %u, id %llu, reason '%s' (%s)",
        wanted,
        header.opcode,
        header.origin,
        tofu_status_name((enum tofu_status)header.status),
        header.channel,
        (unsigned long long)header.id,
        reason,
        detail);
}

struct tofu_message *side_expect(const struct side *side, enum tofu_opcode opcode)
{
    struct tofu_message *message = side_await(side);
    const struct tofu_header *header = tofu_message_header(message);
    if (header->opcode != (uint8_t)opcode || header->origin != TOFU_APPLICATION) {
        char wanted[64];
        (void)snprintf(wanted, sizeof wanted, "opcode %d of the peer", (int)opcode);
        unexpected(side, message, wanted);
    }
    return message;
}

struct tofu_header side_take(const struct side *side, enum tofu_opcode opcode)
{
    struct tofu_message *message = side_expect(side, opcode);
    struct tofu_header header = *tofu_message_header(message);
    side_put(side, message);
    return header;
}

struct tofu_message *side_expect_notice(
    const struct side *side, enum tofu_opcode opcode, enum tofu_status status)
{
    struct tofu_message *message = side_await(side);
    const struct tofu_header *header = tofu_message_header(message);
    if (header->opcode != (uint8_t)opcode || header->origin != TOFU_ENGINE ||
        header->status != (uint8_t)status) {
        char wanted[96];
        (void)snprintf(
            wanted,
            sizeof wanted,
            "opcode %d of the engine, status %s",
            (int)opcode,
            tofu_status_name(status));
        unexpected(side, message, wanted);
    }
    return message;
}

bool message_is_closing(const struct tofu_message *message)
{
    return tofu_message_find_text(message, "~reason", NULL, NULL);
}

void side_expect_closed(const struct side *side, uint16_t channel, uint64_t id, const char *reason)
{
    struct tofu_message *message = side_expect_notice(side, TOFU_SIGNAL, TOFU_CHANNEL_CLOSED);
    char text[64];
    text_copy(message, "~reason", text, sizeof text);
    if (strcmp(text, reason) != 0) {
        char wanted[96];
        (void)snprintf(wanted, sizeof wanted, "the closing notice with reason '%s'", reason);
        unexpected(side, message, wanted);
    }
    assert_int_equal(tofu_message_header(message)->channel, channel);
    assert_int_equal(tofu_message_header(message)->id, id);
    assert_int_equal(tofu_message_header(message)->more, 0);
    assert_body(message, "");
    side_put(side, message);
}

void side_expect_silence(const struct side *side)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tofu_group_wait(side->group, TEST_SILENCE_NS, &message));
    if (message != NULL) {
        unexpected(side, message, "no message");
    }
}

void side_put(const struct side *side, struct tofu_message *message)
{
    tofu_engine_put(side->engine, &message);
}

void assert_body(const struct tofu_message *message, const char *body)
{
    size_t size = 0;
    const void *bytes = tofu_message_body(message, &size);
    assert_int_equal(size, strlen(body));
    assert_memory_equal(bytes, body, size);
}

void assert_text(const struct tofu_message *message, const char *name, const char *value)
{
    const char *found = NULL;
    size_t size = 0;
    if (!tofu_message_find_text(message, name, &found, &size)) {
        fail_msg("no text header %s", name);
    }
    assert_int_equal(size, strlen(value));
    assert_memory_equal(found, value, size);
}

struct tofu_stats side_stats(const struct side *side)
{
    struct tofu_stats stats = {.struct_size = sizeof stats};
    assert_status(TOFU_OK, tofu_engine_stats(side->engine, &stats));
    return stats;
}

void side_expect_stat_at(const struct side *side, size_t offset, const char *name, uint64_t value)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    for (;;) {
        struct tofu_stats stats = side_stats(side);
        uint64_t actual = 0;
        memcpy(&actual, (const char *)&stats + offset, sizeof actual);
        if (actual == value) {
            return;
        }
        if (test_now() >= deadline_ns) {
            fail_msg(
                "%s is %llu and should be %llu",
                name,
                (unsigned long long)actual,
                (unsigned long long)value);
        }
        machine_yield();
    }
}
