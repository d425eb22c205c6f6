// SPDX-License-Identifier: MIT
// tofu in a libuv loop on Windows: a uv_async_t per group, so its messages come as callbacks among all others.
//
// tofu_group_descriptor() is there the HANDLE of an event that is signaled exactly while
// tofu_group_wait(group, 0) has something to give. uv_poll takes sockets alone, so the system's pool of
// threads waits for the event, once, and has the loop called; the loop takes what there is, and has
// the event waited for again. The wait is ended before the group is destroyed, because the event goes
// with the group; and before the uv_async_t is closed, because only then nobody sends to it any more.
//
// Here one loop serves a server's group, a client's group and a timer. With every tick of the timer the
// client asks, and after five answers it takes leave. A second timer ends the program if nothing happens.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <windows.h>

#include <tofu/tofu.h>

#define TICK_MS        10
#define ANSWERS_WANTED 5
#define SILENCE_MS     5000

struct watch {
    struct program *program;
    struct tofu_group *group;
    HANDLE event; // the group's: it is only waited for
    HANDLE wait;  // NULL: there is none
    uv_async_t signaled;
};

struct program {
    uv_loop_t loop;
    struct watch server_watch;
    struct watch client_watch;
    uv_timer_t ticks;
    uv_timer_t silence;
    struct tofu_engine *engine;
    struct tofu_group *server;
    struct tofu_group *client;
    uint16_t channel; // the client's
    int asked_count;
    int answered_count;
    bool has_failed;
    bool is_graceful; // how the client's channel ended
};

static bool is_ok(enum tofu_status status, const char *doing)
{
    if (status != TOFU_OK) {
        fprintf(stderr, "%s: %s\n", doing, tofu_status_text(status));
    }
    return status == TOFU_OK;
}

static bool is_uv_ok(int result, const char *doing)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", doing, uv_strerror(result));
    }
    return result >= 0;
}

// From the pool's thread to the loop's. Several of these may become one callback.
static void CALLBACK on_event(void *context, BOOLEAN has_timed_out)
{
    struct watch *watch = context;
    (void)has_timed_out;
    (void)uv_async_send(&watch->signaled);
}

// Returns when on_event() is not running any more and will not be called again.
static void unwatch(struct watch *watch)
{
    if (watch->wait != NULL) {
        (void)UnregisterWaitEx(watch->wait, INVALID_HANDLE_VALUE);
        watch->wait = NULL;
    }
}

// A wait that has ended is still to be taken off.
static bool watch_again(struct watch *watch)
{
    unwatch(watch);
    bool is_watched = RegisterWaitForSingleObject(
                          &watch->wait,
                          watch->event,
                          on_event,
                          watch,
                          INFINITE,
                          WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD) != 0;
    if (!is_watched) {
        watch->wait = NULL;
        fprintf(stderr, "wait for a group: error %lu\n", GetLastError());
    }
    return is_watched;
}

// Without handles the loop ends by itself.
static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (uv_is_closing(handle) == 0) {
        uv_close(handle, NULL);
    }
}

static void end(struct program *program, bool has_failed)
{
    program->has_failed = program->has_failed || has_failed;
    unwatch(&program->server_watch);
    unwatch(&program->client_watch);
    uv_walk(&program->loop, close_handle, NULL);
}

static void on_silence(uv_timer_t *timer)
{
    fprintf(stderr, "nothing came\n");
    end(timer->data, true);
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

static void on_tick(uv_timer_t *timer)
{
    struct program *program = timer->data;
    if (program->asked_count == ANSWERS_WANTED) {
        uv_timer_stop(timer);
        return;
    }
    char text[32];
    program->asked_count++;
    snprintf(text, sizeof text, "question %d", program->asked_count);
    if (!say(program, TOFU_REQUEST, text)) {
        end(program, true);
    }
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
        end(program, false);
        return true;
    }
    if (header->opcode == TOFU_HELLO_RESPONSE) {
        return is_ok((enum tofu_status)header->status, "connect") &&
               is_uv_ok(uv_timer_start(&program->ticks, on_tick, TICK_MS, TICK_MS), "tick");
    }
    if (header->opcode == TOFU_RESPONSE) {
        const char *body = tofu_message_body(*message, &size);
        printf("client: answer '%.*s'\n", (int)size, body);
        program->answered_count++;
        return program->answered_count < ANSWERS_WANTED || say(program, TOFU_BYE_REQUEST, "");
    }
    return true;
}

// Returns false without a message, and when the program is to end.
static bool take_one(struct watch *watch)
{
    struct program *program = watch->program;
    struct tofu_message *message = NULL;
    bool is_fine = is_ok(tofu_group_wait(watch->group, 0, &message), "wait");
    bool has_one = message != NULL;
    if (is_fine && has_one) {
        uv_timer_again(&program->silence);
        is_fine = watch == &program->server_watch ? serve(program, &message)
                                                  : listen_to_server(program, &message);
    }
    tofu_engine_put(program->engine, &message);
    if (!is_fine) {
        end(program, true);
    }
    return is_fine && has_one;
}

static void on_signaled(uv_async_t *signaled)
{
    struct watch *watch = signaled->data;
    while (uv_is_closing((uv_handle_t *)signaled) == 0 && take_one(watch)) {
        // There may be more.
    }
    if (uv_is_closing((uv_handle_t *)signaled) == 0 && !watch_again(watch)) {
        end(watch->program, true);
    }
}

static bool watch_group(struct program *program, struct tofu_group *group, struct watch *watch)
{
    tofu_descriptor descriptor = 0;
    *watch = (struct watch){.program = program, .group = group, .signaled.data = watch};
    if (!is_ok(tofu_group_descriptor(group, &descriptor), "make a handle") ||
        !is_uv_ok(uv_async_init(&program->loop, &watch->signaled, on_signaled), "watch")) {
        return false;
    }
    watch->event = (HANDLE)descriptor;
    return watch_again(watch);
}

static bool start_timers(struct program *program)
{
    program->ticks.data = program;
    program->silence.data = program;
    return is_uv_ok(uv_timer_init(&program->loop, &program->ticks), "make a timer") &&
           is_uv_ok(uv_timer_init(&program->loop, &program->silence), "make a timer") &&
           is_uv_ok(
               uv_timer_start(&program->silence, on_silence, SILENCE_MS, SILENCE_MS),
               "start a timer");
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

static bool start(struct program *program)
{
    return is_ok(tofu_engine_create(NULL, &program->engine), "create an engine") &&
           is_ok(tofu_group_create(program->engine, &program->server), "create a group") &&
           is_ok(tofu_group_create(program->engine, &program->client), "create a group") &&
           watch_group(program, program->server, &program->server_watch) &&
           watch_group(program, program->client, &program->client_watch) && start_timers(program) &&
           listen_on(program, "tcp://127.0.0.1:0");
}

int main(void)
{
    struct program program = {0};
    if (!is_uv_ok(uv_loop_init(&program.loop), "make a loop")) {
        return 1;
    }
    if (!start(&program)) {
        end(&program, true);
    }
    uv_run(&program.loop, UV_RUN_DEFAULT);
    // All handles are closed now, so nobody watches the groups any more.
    tofu_group_destroy(&program.client);
    tofu_group_destroy(&program.server);
    tofu_engine_destroy(&program.engine);
    bool is_closed = is_uv_ok(uv_loop_close(&program.loop), "close the loop");
    bool is_fine = is_closed && !program.has_failed && program.is_graceful &&
                   program.answered_count == ANSWERS_WANTED;
    return is_fine ? 0 : 1;
}
