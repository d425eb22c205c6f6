// SPDX-License-Identifier: MIT
// A server with several addresses, over TCP and a Unix socket, in one group and one thread.
//
//   multihomed_server ADDRESS...     for example tcp://:7099 uds:///run/user/1000/echo.sock
//   multihomed_server                two addresses and two clients of its own, to show how it goes
//
// A group may have any number of listeners. Their clients come out of the same tofu_group_wait(), each
// on a channel of its own, and how they are connected makes no difference to the loop. What a server
// wants to know of a client stands in the text headers of its HelloRequest.
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <tofu/tofu.h>

#define MILLISECOND   1000000ull
#define SECOND        (1000 * MILLISECOND)
#define ADDRESSES_MAX 8

struct node {
    struct tofu_engine *engine;
    struct tofu_group *group;
    char addresses[ADDRESSES_MAX][TOFU_ADDRESS_BYTES_MAX]; // of its listeners
    size_t address_count;
};

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

// Asks for a listener. All of them may be asked for at once; the WelcomeResponses come to the loop.
static bool ask_for_listener(struct node *server, const char *address)
{
    struct tofu_message *message = NULL;
    bool is_fine = is_ok(tofu_engine_get(server->engine, TOFU_ALWAYS, &message), "get a message") &&
                   is_ok(tofu_message_listen_on(message, address), address) &&
                   is_ok(tofu_group_post(server->group, &message, NULL), address);
    tofu_engine_put(server->engine, &message);
    return is_fine;
}

// Returns false if a listener could not be opened: a server that is only half there helps nobody.
static bool take_notice(struct node *server, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    const char *value = "";
    size_t size = 0;
    if (header->opcode == TOFU_WELCOME_RESPONSE) {
        (void)tofu_message_find_text(message, "~listen_on", &value, &size);
        char *address = server->addresses[server->address_count];
        snprintf(address, TOFU_ADDRESS_BYTES_MAX, "%.*s", (int)size, value);
        server->address_count++;
        if (!is_ok((enum tofu_status)header->status, address)) {
            return false;
        }
        printf("listening %s\n", address);
        fflush(stdout);
    } else if (tofu_message_find_text(message, "~reason", &value, &size)) {
        printf("channel %u has ended: %.*s\n", (unsigned)header->channel, (int)size, value);
    }
    return true;
}

static void take_question(struct node *server, struct tofu_message **message)
{
    struct tofu_header *header = tofu_message_header(*message);
    if (header->opcode == TOFU_HELLO_REQUEST) {
        const char *name = "?";
        size_t size = 1;
        (void)tofu_message_find_text(*message, "client", &name, &size);
        printf("channel %u is client %.*s\n", (unsigned)header->channel, (int)size, name);
        header->opcode = TOFU_HELLO_RESPONSE;
    } else if (header->opcode == TOFU_REQUEST) {
        header->opcode = TOFU_RESPONSE;
    } else if (header->opcode == TOFU_BYE_REQUEST) {
        header->opcode = TOFU_BYE_RESPONSE;
    } else {
        return;
    }
    enum tofu_status status = tofu_group_post_within(server->group, message, SECOND, NULL);
    // A client may be gone before its answer; its closing notice tells.
    if (status != TOFU_INVALID_CHANNEL_NUMBER) {
        (void)is_ok(status, "answer");
    }
}

// Serves one message, if one comes within 200 ms.
static bool serve_one(struct node *server)
{
    struct tofu_message *message = NULL;
    bool is_fine = is_ok(tofu_group_wait(server->group, 200 * MILLISECOND, &message), "wait");
    if (message != NULL && tofu_message_header(message)->origin == TOFU_ENGINE) {
        is_fine = take_notice(server, message);
    } else if (message != NULL) {
        take_question(server, &message);
    }
    tofu_engine_put(server->engine, &message);
    return is_fine;
}

static bool open_listeners(struct node *server, size_t count, const char *const *addresses)
{
    bool is_fine = count <= ADDRESSES_MAX;
    for (size_t index = 0; is_fine && index < count; index++) {
        is_fine = ask_for_listener(server, addresses[index]);
    }
    while (is_fine && server->address_count < count && !atomic_load(&is_stopped)) {
        is_fine = serve_one(server);
    }
    return is_fine;
}

