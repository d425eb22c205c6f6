// SPDX-License-Identifier: MIT
// What messages cost in processor time: two engines of one process over TCP loopback.
//
//   stats_cost round-trip|stream COUNT
//
// Prints nanoseconds of processor time, of all threads together, per message of 64 bytes. The program is linked
// twice, with the library as it is and with one that records nothing (bench/without_stats): the ratio is
// what the statistics cost. It says which one it is, by what the engine counted.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tofu/tofu.h>

#define BODY_BYTES 64
#define BATCH      256
#define PATIENCE   UINT64_C(10000000000)

struct side {
    struct tofu_engine *engine;
    struct tofu_group *group;
    uint16_t channel;
};

static void must(bool is_good, const char *what)
{
    if (!is_good) {
        fprintf(stderr, "stats_cost: %s\n", what);
        exit(1);
    }
}

static struct tofu_message *take(struct side *side)
{
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_group_wait(side->group, PATIENCE, &message);
    must(status == TOFU_OK && message != NULL, "no message came");
    return message;
}

static void post(struct side *side, struct tofu_message *message)
{
    enum tofu_status status = tofu_group_post_within(side->group, &message, PATIENCE, NULL);
    must(status == TOFU_OK, tofu_status_name(status));
}

static struct tofu_message *fresh(struct side *side)
{
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_engine_get(side->engine, TOFU_ALWAYS, &message);
    must(status == TOFU_OK, tofu_status_name(status));
    return message;
}

static void open_side(struct side *side)
{
    const struct tofu_options options = {
        .pool_messages_initial = BATCH, .pool_messages_max = 2 * BATCH};
    enum tofu_status status = tofu_engine_create(&options, &side->engine);
    must(status == TOFU_OK, tofu_status_name(status));
    status = tofu_group_create(side->engine, &side->group);
    must(status == TOFU_OK, tofu_status_name(status));
}

static void connect_sides(struct side *server, struct side *client)
{
    struct tofu_message *message = fresh(server);
    must(tofu_message_listen_on(message, "tcp|127.0.0.1|0") == TOFU_OK, "listen_on");
    post(server, message);
    message = take(server);
    const char *text = NULL;
    size_t size = 0;
    must(tofu_message_find_text(message, "~listen_on", &text, &size), "it does not listen");
    char address[TOFU_ADDRESS_BYTES_MAX];
    memcpy(address, text, size);
    address[size] = '\0';
    tofu_engine_put(server->engine, &message);

    message = fresh(client);
    must(tofu_message_connect_to(message, address) == TOFU_OK, "connect_to");
    struct tofu_header accepted;
    must(tofu_group_post(client->group, &message, &accepted) == TOFU_OK, "hello");
    client->channel = accepted.channel;
    message = take(server);
    server->channel = tofu_message_header(message)->channel;
    tofu_engine_put(server->engine, &message);
}

static void send_one(struct side *side, enum tofu_opcode opcode, uint64_t id)
{
    static const char body[BODY_BYTES];
    struct tofu_message *message = fresh(side);
    must(tofu_message_set_body(message, body, sizeof body) == TOFU_OK, "set_body");
    *tofu_message_header(message) =
        (struct tofu_header){.opcode = (uint8_t)opcode, .channel = side->channel, .id = id};
    post(side, message);
}

static void receive_one(struct side *side)
{
    struct tofu_message *message = take(side);
    must(tofu_message_header(message)->status == TOFU_OK, "a notice came");
    tofu_engine_put(side->engine, &message);
}

static void round_trips(struct side *server, struct side *client, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        send_one(client, TOFU_REQUEST, i + 1);
        receive_one(server);
        send_one(server, TOFU_RESPONSE, i + 1);
        receive_one(client);
    }
}

static void stream(struct side *server, struct side *client, uint64_t count)
{
    for (uint64_t i = 0; i < count; i += BATCH) {
        for (uint64_t j = 0; j < BATCH; j++) {
            send_one(client, TOFU_SIGNAL, 0);
        }
        for (uint64_t j = 0; j < BATCH; j++) {
            receive_one(server);
        }
    }
}

int main(int argument_count, char **arguments)
{
    uint64_t count = argument_count == 3 ? strtoull(arguments[2], NULL, 10) : 0;
    bool is_stream = count > 0 && strcmp(arguments[1], "stream") == 0;
    if (count == 0 || (!is_stream && strcmp(arguments[1], "round-trip") != 0)) {
        fprintf(stderr, "usage: stats_cost round-trip|stream COUNT\n");
        return 2;
    }
    struct side server = {0};
    struct side client = {0};
    open_side(&server);
    open_side(&client);
    connect_sides(&server, &client);
    (is_stream ? stream : round_trips)(&server, &client, count / 10 + 1);

    clock_t begin = clock();
    (is_stream ? stream : round_trips)(&server, &client, count);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;

    struct tofu_stats stats = {0};
    must(tofu_engine_stats(client.engine, &stats) == TOFU_OK, "stats");
    printf(
        "%.1f %s\n",
        seconds * 1e9 / (double)(is_stream ? count : 2 * count),
        stats.messages_sent > 0 ? "recorded" : "unrecorded");
    tofu_engine_destroy(&client.engine);
    tofu_engine_destroy(&server.engine);
    return 0;
}
