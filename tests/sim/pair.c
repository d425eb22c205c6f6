// SPDX-License-Identifier: MIT
#include "sim/pair.h"

#include <stdio.h>
#include <string.h>

#include "wire/header.h"

#define PATIENCE_NS (1000 * TF_SECOND)

void pair_begin(uint64_t seed)
{
    sim_begin(seed);
}

static struct tofu_engine *open_engine(uint64_t seed, const struct tofu_options *wanted)
{
    static const char *const pollers[] = {"sim-level", "sim-edge", "sim-oneshot", "sim-afd"};
    struct tofu_options options = {0};
    if (wanted != NULL) {
        options = *wanted;
    }
    options.poller = pollers[seed % 4];
    options.allocator = sim_allocator();
    struct tofu_engine *engine = NULL;
    assert_int_equal(tofu_engine_create(&options, &engine), TOFU_OK);
    return engine;
}

void pair_open(
    struct pair *pair,
    uint64_t seed,
    const struct tofu_options *server_options,
    const struct tofu_options *client_options)
{
    *pair = (struct pair){0};
    pair->server_engine = open_engine(seed, server_options);
    pair->client_engine = open_engine(seed, client_options);
    assert_int_equal(tofu_group_create(pair->server_engine, &pair->server), TOFU_OK);
    assert_int_equal(tofu_group_create(pair->client_engine, &pair->client), TOFU_OK);
}

static struct tofu_message *fresh(struct tofu_engine *engine)
{
    struct tofu_message *message = NULL;
    assert_int_equal(tofu_engine_get(engine, TOFU_ALWAYS, &message), TOFU_OK);
    assert_non_null(message);
    return message;
}

struct tofu_message *pair_message(
    struct tofu_engine *engine,
    enum tofu_opcode opcode,
    uint16_t channel,
    uint64_t id,
    size_t body_bytes)
{
    struct tofu_message *message = fresh(engine);
    void *body = NULL;
    assert_int_equal(tofu_message_resize_body(message, body_bytes, &body), TOFU_OK);
    memset(body, (int)(id & 0xff), body_bytes);
    *tofu_message_header(message) =
        (struct tofu_header){.opcode = (uint8_t)opcode, .channel = channel, .id = id};
    return message;
}

void pair_post(struct tofu_group *group, struct tofu_message *message)
{
    assert_int_equal(tofu_group_post(group, &message, NULL), TOFU_OK);
}

uint16_t pair_hello(struct tofu_engine *engine, struct tofu_group *group, const char *address)
{
    struct tofu_message *message = fresh(engine);
    struct tofu_header accepted;
    assert_int_equal(tofu_message_connect_to(message, address), TOFU_OK);
    assert_int_equal(tofu_group_post(group, &message, &accepted), TOFU_OK);
    return accepted.channel;
}

struct tofu_message *pair_take(struct tofu_group *group)
{
    struct tofu_message *message = NULL;
    assert_int_equal(tofu_group_wait(group, PATIENCE_NS, &message), TOFU_OK);
    assert_non_null(message);
    return message;
}

void pair_expect(
    struct tofu_engine *engine,
    struct tofu_group *group,
    enum tofu_opcode opcode,
    enum tofu_status status)
{
    struct tofu_message *message = pair_take(group);
    assert_int_equal(tofu_message_header(message)->status, status);
    assert_int_equal(tofu_message_header(message)->opcode, opcode);
    tofu_engine_put(engine, &message);
}

void pair_expect_closed(
    struct tofu_engine *engine, struct tofu_group *group, uint16_t channel, enum tofu_status reason)
{
    struct tofu_message *message = pair_take(group);
    const char *name = NULL;
    size_t size = 0;
    assert_int_equal(tofu_message_header(message)->status, TOFU_CHANNEL_CLOSED);
    assert_int_equal(tofu_message_header(message)->channel, channel);
    assert_true(tofu_message_find_text(message, "~reason", &name, &size));
    assert_int_equal(size, strlen(tofu_status_name(reason)));
    assert_memory_equal(name, tofu_status_name(reason), size);
    tofu_engine_put(engine, &message);
}

void pair_expect_nothing(struct tofu_group *group)
{
    struct tofu_message *message = NULL;
    assert_int_equal(tofu_group_wait(group, 0, &message), TOFU_OK);
    assert_null(message);
}

void pair_listen(struct pair *pair, const char *address)
{
    struct tofu_message *message = fresh(pair->server_engine);
    assert_int_equal(tofu_message_listen_on(message, address), TOFU_OK);
    pair_post(pair->server, message);
    message = pair_take(pair->server);
    const struct tofu_header *header = tofu_message_header(message);
    assert_int_equal(header->opcode, TOFU_WELCOME_RESPONSE);
    assert_int_equal(header->status, TOFU_OK);
    pair->listener = header->channel;
    const char *text = NULL;
    size_t size = 0;
    assert_true(tofu_message_find_text(message, "~listen_on", &text, &size));
    memcpy(pair->address, text, size);
    pair->address[size] = '\0';
    tofu_engine_put(pair->server_engine, &message);
}

