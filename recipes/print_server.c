// SPDX-License-Identifier: MIT
// A print server and its worker: how a protocol grows from the messages that tofu has.
//
//   print_server serve ADDRESS     has one document, and gives it to the first worker that can print it
//   print_server work ADDRESS      prints what the server there has
//   print_server                   both, to show how it goes
//
//   worker                                        server
//   HelloRequest   pdl: postscript           ->   here I am, and this is what I understand
//                                            <-   Request, id 1001, more: a page of job 1001 ...
//   Signal, id 1001   progress: 1/5          ->   ... while pages are printed already ...
//                                            <-   Request, id 1001: ... and the last page
//   Response, id 1001   result: printed      ->   the answer to all those Requests
//   ByeRequest                               ->
//                                            <-   ByeResponse; the channel ends on both sides
//
// The server needs no HelloResponse here: that it sends a job says enough. One job per channel keeps
// both sides simple; a worker that can do more connects more often.
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tofu/tofu.h>

#define SECOND     1000000000ull
#define JOB_ID     1001
#define PAGE_COUNT 5
#define LANGUAGE   "postscript"

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

// Waits for the next message, 20 seconds at most.
static bool wait_for(struct node *node, struct tofu_message **message)
{
    if (!is_ok(tofu_group_wait(node->group, 20 * SECOND, message), "wait")) {
        return false;
    }
    if (*message == NULL) {
        fprintf(stderr, "wait: nothing came\n");
    }
    return *message != NULL;
}

// Posts a message with this header, at most one text header, and this body.
static bool say(
    struct node *node,
    struct tofu_header header,
    const char *name,
    const char *value,
    const char *body)
{
    struct tofu_message *message = NULL;
    bool is_fine = is_ok(tofu_engine_get(node->engine, TOFU_ALWAYS, &message), "get a message");
    if (is_fine) {
        *tofu_message_header(message) = header;
        is_fine =
            (name == NULL || is_ok(tofu_message_append_text(message, name, value), "write")) &&
            is_ok(tofu_message_set_body(message, body, strlen(body)), "write") &&
            is_ok(tofu_group_post_within(node->group, &message, SECOND, NULL), "say");
    }
    tofu_engine_put(node->engine, &message);
    return is_fine;
}

// Copies a text header's value, which has no NUL behind it. Returns false if there is no such header.
static bool read_text(
    const struct tofu_message *message, const char *name, char *text, size_t text_size)
{
    const char *value = NULL;
    size_t size = 0;
    if (!tofu_message_find_text(message, name, &value, &size)) {
        return false;
    }
    snprintf(text, text_size, "%.*s", (int)size, value);
    return true;
}

// The server's side.

static bool send_job(struct node *server, uint16_t channel)
{
    for (int page = 1; page <= PAGE_COUNT; page++) {
        char body[64];
        snprintf(body, sizeof body, "/Times 12 selectfont (page %d) show showpage", page);
        // The id is the job's number: whatever has it belongs to the job.
        struct tofu_header header = {
            .channel = channel, .opcode = TOFU_REQUEST, .id = JOB_ID, .more = page < PAGE_COUNT};
        if (!say(server, header, "pdl", LANGUAGE, body)) {
            return false;
        }
    }
    printf("server: job %d is on its way, %d pages\n", JOB_ID, PAGE_COUNT);
    return true;
}

// A worker that does not speak the language of the job is sent home.
static bool greet(struct node *server, struct tofu_message *message)
{
    uint16_t channel = tofu_message_header(message)->channel;
    char language[32] = "nothing";
    (void)read_text(message, "pdl", language, sizeof language);
    printf("server: a worker for %s\n", language);
    if (strcmp(language, LANGUAGE) == 0) {
        return send_job(server, channel);
    }
    struct tofu_header bye = {.channel = channel, .opcode = TOFU_BYE_REQUEST};
    return say(server, bye, NULL, NULL, "");
}

// Takes one message. Sets `*is_printed` when a worker says so.
static bool serve_message(struct node *server, struct tofu_message **message, bool *is_printed)
{
    struct tofu_header *header = tofu_message_header(*message);
    char text[64] = "";
    switch (header->opcode) {
    case TOFU_HELLO_REQUEST:
        return greet(server, *message);
    case TOFU_SIGNAL:
        (void)read_text(*message, "progress", text, sizeof text);
        printf("server: job %llu: %s\n", (unsigned long long)header->id, text);
        return true;
    case TOFU_RESPONSE:
        (void)read_text(*message, "result", text, sizeof text);
        printf("server: job %llu: %s\n", (unsigned long long)header->id, text);
        *is_printed = header->id == JOB_ID && strcmp(text, "printed") == 0;
        return true;
    case TOFU_BYE_REQUEST:
        header->opcode = TOFU_BYE_RESPONSE;
        return is_ok(tofu_group_post(server->group, message, NULL), "answer a Bye");
    default:
        return true;
    }
}

// Serves until the job is printed and its worker has taken leave.
static bool serve(struct node *server)
{
    bool is_fine = true;
    bool is_printed = false;
    bool has_ended = false;
    while (is_fine && !(is_printed && has_ended)) {
        struct tofu_message *message = NULL;
        is_fine = wait_for(server, &message);
        if (is_fine && tofu_message_header(message)->origin == TOFU_ENGINE) {
            char reason[32] = "";
            has_ended = read_text(message, "~reason", reason, sizeof reason);
            if (has_ended) {
                printf("server: the worker's channel has ended: %s\n", reason);
            }
        } else if (is_fine) {
            is_fine = serve_message(server, &message, &is_printed);
        }
        tofu_engine_put(server->engine, &message);
    }
    return is_fine;
}

