// SPDX-License-Identifier: MIT
// A post to a number that its channel has just got, and that nobody was told yet. The linker puts this
// program's tf_table_add() before the library's, so that the guess comes at the worst moment.
#include "unit/expect.h"

#include <string.h>
#include <tofu/tofu.h>

#include "engine/channel_table.h"

#define DEADLINE_NS (UINT64_C(30) * 1000000000)

static struct tofu_engine *engine;
static struct tofu_group *group;
static uint32_t guess_count;

static void guess(uint16_t number, enum tofu_opcode opcode)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tofu_engine_get(engine, TOFU_ALWAYS, &message));
    tofu_message_header(message)->channel = number;
    tofu_message_header(message)->opcode = (uint8_t)opcode;

    assert_status(TOFU_INVALID_CHANNEL_NUMBER, tofu_group_post(group, &message, NULL));

    assert_non_null(message);
    tofu_engine_put(engine, &message);
    guess_count++;
}

enum tofu_status __real_tf_table_add(
    struct tf_channel_table *table,
    struct tf_channel *channel,
    uint32_t group_index,
    enum tf_side side,
    uint16_t *number_out,
    uint32_t *ticket_out);

enum tofu_status __wrap_tf_table_add(
    struct tf_channel_table *table,
    struct tf_channel *channel,
    uint32_t group_index,
    enum tf_side side,
    uint16_t *number_out,
    uint32_t *ticket_out);

enum tofu_status __wrap_tf_table_add(
    struct tf_channel_table *table,
    struct tf_channel *channel,
    uint32_t group_index,
    enum tf_side side,
    uint16_t *number_out,
    uint32_t *ticket_out)
{
    enum tofu_status status =
        __real_tf_table_add(table, channel, group_index, side, number_out, ticket_out);
    guess(*number_out, TOFU_SIGNAL);
    guess(*number_out, TOFU_BYE_REQUEST);
    return status;
}

// What was taken would come before the request that opens the channel, or find no channel at all.
static void a_number_takes_no_posts_before_its_channel_is_there(void **state)
{
    struct tofu_message *message = NULL;
    struct tofu_header accepted;
    (void)state;
    assert_status(TOFU_OK, tofu_engine_create(NULL, &engine));
    assert_status(TOFU_OK, tofu_group_create(engine, &group));
    assert_status(TOFU_OK, tofu_engine_get(engine, TOFU_ALWAYS, &message));
    assert_status(TOFU_OK, tofu_message_listen_on(message, "tcp|127.0.0.1|0"));

    assert_status(TOFU_OK, tofu_group_post(group, &message, &accepted));

    assert_int_equal(guess_count, 2);
    // Now it is there, and its session is as if nobody had guessed.
    assert_status(TOFU_OK, tofu_group_wait(group, DEADLINE_NS, &message));
    assert_int_equal(tofu_message_header(message)->opcode, TOFU_WELCOME_RESPONSE);
    assert_int_equal(tofu_message_header(message)->status, TOFU_OK);
    tofu_message_reset(message);
    tofu_message_header(message)->channel = accepted.channel;
    tofu_message_header(message)->opcode = TOFU_BYE_REQUEST;
    assert_status(TOFU_OK, tofu_group_post(group, &message, NULL));
    assert_status(TOFU_OK, tofu_group_wait(group, DEADLINE_NS, &message));
    assert_int_equal(tofu_message_header(message)->status, TOFU_CHANNEL_CLOSED);
    tofu_engine_put(engine, &message);
    tofu_engine_destroy(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_takes_no_posts_before_its_channel_is_there),
    };
    return cmocka_run_group_tests_name("guessed number", tests, NULL, NULL);
}
