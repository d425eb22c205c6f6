// SPDX-License-Identifier: MIT
// tofu in a loop of Windows: one thread waits for groups and for other handles in one place.
//
// tofu_group_descriptor() is the HANDLE of an event that is signaled exactly while tofu_group_wait(group, 0)
// has something to give, so a group is waited for as anything else is: WaitForMultipleObjects(),
// MsgWaitForMultipleObjects(), RegisterWaitForSingleObject(). Three rules: it is only waited for, never set,
// reset or closed; whoever is told that it is signaled takes messages with a timeout of 0; and it leaves the
// loop before the group is destroyed.
//
// Here one loop serves a server's group, a client's group and a timer. With every tick of the timer the
// client asks, and after five answers it takes leave.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

#include <tofu/tofu.h>

#define TICK_MS        10
#define ANSWERS_WANTED 5
#define SILENCE_MS     5000

// Places among the handles that are waited for. The first of several signaled ones is told, so the one
// that could be signaled all the time stands last.
enum source { SOURCE_TIMER, SOURCE_CLIENT, SOURCE_SERVER, SOURCE_COUNT };

struct program {
    struct tofu_engine *engine;
    struct tofu_group *server;
    struct tofu_group *client;
    HANDLE handles[SOURCE_COUNT];
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

// The HANDLE is the group's: it goes with it, and is not closed here.
static bool watch_group(struct program *program, struct tofu_group *group, enum source source)
{
    tofu_descriptor descriptor = 0;
    bool is_fine = is_ok(tofu_group_descriptor(group, &descriptor), "make a handle");
    program->handles[source] = (HANDLE)descriptor;
    return is_fine;
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
    // Negative: from now on, in units of 100 ns.
    LARGE_INTEGER first = {.QuadPart = -10000LL * TICK_MS};
    if (SetWaitableTimer(program->handles[SOURCE_TIMER], &first, TICK_MS, NULL, NULL, FALSE) == 0) {
        fprintf(stderr, "SetWaitableTimer: error %lu\n", GetLastError());
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

// Takes one message. If there are more the event stays signaled, and the loop comes back.
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
        DWORD result = WaitForMultipleObjects(SOURCE_COUNT, program->handles, FALSE, SILENCE_MS);
        if (result >= WAIT_OBJECT_0 + SOURCE_COUNT) {
            fprintf(stderr, "WaitForMultipleObjects: nothing came (%lu)\n", result);
            return false;
        }
        enum source source = (enum source)(result - WAIT_OBJECT_0);
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
    // It resets itself when somebody was told, so that each tick is told once.
    program->handles[SOURCE_TIMER] = CreateWaitableTimerW(NULL, FALSE, NULL);
    if (program->handles[SOURCE_TIMER] == NULL) {
        fprintf(stderr, "CreateWaitableTimer: error %lu\n", GetLastError());
        return false;
    }
    return is_ok(tofu_engine_create(NULL, &program->engine), "create an engine") &&
           is_ok(tofu_group_create(program->engine, &program->server), "create a group") &&
           is_ok(tofu_group_create(program->engine, &program->client), "create a group") &&
           watch_group(program, program->server, SOURCE_SERVER) &&
           watch_group(program, program->client, SOURCE_CLIENT);
}

// The loop is over, so nobody waits for the groups' handles any more.
static void program_close(struct program *program)
{
    tofu_group_destroy(&program->client);
    tofu_group_destroy(&program->server);
    tofu_engine_destroy(&program->engine);
    if (program->handles[SOURCE_TIMER] != NULL) {
        CloseHandle(program->handles[SOURCE_TIMER]);
    }
}

int main(void)
{
    struct program program = {0};
    bool is_fine =
        program_open(&program) && listen_on(&program, "tcp://127.0.0.1:0") && loop(&program);
    program_close(&program);
    return is_fine ? 0 : 1;
}
