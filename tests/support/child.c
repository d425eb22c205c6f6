// SPDX-License-Identifier: MIT
#include "support/child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fault_allocator.h"
#include "support/process.h"
#include "support/side.h"

#define ECHO_SERVER_ROLE "--echo-server"

// One at a time, for the tear down of a test that fails.
static struct child left;
static bool is_left;

void child_take_role(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], ECHO_SERVER_ROLE) == 0) {
        exit(echo_server_run(argv[2]));
    }
}

void child_adopt(const struct child *child)
{
    left = *child;
    is_left = true;
}

void child_start_echo_server(struct child *child, const char *address)
{
    assert_true(process_start(child, ECHO_SERVER_ROLE, address));
    child_adopt(child);
}

void child_read_line(const struct child *child, char *line, size_t line_size)
{
    size_t size = 0;
    while (size < line_size) {
        if (process_read(child, line + size, TEST_DEADLINE_NS) != 1) {
            fail_msg("the child ended or told nothing");
        }
        if (line[size] == '\n') {
            line[size] = '\0';
            return;
        }
        // Some systems end a line with two characters.
        size += line[size] != '\r';
    }
    fail_msg("the child's line is too long");
}

int child_join(struct child *child)
{
    char byte = 0;
    int result = 1;
    while (result == 1) {
        result = process_read(child, &byte, TEST_DEADLINE_NS);
    }
    if (result != 0) {
        fail_msg("the child does not end");
    }
    is_left = false;
    return process_join(child);
}

void child_kill(struct child *child)
{
    assert_true(process_kill(child));
    assert_int_equal(child_join(child), -1);
}

void child_end_left(void)
{
    if (is_left) {
        (void)process_kill(&left);
        (void)process_join(&left);
        is_left = false;
    }
}

struct echo {
    struct tofu_engine *engine;
    struct tofu_group *group;
    bool has_ended; ///< a channel that was accepted has ended, with success
};

static bool listen_at(struct echo *echo, const char *address)
{
    struct tofu_message *message = NULL;
    return tofu_engine_get(echo->engine, TOFU_ALWAYS, &message) == TOFU_OK &&
           tofu_message_listen_on(message, address) == TOFU_OK &&
           tofu_group_post(echo->group, &message, NULL) == TOFU_OK;
}

static bool tell_address(const struct tofu_message *response)
{
    const char *address = NULL;
    size_t size = 0;
    return tofu_message_find_text(response, "~listen_on", &address, &size) &&
           printf("%.*s\n", (int)size, address) > 0 && fflush(stdout) == 0;
}

// Posts the message back as the answer to itself.
static bool answer(const struct echo *echo, struct tofu_message **message, enum tofu_opcode opcode)
{
    tofu_message_header(*message)->opcode = (uint8_t)opcode;
    return tofu_group_post_within(echo->group, message, TEST_DEADLINE_NS, NULL) == TOFU_OK;
}

static bool handle(struct echo *echo, struct tofu_message **message)
{
    const struct tofu_header *header = tofu_message_header(*message);
    if (header->origin == TOFU_ENGINE) {
        echo->has_ended = message_is_closing(*message);
        return header->opcode != TOFU_WELCOME_RESPONSE ||
               (header->status == TOFU_OK && tell_address(*message));
    }
    switch ((enum tofu_opcode)header->opcode) {
    case TOFU_REQUEST:
        return answer(echo, message, TOFU_RESPONSE);
    case TOFU_SIGNAL:
        return answer(echo, message, TOFU_SIGNAL);
    case TOFU_HELLO_REQUEST:
        return answer(echo, message, TOFU_HELLO_RESPONSE);
    case TOFU_BYE_REQUEST:
        return answer(echo, message, TOFU_BYE_RESPONSE);
    case TOFU_RESPONSE:
    case TOFU_HELLO_RESPONSE:
    case TOFU_BYE_RESPONSE:
    case TOFU_BYE_SIGNAL:
    case TOFU_WELCOME_REQUEST:
    case TOFU_WELCOME_RESPONSE:
        break;
    }
    return false;
}

static bool serve(struct echo *echo)
{
    bool is_good = true;
    while (is_good && !echo->has_ended) {
        struct tofu_message *message = NULL;
        is_good = tofu_group_wait(echo->group, TEST_DEADLINE_NS, &message) == TOFU_OK &&
                  message != NULL && handle(echo, &message);
        tofu_engine_put(echo->engine, &message);
    }
    return is_good;
}

int echo_server_run(const char *address)
{
    struct fault_allocator memory;
    fault_allocator_open(&memory);
    const struct tofu_options options = {.allocator = fault_allocator_functions(&memory)};
    struct echo echo = {0};
    if (tofu_engine_create(&options, &echo.engine) != TOFU_OK) {
        return 2;
    }
    bool is_good = tofu_group_create(echo.engine, &echo.group) == TOFU_OK &&
                   listen_at(&echo, address) && serve(&echo) &&
                   tofu_engine_shutdown(echo.engine, TEST_DEADLINE_NS, NULL) == TOFU_OK;
    tofu_engine_destroy(&echo.engine);
    return is_good && fault_allocator_is_clean(&memory) ? 0 : 1;
}
