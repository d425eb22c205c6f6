// SPDX-License-Identifier: MIT
// tofu in an epoll loop: one thread waits for groups and for other descriptors in one place.
//
// tofu_group_descriptor() is readable exactly while tofu_group_wait(group, 0) has something to give, so a
// group is watched as a socket is. Three rules: it is only watched, never read or closed; whoever is told
// that it is readable takes messages with a timeout of 0; and it leaves the loop before the group is
// destroyed.
//
// Here one loop serves a server's group, a client's group and a timer. With every tick of the timer the
// client asks, and after five answers it takes leave.
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <tofu/tofu.h>

#define TICK_NS        10000000
#define ANSWERS_WANTED 5
#define SILENCE_MS     5000

enum source { SOURCE_SERVER, SOURCE_CLIENT, SOURCE_TIMER };

struct program {
    struct tofu_engine *engine;
    struct tofu_group *server;
    struct tofu_group *client;
    int epoll;
    int timer;
    uint16_t channel; // the client's
    int asked_count;
    int answered_count;
    bool is_over;
    bool is_graceful; // how the client's channel ended
};

static bool is_ok(enum tofu_status status, const char *doing)
{
    if (status != TOFU_OK) {
        fprintf(stderr, "%s: %s\n", doing, tofu_status_text(status));
    }
    return status == TOFU_OK;
}

static bool watch(struct program *program, int descriptor, enum source source)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)source};
    if (epoll_ctl(program->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
        perror("epoll_ctl");
        return false;
    }
    return true;
}

static bool watch_group(struct program *program, struct tofu_group *group, enum source source)
{
    tofu_descriptor descriptor = 0;
    return is_ok(tofu_group_descriptor(group, &descriptor), "make a descriptor") &&
           watch(program, (int)descriptor, source);
}

// The descriptor goes with the group, so the loop has to forget it before.
static void forget_group(struct program *program, struct tofu_group **group)
{
    tofu_descriptor descriptor = 0;
    if (*group != NULL && tofu_group_descriptor(*group, &descriptor) == TOFU_OK) {
        epoll_ctl(program->epoll, EPOLL_CTL_DEL, (int)descriptor, NULL);
    }
    tofu_group_destroy(group);
}

// Posts a message of the client. A refusal is an error here, because one question waits at a time.
static bool say(struct program *program, enum tofu_opcode opcode, const char *text)
{
    struct tofu_message *message = NULL;
    bool is_fine = is_ok(tofu_engine_get(program->engine, TOFU_ALWAYS, &message), "get a message");
    if (is_fine) {
        tofu_message_header(message)->opcode = (uint8_t)opcode;
        tofu_message_header(message)->channel = program->channel;
        is_fine = is_ok(tofu_message_set_body(message, text, strlen(text)), "write") &&
                  is_ok(tofu_group_post(program->client, &message, NULL), "post");
    }
    tofu_engine_put(program->engine, &message);
    return is_fine;
}

static bool connect_to(struct program *program, const char *address)
{
    struct tofu_message *message = NULL;
    struct tofu_header accepted;
    bool is_fine =
        is_ok(tofu_engine_get(program->engine, TOFU_ALWAYS, &message), "get a message") &&
        is_ok(tofu_message_connect_to(message, address), address) &&
        is_ok(tofu_group_post(program->client, &message, &accepted), address);
    tofu_engine_put(program->engine, &message);
    if (is_fine) {
        program->channel = accepted.channel;
    }
    return is_fine;
}

// The server's side: answers everything with itself. Its first message says where it listens.
static bool serve(struct program *program, struct tofu_message **message)
{
    struct tofu_header *header = tofu_message_header(*message);
    if (header->opcode == TOFU_WELCOME_RESPONSE) {
        const char *address = NULL;
        size_t size = 0;
        char text[TOFU_ADDRESS_BYTES_MAX] = "";
        if (tofu_message_find_text(*message, "~listen_on", &address, &size)) {
            snprintf(text, sizeof text, "%.*s", (int)size, address);
        }
        printf("server: listening %s\n", text);
        return is_ok((enum tofu_status)header->status, text) && connect_to(program, text);
    }
    if (header->origin == TOFU_ENGINE) {
        return true;
    }
    if (header->opcode == TOFU_REQUEST) {
        header->opcode = TOFU_RESPONSE;
    } else if (header->opcode == TOFU_HELLO_REQUEST) {
        header->opcode = TOFU_HELLO_RESPONSE;
    } else if (header->opcode == TOFU_BYE_REQUEST) {
        header->opcode = TOFU_BYE_RESPONSE;
    } else {
        return true;
    }
    return is_ok(tofu_group_post(program->server, message, NULL), "answer");
}

