// SPDX-License-Identifier: MIT
// Waking the thread that waits on a group from another thread: with nothing, or with a message.
//
// A group has one receive queue, and tofu_group_update() puts something into it. So a thread that waits
// for its peers also hears from its own program, in one place and in order, without a lock of its own.
// Here a worker thread computes and sends each result as a message; then it says that it is done with
// an update that holds nothing.
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <tofu/tofu.h>

#define SECOND       1000000000ull
#define RESULT_COUNT 5

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

// Sends one result. The body never leaves the process, so a plain value in memory will do; the id is
// ours to use too.
static bool hand_over(struct node *node, uint64_t number)
{
    struct tofu_message *message = NULL;
    uint64_t square = number * number;
    bool is_fine = is_ok(tofu_engine_get(node->engine, TOFU_ALWAYS, &message), "get a message");
    if (is_fine) {
        tofu_message_header(message)->id = number;
        is_fine = is_ok(tofu_message_set_body(message, &square, sizeof square), "write") &&
                  is_ok(tofu_group_update(node->group, &message), "update");
    }
    tofu_engine_put(node->engine, &message);
    return is_fine;
}

static void *work(void *context)
{
    struct node *node = context;
    bool is_fine = true;
    for (uint64_t number = 1; is_fine && number <= RESULT_COUNT; number++) {
        is_fine = hand_over(node, number);
    }
    // Without a message the waiter gets a notice: origin TOFU_ENGINE and status TOFU_RECEIVER_UPDATE.
    is_fine = is_ok(tofu_group_update(node->group, NULL), "update") && is_fine;
    return is_fine ? NULL : node;
}

// Takes updates as they come. Messages of peers would come here too, without that status.
static bool receive(struct node *node)
{
    uint64_t result_count = 0;
    for (;;) {
        struct tofu_message *message = NULL;
        if (!is_ok(tofu_group_wait(node->group, 5 * SECOND, &message), "wait")) {
            return false;
        }
        if (message == NULL) {
            fprintf(stderr, "wait: nothing came\n");
            return false;
        }
        const struct tofu_header *header = tofu_message_header(message);
        bool is_update = header->status == TOFU_RECEIVER_UPDATE;
        bool is_done = is_update && header->origin == TOFU_ENGINE;
        size_t size = 0;
        const void *body = tofu_message_body(message, &size);
        uint64_t square = 0;
        if (is_update && size == sizeof square) {
            memcpy(&square, body, size);
            printf(
                "%llu squared is %llu\n",
                (unsigned long long)header->id,
                (unsigned long long)square);
            result_count += square == header->id * header->id;
        }
        tofu_engine_put(node->engine, &message);
        if (is_done) {
            printf("the worker is done\n");
            return result_count == RESULT_COUNT;
        }
    }
}

int main(void)
{
    struct node node = {0};
    pthread_t worker;
    bool is_fine = is_ok(tofu_engine_create(NULL, &node.engine), "create an engine") &&
                   is_ok(tofu_group_create(node.engine, &node.group), "create a group") &&
                   pthread_create(&worker, NULL, work, &node) == 0;
    if (is_fine) {
        is_fine = receive(&node);
        void *failure = NULL;
        pthread_join(worker, &failure);
        is_fine = is_fine && failure == NULL;
    }
    tofu_group_destroy(&node.group);
    tofu_engine_destroy(&node.engine);
    return is_fine ? 0 : 1;
}
