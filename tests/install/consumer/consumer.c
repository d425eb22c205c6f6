// SPDX-License-Identifier: MIT
// A user's program, valid in C11 and in C++17: an engine that connects to itself and says hello.
//
// One message goes round: each answer from the engine is turned into the next thing to post.
#include <stdio.h>

#include <tofu/tofu.h>

static enum tofu_status turn_into_next(struct tofu_message *message)
{
    struct tofu_header *header = tofu_message_header(message);
    const char *value = "";
    size_t size = 0;
    char address[TOFU_ADDRESS_BYTES_MAX];

    if (header->opcode == TOFU_WELCOME_RESPONSE && header->status == TOFU_OK) {
        (void)tofu_message_find_text(message, "~listen_on", &value, &size);
        snprintf(address, sizeof address, "%.*s", (int)size, value);
        return tofu_message_connect_to(message, address);
    }
    if (header->opcode == TOFU_HELLO_REQUEST) {
        header->opcode = TOFU_HELLO_RESPONSE;
        return TOFU_OK;
    }
    if (header->opcode == TOFU_HELLO_RESPONSE && header->status == TOFU_OK) {
        header->opcode = TOFU_REQUEST;
        return tofu_message_set_body(message, "hello", 5);
    }
    return TOFU_INVALID_OP_CODE;
}

int main(void)
{
    struct tofu_engine *engine = NULL;
    struct tofu_group *group = NULL;
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_engine_create(NULL, &engine);
    if (status == TOFU_OK) {
        status = tofu_group_create(engine, &group);
    }
    if (status == TOFU_OK) {
        status = tofu_engine_get(engine, TOFU_ALWAYS, &message);
    }
    if (status == TOFU_OK) {
        status = tofu_message_listen_on(message, "tcp|127.0.0.1|0");
    }
    while (status == TOFU_OK) {
        status = tofu_group_post(group, &message, NULL);
        if (status == TOFU_OK) {
            status = tofu_group_wait(group, UINT64_C(10000000000), &message);
        }
        if (message == NULL || tofu_message_header(message)->opcode == TOFU_REQUEST) {
            break;
        }
        status = turn_into_next(message);
    }

    size_t size = 0;
    const char *body = message == NULL ? "" : (const char *)tofu_message_body(message, &size);
    printf("%.*s\n", (int)size, body);
    if (status != TOFU_OK) {
        fprintf(stderr, "%s\n", tofu_status_text(status));
    }
    if (engine != NULL) {
        tofu_engine_put(engine, &message);
        tofu_engine_destroy(&engine);
    }
    return status == TOFU_OK && size == 5 ? 0 : 1;
}