static bool start_ticking(const struct program *program)
{
    const struct itimerspec ticks = {.it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS};
    if (timerfd_settime(program->timer, 0, &ticks, NULL) != 0) {
        perror("timerfd_settime");
        return false;
    }
    return true;
}

// The client's side: starts to ask when the server has said Hello, and notes the answers.
static bool listen_to_server(struct program *program, struct tofu_message **message)
{
    const struct tofu_header *header = tofu_message_header(*message);
    const char *reason = NULL;
    size_t size = 0;
    if (tofu_message_find_text(*message, "~reason", &reason, &size)) {
        printf("client: the channel has ended: %.*s\n", (int)size, reason);
        const char *graceful = tofu_status_name(TOFU_OK);
        program->is_graceful = size == strlen(graceful) && memcmp(reason, graceful, size) == 0;
        program->is_over = true;
        return true;
    }
    if (header->opcode == TOFU_HELLO_RESPONSE) {
        return is_ok((enum tofu_status)header->status, "connect") && start_ticking(program);
    }
    if (header->opcode == TOFU_RESPONSE) {
        const char *body = tofu_message_body(*message, &size);
        printf("client: answer '%.*s'\n", (int)size, body);
        program->answered_count++;
        return program->answered_count < ANSWERS_WANTED || say(program, TOFU_BYE_REQUEST, "");
    }
    return true;
}

// Takes one message. If there are more the descriptor stays readable, and the loop comes back: so one
// busy group does not keep the others waiting.
static bool take_from_group(struct program *program, enum source source)
{
    struct tofu_group *group = source == SOURCE_SERVER ? program->server : program->client;
    struct tofu_message *message = NULL;
    bool is_fine = is_ok(tofu_group_wait(group, 0, &message), "wait");
    if (is_fine && message != NULL) {
        is_fine = source == SOURCE_SERVER ? serve(program, &message)
                                          : listen_to_server(program, &message);
    }
    tofu_engine_put(program->engine, &message);
    return is_fine;
}

static bool take_tick(struct program *program)
{
    uint64_t tick_count = 0;
    if (read(program->timer, &tick_count, sizeof tick_count) != (ssize_t)sizeof tick_count) {
        perror("read the timer");
        return false;
    }
    if (program->asked_count == ANSWERS_WANTED) {
        return true;
    }
    char text[32];
    program->asked_count++;
    snprintf(text, sizeof text, "question %d", program->asked_count);
    return say(program, TOFU_REQUEST, text);
}

static bool loop(struct program *program)
{
    bool is_fine = true;
    while (is_fine && !program->is_over) {
        struct epoll_event event;
        int count = epoll_wait(program->epoll, &event, 1, SILENCE_MS);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count != 1) {
            fprintf(stderr, "epoll_wait: nothing came\n");
            return false;
        }
        enum source source = (enum source)event.data.u32;
        is_fine = source == SOURCE_TIMER ? take_tick(program) : take_from_group(program, source);
    }
    return is_fine && program->is_graceful && program->answered_count == ANSWERS_WANTED;
}

static bool listen_on(struct program *program, const char *address)
{
    struct tofu_message *message = NULL;
    bool is_fine =
        is_ok(tofu_engine_get(program->engine, TOFU_ALWAYS, &message), "get a message") &&
        is_ok(tofu_message_listen_on(message, address), address) &&
        is_ok(tofu_group_post(program->server, &message, NULL), address);
    tofu_engine_put(program->engine, &message);
    return is_fine;
}

static bool program_open(struct program *program)
{
    program->epoll = epoll_create1(EPOLL_CLOEXEC);
    program->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (program->epoll < 0 || program->timer < 0) {
        perror("epoll and timer");
        return false;
    }
    return is_ok(tofu_engine_create(NULL, &program->engine), "create an engine") &&
           is_ok(tofu_group_create(program->engine, &program->server), "create a group") &&
           is_ok(tofu_group_create(program->engine, &program->client), "create a group") &&
           watch_group(program, program->server, SOURCE_SERVER) &&
           watch_group(program, program->client, SOURCE_CLIENT) &&
           watch(program, program->timer, SOURCE_TIMER);
}

static void program_close(struct program *program)
{
    forget_group(program, &program->client);
    forget_group(program, &program->server);
    tofu_engine_destroy(&program->engine);
    if (program->timer >= 0) {
        close(program->timer);
    }
    if (program->epoll >= 0) {
        close(program->epoll);
    }
}

int main(void)
{
    struct program program = {.epoll = -1, .timer = -1};
    bool is_fine =
        program_open(&program) && listen_on(&program, "tcp://127.0.0.1:0") && loop(&program);
    program_close(&program);
    return is_fine ? 0 : 1;
}
