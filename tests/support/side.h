// SPDX-License-Identifier: MIT
// One side of a link, and the steps that tests are made of: post this, expect that.
//
// Every wait has a deadline and fails the test when it passes. All functions belong to the test's own
// thread, where cmocka can end a test.
#ifndef SUPPORT_SIDE_H
#define SUPPORT_SIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/tofu.h>

#include "unit/expect.h"

/// How long a test waits for what must come: long, since machines may be busy; it is paid only by a
/// test that fails.
#define TEST_DEADLINE_NS (UINT64_C(30) * 1000000000)

/// How long a test looks for what must not come.
#define TEST_SILENCE_NS (UINT64_C(20) * 1000000)

#define MILLISECOND_NS UINT64_C(1000000)

/// Longest name of a test, NUL included.
#define TEST_NAME_BYTES_MAX 160

struct side {
    struct tofu_engine *engine;
    struct tofu_group *group;
    uint16_t channel; ///< this side's number of the connection
};

/// Returns nanoseconds of a clock that only goes forward.
uint64_t test_now(void);

/// Makes a message for the side's channel; `body` may be NULL.
struct tofu_message *side_message(
    const struct side *side, enum tofu_opcode opcode, uint64_t id, const char *body);

/// Makes a HelloRequest or a WelcomeRequest for an address.
struct tofu_message *side_hello(const struct side *side, const char *address);
struct tofu_message *side_welcome(const struct side *side, const char *address);

/// Posts a message that must be taken, and returns its header as it was sent.
struct tofu_header side_post(const struct side *side, struct tofu_message *message);

/// Makes a message for the side's channel and posts it.
struct tofu_header side_send(
    const struct side *side, enum tofu_opcode opcode, uint64_t id, const char *body);

/// Posts a message that must be refused with this status, and puts it back.
void side_expect_refusal(
    const struct side *side, struct tofu_message *message, enum tofu_status status);

/// Returns the next message of the group, whatever it is.
struct tofu_message *side_await(const struct side *side);

/// Returns the next message, which must be a peer's with this opcode.
struct tofu_message *side_expect(const struct side *side, enum tofu_opcode opcode);

/// Takes the next message, which must be a peer's with this opcode, and puts it back.
struct tofu_header side_take(const struct side *side, enum tofu_opcode opcode);

/// Returns the next message, which must be the engine's with this opcode and status.
struct tofu_message *side_expect_notice(
    const struct side *side, enum tofu_opcode opcode, enum tofu_status status);

/// Takes the next message, which must be the closing notice of a channel with this reason; `id` is that
/// of the message that opened the channel.
void side_expect_closed(const struct side *side, uint16_t channel, uint64_t id, const char *reason);

/// Fails if the group has a message, or gets one within a short time.
void side_expect_silence(const struct side *side);

void side_put(const struct side *side, struct tofu_message *message);

/// Says whether this is a closing notice.
bool message_is_closing(const struct tofu_message *message);

/// Fails unless the body, or the value of a text header, is this text.
void assert_body(const struct tofu_message *message, const char *body);
void assert_text(const struct tofu_message *message, const char *name, const char *value);

struct tofu_stats side_stats(const struct side *side);

/// Waits until a member of the engine's stats has this value. Counters move on the I/O thread, a moment
/// after what they count.
#define side_expect_stat(side, member, value)                                                      \
    side_expect_stat_at((side), offsetof(struct tofu_stats, member), #member, (value))
void side_expect_stat_at(const struct side *side, size_t offset, const char *name, uint64_t value);

#endif
