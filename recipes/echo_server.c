// SPDX-License-Identifier: MIT
// A server that answers every Request with its own text.
//
//   echo_server tcp://127.0.0.1:7099     serves until it gets SIGINT or SIGTERM
//   echo_server                          serves a client of its own, to show how it goes
//
// One thread serves all clients: everything that happens to a group comes out of tofu_group_wait(), in
// order. To answer, the message that came is changed and posted back.
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include <tofu/tofu.h>

#define MILLISECOND 1000000ull
#define SECOND      (1000 * MILLISECOND)

// No function of tofu may be called in a signal handler, so the handler only leaves word.
static atomic_bool is_stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    atomic_store(&is_stopped, true);
}

static bool is_ok(enum tofu_status status, const char *doing)
{
    if (status != TOFU_OK) {
        fprintf(stderr, "%s: %s\n", doing, tofu_status_text(status));
    }
    return status == TOFU_OK;
}

// A WelcomeRequest opens a listener. How that went comes back as a WelcomeResponse, with the real
// address in it: for port 0 the system chooses one.
static bool listen_on(
    struct tofu_engine *engine,
    struct tofu_group *group,
    const char *address,
    char real_address[TOFU_ADDRESS_BYTES_MAX])
{
    struct tofu_message *message = NULL;
    bool is_fine = is_ok(tofu_engine_get(engine, TOFU_ALWAYS, &message), "get a message") &&
                   is_ok(tofu_message_listen_on(message, address), address) &&
                   is_ok(tofu_group_post(group, &message, NULL), address) &&
                   is_ok(tofu_group_wait(group, TOFU_WAIT_FOREVER, &message), "wait") &&
                   is_ok((enum tofu_status)tofu_message_header(message)->status, address);
    const char *value = NULL;
    size_t size = 0;
    if (is_fine && tofu_message_find_text(message, "~listen_on", &value, &size)) {
        snprintf(real_address, TOFU_ADDRESS_BYTES_MAX, "%.*s", (int)size, value);
    }
    // Every message that is ours in the end goes back; a posted one is NULL here, and that is fine.
    tofu_engine_put(engine, &message);
    return is_fine;
}

// Turns a question into its answer; the rest stays as it is: channel, id, texts, body. Returns false if
// it is no question.
static bool make_answer(struct tofu_header *header)
{
    switch (header->opcode) {
    case TOFU_HELLO_REQUEST:
        header->opcode = TOFU_HELLO_RESPONSE;
        return true;
    case TOFU_REQUEST:
        header->opcode = TOFU_RESPONSE;
        return true;
    case TOFU_BYE_REQUEST:
        header->opcode = TOFU_BYE_RESPONSE;
        return true;
    default:
        return false;
    }
}

// Cuts a connection without a word to the other side.
static void abort_channel(struct tofu_group *group, struct tofu_message **message)
{
    uint16_t channel = tofu_message_header(*message)->channel;
    tofu_message_reset(*message);
    tofu_message_header(*message)->channel = channel;
    tofu_message_header(*message)->opcode = TOFU_BYE_SIGNAL;
    (void)is_ok(tofu_group_post(group, message, NULL), "abort a channel");
}

static void take(struct tofu_group *group, struct tofu_message **message)
{
    struct tofu_header *header = tofu_message_header(*message);
    if (header->origin == TOFU_ENGINE) {
        const char *reason = NULL;
        size_t size = 0;
        if (tofu_message_find_text(*message, "~reason", &reason, &size)) {
            printf("channel %u has ended: %.*s\n", (unsigned)header->channel, (int)size, reason);
        }
    } else if (make_answer(header)) {
        // A client that sends but does not read fills its send queue. It gets a second, no more,
        // because all the others wait with it.
        enum tofu_status status = tofu_group_post_within(group, message, SECOND, NULL);
        if (status == TOFU_TIMED_OUT) {
            abort_channel(group, message);
        } else if (status != TOFU_INVALID_CHANNEL_NUMBER) {
            // A channel that has just ended is no error: its closing notice is on the way.
            (void)is_ok(status, "answer");
        }
    }
}