static uint16_t await_hello(struct pair *pair)
{
    struct tofu_message *message = pair_take(pair->server);
    assert_int_equal(tofu_message_header(message)->opcode, TOFU_HELLO_REQUEST);
    uint16_t channel = tofu_message_header(message)->channel;
    tofu_engine_put(pair->server_engine, &message);
    return channel;
}

void pair_connect(struct pair *pair)
{
    pair->client_channel = pair_hello(pair->client_engine, pair->client, pair->address);
    pair->server_channel = await_hello(pair);
}

void pair_close(struct pair *pair)
{
    tofu_group_destroy(&pair->client);
    tofu_group_destroy(&pair->server);
    tofu_engine_destroy(&pair->client_engine);
    tofu_engine_destroy(&pair->server_engine);
    pair_pass(TF_SECOND);
    sim_end();
}

struct tofu_stats pair_stats(const struct tofu_engine *engine)
{
    struct tofu_stats stats = {0};
    assert_int_equal(tofu_engine_stats(engine, &stats), TOFU_OK);
    return stats;
}

static bool never(void *context)
{
    (void)context;
    return false;
}

void pair_pass(uint64_t span_ns)
{
    (void)sim_run_until(never, NULL, sim_now() + span_ns);
}

tf_socket raw_knock(const char *address)
{
    struct tofu_address parsed;
    struct tf_endpoint endpoint;
    tf_socket socket = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    assert_int_equal(tofu_address_parse(address, &parsed), TOFU_OK);
    assert_true(tf_endpoint_from_address(&parsed, &endpoint));
    enum tf_connect result = tf_socket_connect(&endpoint, &socket, &status, &error);
    assert_true(result == TF_CONNECT_PENDING || result == TF_CONNECT_DONE);
    return socket;
}

tf_socket raw_connect(const char *address)
{
    tf_socket socket = raw_knock(address);
    enum tofu_status status = TOFU_OK;
    int error = 0;
    enum tf_connect result = tf_socket_connect_finish(socket, &status, &error);
    for (int i = 0; result == TF_CONNECT_PENDING && i < 1000; i++) {
        pair_pass(TF_MILLISECOND);
        result = tf_socket_connect_finish(socket, &status, &error);
    }
    assert_int_equal(result, TF_CONNECT_DONE);
    return socket;
}

uint16_t raw_join(struct pair *pair, tf_socket *socket_out)
{
    static uint8_t frame[RAW_FRAME_BYTES_MAX];
    *socket_out = raw_connect(pair->address);
    size_t size =
        raw_frame(frame, TOFU_HELLO_REQUEST, 77, false, "~connect_to:tcp|127.0.0.1|1\r\n", 0);
    assert_true(raw_send(*socket_out, frame, size));
    return await_hello(pair);
}

bool raw_send(tf_socket socket, const void *bytes, size_t size)
{
    const uint8_t *position = bytes;
    while (size > 0) {
        struct tf_segment segment = {.data = (void *)(uintptr_t)position, .size = size};
        size_t sent = 0;
        int error = 0;
        switch (tf_socket_send(socket, &segment, 1, &sent, &error)) {
        case TF_IO_DONE:
            position += sent;
            size -= sent;
            break;
        case TF_IO_WOULD_BLOCK:
            pair_pass(TF_MILLISECOND);
            break;
        case TF_IO_END:
        case TF_IO_EXHAUSTED:
        case TF_IO_FAILED:
            return false;
        }
    }
    return true;
}

size_t raw_receive(tf_socket socket, size_t size, enum tf_io *end_out)
{
    static uint8_t buffer[4096];
    size_t received = 0;
    *end_out = TF_IO_WOULD_BLOCK;
    for (int silences = 0; received < size && silences < 100;) {
        size_t wanted = size - received < sizeof buffer ? size - received : sizeof buffer;
        struct tf_segment segment = {.data = buffer, .size = wanted};
        size_t part = 0;
        int error = 0;
        enum tf_io result = tf_socket_receive(socket, &segment, 1, &part, &error);
        if (result == TF_IO_DONE) {
            received += part;
            silences = 0;
        } else if (result == TF_IO_WOULD_BLOCK) {
            pair_pass(10 * TF_MILLISECOND);
            silences++;
        } else {
            *end_out = result;
            break;
        }
    }
    return received;
}

size_t raw_frame(
    uint8_t bytes_out[RAW_FRAME_BYTES_MAX],
    enum tofu_opcode opcode,
    uint64_t id,
    bool more,
    const char *text,
    size_t body_bytes)
{
    struct tofu_header header = {
        .channel = 1, .opcode = (uint8_t)opcode, .more = more ? 1 : 0, .id = id};
    size_t text_bytes = text == NULL ? 0 : strlen(text);
    tf_header_pack(&header, (uint16_t)text_bytes, (uint16_t)body_bytes, bytes_out);
    if (text != NULL) {
        memcpy(bytes_out + TF_HEADER_BYTES, text, text_bytes);
    }
    memset(bytes_out + TF_HEADER_BYTES + text_bytes, (int)(id & 0xff), body_bytes);
    return TF_HEADER_BYTES + text_bytes + body_bytes;
}
