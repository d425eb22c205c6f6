// SPDX-License-Identifier: MIT
// A client that outlives its server: it connects again, with growing pauses, and asks again.
//
//   reconnect tcp://127.0.0.1:7099     asks an echo server there ten questions; stop it meanwhile
//   reconnect                          has a server of its own, which goes away and comes back
//
// A channel that has ended never comes back. A new HelloRequest opens a new one, with another number;
// nothing else is left of the old one once its closing notice is here. Whether a question that was on
// its way reached the server cannot be known, so only questions that may be asked twice are asked again.
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tofu/tofu.h>

#define MILLISECOND    1000000ull
#define SECOND         (1000 * MILLISECOND)
#define PAUSE_MIN_NS   (20 * MILLISECOND)
#define PAUSE_MAX_NS   (2 * SECOND)
#define ATTEMPTS_MAX   20
#define QUESTION_COUNT 10

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

// How a step ended: as hoped, with the channel, or with the program.
enum outcome { DONE, CHANNEL_LOST, FAILED };

// Waits until the peer sends `opcode` on the channel, or the channel ends.
static enum outcome wait_for(struct node *node, uint16_t channel, enum tofu_opcode opcode)
{
    for (;;) {
        struct tofu_message *message = NULL;
        if (!is_ok(tofu_group_wait(node->group, 10 * SECOND, &message), "wait")) {
            return FAILED;
        }
        if (message == NULL) {
            fprintf(stderr, "wait: nothing came\n");
            return FAILED;
        }
        // A message of ours that comes back, with origin TOFU_ENGINE, is not what we wait for: the
        // closing notice follows. The one of this channel alone has a `~reason`.
        const struct tofu_header *header = tofu_message_header(message);
        bool is_here = header->channel == channel;
        bool is_wanted = is_here && header->origin == TOFU_APPLICATION && header->opcode == opcode;
        const char *reason = NULL;
        size_t size = 0;
        bool has_ended = is_here && tofu_message_find_text(message, "~reason", &reason, &size);
        if (has_ended) {
            printf("channel %u has ended: %.*s\n", (unsigned)channel, (int)size, reason);
        }
        tofu_engine_put(node->engine, &message);
        if (is_wanted || has_ended) {
            return is_wanted ? DONE : CHANNEL_LOST;
        }
    }
}

static enum outcome connect_once(struct node *node, const char *address, uint16_t *channel)
{
    struct tofu_message *message = NULL;
    struct tofu_header accepted = {0};
    bool is_fine = is_ok(tofu_engine_get(node->engine, TOFU_ALWAYS, &message), "get a message") &&
                   is_ok(tofu_message_connect_to(message, address), address) &&
                   is_ok(tofu_group_post(node->group, &message, &accepted), address);
    tofu_engine_put(node->engine, &message);
    *channel = accepted.channel;
    return is_fine ? wait_for(node, accepted.channel, TOFU_HELLO_RESPONSE) : FAILED;
}

// Somewhere between half and all of the pause: clients that lost the same server shall not come back to
// it at the same moment.
static uint64_t spread(uint64_t pause_ns)
{
    return pause_ns / 2 + pause_ns / 2 * (uint64_t)(rand() % 1000) / 1000;
}

static enum outcome connect_with_back_off(struct node *node, const char *address, uint16_t *channel)
{
    uint64_t pause_ns = PAUSE_MIN_NS;
    for (int attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
        enum outcome outcome = connect_once(node, address, channel);
        if (outcome != CHANNEL_LOST) {
            return outcome;
        }
        // To wait on the group is to pause with open ears. We have no other channel, so nothing comes;
        // a program with more of them takes what comes here as everywhere else.
        struct tofu_message *message = NULL;
        if (!is_ok(tofu_group_wait(node->group, spread(pause_ns), &message), "wait")) {
            return FAILED;
        }
        tofu_engine_put(node->engine, &message);
        pause_ns = pause_ns * 2 < PAUSE_MAX_NS ? pause_ns * 2 : PAUSE_MAX_NS;
    }
    fprintf(stderr, "%s: gave up after %d attempts\n", address, ATTEMPTS_MAX);
    return FAILED;
}

static enum outcome say(
    struct node *node, uint16_t channel, enum tofu_opcode opcode, const char *body)
{
    struct tofu_message *message = NULL;
    if (!is_ok(tofu_engine_get(node->engine, TOFU_ALWAYS, &message), "get a message")) {
        return FAILED;
    }
    tofu_message_header(message)->channel = channel;
    tofu_message_header(message)->opcode = (uint8_t)opcode;
    enum tofu_status status = tofu_message_set_body(message, body, strlen(body));
    if (status == TOFU_OK) {
        status = tofu_group_post(node->group, &message, NULL);
    }
    tofu_engine_put(node->engine, &message);
    // The channel may have ended while we thought about our next question.
    if (status == TOFU_INVALID_CHANNEL_NUMBER) {
        return wait_for(node, channel, opcode);
    }
    return is_ok(status, "say") ? DONE : FAILED;
}

static bool ask_all(struct node *node, const char *address)
{
    uint16_t channel = 0;
    enum outcome outcome = CHANNEL_LOST;
    int asked_count = 0;
    while (outcome != FAILED && asked_count < QUESTION_COUNT) {
        if (outcome == CHANNEL_LOST) {
            outcome = connect_with_back_off(node, address, &channel);
        }
        if (outcome == DONE) {
            outcome = say(node, channel, TOFU_REQUEST, "are you there?");
        }
        if (outcome == DONE) {
            outcome = wait_for(node, channel, TOFU_RESPONSE);
        }
        if (outcome == DONE) {
            asked_count++;
            printf("question %d is answered on channel %u\n", asked_count, (unsigned)channel);
        }
    }
    return outcome != FAILED;
}