static bool serve(struct node *server)
{
    bool is_fine = true;
    while (is_fine && !atomic_load(&is_stopped)) {
        is_fine = serve_one(server);
    }
    return is_fine;
}

// The demonstration: one engine with a client for each address of the server.
static bool ask_through(struct node *client, const char *address)
{
    struct tofu_message *message = NULL;
    struct tofu_header hello = {0};
    bool is_fine = is_ok(tofu_engine_get(client->engine, TOFU_ALWAYS, &message), "client: get") &&
                   is_ok(tofu_message_connect_to(message, address), "client: connect") &&
                   is_ok(tofu_message_append_text(message, "client", address), "client: name") &&
                   is_ok(tofu_group_post(client->group, &message, &hello), "client: connect") &&
                   is_ok(tofu_group_wait(client->group, 5 * SECOND, &message), "client: wait") &&
                   message != NULL && tofu_message_header(message)->status == TOFU_OK;
    if (is_fine) {
        tofu_message_reset(message);
        *tofu_message_header(message) =
            (struct tofu_header){.channel = hello.channel, .opcode = TOFU_REQUEST};
        is_fine = is_ok(tofu_message_set_body(message, "hello", 5), "client: write") &&
                  is_ok(tofu_group_post(client->group, &message, NULL), "client: ask") &&
                  is_ok(tofu_group_wait(client->group, 5 * SECOND, &message), "client: wait") &&
                  message != NULL && tofu_message_header(message)->opcode == TOFU_RESPONSE &&
                  tofu_message_header(message)->channel == hello.channel;
    }
    tofu_engine_put(client->engine, &message);
    return is_fine;
}

static void *run_clients(void *context)
{
    const struct node *server = context;
    struct node client;
    bool is_fine = node_open(&client);
    for (size_t index = 0; is_fine && index < server->address_count; index++) {
        is_fine = ask_through(&client, server->addresses[index]);
    }
    is_fine = is_fine && is_ok(tofu_engine_shutdown(client.engine, SECOND, NULL), "client: end");
    node_close(&client);
    atomic_store(&is_stopped, true);
    return is_fine ? NULL : context;
}

static bool listen_for_demonstration(struct node *server)
{
    // A name of its own for each run. A leading @ names Linux's abstract namespace, which leaves no file.
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    char path[TOFU_ADDRESS_BYTES_MAX];
    snprintf(path, sizeof path, "uds://@tofu-%lld-%ld", (long long)now.tv_sec, now.tv_nsec);
    const char *const addresses[] = {"tcp://127.0.0.1:0", path};
    if (open_listeners(server, 2, addresses)) {
        return true;
    }
    // Other systems have no such namespace, or no Unix sockets. Two ports show the same.
    const char *const ports[] = {"tcp://127.0.0.1:0", "tcp://127.0.0.1:0"};
    printf("two TCP ports instead\n");
    node_close(server);
    return node_open(server) && open_listeners(server, 2, ports);
}

static bool demonstrate(struct node *server)
{
    pthread_t clients;
    if (!listen_for_demonstration(server) ||
        pthread_create(&clients, NULL, run_clients, server) != 0) {
        return false;
    }
    bool is_fine = serve(server);
    void *failure = NULL;
    pthread_join(clients, &failure);
    return is_fine && failure == NULL;
}

int main(int argc, char **argv)
{
    signal(SIGINT, stop);
    signal(SIGTERM, stop);

    struct node server;
    bool is_fine = node_open(&server);
    if (is_fine && argc > 1) {
        const char *const *addresses = (const char *const *)argv + 1;
        is_fine = open_listeners(&server, (size_t)argc - 1, addresses) && serve(&server);
    } else if (is_fine) {
        is_fine = demonstrate(&server);
    }
    if (is_fine) {
        is_fine = is_ok(tofu_engine_shutdown(server.engine, 2 * SECOND, NULL), "shut down");
    }
    node_close(&server);
    return is_fine ? 0 : 1;
}