static bool listen_on(
    struct node *server, const char *address, char real_address[TOFU_ADDRESS_BYTES_MAX])
{
    struct tofu_message *message = NULL;
    bool is_fine = is_ok(tofu_engine_get(server->engine, TOFU_ALWAYS, &message), "get a message") &&
                   is_ok(tofu_message_listen_on(message, address), address) &&
                   is_ok(tofu_group_post(server->group, &message, NULL), address) &&
                   wait_for(server, &message) &&
                   is_ok((enum tofu_status)tofu_message_header(message)->status, address) &&
                   read_text(message, "~listen_on", real_address, TOFU_ADDRESS_BYTES_MAX);
    if (is_fine) {
        printf("listening %s\n", real_address);
        fflush(stdout);
    }
    tofu_engine_put(server->engine, &message);
    return is_fine;
}

static bool run_server(const char *address)
{
    struct node server;
    char real_address[TOFU_ADDRESS_BYTES_MAX];
    bool is_fine =
        node_open(&server) && listen_on(&server, address, real_address) && serve(&server);
    node_close(&server);
    return is_fine;
}

// The worker's side.

static bool offer_work(struct node *worker, const char *address)
{
    struct tofu_message *message = NULL;
    bool is_fine = is_ok(tofu_engine_get(worker->engine, TOFU_ALWAYS, &message), "get a message") &&
                   is_ok(tofu_message_connect_to(message, address), address) &&
                   is_ok(tofu_message_append_text(message, "pdl", LANGUAGE), "write") &&
                   is_ok(tofu_group_post(worker->group, &message, NULL), address);
    tofu_engine_put(worker->engine, &message);
    return is_fine;
}

// Prints one page and tells how far we are. `more` tells whether pages follow.
static bool print_page(struct node *worker, struct tofu_message *message, int page)
{
    struct tofu_header request = *tofu_message_header(message);
    size_t size = 0;
    const char *body = tofu_message_body(message, &size);
    printf("worker: page %d: %.*s\n", page, (int)size, body);

    char progress[32];
    snprintf(progress, sizeof progress, "%d/%d", page, PAGE_COUNT);
    struct tofu_header header = {
        .channel = request.channel, .opcode = TOFU_SIGNAL, .id = request.id};
    if (!say(worker, header, "progress", progress, "")) {
        return false;
    }
    if (request.more) {
        return true;
    }
    header.opcode = TOFU_RESPONSE;
    struct tofu_header bye = {.channel = request.channel, .opcode = TOFU_BYE_REQUEST};
    return say(worker, header, "result", "printed", "") && say(worker, bye, NULL, NULL, "");
}

// Works until the channel ends, and says whether it ended well and the job was printed.
static bool work(struct node *worker)
{
    int page_count = 0;
    for (;;) {
        struct tofu_message *message = NULL;
        if (!wait_for(worker, &message)) {
            return false;
        }
        struct tofu_header *header = tofu_message_header(message);
        bool is_from_engine = header->origin == TOFU_ENGINE;
        char reason[32] = "";
        bool has_ended = is_from_engine && read_text(message, "~reason", reason, sizeof reason);
        bool is_fine = true;
        if (!is_from_engine && header->opcode == TOFU_REQUEST) {
            page_count++;
            is_fine = print_page(worker, message, page_count);
        } else if (!is_from_engine && header->opcode == TOFU_BYE_REQUEST) {
            // No work for us.
            header->opcode = TOFU_BYE_RESPONSE;
            is_fine = is_ok(tofu_group_post(worker->group, &message, NULL), "answer a Bye");
        }
        tofu_engine_put(worker->engine, &message);
        if (has_ended) {
            printf("worker: the channel has ended: %s\n", reason);
            bool is_graceful = strcmp(reason, tofu_status_name(TOFU_OK)) == 0;
            return is_graceful && page_count == PAGE_COUNT;
        }
        if (!is_fine) {
            return false;
        }
    }
}

static bool run_worker(const char *address)
{
    struct node worker;
    bool is_fine = node_open(&worker) && offer_work(&worker, address) && work(&worker);
    node_close(&worker);
    return is_fine;
}

// The demonstration: both, each with an engine of its own, as if they were two programs.

static void *run_worker_thread(void *address)
{
    return run_worker(address) ? NULL : address;
}

static bool demonstrate(void)
{
    struct node server;
    pthread_t worker;
    char address[TOFU_ADDRESS_BYTES_MAX] = "";
    bool is_fine = node_open(&server) && listen_on(&server, "tcp://127.0.0.1:0", address) &&
                   pthread_create(&worker, NULL, run_worker_thread, address) == 0;
    if (is_fine) {
        is_fine = serve(&server);
        void *failure = NULL;
        pthread_join(worker, &failure);
        is_fine = is_fine && failure == NULL;
    }
    node_close(&server);
    return is_fine;
}

int main(int argc, char **argv)
{
    if (argc == 1) {
        return demonstrate() ? 0 : 1;
    }
    if (argc == 3 && strcmp(argv[1], "serve") == 0) {
        return run_server(argv[2]) ? 0 : 1;
    }
    if (argc == 3 && strcmp(argv[1], "work") == 0) {
        return run_worker(argv[2]) ? 0 : 1;
    }
    fprintf(stderr, "usage: print_server [serve ADDRESS | work ADDRESS]\n");
    return 2;
}