static bool run_client(const char *address)
{
    struct node node;
    bool is_fine = node_open(&node) && ask_all(&node, address);
    // Says Bye; that the server may be gone again is no error now.
    if (is_fine && tofu_engine_shutdown(node.engine, SECOND, NULL) != TOFU_OK) {
        printf("the server was gone before the Bye\n");
    }
    node_close(&node);
    return is_fine;
}

// The demonstration: a server that breaks down after four answers, and is away for a while.
#define LIFE_COUNT         3
#define ANSWERS_PER_LIFE   4
#define COME_BACK_ATTEMPTS 50

// Opens a listener, and writes where it really is.
static bool listen_on(
    struct node *server, const char *address, char real_address[TOFU_ADDRESS_BYTES_MAX])
{
    struct tofu_message *message = NULL;
    bool is_fine = is_ok(tofu_engine_get(server->engine, TOFU_ALWAYS, &message), "server: get") &&
                   is_ok(tofu_message_listen_on(message, address), "server: listen") &&
                   is_ok(tofu_group_post(server->group, &message, NULL), "server: listen") &&
                   is_ok(tofu_group_wait(server->group, 5 * SECOND, &message), "server: wait") &&
                   message != NULL &&
                   is_ok((enum tofu_status)tofu_message_header(message)->status, address);
    const char *value = NULL;
    size_t size = 0;
    if (is_fine && tofu_message_find_text(message, "~listen_on", &value, &size)) {
        snprintf(real_address, TOFU_ADDRESS_BYTES_MAX, "%.*s", (int)size, value);
    }
    tofu_engine_put(server->engine, &message);
    return is_fine;
}

static bool can_listen(const char *address, char real_address[TOFU_ADDRESS_BYTES_MAX])
{
    struct node node;
    bool is_fine = node_open(&node) && listen_on(&node, address, real_address);
    node_close(&node);
    return is_fine;
}

// Somewhere that is nobody else's, to listen on again and again.
static bool choose_address(char address[TOFU_ADDRESS_BYTES_MAX])
{
    // A leading @ names Linux's abstract namespace, which leaves no file.
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    char name[TOFU_ADDRESS_BYTES_MAX];
    snprintf(name, sizeof name, "uds://@tofu-%lld-%ld", (long long)now.tv_sec, now.tv_nsec);
    // Other systems have no such namespace: there it is a port that is free now.
    return can_listen(name, address) || can_listen("tcp://127.0.0.1:0", address);
}

// Returns false when there is no client any more.
static bool live(struct node *server, bool is_last_life)
{
    int answer_count = 0;
    while (is_last_life || answer_count < ANSWERS_PER_LIFE) {
        struct tofu_message *message = NULL;
        if (!is_ok(tofu_group_wait(server->group, 20 * SECOND, &message), "server: wait") ||
            message == NULL) {
            return false;
        }
        struct tofu_header *header = tofu_message_header(message);
        bool has_ended = tofu_message_find_text(message, "~reason", NULL, NULL);
        bool is_question = header->origin == TOFU_APPLICATION &&
                           (header->opcode == TOFU_HELLO_REQUEST ||
                            header->opcode == TOFU_REQUEST || header->opcode == TOFU_BYE_REQUEST);
        if (is_question) {
            answer_count += header->opcode == TOFU_REQUEST;
            header->opcode++; // Each Response follows its Request in enum tofu_opcode.
            (void)is_ok(tofu_group_post(server->group, &message, NULL), "server: answer");
        }
        tofu_engine_put(server->engine, &message);
        if (has_ended) {
            return false;
        }
    }
    return true;
}

// Away: nobody listens. A group without channels is a fine place to wait.
static bool rest(struct node *server)
{
    struct tofu_message *message = NULL;
    bool is_fine = is_ok(tofu_group_wait(server->group, SECOND / 5, &message), "server: rest");
    tofu_engine_put(server->engine, &message);
    return is_fine;
}

// Stays away longer if somebody else has the port just now.
static bool come_back(struct node *server, const char *address)
{
    char real_address[TOFU_ADDRESS_BYTES_MAX];
    for (int attempt = 0; attempt < COME_BACK_ATTEMPTS; attempt++) {
        if (!node_open(server) || !rest(server)) {
            return false;
        }
        if (listen_on(server, address, real_address)) {
            return true;
        }
        node_close(server);
    }
    return false;
}

static void *run_server(void *context)
{
    const char *address = context;
    for (int life = 1; life <= LIFE_COUNT; life++) {
        struct node server = {0};
        bool goes_on = come_back(&server, address) && live(&server, life == LIFE_COUNT);
        // Without a shutdown before, this resets every connection: for the client a breakdown.
        node_close(&server);
        if (!goes_on) {
            break;
        }
        printf("the server breaks down\n");
    }
    return NULL;
}

static bool demonstrate(void)
{
    char address[TOFU_ADDRESS_BYTES_MAX] = "";
    pthread_t server;
    if (!choose_address(address) || pthread_create(&server, NULL, run_server, address) != 0) {
        return false;
    }
    bool is_fine = run_client(address);
    pthread_join(server, NULL);
    return is_fine;
}

int main(int argc, char **argv)
{
    return (argc > 1 ? run_client(argv[1]) : demonstrate()) ? 0 : 1;
}
