// SPDX-License-Identifier: MIT
// A client that asks an echo server, reads the answers, and takes leave.
//
//   echo_client tcp://127.0.0.1:7099 [TEXT...]     asks the server there
//   echo_client                                    asks a server of its own, to show how it goes
//
// The life of a channel, seen from the side that connects: HelloRequest, HelloResponse, Requests and
// Responses, ByeRequest, ByeResponse, and at last the notice that it has ended.
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <tofu/tofu.h>

#define SECOND 1000000000ull

// Who takes part: an engine with one group.
struct node {
    struct tofu_engine *engine;
    struct tofu_group *group;
};

static bool is_ok(enum tofu_status status, const char *doing)
{
    if (status != TOFU_OK) {
        fprintf(stderr, "%s: %s\n", doing, tofu_status_text(status));
    }
    return status == TOFU_OK;
}

static bool node_open(struct node *node)
{
    *node = (struct node){0};
    return is_ok(tofu_engine_create(NULL, &node->engine), "create an engine") &&
           is_ok(tofu_group_create(node->engine, &node->group), "create a group");
}

static void node_close(struct node *node)
{
    tofu_group_destroy(&node->group);
    tofu_engine_destroy(&node->engine);
}

// Waits for the next message and gives it. No message within five seconds is an error here.
static bool wait_for(struct node *node, struct tofu_message **message)
{
    if (!is_ok(tofu_group_wait(node->group, 5 * SECOND, message), "wait")) {
        return false;
    }
    if (*message == NULL) {
        fprintf(stderr, "wait: nothing came\n");
    }
    return *message != NULL;
}

// Posts a message with this header and body. `accepted` is the header as sent; it may be NULL.
static bool send_message(
    struct node *node, struct tofu_header header, const char *body, struct tofu_header *accepted)
{
    struct tofu_message *message = NULL;
    bool is_fine = is_ok(tofu_engine_get(node->engine, TOFU_ALWAYS, &message), "get a message");
    if (is_fine) {
        *tofu_message_header(message) = header;
        is_fine = is_ok(tofu_message_set_body(message, body, strlen(body)), "write") &&
                  is_ok(tofu_group_post(node->group, &message, accepted), "post");
    }
    // A refused message is still ours; a posted one is NULL here.
    tofu_engine_put(node->engine, &message);
    return is_fine;
}

// Connects. The number of the channel is known at once, but only the HelloResponse says that somebody
// is there: an echo server sends one, and if there is none the engine does, with the reason.
static bool connect_to(struct node *node, const char *address, uint16_t *channel)
{
    struct tofu_message *message = NULL;
    struct tofu_header accepted = {0};
    bool is_fine = is_ok(tofu_engine_get(node->engine, TOFU_ALWAYS, &message), "get a message") &&
                   is_ok(tofu_message_connect_to(message, address), address) &&
                   is_ok(tofu_group_post(node->group, &message, &accepted), address);
    tofu_engine_put(node->engine, &message);

    is_fine = is_fine && wait_for(node, &message);
    if (is_fine && tofu_message_header(message)->origin == TOFU_ENGINE) {
        is_fine = is_ok((enum tofu_status)tofu_message_header(message)->status, address);
    }
    tofu_engine_put(node->engine, &message);
    *channel = accepted.channel;
    return is_fine;
}

static bool ask(struct node *node, uint16_t channel, const char *text)
{
    struct tofu_header accepted = {0};
    struct tofu_header header = {.channel = channel, .opcode = TOFU_REQUEST};
    if (!send_message(node, header, text, &accepted)) {
        return false;
    }
    struct tofu_message *message = NULL;
    if (!wait_for(node, &message)) {
        return false;
    }
    // The engine gave the Request an id, and its Response has the same.
    const struct tofu_header *answer = tofu_message_header(message);
    bool is_answer = answer->origin == TOFU_APPLICATION && answer->opcode == TOFU_RESPONSE &&
                     answer->id == accepted.id;
    size_t size = 0;
    const char *body = tofu_message_body(message, &size);
    bool is_same = is_answer && size == strlen(text) && memcmp(body, text, size) == 0;
    printf("%s -> %.*s\n", text, is_answer ? (int)size : 0, body);
    tofu_engine_put(node->engine, &message);
    return is_same;
}

