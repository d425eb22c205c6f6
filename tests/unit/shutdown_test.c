// SPDX-License-Identifier: MIT
// The one moment of a shutdown that no caller can bring about at will: the engine is destroyed, and its abort
// runs before the shutdown that is inside has begun.
#include "engine/shutdown.h"

#include <string.h>

#include <tofu/tofu.h>

#include "engine/commands.h"
#include "engine/engine.h"
#include "os/clock.h"
#include "unit/expect.h"

#define PATIENCE_NS (30 * TF_SECOND)
#define AT_ONCE_NS  (3 * TF_SECOND)

static struct tofu_message *take(struct tofu_group *group)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tofu_group_wait(group, PATIENCE_NS, &message));
    assert_non_null(message);
    return message;
}

// Listens; its application will answer nothing, neither hello nor Bye.
static void open_deaf_server(
    struct tofu_engine **engine, struct tofu_group **group, char *address_out)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tofu_engine_create(NULL, engine));
    assert_status(TOFU_OK, tofu_group_create(*engine, group));
    assert_status(TOFU_OK, tofu_engine_get(*engine, TOFU_ALWAYS, &message));
    assert_status(TOFU_OK, tofu_message_listen_on(message, "tcp|127.0.0.1|0"));
    assert_status(TOFU_OK, tofu_group_post(*group, &message, NULL));
    message = take(*group);
    const char *address = NULL;
    size_t size = 0;
    assert_true(tofu_message_find_text(message, "~listen_on", &address, &size));
    assert_true(size < TOFU_ADDRESS_BYTES_MAX);
    memcpy(address_out, address, size);
    address_out[size] = '\0';
    tofu_engine_put(*engine, &message);
}

static void post_hello(struct tofu_engine *engine, struct tofu_group *group, const char *address)
{
    struct tofu_message *message = NULL;
    assert_status(TOFU_OK, tofu_engine_get(engine, TOFU_ALWAYS, &message));
    assert_status(TOFU_OK, tofu_message_connect_to(message, address));
    assert_status(TOFU_OK, tofu_group_post(group, &message, NULL));
}

static void abort_engine(struct tofu_engine *engine)
{
    struct tf_command abort = {.kind = TF_COMMAND_ABORT};
    tf_reactor_command(&engine->reactor, &abort);
    (void)tf_command_wait(&abort, TF_NEVER);
}

static void after_an_abort_nothing_opens_and_a_shutdown_waits_for_nobody(void **state)
{
    (void)state;
    struct tofu_engine *server = NULL;
    struct tofu_group *deaf = NULL;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_deaf_server(&server, &deaf, address);
    struct tofu_engine *client = NULL;
    struct tofu_group *group = NULL;
    assert_status(TOFU_OK, tofu_engine_create(NULL, &client));
    assert_status(TOFU_OK, tofu_group_create(client, &group));

    abort_engine(client);
    post_hello(client, group, address);
    uint64_t start_ns = tf_clock_now();
    struct tofu_shutdown_report report = {.struct_size = sizeof report};
    enum tofu_status status = tofu_engine_shutdown(client, PATIENCE_NS, &report);

    assert_true(tf_clock_now() - start_ns < AT_ONCE_NS);
    assert_true(status == TOFU_OK || status == TOFU_TIMED_OUT);
    struct tofu_message *message = take(group);
    assert_int_equal(tofu_message_header(message)->opcode, TOFU_HELLO_RESPONSE);
    assert_int_equal(tofu_message_header(message)->status, TOFU_SHUTDOWN_STARTED);
    tofu_engine_put(client, &message);
    tofu_engine_destroy(&client);
    tofu_engine_destroy(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_an_abort_nothing_opens_and_a_shutdown_waits_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