static bool serve(struct tofu_engine *engine, struct tofu_group *group)
{
    bool is_fine = true;
    while (is_fine && !atomic_load(&is_stopped)) {
        // The timeout is there for the flag; a loop without one waits with TOFU_WAIT_FOREVER.
        struct tofu_message *message = NULL;
        is_fine = is_ok(tofu_group_wait(group, 200 * MILLISECOND, &message), "wait");
        if (message != NULL) {
            take(group, &message);
            tofu_engine_put(engine, &message);
        }
    }
    return is_fine;
}

// The demonstration: a client with an engine of its own, as if it were another program. See
// echo_client.c for one to copy. Returns NULL if it got its answer, then stops the server.
static void *run_client(void *address)
{
    struct tofu_engine *engine = NULL;
    struct tofu_group *group = NULL;
    struct tofu_message *message = NULL;
    struct tofu_header hello = {0};
    bool is_fine = is_ok(tofu_engine_create(NULL, &engine), "client: create an engine") &&
                   is_ok(tofu_group_create(engine, &group), "client: create a group") &&
                   is_ok(tofu_engine_get(engine, TOFU_ALWAYS, &message), "client: get a message") &&
                   is_ok(tofu_message_connect_to(message, address), "client: connect") &&
                   is_ok(tofu_group_post(group, &message, &hello), "client: connect") &&
                   is_ok(tofu_group_wait(group, 5 * SECOND, &message), "client: wait") &&
                   message != NULL && tofu_message_header(message)->status == TOFU_OK;
    // The HelloResponse becomes the Request.
    if (is_fine) {
        tofu_message_reset(message);
        *tofu_message_header(message) =
            (struct tofu_header){.channel = hello.channel, .opcode = TOFU_REQUEST};
        is_fine = is_ok(tofu_message_set_body(message, "hello", 5), "client: write") &&
                  is_ok(tofu_group_post(group, &message, NULL), "client: ask") &&
                  is_ok(tofu_group_wait(group, 5 * SECOND, &message), "client: wait") &&
                  message != NULL && tofu_message_header(message)->opcode == TOFU_RESPONSE;
    }
    if (is_fine) {
        size_t size = 0;
        const char *body = tofu_message_body(message, &size);
        printf("client: the server answered '%.*s'\n", (int)size, body);
    }
    tofu_engine_put(engine, &message);
    // Says Bye and waits for the answer.
    is_fine = is_fine && is_ok(tofu_engine_shutdown(engine, SECOND, NULL), "client: shut down");
    tofu_group_destroy(&group);
    tofu_engine_destroy(&engine);
    atomic_store(&is_stopped, true);
    return is_fine ? NULL : address;
}

static bool serve_own_client(
    struct tofu_engine *engine, struct tofu_group *group, char *real_address)
{
    pthread_t client;
    if (pthread_create(&client, NULL, run_client, real_address) != 0) {
        return false;
    }
    bool is_fine = serve(engine, group);
    void *failure = NULL;
    pthread_join(client, &failure);
    return is_fine && failure == NULL;
}

int main(int argc, char **argv)
{
    signal(SIGINT, stop);
    signal(SIGTERM, stop);

    bool has_address = argc > 1;
    const char *address = has_address ? argv[1] : "tcp://127.0.0.1:0";
    char real_address[TOFU_ADDRESS_BYTES_MAX] = "";
    struct tofu_engine *engine = NULL;
    struct tofu_group *group = NULL;
    bool is_fine = is_ok(tofu_engine_create(NULL, &engine), "create an engine") &&
                   is_ok(tofu_group_create(engine, &group), "create a group") &&
                   listen_on(engine, group, address, real_address);
    if (is_fine) {
        printf("listening %s\n", real_address);
        fflush(stdout);
        is_fine =
            has_address ? serve(engine, group) : serve_own_client(engine, group, real_address);
    }
    if (is_fine) {
        // Every client that is still there is told, and has two seconds to say Bye.
        is_fine = is_ok(tofu_engine_shutdown(engine, 2 * SECOND, NULL), "shut down");
    }
    tofu_group_destroy(&group);
    tofu_engine_destroy(&engine);
    return is_fine ? 0 : 1;
}