// Takes leave: what was posted before arrives first, then the server answers, then the channel ends.
static bool take_leave(struct node *node, uint16_t channel)
{
    struct tofu_header header = {.channel = channel, .opcode = TOFU_BYE_REQUEST};
    if (!send_message(node, header, "", NULL)) {
        return false;
    }
    bool has_ended = false;
    bool is_graceful = false;
    while (!has_ended) {
        struct tofu_message *message = NULL;
        if (!wait_for(node, &message)) {
            return false;
        }
        // Only the notice that the channel has ended has a `~reason`; "success" says: by Byes.
        const char *reason = NULL;
        size_t size = 0;
        has_ended = tofu_message_find_text(message, "~reason", &reason, &size);
        if (has_ended) {
            printf("the channel has ended: %.*s\n", (int)size, reason);
            const char *graceful = tofu_status_name(TOFU_OK);
            is_graceful = size == strlen(graceful) && memcmp(reason, graceful, size) == 0;
        }
        tofu_engine_put(node->engine, &message);
    }
    return is_graceful;
}

static bool converse(const char *address, int text_count, const char *const *texts)
{
    struct node node;
    uint16_t channel = 0;
    bool is_fine = node_open(&node) && connect_to(&node, address, &channel);
    for (int index = 0; is_fine && index < text_count; index++) {
        is_fine = ask(&node, channel, texts[index]);
    }
    is_fine = is_fine && take_leave(&node, channel);
    node_close(&node);
    return is_fine;
}

// The demonstration: a server with an engine of its own, as if it were another program. It serves until
// it is shut down. See echo_server.c for one to copy.
static void *serve(void *context)
{
    struct node *server = context;
    struct tofu_message *message = NULL;
    while (tofu_group_wait(server->group, TOFU_WAIT_FOREVER, &message) == TOFU_OK) {
        struct tofu_header *header = tofu_message_header(message);
        bool is_question = header->origin == TOFU_APPLICATION &&
                           (header->opcode == TOFU_HELLO_REQUEST ||
                            header->opcode == TOFU_REQUEST || header->opcode == TOFU_BYE_REQUEST);
        if (is_question) {
            header->opcode++; // Each Response follows its Request in enum tofu_opcode.
            (void)is_ok(tofu_group_post(server->group, &message, NULL), "server: answer");
        }
        tofu_engine_put(server->engine, &message);
    }
    return NULL;
}

static bool listen_anywhere(struct node *server, char address[TOFU_ADDRESS_BYTES_MAX])
{
    struct tofu_message *message = NULL;
    const char *value = NULL;
    size_t size = 0;
    bool is_fine = is_ok(tofu_engine_get(server->engine, TOFU_ALWAYS, &message), "server: get") &&
                   is_ok(tofu_message_listen_on(message, "tcp://127.0.0.1:0"), "server: listen") &&
                   is_ok(tofu_group_post(server->group, &message, NULL), "server: listen") &&
                   wait_for(server, &message) &&
                   tofu_message_find_text(message, "~listen_on", &value, &size);
    if (is_fine) {
        snprintf(address, TOFU_ADDRESS_BYTES_MAX, "%.*s", (int)size, value);
        is_fine = is_ok((enum tofu_status)tofu_message_header(message)->status, "server: listen");
    }
    tofu_engine_put(server->engine, &message);
    return is_fine;
}

static bool converse_with_own_server(void)
{
    struct node server;
    pthread_t thread;
    char address[TOFU_ADDRESS_BYTES_MAX] = "";
    const char *const texts[] = {"one", "two", "three"};
    bool is_fine = node_open(&server) && listen_anywhere(&server, address) &&
                   pthread_create(&thread, NULL, serve, &server) == 0;
    if (is_fine) {
        is_fine = converse(address, 3, texts);
        // Wakes the server's thread: from now on its wait gives TOFU_SHUTDOWN_STARTED.
        is_fine = is_ok(tofu_engine_shutdown(server.engine, SECOND, NULL), "shut down") && is_fine;
        pthread_join(thread, NULL);
    }
    node_close(&server);
    return is_fine;
}

int main(int argc, char **argv)
{
    bool is_fine = argc > 1 ? converse(argv[1], argc - 2, (const char *const *)argv + 2)
                            : converse_with_own_server();
    return is_fine ? 0 : 1;
}
