// SPDX-License-Identifier: MIT
#include "client.h"

#include <stddef.h>

#include "console.h"
#include "os/clock.h"

bool client_open(struct client *client, const struct engine_settings *settings, const char *address)
{
    *client = (struct client){.address = address};
    return engine_open(settings, &client->engine, &client->group);
}

void client_close(struct client *client)
{
    tofu_group_destroy(&client->group);
    tofu_engine_destroy(&client->engine);
}

enum tofu_status client_get(
    struct client *client, enum tofu_opcode opcode, struct tofu_message **message_out)
{
    enum tofu_status status = tofu_engine_get(client->engine, TOFU_ALWAYS, message_out);
    if (status == TOFU_OK) {
        struct tofu_header *header = tofu_message_header(*message_out);
        header->opcode = (uint8_t)opcode;
        header->channel = client->channel;
    }
    return status;
}

static void take_notice(struct client *client, struct tofu_message *message)
{
    if (tofu_message_header(message)->status == TOFU_RECEIVER_UPDATE) {
        client->is_stopped = true;
    } else if (closing_read(message, &client->closing)) {
        client->has_ended = true;
    }
    // What else comes back undelivered says no more than the closing notice behind it.
}

enum tofu_status client_wait(
    struct client *client, uint64_t timeout_ns, struct tofu_message **message_out)
{
    enum tofu_status status = tofu_group_wait(client->group, timeout_ns, message_out);
    if (status != TOFU_OK || *message_out == NULL) {
        return status;
    }
    struct tofu_header *header = tofu_message_header(*message_out);
    if (header->origin == TOFU_ENGINE) {
        take_notice(client, *message_out);
    } else if (header->opcode == TOFU_BYE_REQUEST) {
        client->is_told_to_leave = true;
        header->opcode = TOFU_BYE_RESPONSE;
        // A refusal means that the channel has ended; the closing notice tells why.
        enum tofu_status ignored = tofu_group_post(client->group, message_out, NULL);
        (void)ignored;
    } else if (header->opcode != TOFU_BYE_RESPONSE) {
        return TOFU_OK;
    }
    tofu_engine_put(client->engine, message_out);
    return TOFU_OK;
}

static enum tofu_status start_to_connect(struct client *client)
{
    struct tofu_message *message = NULL;
    struct tofu_header accepted;
    enum tofu_status status = tofu_engine_get(client->engine, TOFU_ALWAYS, &message);
    if (status == TOFU_OK) {
        status = tofu_message_connect_to(message, client->address);
    }
    if (status == TOFU_OK) {
        status = tofu_group_post(client->group, &message, &accepted);
    }
    tofu_engine_put(client->engine, &message);
    if (status == TOFU_OK) {
        client->channel = accepted.channel;
    }
    return status;
}

// Waits until the server has answered, or will not.
static enum tofu_status wait_for_hello(
    struct client *client, uint64_t timeout_ns, struct tofu_message **hello_out)
{
    uint64_t start_ns = clock_now_ns();
    uint64_t spent_ns = 0;
    while (spent_ns < timeout_ns && !client->has_ended && !client->is_stopped) {
        enum tofu_status status = client_wait(client, timeout_ns - spent_ns, hello_out);
        if (status != TOFU_OK) {
            return status;
        }
        if (*hello_out != NULL) {
            client->is_connected = tofu_message_header(*hello_out)->opcode == TOFU_HELLO_RESPONSE;
            return TOFU_OK;
        }
        spent_ns = clock_now_ns() - start_ns;
    }
    return TOFU_OK;
}

enum exit_code client_connect(
    struct client *client, uint64_t timeout_ns, struct tofu_message **hello_out)
{
    struct tofu_message *hello = NULL;
    enum tofu_status status = start_to_connect(client);
    if (status == TOFU_OK) {
        status = wait_for_hello(client, timeout_ns, &hello);
    }
    if (client->is_connected && hello_out != NULL) {
        *hello_out = hello;
        return EXIT_CODE_OK;
    }
    tofu_engine_put(client->engine, &hello);
    if (client->is_connected) {
        return EXIT_CODE_OK;
    }
    if (status != TOFU_OK) {
        complain("could not connect to %s: %s", client->address, tofu_status_text(status));
        return EXIT_CODE_SYSTEM;
    }
    const char *why = client->has_ended ? client->closing.why : "no answer";
    complain("could not connect to %s: %s", client->address, why);
    return EXIT_CODE_UNREACHABLE;
}

static void say_bye(struct client *client)
{
    struct tofu_message *message = NULL;
    if (client_get(client, TOFU_BYE_REQUEST, &message) == TOFU_OK) {
        // A refusal means that the channel has ended, or that the server's Bye is answered already.
        enum tofu_status ignored = tofu_group_post(client->group, &message, NULL);
        (void)ignored;
    }
    tofu_engine_put(client->engine, &message);
}

bool client_leave(
    struct client *client, uint64_t timeout_ns, client_last_words on_message, void *context)
{
    uint64_t start_ns = clock_now_ns();
    uint64_t spent_ns = 0;
    enum tofu_status status = TOFU_OK;
    if (!client->has_ended) {
        say_bye(client);
    }
    while (status == TOFU_OK && !client->has_ended && spent_ns < timeout_ns) {
        struct tofu_message *message = NULL;
        status = client_wait(client, timeout_ns - spent_ns, &message);
        if (message != NULL && on_message != NULL) {
            on_message(context, message);
        }
        tofu_engine_put(client->engine, &message);
        spent_ns = clock_now_ns() - start_ns;
    }
    if (client->has_ended && client->closing.is_graceful) {
        return true;
    }
    complain(
        "the connection to %s did not end in good order: %s",
        client->address,
        client->has_ended ? client->closing.why : "no answer to our Bye");
    return false;
}
