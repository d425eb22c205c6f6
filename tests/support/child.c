// SPDX-License-Identifier: MIT
#include "support/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/fault_allocator.h"
#include "support/side.h"

// One at a time, for the tear down of a test that fails.
static struct child *left;

void child_start(struct child *child, int (*run)(void *argument, int tell), void *argument)
{
    int pipe_ends[2];
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    // What stands in the buffers would be written twice.
    (void)fflush(NULL);
    child->process = fork();
    assert_true(child->process >= 0);
    if (child->process == 0) {
        (void)close(pipe_ends[0]);
        _exit(run(argument, pipe_ends[1]));
    }
    (void)close(pipe_ends[1]);
    child->told = pipe_ends[0];
    left = child;
}

// Waits until there is something to read, the end included.
static bool await_told(const struct child *child)
{
    struct pollfd watched = {.fd = child->told, .events = POLLIN};
    return poll(&watched, 1, (int)(TEST_DEADLINE_NS / MILLISECOND_NS)) == 1;
}

void child_read_line(const struct child *child, char *line, size_t line_size)
{
    for (size_t size = 0; size < line_size; size++) {
        if (!await_told(child) || read(child->told, line + size, 1) != 1) {
            fail_msg("the child ended or told nothing");
        }
        if (line[size] == '\n') {
            line[size] = '\0';
            return;
        }
    }
    fail_msg("the child's line is too long");
}

int child_join(struct child *child)
{
    int status = 0;
    char byte = 0;
    bool has_ended = false;
    while (!has_ended && await_told(child)) {
        has_ended = read(child->told, &byte, 1) <= 0;
    }
    if (!has_ended) {
        fail_msg("the child does not end");
    }
    assert_int_equal(waitpid(child->process, &status, 0), child->process);
    (void)close(child->told);
    left = NULL;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void child_kill(struct child *child)
{
    assert_int_equal(kill(child->process, SIGKILL), 0);
    assert_int_equal(child_join(child), -1);
}

void child_end_left(void)
{
    if (left != NULL) {
        (void)kill(left->process, SIGKILL);
        (void)waitpid(left->process, NULL, 0);
        (void)close(left->told);
        left = NULL;
    }
}

struct echo {
    struct tofu_engine *engine;
    struct tofu_group *group;
    int tell;
    bool has_ended; ///< a channel that was accepted has ended, with success
};

static bool listen_at(struct echo *echo, const char *address)
{
    struct tofu_message *message = NULL;
    return tofu_engine_get(echo->engine, TOFU_ALWAYS, &message) == TOFU_OK &&
           tofu_message_listen_on(message, address) == TOFU_OK &&
           tofu_group_post(echo->group, &message, NULL) == TOFU_OK;
}

static bool tell_address(const struct echo *echo, const struct tofu_message *response)
{
    const char *address = NULL;
    size_t size = 0;
    return tofu_message_find_text(response, "~listen_on", &address, &size) &&
           write(echo->tell, address, size) == (ssize_t)size && write(echo->tell, "\n", 1) == 1;
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
               (header->status == TOFU_OK && tell_address(echo, *message));
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

int echo_server_run(void *argument, int tell)
{
    struct fault_allocator memory;
    fault_allocator_open(&memory);
    const struct tofu_options options = {.allocator = fault_allocator_functions(&memory)};
    struct echo echo = {.tell = tell};
    if (tofu_engine_create(&options, &echo.engine) != TOFU_OK) {
        return 2;
    }
    bool is_good = tofu_group_create(echo.engine, &echo.group) == TOFU_OK &&
                   listen_at(&echo, argument) && serve(&echo) &&
                   tofu_engine_shutdown(echo.engine, TEST_DEADLINE_NS, NULL) == TOFU_OK;
    tofu_engine_destroy(&echo.engine);
    return is_good && fault_allocator_is_clean(&memory) ? 0 : 1;
}
